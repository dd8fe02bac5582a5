"""The table of all causes with a sample of each: run as a program it writes docs/causes.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from ruamel.yaml import YAML

import symbackprop as sbp
from symbackprop.checking.findings import Finding
from symbackprop.checking.messages import CAUSE_WORDS
from symbackprop.reading.keys import CAUSES

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "causes.md"
HEAD = """# Causes

Every wrong line comes back with the cause that explains it: the smallest change that makes the line true
everywhere. The codes are stable; `policy: {deduct: {...}}` of a problem file prices them. The samples are
lines of the tests; what is said about them is what `symbackprop check` prints. Made by
`tests/checking/causes.py`.
"""


def samples() -> dict[str, tuple[str, Finding]]:
    """For each cause the first line of the tests that has it as its first cause."""
    found: dict[str, tuple[str, Finding]] = {}
    groups = YAML(typ="safe").load((HERE / "variants.yaml").read_text())
    for group in groups:
        problem = sbp.loads(group["problem"])
        for kind in ("wrong", "convention"):
            for line in group.get(kind, ()):
                latex = line if isinstance(line, str) else line[0]
                _note(found, sbp.check(problem, f"$${latex}$$").findings)
    for path in sorted((HERE / "documents").glob("*.md")):
        _note(found, sbp.check(sbp.load(path.with_suffix(".yaml")), path.read_text(), kind="md").findings)
    more = YAML(typ="safe").load((HERE / "causes.yaml").read_text())
    for group in more:
        problem = sbp.loads(group["problem"])
        for latex in group["lines"]:
            _note(found, sbp.check(problem, f"$${latex}$$").findings)
    return found


def _note(found: dict[str, tuple[str, Finding]], findings: tuple[Finding, ...]) -> None:
    for one in findings:
        if one.cause is not None:
            found.setdefault(one.cause, (one.latex, one))


def page() -> str:
    """The page of the documentation."""
    found = samples()
    parts = [HEAD]
    for cause in CAUSES:
        parts.append(
            f"## {cause}\n\n{CAUSE_WORDS[cause].meaning[:1].upper()}{CAUSE_WORDS[cause].meaning[1:]}.\n"
        )
        if cause not in found:
            parts.append("No line of the tests has it as its first cause yet.\n")
            continue
        latex, one = found[cause]
        parts.append(f"    {' '.join(latex.split())}\n\n{one.message}\n")
        if one.repair is not None:
            parts.append(f"It should be `{one.repair}`\n")
        parts.append(f"With `--feedback nudge`: {CAUSE_WORDS[cause].question.format(**_NOTHING)}\n")
    return "\n".join(parts)


_NOTHING = dict.fromkeys(("old", "new", "reason", "numbers", "missing", "what"), "this")

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
