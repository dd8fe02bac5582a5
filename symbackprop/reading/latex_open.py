r"""What only shapes can decide: is ``*`` elementwise, is ``\cdot`` a dot product, how long is ``\mathbf 1``.

The reader leaves such a place as an ``Open`` node; ``settle`` replaces every one of them by plain
syntax once the shapes of the names are known. The rules are those of docs/latex.md and depend on
shapes only, never on values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import SCALAR, Shape
from symbackprop.errors import InputError
from symbackprop.reading.elaborate import read
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import shape_text
from symbackprop.reading.syntax import (
    Apply,
    Chain,
    Minus,
    Name,
    Node,
    Num,
    Over,
    Raised,
    Sub,
    Times,
    Turned,
    show,
)
from symbackprop.reading.tokens import Place, fail


@dataclass(frozen=True, slots=True)
class Open(Node):
    r"""A place that shapes decide.

    ``kind``: "product" (``parts`` with ``ops`` between them), "power" (base, exponent), "ones",
    "zeros" (a bold digit), "norm2" (``\lVert A\rVert_2``), "turn" (``^T`` where T is declared),
    "digits" (``_{12}``: one index or two).
    """

    kind: str
    parts: tuple[Node, ...] = ()
    ops: tuple[str, ...] = ()


def number(value: int, at: Place) -> Num:
    """A whole number as a node."""
    return Num(at, Fraction(value), str(value))


def settle(node: Node, scope: Scope) -> Node:
    """The node without ``Open`` parts. Raises InputError where no rule fits."""
    if isinstance(node, Chain):
        return _place_ones(node, scope)
    if not isinstance(node, Open):
        return _as_logdet(node.map_children(lambda child: settle(child, scope)), scope)
    match node.kind:
        case "ones" | "zeros":
            return number(1 if node.kind == "ones" else 0, node.at)
        case "power":
            return _power(node, scope)
        case "norm2":
            return _norm(node, scope)
        case "digits":
            return _digits(node, scope)
        case "turn":
            base, exponent = (settle(part, scope) for part in node.parts)
            scalar = _shape(base, scope) == SCALAR
            return Raised(node.at, base, exponent) if scalar else Turned(node.at, base)
    return _product(node, scope)


def shape_in(node: Node, scope: Scope) -> Shape | None:
    """Rows and columns of a settled node; None where they are not known."""
    return _shape(node, scope)


def _as_logdet(node: Node, scope: Scope) -> Node:
    r"""``\log|\det A|`` is one function, and so is ``\log|A|`` of a square matrix."""
    match node:
        case Apply(at, "log", 0, (Apply(_, "abs", 0, (Apply(_, "det", 0, args),)),)):
            return Apply(at, "logdet", 0, args)
        case Apply(at, "log", 0, (Apply(_, "abs", 0, (inner,)),)):
            shape = _shape(inner, scope)
            if shape is not None and shape != SCALAR and scope.unifier.same(*shape):
                return Apply(at, "logdet", 0, (inner,))
    return node


def _shape(node: Node, scope: Scope) -> Shape | None:
    """Rows and columns; None where the node cannot be read on its own (the reader says why later)."""
    try:
        return scope.unifier.shape(read(node, replace(scope, free={}, derivatives=True)))
    except InputError:
        return None


def _power(node: Open, scope: Scope) -> Node:
    base, exponent = (settle(part, scope) for part in node.parts)
    shape = _shape(base, scope)
    if shape is not None and shape != SCALAR and scope.unifier.same(*shape):
        if _is_minus_one(exponent):
            return Apply(node.at, "inv", 0, (base,))
        shown = show(base)
        raise fail(
            f"a power of the square matrix {shown} is not clear",
            node.at,
            rf"write {shown} {shown} for the matrix product, ^{{\odot 2}} for the elementwise power",
        )
    return Raised(node.at, base, exponent)


def _digits(node: Open, scope: Scope) -> Node:
    base, both = settle(node.parts[0], scope), node.parts[1]
    assert isinstance(both, Num)
    shape = _shape(base, scope)
    if shape is None or shape[0].is_one or shape[1].is_one:
        return Sub(node.at, base, (both,))
    after = both.at._replace(column=both.at.column + 1)
    return Sub(node.at, base, (number(int(both.text[0]), both.at), number(int(both.text[1]), after)))


def _is_minus_one(node: Node) -> bool:
    return isinstance(node, Minus) and isinstance(node.arg, Num) and node.arg.value == 1


def _norm(node: Open, scope: Scope) -> Node:
    arg = settle(node.parts[0], scope)
    shape = _shape(arg, scope)
    if shape is not None and not (shape[0].is_one or shape[1].is_one):
        raise fail(
            f"the 2-norm of the matrix {show(arg)} may be its largest singular value",
            node.at,
            r"write \lVert A\rVert_F for the square root of the sum of squares",
        )
    return Apply(node.at, "sumsq" if node.ops else "norm", 0, (arg,))


# -- products


def _product(node: Open, scope: Scope) -> Node:
    """Left to right, with the shape of what stands on the left kept, so that nothing is read twice."""
    parts = [part if _is_ones(part) else settle(part, scope) for part in node.parts]
    total, shape = parts[0], None if _is_ones(parts[0]) else _shape(parts[0], scope)
    for op, part in zip(node.ops, parts[1:], strict=True):
        other = None if _is_ones(part) else _shape(part, scope)
        total, shape = _joined(total, shape, op, part, other, node.at)
    return settle(total, scope) if isinstance(total, Chain | Open) else total


def _joined(
    left: Node, a: Shape | None, op: str, right: Node, b: Shape | None, at: Place
) -> tuple[Node, Shape | None]:
    if op in ("/", r"\oslash", r"\div"):
        return Over(at, left, right), a if b in (None, SCALAR) else b
    if op in (r"\odot", r"\circ"):
        return _times(left, right, at), b if a in (None, SCALAR) else a
    known = a is not None and b is not None
    scalar = SCALAR in (a, b)
    same = known and a == b
    if op == r"\otimes":
        return _outer(left, a, right, b, at)
    if op == r"\cdot" and same and not scalar and a is not None and (a[0].is_one or a[1].is_one):
        return Apply(at, "dot", 0, (left, right)), SCALAR
    if (op == "*" and (same or scalar or not known)) or (op == r"\times" and same and not scalar):
        return _times(left, right, at), b if a == SCALAR else a
    shape = (b if a == SCALAR else a) if scalar else (a[0], b[1]) if a is not None and b is not None else None
    return _chain(left, right), shape


def _outer(left: Node, a: Shape | None, right: Node, b: Shape | None, at: Place) -> tuple[Node, Shape | None]:
    for side, shape in ((left, a), (right, b)):
        if shape is not None and not (shape[0].is_one or shape[1].is_one):
            raise fail(
                rf"\otimes is the outer product of vectors, and {show(side)} is {shape_text(shape)}",
                at,
                r"write \odot for the elementwise product",
            )
    return Apply(at, "outer", 0, (left, right)), None


def _times(left: Node, right: Node, at: Place) -> Node:
    factors = left.factors if isinstance(left, Times) else (left,)
    return Times(at, (*factors, right))


def _chain(left: Node, right: Node) -> Node:
    first = left.factors if isinstance(left, Chain) else (left,)
    rest = right.factors if isinstance(right, Chain) else (right,)
    return Chain(left.at, (*first, *rest))


# -- the vector of ones


def _is_ones(node: Node) -> bool:
    r"""``\mathbf 1`` or its transpose."""
    base = node.base if isinstance(node, Turned) else node
    return isinstance(base, Open) and base.kind in ("ones", "zeros")


def _place_ones(chain: Chain, scope: Scope) -> Node:
    r"""A product with ``\mathbf 1`` in it: as long as its neighbour is."""
    factors = [factor if _is_ones(factor) else settle(factor, scope) for factor in chain.factors]
    if not any(map(_is_ones, factors)):
        return replace(chain, factors=tuple(factors))
    placed: list[Node] = []
    for position, factor in enumerate(factors):
        placed.append(_ones(factor, position, factors, placed, scope) if _is_ones(factor) else factor)
    return replace(chain, factors=tuple(placed))


def _ones(factor: Node, position: int, factors: Sequence[Node], before: Sequence[Node], scope: Scope) -> Node:
    base = factor.base if isinstance(factor, Turned) else factor
    assert isinstance(base, Open)
    lies = isinstance(factor, Turned) is not scope.convention.vectors_are_rows  # strictly: 1 x n
    after = [f for f in factors[position + 1 :] if not _is_ones(f)]
    right = next((s for s in (_shape(f, scope) for f in after[:2]) if s is not None and s != SCALAR), None)
    left = next(
        (s for s in (_shape(f, scope) for f in reversed(before)) if s is not None and s != SCALAR), None
    )
    extents = {True: right[0] if right is not None else None, False: left[1] if left is not None else None}
    for way in (lies, not lies):
        size = extents[way]
        if size is not None and not size.is_one:
            return _array(base, factor, size, scope, lies=way)
    raise fail(
        r"it is not known how long this vector of ones is", factor.at, r"write \mathbf{1}_n with its size"
    )


def _array(base: Open, factor: Node, size: Dim, scope: Scope, *, lies: bool) -> Node:
    """1 x size (``lies``) or size x 1, as the author wrote it where the convention agrees."""
    at = factor.at
    extent: Node
    if size.single_name is not None:
        extent = Name(at, size.single_name)
    elif size.is_number:
        extent = number(size.constant, at)
    else:
        raise fail(f"a vector of ones of length {size} is not read", at, r"write a sum over the index")
    turned = lies is not scope.convention.vectors_are_rows
    if turned is isinstance(factor, Turned):
        plain = Apply(at, base.kind, 0, (extent,))
        return Turned(at, plain) if turned else plain
    sides = (number(1, at), extent) if lies else (extent, number(1, at))
    return Apply(at, base.kind, 0, sides)
