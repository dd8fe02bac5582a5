"""``Result``: one derivative as it is printed and computed; SymPy and NumPy on demand."""

from __future__ import annotations

from typing import Any

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.derived import Derived
from symbackprop.notation import display
from symbackprop.notation.formula import Formula
from symbackprop.notation.layouts import (
    has_transpose,
    in_numerator,
    layout_partial,
    shape_in_layout,
    step_in_layout,
    turned,
)
from symbackprop.notation.numpy_call import NumPyFunction, compile_function
from symbackprop.notation.numpy_program import Program, emit_lines
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import lookup
from symbackprop.results.context import Context
from symbackprop.results.programs import jacobian_program, program_of
from symbackprop.results.tree_sizes import LONGEST, nodes


class Result:
    """The derivative of a scalar by an array, with its steps.

    ``text``, ``latex`` and ``result`` are in the named intermediates, ``expanded_text`` and
    ``expanded()`` in inputs and parameters only. The shape is the declared shape of ``by``.
    """

    def __init__(self, context: Context, derived: Derived, via: str = "log") -> None:
        self._context = context
        self._derived = derived
        self._via = via
        self._expanded: Expr | None = None
        self._steps: tuple[Step, ...] | None = None
        self._raw_steps: tuple[Step, ...] | None = None
        self._function: NumPyFunction | None = None

    @property
    def context(self) -> Context:
        """The graph with everything that works on it."""
        return self._context

    @property
    def via(self) -> str:
        """The road that was taken: log or jacobian."""
        return self._via

    @property
    def of(self) -> Tensor:
        """What is differentiated."""
        return self._derived.of

    @property
    def graph(self) -> Graph:
        """The forward pass."""
        return self._context.graph

    @property
    def by(self) -> Tensor:
        """What it is differentiated by."""
        return self._derived.by

    @property
    def left(self) -> Expr:
        """The left side of the result: what is derived, or one entry of it."""
        return self._derived.entry if self.is_entrywise else self._derived.partial

    @property
    def like(self) -> Tensor:
        """What has the shape of the derivative, where that is no Jacobian."""
        return self.by

    @property
    def name(self) -> str:
        """The derivative as it is printed: its declared name, or dL/dW."""
        return to_text(self._derived.partial, self._context.names)

    @property
    def shape(self) -> tuple[str, ...]:
        """The dims of the derivative, as text; of a Jacobian in the order of its layout."""
        if self._derived.jacobian is not None:
            return tuple(str(dim) for dim in self._derived.shape)
        return shape_in_layout(self._derived.partial, self.layout)

    @property
    def layout(self) -> str:
        """How gradients are written as arrays; a Jacobian is in the layout of the problem from the start."""
        return "gradient" if self._derived.jacobian is not None else self._context.graph.layout

    @property
    def partial(self) -> Partial:
        """The derivative as it is printed."""
        return layout_partial(self._derived.partial, self.layout)

    def in_layout(self, expr: Expr) -> Expr:
        """An array of the shape of ``by``, in the layout of the problem."""
        if self.of.gradient is not None and self._context.graph.layout == "numerator":
            return in_numerator(expr)
        if self.layout == "numerator":
            return turned(expr, lookup) if has_transpose(self.by) else in_numerator(expr)
        return expr

    @property
    def formula(self) -> Formula:
        """The result as a printable formula."""
        return Formula(self.in_layout(self._derived.expr), self._context.names)

    @property
    def indices(self) -> tuple[str, ...]:
        """The letters of the free indices, one for each axis that carries one."""
        return tuple(index.letter for index in self.index_objects)

    @property
    def is_entrywise(self) -> bool:
        """Whether the result has no matrix spelling, so that ``text`` is one entry over ``indices``."""
        jacobian = self._derived.jacobian
        part = jacobian is not None and not jacobian.is_whole
        return part or isinstance(self._derived.expr, Comprehension | TensorEntries)

    @property
    def index_objects(self) -> tuple[Index, ...]:
        """The free indices of the index form, by axis."""
        return self._derived.indices

    @property
    def derived(self) -> Derived:
        """The deriver's record."""
        return self._derived

    @property
    def coded(self) -> Derived:
        """The record that the emitted code is made from."""
        return self._derived

    @property
    def text(self) -> str:
        """The result in the plain-text grammar."""
        return self.formula.text

    @property
    def latex(self) -> str:
        """The result in LaTeX."""
        return self.formula.latex

    @property
    def expanded_expr(self) -> Expr:
        """The result in inputs and parameters only, as a typed expression."""
        if self._expanded is None:
            self._expanded = self.in_layout(self._context.session(self._via).expanded(self._derived))
        return self._expanded

    @property
    def expanded_text(self) -> str | None:
        """``expanded()`` in the plain-text grammar; None where it would fill pages."""
        expr = self.expanded_expr
        inner = expr.body if isinstance(expr, Comprehension | TensorEntries) else expr
        if nodes(expr) > LONGEST or any(isinstance(node, Comprehension) for node in inner.walk()):
            return None
        return to_text(self.expanded_expr, self._context.names)

    @property
    def result(self) -> Any:
        """The result as a SymPy expression in the named intermediates."""
        return self.formula.sympy

    def expanded(self) -> Any:
        """The result as a SymPy expression in inputs and parameters only."""
        return Formula(self.expanded_expr, self._context.names).sympy

    @property
    def arguments(self) -> list[Any]:
        """What ``sympy.lambdify(d.arguments, d.expanded())`` needs, in order."""
        from symbackprop.notation.sympy_out import arguments_of  # noqa: PLC0415 (SymPy is slow to import)

        return list(arguments_of(self.expanded(), self._context.graph, self._context.names))

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The facts that the derivation used, in words."""
        return self._derived.uses

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps; a verdict is found when it is asked for. The last ``after`` is the result."""
        if self._steps is None:
            self._steps = self._context.pending(self._bare_steps())
        return self._steps

    def _bare_steps(self) -> tuple[Step, ...]:
        """The steps without verdicts, in the layout of the problem."""
        if self._raw_steps is None:
            layout = self._context.graph.layout
            self._raw_steps = tuple(step_in_layout(step, layout, lookup) for step in self._derived.steps)
        return self._raw_steps

    @property
    def slices(self) -> tuple[tuple[Expr, Expr], ...]:
        """Of a Jacobian with more than two indices the matrices it is made of: name and value."""
        jacobian = self._derived.jacobian
        if jacobian is None:
            return self._derived.parts
        found: tuple[tuple[Jacobian, Expr], ...] = jacobian.slices
        if self._context.graph.layout != "numerator":
            return found
        if self.of.gradient is not None:
            return tuple((name, in_numerator(value)) for name, value in found)
        return tuple(
            (turned(name, lookup), turned(value, lookup)) if name.is_of_entry else (name, value)
            for name, value in found
        )

    @property
    def whole_expr(self) -> Expr:
        """The expression that holds every entry of the result."""
        jacobian = self._derived.jacobian
        return self._derived.expr if jacobian is None else jacobian.whole

    def program(self, name: str | None = None) -> Program:
        """The emitted code as a record: inputs, lines, results."""
        if self._derived.jacobian is not None:
            return jacobian_program(self._context, self._derived, name)
        member = self.by.family  # (x, 2) for x[2]
        function = name or f"gradient_{self.by.name if member is None else '{}_{}'.format(*member)}"
        return program_of(self._context, function, {self.by.name: self._derived}, single=True)

    def numpy(self) -> NumPyFunction:
        """A function from a dict of arrays (inputs, parameters) to the derivative."""
        if self._function is None:
            self._function = compile_function(self.program())
        return self._function

    @property
    def numpy_source(self) -> str:
        """The source of ``numpy()``."""
        return self.program().source

    def numpy_lines(self) -> tuple[str, ...]:
        """The lines of the code that compute derivatives, without the forward pass."""
        return emit_lines(self.program(), self._context.graph.tensors.keys())

    def to_latex(self) -> str:
        """The derivation as LaTeX: one aligned display, a line a step."""
        return display.aligned(self.steps)

    @property
    def left_latex(self) -> str:
        """What the result equals: the derivative, or one entry of it."""
        left = self.left
        return Formula(left, self._context.names).latex

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.left_latex} = {self.latex}$"

    def _repr_html_(self) -> str:
        return display.shown(self._repr_latex_(), self.shape, self.steps, self.assumptions)

    def __repr__(self) -> str:
        return f"<Derivation {self.name} = {self.text}>"
