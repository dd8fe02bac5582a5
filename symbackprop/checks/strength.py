"""The three strengths of feedback: which line, a question that points at the cause, or the repair."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.checking.findings import Finding, WorkReport
from symbackprop.checking.messages import sentence
from symbackprop.errors import InputError, did_you_mean

STRENGTHS = ("locate", "nudge", "repair")


def check_strength(feedback: str) -> None:
    """Refuse an unknown strength."""
    if feedback not in STRENGTHS:
        hint = did_you_mean(feedback, STRENGTHS) or ", ".join(STRENGTHS)
        raise InputError(f"unknown feedback {feedback}", code="schema", hint=hint)


def at_strength(report: WorkReport, feedback: str) -> WorkReport:
    """The report as the strength tells it; verdicts and points stay."""
    if feedback == "repair":
        return report
    return replace(report, findings=tuple(_told(one, feedback) for one in report.findings))


def _told(one: Finding, feedback: str) -> Finding:
    if one.verdict not in ("wrong", "notation", "convention"):
        return one
    message = one.question if feedback == "nudge" else ""
    message = sentence(message or "look at this line again")
    evidence = replace(one.evidence, counterexample=None)
    return replace(
        one, cause=None, causes=(), message=message, repair=None, repairs=(), entries=None, mark=None,
        evidence=evidence, typeset="",
    )  # fmt: skip
