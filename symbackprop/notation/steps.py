"""A step of a derivation is data; every printer, the verifier and the checker read the same record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.verdicts import Verdict, not_checked
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text

_NOT_YET = not_checked("not verified yet")


class Later(Sequence["Step"]):
    """Steps that are made when somebody looks at them: most substeps are never read."""

    __slots__ = ("_found", "_make")

    def __init__(self, make: Callable[[], tuple[Step, ...]]) -> None:
        self._make = make
        self._found: tuple[Step, ...] | None = None

    @property
    def made(self) -> tuple[Step, ...]:
        """The steps."""
        if self._found is None:
            self._found = self._make()
        return self._found

    def __len__(self) -> int:
        return len(self.made)

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, place: int | slice) -> Step | tuple[Step, ...]:
        return self.made[place]

    def __eq__(self, other: object) -> bool:
        return self.made == (other.made if isinstance(other, Later) else other)

    def __hash__(self) -> int:
        return hash(self.made)

    def __repr__(self) -> str:
        return repr(self.made)


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """``before = after``, by ``rule``, because of ``because``.

    rule      a stable name ("chain", "softmax", "insert", "assumption", "factor", ...).
    because   the reason in words, at most a dozen words, plain text with formulas in `backticks`.
    shapes    of the named quantities in ``after``: name as printed in text -> dims as text.
    quantity  the derivative this step works on; a new quantity begins a new paragraph.
    uses      assumptions used here, in words ("each row of Y sums to 1").
    heading   words over its paragraph, where that is not about one derivative ("The forward pass.").
    """

    rule: str
    because: str
    before: Formula
    after: Formula
    shapes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    substeps: Sequence[Step] = ()
    verdict: Verdict = _NOT_YET
    quantity: Partial | None = None
    uses: tuple[str, ...] = ()
    heading: str = ""

    def __repr__(self) -> str:
        return f"<Step {self.rule}: {self.before.text} = {self.after.text}, {self.verdict.status}>"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.before.latex} = {self.after.latex}$"

    @property
    def lines(self) -> tuple[Step, ...]:
        """The lines of a page: the step, and the substep that goes on from its right side."""
        return (self, *(sub for sub in self.substeps if sub.before.expr == self.after.expr))


def shapes_of(expr: Expr, names: Names) -> dict[str, tuple[str, ...]]:
    """Name -> dims, of every named array in ``expr``; of a Jacobian its rows and columns."""
    found: dict[str, tuple[str, ...]] = {}
    for node in expr.walk():
        if isinstance(node, Leaf) and node.tensor.shape:
            if node.tensor.name not in found:
                found[node.tensor.name] = tuple(str(dim) for dim in node.tensor.shape)
        elif isinstance(node, Partial) and node.by.shape and node.of.is_scalar:
            dims = node.shape if node.turned else node.by.shape
            found.setdefault(to_text(node, names), tuple(str(dim) for dim in dims))
        elif isinstance(node, Jacobian):
            found.setdefault(to_text(node, names), tuple(str(dim) for dim in node.shape))
    return found
