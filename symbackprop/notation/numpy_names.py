"""Identifiers for emitted code: the author's names where Python allows them.

A name that is a Python keyword, or that meets ``np`` or a helper function, gets a trailing
underscore. A derivative of L by U is ``dU`` while that is unambiguous, else ``dL_dU``, or its
name in ``notation:``.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable

from symbackprop.core.expr import Partial
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Tensor
from symbackprop.notation.names import Names

Named = Tensor | Partial | tuple[Operation, int]


def partial_keys(partial: Partial, names: Names) -> tuple[str, ...]:
    """What the caller's dict may call a derivative: its declared name, and dL/dU."""
    plain = f"d{partial.of.name}/d{partial.by.name}"
    declared = names.partial_name(partial)
    return (plain,) if declared is None else (declared[0], plain)


def function_key(op: Operation, primes: int) -> str:
    """What the caller's dict calls a declared function: sigma, sigma'."""
    return op.name + "'" * primes


class Identifiers:
    """Hands out identifiers that are valid, distinct, and the same for the same thing."""

    def __init__(self, names: Names, reserved: Iterable[str], partials: Iterable[Partial]) -> None:
        self.names = names
        self.taken = {"np", "math", *reserved}
        self.partials = tuple(dict.fromkeys(partials))
        self.found: dict[Named | str, str] = {}

    def of(self, what: Named) -> str:
        """The identifier of a tensor, a derivative or a declared function."""
        if what not in self.found:
            self.found[what] = self.fresh(self._wish(what))
        return self.found[what]

    def of_dim(self, dim: str) -> str:
        """The identifier of a dim."""
        if dim not in self.found:
            self.found[dim] = self.fresh(dim)
        return self.found[dim]

    def fresh(self, wish: str) -> str:
        """``wish``, or the nearest that is a valid identifier and not taken."""
        text = unicodedata.normalize("NFKC", wish)
        text = "".join(c if c.isidentifier() or c.isalnum() or c == "_" else "_" for c in text)
        if not text.isidentifier():
            text = f"_{text}" if f"_{text}".isidentifier() else "value"
        while text in self.taken or keyword.iskeyword(text):
            text += "_"
        self.taken.add(text)
        return text

    def _wish(self, what: Named) -> str:
        if isinstance(what, Tensor):
            return _plain(what)
        if isinstance(what, tuple):
            op, primes = what
            return op.name + ("", "_prime", "_second")[primes] if primes < 3 else f"{op.name}_{primes}"
        declared = self.names.partial_name(what)
        if declared is not None:
            return declared[0]
        short = f"d{_plain(what.by)}"
        others = {partial.of for partial in self.partials if partial.by is what.by}
        alone = len(others | {what.of}) == 1
        return short if alone and short not in self.taken else f"d{_plain(what.of)}_d{_plain(what.by)}"


def _plain(tensor: Tensor) -> str:
    """The name of a tensor; of the member h[2] of a family ``h_2``."""
    return tensor.name if tensor.family is None else f"{tensor.family[0]}_{tensor.family[1]}"
