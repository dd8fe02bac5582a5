"""How a derivation looks in a notebook and as one LaTeX display: lines that go on below each other.

A step that begins with what the line above ends with leaves its left side empty, as on paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from symbackprop.notation.steps import Step

_CODE = re.compile(r"`([^`]*)`")


def aligned(steps: Sequence[Step]) -> str:
    """The steps as one ``aligned`` display."""
    body = " \\\\\n".join(f"{left} &= {right}".lstrip() for left, right, _ in _lines(steps))
    return "\\begin{aligned}\n" + body + "\n\\end{aligned}"


def shown(head: str, shape: Sequence[str], steps: Sequence[Step], uses: Sequence[str]) -> str:
    """The result, its shape, the steps and their reasons as HTML, with LaTeX between dollars."""
    size = f" <small>({escape(' x '.join(shape))})</small>" if shape else ""
    rows = "".join(
        f"<li>${escape(f'{left} = {right}'.lstrip())}$ <small>{_words(step.because)}</small></li>"
        for left, right, step in _lines(steps)
    )
    facts = f"<p><small>uses: {'; '.join(map(_words, uses))}</small></p>" if uses else ""
    return f"<p>{escape(head)}{size}</p><ol>{rows}</ol>{facts}"


def below(equations: Sequence[tuple[str, str]]) -> str:
    """Several equations below each other, between dollars."""
    rows = " \\\\\n".join(f"{left} &= {right}" for left, right in equations)
    return f"$\\displaystyle \\begin{{aligned}}\n{rows}\n\\end{{aligned}}$"


def _lines(steps: Sequence[Step]) -> Iterator[tuple[str, str, Step]]:
    above = None
    for step in steps:
        left, right = step.before.latex, step.after.latex
        yield "" if left == above else left, right, step
        above = right


def _words(text: str) -> str:
    """A reason, the formulas in `backticks` as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
