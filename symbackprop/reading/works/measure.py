r"""How much of a formula was read: as a whole, with opaque symbols, or up to where and why not.

"Whole" means that the source printed from the tree alone equals the source, sign by sign, once spacing,
``\left`` and ``\right``, sizes, font switches, ``\dfrac`` and the macros of the document are taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symbackprop.reading.works.commands import is_known
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.definitions import definitions, table_of
from symbackprop.reading.works.lexer import tokenize
from symbackprop.reading.works.macros import Macro, expand
from symbackprop.reading.works.packages import built_in
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.printer import is_whole
from symbackprop.reading.works.tree import Sym


@dataclass(frozen=True, slots=True)
class Measured:
    """``reason`` is None where the formula was read whole; ``opaque`` are its unknown commands."""

    reason: str | None
    place: int = 0
    opaque: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything was read."""
        return self.reason is None


def measure(source: str, macros: Mapping[str, Macro] | None = None) -> Measured:
    """Read one display and print it back."""
    own = list(definitions(source)) if "\\" in source else []
    table = {**built_in(), **(macros or {}), **table_of(own)}
    text = source
    for one in reversed(own):
        text = text[: one.start] + " " * (one.stop - one.start) + text[one.stop :]
    try:
        tokens = expand(tokenize(text, own=macros or ()), table)
        again = [token.moved(token.start, token.stop) for token in tokens]  # the parser may split numbers
        env = parse_display(tokens)
    except SyntaxFault as fault:
        return Measured(fault.reason, fault.place)
    if not is_whole(env, again):
        return Measured("printed back it is not the same", 0)
    names = {node.name for node in env.walk() if isinstance(node, Sym)}
    return Measured(None, 0, tuple(sorted(name for name in names if name[:1] == "\\" and not is_known(name))))
