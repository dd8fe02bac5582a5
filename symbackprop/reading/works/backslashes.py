r"""Sources of formulas before there are tokens: doubled backslashes, and arguments that say nothing."""

from __future__ import annotations

import re

_LENGTH = re.compile(
    r"[ \t]*[-+]?[ \t]*[0-9]*\.?[0-9]+[ \t]*(?:em|ex|pt|mu|cm|mm|in|pc|bp|sp|dd)"
    r"(?:[ \t]*(?:plus|minus)[ \t]*[0-9.]+[ \t]*(?:em|ex|pt|mu|cm|mm|in|fill?))*"
)
_SINGLE = re.compile(r"(?<!\\)\\[A-Za-z]")
_DOUBLED = re.compile(
    r"(?<!\\)\\\\(?:frac|partial|nabla|sum|mathbf|mathrm|text|left|begin|delta|sigma|cdot|alpha|theta|eta|hat"
    r"|mathcal|mathbb|Delta|lambda|times|odot|log|exp|leq?|geq?|approx|in|to|int|sqrt)(?![A-Za-z])"
)
_ALL_DOUBLED = re.compile(r"(?<!\\)\\\\(?=[A-Za-z{},;:!|_])")
_DOUBLED_SPACE = re.compile(r"(?<!\\)\\\\([,;:!])")
_DOUBLED_OPEN = re.compile(r"(?<!\\)\\\\\{")
_DOUBLED_CLOSE = re.compile(r"(?<!\\)\\\\\}")
_ARGUMENT = re.compile(r"[ \t\n]*(?:(\[[^\]\n]*\])|\{[^{}\n]*\})")


def single_backslashes(piece: str) -> str:
    r"""A formula whose backslashes somebody doubled for a tool on the way, as meant; of the same length.

    All of them (``\\frac{a}{b}``, in a string of a program), or those before braces and thin spaces
    (``\\{``, ``\\,``, in Markdown), which after a line break stand in no formula.
    """
    if _DOUBLED.search(piece) and not _SINGLE.search(piece):
        return _ALL_DOUBLED.sub(" \\\\", piece)
    piece = _DOUBLED_SPACE.sub(r" \\\1", piece)
    if len(_DOUBLED_OPEN.findall(piece)) == len(_DOUBLED_CLOSE.findall(piece)):
        piece = _DOUBLED_CLOSE.sub(r" \\}", _DOUBLED_OPEN.sub(r" \\{", piece))
    return piece


def past_arguments(text: str, position: int, end: int, count: int) -> int:
    r"""Past what says nothing: the length behind ``\kern`` (count 0), the arguments of ``\setcounter``."""
    if count == 0:
        hit = _LENGTH.match(text, position, end)
        return hit.end() if hit else position
    for _ in range(count + 1):  # one may be optional
        hit = _ARGUMENT.match(text, position, end)
        if hit is None:
            break
        count -= hit[1] is None
        position = hit.end()
        if not count:
            break
    return position
