"""The forward pass as single-assignment equations in an order that can be computed.

``Graph`` is immutable once built; building it (reading, typing, ordering) is the work of
``reading``. Every tensor is either a declared symbol or the target of exactly one equation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.core.expr import Add, Expr, Leaf, MatMul
from symbackprop.core.indexed import IndexValue, Indicator, Range, Reduce
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Index, Role, Tensor


@dataclass(frozen=True, slots=True)
class Piece:
    """``target[slots] = body`` for the values of ``ranges``: some entries of an array."""

    slots: tuple[IndexValue, ...]
    ranges: tuple[Range, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Equation:
    """``target = expr``, or ``target[indices] = expr`` with a scalar right side.

    ``pieces``: where the author gives the entries by several formulas, these; together they give every entry
    once, and ``expr`` is their sum, each with indicators that say where it holds (``whole_of``).
    ``member``: of a family ``target[t] = member`` with an array on the right; ``expr`` is one entry of it.
    ``abstract`` marks ``J = J(y, W)``: an arbitrary differentiable scalar of ``arguments``
    (then ``expr`` is None). ``text`` is the author's line, white space tidied.
    """

    target: Tensor
    expr: Expr | None
    indices: tuple[Index, ...] = ()
    arguments: tuple[Tensor, ...] = ()
    text: str = ""
    line: int | None = None
    column: int | None = None
    pieces: tuple[Piece, ...] = ()
    member: Expr | None = None

    @property
    def abstract(self) -> bool:
        """Whether the right side is an arbitrary function."""
        return self.expr is None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors on the right side, each once, in order of appearance."""
        if self.expr is None:
            return self.arguments
        seen: dict[Tensor, None] = {}
        for node in self.expr.walk():
            if isinstance(node, Leaf):
                seen.setdefault(node.tensor)
                if node.tensor.start is not None:
                    seen.setdefault(node.tensor.start)
        return tuple(seen)


def whole_of(pieces: tuple[Piece, ...], indices: tuple[Index, ...]) -> Expr:
    """sum_r body_r [slot_r = i] of every piece, added: the entry at ``indices``."""
    parts: list[Expr] = []
    for piece in pieces:
        here = [
            Indicator(slot, "=", IndexValue(((index, 1),)))
            for slot, index in zip(piece.slots, indices, strict=True)
        ]
        body = MatMul((piece.body, *here))
        parts.append(Reduce("sum", piece.ranges, body) if piece.ranges else body)
    return parts[0] if len(parts) == 1 else Add(tuple(parts))


@dataclass(frozen=True, slots=True)
class Family:
    """Arrays h[0], h[1], ..., each a tensor of its own called ``h[1]``.

    ``members`` are all their numbers; ``span`` is the range of ``over:`` or of the equation with
    ``for``, over which a sum runs that states no range.
    """

    name: str
    members: tuple[int, ...]
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A typechecked forward pass.

    ``tensors`` maps every name (symbols first, then targets) to its tensor; ``equations`` are
    in computable order, ties broken by the author's order; ``dims`` maps the names of dims to
    the LaTeX they are printed with (None: the name); ``families`` says which tensors are members
    of one family; ``layout`` is how derivatives are written ("numerator": dL/dW transposed);
    ``first`` is what the author calls the first position (positions in the graph are one-based);
    ``zero``: an entry outside its range counts as 0; ``loops``: targets of recursions, those that need each
    other together, in the order in which a member of each is computed.
    """

    convention: Convention
    tensors: Mapping[str, Tensor]
    equations: tuple[Equation, ...]
    dims: Mapping[str, str | None] = field(default_factory=dict)
    functions: Mapping[str, Operation] = field(default_factory=dict)
    families: Mapping[str, Family] = field(default_factory=dict)
    layout: str = "gradient"
    first: int = 1
    zero: bool = False
    loops: tuple[tuple[Tensor, ...], ...] = ()

    @property
    def zero_outside(self) -> bool:
        """Whether an entry outside its range counts as 0 in what is derived, as dL/dh[T+1] does."""
        return self.zero or bool(self.loops)

    def loop_of(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The targets that are computed together with ``tensor``, member by member; () for any other."""
        return next((loop for loop in self.loops if tensor in loop), ())

    def equation_of(self, tensor: Tensor) -> Equation | None:
        """The equation that defines ``tensor``, or None for a symbol."""
        for equation in self.equations:
            if equation.target is tensor:
                return equation
        return None

    @property
    def symbols(self) -> tuple[Tensor, ...]:
        """The tensors that no equation defines, in declared order."""
        targets = {equation.target for equation in self.equations}
        return tuple(tensor for tensor in self.tensors.values() if tensor not in targets)

    def members_of(self, name: str) -> tuple[Tensor, ...]:
        """The members of a family that no equation defines, in order: the entries of its array."""
        return tuple(t for t in self.symbols if t.family is not None and t.family[0] == name)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """The symbols with role parameter, in declared order."""
        return tuple(tensor for tensor in self.symbols if tensor.role is Role.PARAMETER)

    def upstream(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is computed from, and itself, in the order of ``tensors``."""
        found = {tensor}
        for equation in reversed(self.equations):
            if equation.target in found or not found.isdisjoint(self.loop_of(equation.target)):
                found.update(equation.inputs)
        return tuple(one for one in self.tensors.values() if one in found)

    def consumers_of(self, tensor: Tensor) -> tuple[Equation, ...]:
        """The equations on whose right side ``tensor`` stands."""
        return tuple(equation for equation in self.equations if tensor in equation.inputs)
