"""The emitted NumPy code of derivatives, as records: the forward pass that is needed, then a line each."""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Partial, Transpose
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.recurrent_code import recurrent_lines
from symbackprop.notation.curvature import given_second
from symbackprop.notation.entries import entries_of
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Line, Output, Program
from symbackprop.results.context import Context


def program_of(
    context: Context, name: str, wanted: Mapping[str, Derived], *, single: bool = False
) -> Program:
    """One function for some derivatives: the forward pass it needs, then one line each."""
    if context.graph.loops:
        outputs = [_gradient_output(key, derived, context.graph.layout) for key, derived in wanted.items()]
        recurrent = recurrent_lines(context.session(), list(wanted.values()))
        return plan(
            name, context.graph, recurrent, outputs,
            names=context.names, expand=context.expand, single=single,
        )  # fmt: skip
    lines: dict[Tensor, Line] = {}
    for derived in wanted.values():
        for tensor in derived.needs:
            need = Partial(derived.of, tensor)
            value = derived.values[tensor]
            if isinstance(value, TensorEntries):
                lines.setdefault(tensor, Line(need, value.body, value.indices))
            elif value != need:  # dJ/dy of an arbitrary J is given
                lines.setdefault(tensor, Line(need, value))
    outputs = [_gradient_output(key, derived, context.graph.layout) for key, derived in wanted.items()]
    ordered = (*_member_lines(context), *lines.values())
    return plan(
        name, context.graph, ordered, outputs, names=context.names, expand=context.expand, single=single
    )


def jacobian_program(context: Context, derived: Derived, name: str | None) -> Program:
    """The forward pass, then the array from its own formula, without names of derivatives."""
    jacobian, of, by = derived.jacobian, derived.of, derived.by
    assert jacobian is not None
    words = f"{of.name}_d{by.name}"
    if of.gradient is not None:
        words = f"d2{of.gradient[0].name}_d{of.gradient[1].name}_d{by.name}"
    key = identifier(words)
    own = f"jacobian_{key}" if of.gradient is None else f"hessian_{key.removeprefix('d2')}"
    if of.is_scalar and of.gradient is None:
        own = f"gradient_{key.removeprefix(f'{of.name}_d')}"
    output = output_of(key, given_second(jacobian.whole, context.names), jacobian.shape, jacobian.indices)
    return plan(
        name or own, context.graph, (*_member_lines(context), *first_lines(derived)), [output],
        names=context.names, expand=context.expand, single=True,
    )  # fmt: skip


def identifier(words: str) -> str:
    """A name of the emitted code."""
    return "".join(c if c.isalnum() else "_" for c in words)


def output_of(key: str, expr: Expr, shape: tuple[Dim, ...], indices: tuple[Index, ...]) -> Output:
    """What is returned for ``expr``: an array, or one entry of it over ``indices``."""
    if isinstance(expr, Comprehension | TensorEntries):
        return Output(key, expr.body, shape, indices)
    return Output(key, expr, shape)


def first_lines(derived: Derived) -> list[Line]:
    """The lines of the first derivatives that a second one is computed from."""
    if derived.of.gradient is None:
        return []
    loss = derived.of.gradient[0]
    pairs = [(Partial(loss, tensor), derived.first[tensor]) for tensor in derived.needs]
    return [Line(need, value) for need, value in pairs if need != value]


def _member_lines(context: Context) -> tuple[Line, ...]:
    """The equations of families over a dim by one entry of all members at once, as index forms say it."""
    equations = [equation for equation in context.graph.equations if equation.member is not None]
    if not equations:
        return ()
    shop = context.session().shop
    locals_ = [shop.locals[equation.target] for equation in equations]
    return tuple(Line(one.equation.target, entries_of(one.form, shop.leaf), one.indices) for one in locals_)


def _gradient_output(key: str, derived: Derived, layout: str) -> Output:
    """The result in its layout: in the numerator layout transposed, by a vector 1 x n."""
    partial, shape = derived.partial, derived.by.shape
    if layout != "numerator" or derived.by.is_scalar or not derived.by.is_matrix:
        return Output(key, partial, shape)
    if len(shape) == 1:
        return Output(key, partial if derived.by.oriented[0].is_one else Transpose(partial), (ONE, *shape))
    return Output(key, Transpose(partial), shape[::-1])
