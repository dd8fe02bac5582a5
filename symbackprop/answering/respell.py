"""A forward pass in another convention: the same network, its arrays stored as that convention does.

    row                Z = X W + b       an example is a row, W is (in) x (out)
    column             Z = W X + b       an example is a column, W is (out) x (in)
    column-transposed  Z = W^T X + b     an example is a column, W is (in) x (out)

Between row and the column conventions every array of examples is turned, and every line with it:
(X W)^T = W^T X^T. A matrix of parameters is turned where the two conventions store it differently. Names,
dims and facts stay. A vector has one index in all of them; only the way it stands in a product changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from symbackprop.core.expr import Call, Expr, Leaf, MatMul, Partial, Transpose, broadcast_shape
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.core.tensors import Convention, Role, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.ops.registry import Structural, lookup

_TURNED = {
    "rowsum": "colsum", "rowmean": "colmean", "rowmax": "colmax",
    "colsum": "rowsum", "colmean": "rowmean", "colmax": "rowmax",
}  # fmt: skip
_OTHER_AXIS = {"rows": "columns", "columns": "rows", None: None}
_AS_THEY_ARE = frozenset(
    {
        "sum", "mean", "sumsq", "norm", "norm1", "dot", "trace", "det", "logdet", "max", "min", "inv", "diag",
        "diagonal", "eye",
    }
)  # fmt: skip


@dataclass(slots=True)
class Respelling:
    """From the convention of a graph to another one; ``tensors`` maps old arrays to new."""

    graph: Graph
    to: Convention
    tensors: dict[Tensor, Tensor] = field(default_factory=dict)

    @property
    def turns(self) -> bool:
        """Whether examples change from rows to columns, or back."""
        return self.graph.convention.vectors_are_rows is not self.to.vectors_are_rows

    @property
    def turns_weights(self) -> bool:
        """Whether matrices of parameters are stored the other way round."""
        by_output = Convention.COLUMN
        return (self.graph.convention is by_output) is not (self.to is by_output)

    def tensor(self, old: Tensor) -> Tensor:
        """The array as the other convention stores it."""
        if old.gradient is not None:
            return self.tensor(old.gradient[0]).gradient_by(self.tensor(old.gradient[1]))
        if old not in self.tensors:
            shape = old.shape[::-1] if old.rank == 2 and self._is_turned(old) else old.shape
            self.tensors[old] = replace(old, shape=shape, convention=self.to)
        return self.tensors[old]

    def whole(self) -> Graph:
        """The graph in the other convention."""
        graph = self.graph
        family = next((tensor for tensor in graph.tensors.values() if tensor.over), None)
        if family is not None or graph.loops:
            name = family.name if family is not None else graph.loops[0][0].name
            raise UnsupportedError(
                f"another convention for the family {name} over a dim is not supported yet",
                hint="give the number of members, such as over: 3",
            )
        tensors = {name: self.tensor(tensor) for name, tensor in graph.tensors.items()}
        equations = tuple(self._equation(equation) for equation in graph.equations)
        return replace(graph, convention=self.to, tensors=tensors, equations=equations)

    def _is_turned(self, tensor: Tensor) -> bool:
        return self.turns_weights if tensor.role is Role.PARAMETER else self.turns

    def _equation(self, equation: Equation) -> Equation:
        target = equation.target
        indices = equation.indices
        if len(indices) == 2 and self._is_turned(target):
            indices = indices[::-1]
        expr = equation.expr
        if expr is not None:
            expr = self.plain(expr) if equation.indices else self.line(expr)
        return replace(
            equation, target=self.tensor(target), expr=expr, indices=indices, text="", pieces=(),
            arguments=tuple(self.tensor(tensor) for tensor in equation.arguments),
        )  # fmt: skip

    def line(self, expr: Expr) -> Expr:
        """An array of a line: turned where examples are."""
        return self._turned(expr) if self.turns else self._kept(expr)

    def plain(self, expr: Expr) -> Expr:
        """A scalar, as it is."""
        return self.line(expr)

    def _array(self, tensor: Tensor, *, turned: bool) -> Expr:
        """The value of an old array, or its transpose, in the new one."""
        leaf = Leaf(self.tensor(tensor))
        # A vector stands the other way by itself.
        as_wished = turned is (self.turns if tensor.rank < 2 else self._is_turned(tensor))
        return leaf if as_wished or tensor.is_scalar else Transpose(leaf)

    def _kept(self, expr: Expr) -> Expr:
        """An expression with the value of the old one."""
        if isinstance(expr, Leaf):
            return self._array(expr.tensor, turned=False)
        if isinstance(expr, Element):
            return self._entry(expr)
        changed = expr.map_children(self._kept)
        if isinstance(changed, Transpose) and isinstance(changed.arg, Transpose):
            return changed.arg.arg
        return changed

    def _turned(self, expr: Expr) -> Expr:
        """An expression with the transposed value of the old one."""
        if isinstance(expr, Leaf):
            return self._array(expr.tensor, turned=True)
        if isinstance(expr, Element):
            return self._entry(expr)
        if isinstance(expr, Transpose):
            inner = self._turned(expr.arg)
            return inner.arg if isinstance(inner, Transpose) else Transpose(inner)
        if isinstance(expr, MatMul):
            return self._product(expr)
        if isinstance(expr, Call):
            return self._call(expr)
        if isinstance(expr, Partial | Comprehension):
            raise UnsupportedError(f"{type(expr).__name__} cannot be turned")
        return expr.map_children(self._turned)

    def _product(self, expr: MatMul) -> Expr:
        """(A B)^T = B^T A^T; what scales stays in front."""
        scales = [self._turned(factor) for factor in expr.factors if factor.is_scalar]
        arrays = [self._turned(factor) for factor in reversed(expr.factors) if not factor.is_scalar]
        return MatMul((*scales, *arrays))

    def _call(self, call: Call) -> Expr:
        args = tuple(self._turned(arg) for arg in call.args)
        op, name = call.op, call.op.name
        if not isinstance(op, Structural):
            return replace(call, args=args, call_shape=broadcast_shape(args))
        shape = call.call_shape[::-1]
        if op.kind in ("loss", "along") or name in ("onehot", "stack"):
            return replace(call, args=args, call_shape=shape, axis=_OTHER_AXIS[call.axis])
        if name in _AS_THEY_ARE:
            return replace(call, args=args, call_shape=shape)
        if name in _TURNED:
            other = lookup(_TURNED[name])
            assert other is not None
            return replace(call, op=other, args=args, call_shape=shape)
        if name == "outer":
            return replace(call, args=args[::-1], call_shape=shape)
        if name in ("ones", "zeros"):
            return replace(call, args=call.args[::-1], call_shape=shape)
        raise UnsupportedError(f"{name} cannot be written in another convention yet")

    def _entry(self, expr: Element) -> Expr:
        """One entry: its indices follow the array."""
        base = expr.base
        if isinstance(base, Leaf):
            swapped = base.tensor.rank == 2 and self._is_turned(base.tensor)
            slots = expr.slots[::-1] if swapped else expr.slots
            changed = Element(Leaf(self.tensor(base.tensor)), slots)
        else:
            slots = expr.slots[::-1] if self.turns and len(expr.slots) == 2 else expr.slots
            changed = Element(self.line(base), slots)
        return replace(changed, slots=tuple(self._slot(slot) for slot in changed.slots))

    def _slot(self, slot: IndexValue) -> IndexValue:
        """A position: a label in it is an array of its own."""
        changed = slot.map_children(self.line)
        assert isinstance(changed, IndexValue)
        return changed

