"""A check for people, line by line, in spans of (kind, text): what the terminal shows and a pipe gets.

The order is that of the text. A right line is counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symbackprop.checking.findings import VERDICTS, Finding, Mark, WorkReport, causes_of
from symbackprop.checking.messages import entry_words
from symbackprop.checks.run import CheckRun

Spans = Sequence[tuple[str, str]]
WIDEST = 150
KINDS = {
    "wrong": "alarm", "recovered": "note", "follows": "note", "convention": "missing", "notation": "missing",
    "unread": "note", "unchecked": "note", "correct": "verdict",
}  # fmt: skip
SILENT = ("correct",)


def report_lines(run: CheckRun) -> Iterator[Spans]:
    """The whole report."""
    if run.assumed:
        yield (("read", f"read: {run.assumed}"),)
    for number, work in enumerate(run.works):
        if number:
            yield (("", ""),)
        yield from work_lines(work)
    if len(run.works) > 1:
        yield (("", ""),)
        yield from class_lines(run.works)


def work_lines(work: WorkReport) -> Iterator[Spans]:
    """One work: a summary, then what is to be said about its lines."""
    if work.error is not None:
        yield (("", f"{work.file}: "), ("alarm", "not checked"), ("", f": {work.error.message}"))
        return
    yield (("result", work.file), ("", f": {counted(work)}"))
    for one in work.inferred:
        yield (("read", f"  as we read it: {one.text}"),)
    told: set[int] = set()
    for number, finding in enumerate(work.findings):
        if finding.verdict in SILENT or number in told:
            continue
        yield from finding_lines(work, finding, number)
    first = work.first_wrong
    if first is not None:
        yield (("", f"The first wrong line is line {work.findings[first].line}."),)
    elif not work.findings:
        yield (("missing", "  no formula with a relation was found"),)
    elif not work.judged:
        yield (("missing", "  nothing could be judged"),)


def counted(work: WorkReport) -> str:
    """``31 correct, 1 wrong``."""
    parts = [f"{work.summary[verdict]} {verdict}" for verdict in VERDICTS if work.summary[verdict]]
    cost = work.points
    if cost:
        parts.append(f"points off: {cost:g}")
    return ", ".join(parts) or "nothing to check"


def finding_lines(work: WorkReport, finding: Finding, number: int) -> Iterator[Spans]:
    """One finding: place and verdict, the line with a caret, what it must be, how it was read."""
    place = f"{work.file}:{finding.line}:{finding.column}"
    head = [("", f"\n{place}: "), (KINDS[finding.verdict], finding.verdict)]
    if finding.cause is not None:
        head.append(("", f" ({finding.cause})"))
    if finding.verdict == "follows" and finding.because is not None:
        head.append(("note", f" from line {work.findings[finding.because].line}"))
    if finding.points:
        head.append(("", f"  -{finding.points:g}"))
    yield head
    if finding.verdict in ("wrong", "notation", "convention", "unread"):
        yield from excerpt(work.text, finding)
    if finding.message:
        yield (("", f"  {finding.message}"),)
    if finding.repair is not None:
        yield (("hint", f"  it should be: {finding.repair}"),)
    if finding.read_as is not None and finding.verdict != "convention":
        yield (("note", f"  as we read it: {finding.read_as}"),)
    if finding.verdict == "wrong":
        yield (("note", f"  {evidence_words(finding, work.first)}"),)
        later = [one.line for one in work.findings if one.because == number and one.verdict == "follows"]
        if later:
            lines = ", ".join(str(line) for line in dict.fromkeys(later))
            yield (("note", f"  later lines that follow from it: {lines}"),)


def evidence_words(finding: Finding, first: int = 1) -> str:
    """How it was judged, in words."""
    evidence = finding.evidence
    if evidence.counterexample is not None:
        sizes = ", ".join(f"{name} = {size}" for name, size in evidence.counterexample.sizes.items())
        example = evidence.counterexample
        entry = f" {entry_words(example.entry, first)}:" if example.entry else ""
        at = f" at a random point with {sizes}" if sizes and example.seed else ""
        return f"differs{at}:{entry} {example.expected:.4g} on the left, {example.got:.4g} on the right"
    if evidence.method == "normal-form":
        return "proved for all sizes"
    if evidence.points:
        return f"{evidence.reason}" if evidence.reason else f"agrees at {evidence.points} random points"
    return evidence.reason or ""


def excerpt(text: str, finding: Finding) -> Iterator[Spans]:
    """The source line with a caret under the wrong factor, or under the claim."""
    mark = finding.mark or Mark(finding.line, finding.column, finding.end_line, finding.end_column)
    lines = text.splitlines()
    if not 1 <= mark.line <= len(lines):
        return
    line = lines[mark.line - 1].expandtabs(1)
    end = mark.end_column if mark.end_line == mark.line else len(line) + 1
    start, stop = mark.column - 1, max(end - 1, mark.column)
    shift = max(0, min(start - WIDEST // 3, len(line) - WIDEST))
    shown = line[shift : shift + WIDEST]
    lead = "..." if shift else ""
    yield (("source", f"  | {lead}{shown}"),)
    pad = " " * (len(lead) + start - shift)
    yield (("", f"  | {pad}"), ("caret", "^" + "~" * max(0, min(stop, shift + WIDEST) - start - 1)))


def class_lines(works: Sequence[WorkReport]) -> Iterator[Spans]:
    """A table of all works, and how often each cause occurs."""
    width = max(len(work.file) for work in works)
    yield (("result", f"{'work':<{width}}  right  wrong  first wrong line"),)
    for work in works:
        if work.error is not None:
            yield (("", f"{work.file:<{width}}  "), ("alarm", "not checked"))
            continue
        first = work.first_wrong
        line = "" if first is None else f"{work.findings[first].line:>16}"
        kind = "" if first is None else "alarm"
        yield (
            ("", f"{work.file:<{width}}  {work.summary['correct']:>5}  "),
            (kind, f"{work.summary['wrong']:>5}"),
            ("", f"  {line}"),
        )
    causes = causes_of(works)
    if causes:
        yield (("", ""),)
        yield (("result", "causes, in how many works"),)
        for cause, count in causes.items():
            yield (("", f"{count:>5}  {cause}"),)
