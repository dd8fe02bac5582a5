"""``Derivation``: the public view of one derivative; SymPy, NumPy and verification on demand.

It joins what the deriver found with what the verifier says. Only this module, ``pipeline`` and
``testing`` see both; neither of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from itertools import count
from typing import Any

import numpy as np

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.concrete import Concrete
from symbackprop.core.dims import ONE
from symbackprop.core.expr import Call, Comprehension, Expr, Partial, Reduce, Transpose
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.core.verdicts import Evidence, PendingVerdict, Verdict
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.recurrent_code import recurrent_lines
from symbackprop.derivation.session import Session
from symbackprop.notation import display
from symbackprop.notation.curvature import given_second, second_partials
from symbackprop.notation.entries import entries_of
from symbackprop.notation.formula import Formula
from symbackprop.notation.layouts import in_numerator, layout_partial, shape_in_layout, step_in_layout, turned
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.numpy_call import NumPyFunction, compile_function
from symbackprop.notation.numpy_code import Line, Output, Program, emit_lines, plan
from symbackprop.notation.steps import Later, Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise, Structural, lookup
from symbackprop.reading.formulas import formula_of
from symbackprop.verification.point import Point, Refusal
from symbackprop.verification.replay import Verifier
from symbackprop.verification.slopes import derivative

LONGEST = 4000  # nodes of an expanded result that is still printed
LOOPS = 20_000  # nodes of an index form, counted as often as SymPy evaluates them one by one


@dataclass(slots=True)
class Context:
    """One graph with everything that works on it; made once for a problem.

    ``in_numbers`` keeps the same graph with numbers for its dims, by the sizes (``symbackprop.written_out``).
    """

    graph: Graph
    names: Names = PLAIN
    sizes: Mapping[str, int] | None = None
    in_numbers: dict[tuple[tuple[str, int], ...], tuple[Context, Concrete]] = field(default_factory=dict)
    _session: Session | None = None
    _jacobian_session: Session | None = None
    _verifier: Verifier | None = None
    _verified: dict[int, tuple[Step, Step]] = field(default_factory=dict)
    _pending: dict[int, tuple[Step, Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        names = frozenset((*graph.tensors, *graph.families, *graph.dims, *graph.functions))
        self.names = replace(self.names, reserved=self.names.reserved | names)

    def expand(self, call: Call) -> Expr:
        """The defining expression of a call: a loss, or an elementwise function with a formula."""
        op = call.op
        if call.primes:
            return self.session().shop.slopes.expression(call)
        text = op.written(call.axis) if isinstance(op, Structural) else getattr(op, "formula", None)
        if text is None:
            raise ValueError(f"{op.name} has no defining formula")
        params = {param.name: arg for param, arg in zip(op.params, call.args, strict=True)}
        return formula_of(text, params, self.graph.convention, axis=call.axis, functions=self.graph.functions)

    def read(self, text: str, params: Mapping[str, Expr], convention: Convention) -> Expr:
        """A formula of an operation (a slope, a definition) with its parameters put in."""
        return formula_of(text, params, convention, functions=self.graph.functions)

    def kinks(self, call: Call) -> tuple[Expr, ...]:
        """The expressions at whose zeros a call has no derivative."""
        op = call.op
        if not isinstance(op, Elementwise):
            return ()
        params = {param.name: arg for param, arg in zip(op.params, call.args, strict=True)}
        return tuple(self.read(text, params, self.graph.convention) for text in op.kinks)

    def session(self, via: str = "log") -> Session:
        """The deriver, on the log road or the Jacobian road."""
        if via == "jacobian":
            if self._jacobian_session is None:
                self._jacobian_session = Session(
                    self.graph, self.expand, self.read, self.names, log_road=False
                )
            return self._jacobian_session
        if self._session is None:
            self._session = Session(self.graph, self.expand, self.read, self.names)
        return self._session

    @property
    def verifier(self) -> Verifier:
        """The verifier; its points are drawn when the first line is checked."""
        if self._verifier is None:
            self._verifier = Verifier(self.graph, expand=self.expand, kinks_of=self.kinks, sizes=self.sizes)
        return self._verifier

    def verified(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps with their verdicts; each step is replayed once."""
        for step in steps:
            if id(step) not in self._verified:
                self._verified[id(step)] = (step, self.verifier.verify_steps([step])[0])
        return tuple(self._verified[id(step)][1] for step in steps)

    def pending(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps, each checked once somebody looks at its verdict; derivations share them."""
        for step in steps:
            if id(step) not in self._pending:
                self._pending[id(step)] = (step, self._checked_later(step))
        return tuple(self._pending[id(step)][1] for step in steps)

    def _checked_later(self, step: Step) -> Step:
        def checked() -> Step:
            return self.verified((step,))[0]

        def substeps() -> tuple[Step, ...]:
            verdicts = (PendingVerdict(lambda at=at: checked().substeps[at].verdict) for at in count())  # type: ignore[misc]
            return tuple(
                replace(sub, verdict=verdict) for sub, verdict in zip(step.substeps, verdicts, strict=False)
            )

        later = Later(substeps) if isinstance(step.substeps, Later) or step.substeps else ()
        return replace(step, verdict=PendingVerdict(lambda: checked().verdict), substeps=later)


class Derivation:
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
        return turned(expr, lookup) if self.layout == "numerator" else expr

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
        if _nodes(expr) > LONGEST or any(isinstance(node, Comprehension) for node in inner.walk()):
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

    def verify(self) -> Verdict:
        """Replay every step, and the result three ways, by numbers from the forward pass alone."""
        self._steps = self._context.verified(self._bare_steps())
        verdicts = [verdict for step in self._steps for verdict in _verdicts(step)]
        verdicts.append(self._check_index_form())
        whole = self._check_whole()
        return overall([*verdicts, whole], whole)

    def _check_index_form(self) -> Verdict:
        leaf = self._context.session(self._via).shop.leaf
        right = entries_of(self._derived.form, leaf)
        return self._context.verifier.check_equal(self._derived.entry, right, self.index_objects)

    def _check_whole(self) -> Verdict:
        """All entries, computed in several ways, against differences."""
        verifier, jacobian = self._context.verifier, self._derived.jacobian
        if jacobian is None:
            return verifier.check_partial(self.of, self.by, self._ways())
        if not jacobian.is_whole:
            found = {name: self._over_indices(way) for name, way in self._ways().items()}
            return verifier.check_entries(jacobian.entry, jacobian.indices, found)
        ways = {name: self._by_of(way) for name, way in self._ways().items()}
        return verifier.check_partial(self.of, self.by, ways)

    def _over_indices(self, way: Callable[[Point], Any]) -> Callable[[Point], Any]:
        """A way of computing part of a Jacobian: one axis for each free index, where SymPy has matrices."""

        def in_shape(point: Point) -> Any:
            return np.reshape(way(point), [point.extent(index.dim) for index in self._derived.indices])

        return in_shape

    def _by_of(self, way: Callable[[Point], Any]) -> Callable[[Point], Any]:
        """A way of computing a Jacobian, its array turned to the axes of ``of``, then those of ``by``."""
        jacobian = self._derived.jacobian
        assert jacobian is not None

        def as_of_by(point: Point) -> Any:
            value = np.asarray(way(point))
            own, other = (tuple(point.extent(d) for d in t.shape) for t in (self.of, self.by))
            if not jacobian.flipped:
                return value.reshape(own + other)
            order = [*range(len(other), len(own) + len(other)), *range(len(other))]
            return value.reshape(other + own).transpose(order)

        return as_of_by

    def _ways(self) -> dict[str, Callable[[Point], Any]]:
        """The emitted code, and the SymPy result through lambdify."""
        graph = self._context.graph
        code = self.numpy()

        def emitted(point: Point) -> Any:
            return self._as_gradient(code(self._given(point)))

        ways: dict[str, Callable[[Point], Any]] = {"emitted code": emitted}
        arbitrary = any(equation.abstract for equation in graph.equations) or any(
            getattr(op, "abstract", False) for op in graph.functions.values()
        )
        arbitrary = arbitrary or bool(graph.loops)  # SymPy has no recursion
        if not arbitrary and _nodes(self.expanded_expr) <= LONGEST and _loops(self.expanded_expr) <= LOOPS:
            lambdified = self._lambdified()

            def through_sympy(point: Point) -> Any:
                return self._as_gradient(lambdified(point))

            ways["sympy.lambdify"] = through_sympy
        return ways

    def _as_gradient(self, found: Any) -> Any:
        """What the code gives in this layout, back in the shape of ``by``."""
        if self.layout != "numerator" or self.by.is_scalar or not self.by.is_matrix:
            return found
        return np.asarray(found).T if self.by.rank > 1 else np.reshape(found, -1)

    def _given(self, point: Point) -> dict[str, Any]:
        """Arrays as a caller of the emitted code would give them."""
        graph = self._context.graph
        given: dict[str, Any] = point.arrays(graph.symbols)
        for name in graph.families:
            members = [given[tensor.name] for tensor in graph.members_of(name)]
            if members:
                given[name] = np.stack(members)
        given.update(point.sizes)
        given.update(self._stand_ins(point))
        return given

    def _stand_ins(self, point: Point) -> dict[str, Any]:
        """Callables for arbitrary functions, and the derivatives of an arbitrary loss."""
        found: dict[str, Any] = {}
        for op, stand_in in point.functions.items():
            function = found[op.name] = partial(_in_shape, stand_in)
            for order in (1, 2):
                found[op.name + "'" * order] = partial(_slope, function, order)
        oracle = self._context.verifier.oracle_of(point)
        for equation in self._context.graph.equations:
            if equation.abstract:
                found[equation.target.name] = float(np.real(point.values[equation.target])[0, 0])
                for tensor in equation.arguments:
                    value = oracle.partial(equation.target, tensor)
                    shape = tuple(point.extent(dim) for dim in tensor.shape)
                    found[f"d{equation.target.name}/d{tensor.name}"] = value.reshape(shape)
        for one in second_partials(self._whole_expr()):
            value = oracle.jacobian(one.of, one.by)
            shape = tuple(point.extent(dim) for dim in (*one.of.shape, *one.by.shape))
            found[to_text(one)] = value.reshape(shape)
        return found

    def _whole_expr(self) -> Expr:
        jacobian = self._derived.jacobian
        return self._derived.expr if jacobian is None else jacobian.whole

    def _lambdified(self) -> Callable[[Point], Any]:
        import sympy  # noqa: PLC0415 (slow to import, and only wanted here)

        from symbackprop.notation.sympy_out import arguments_of, dim_symbol, symbol_of  # noqa: PLC0415

        # In our own symbols: SymPy's lambdify is wrong on matrices whose names are no identifiers.
        names = replace(self._context.names, sympy={})
        graph = self._context.graph
        try:
            expanded = Formula(self.expanded_expr, names).sympy
            arguments = arguments_of(expanded, graph, names)
            # docstring_limit: without it SymPy prints the whole expression into a docstring.
            # Not SciPy, which lambdify takes where it is installed: its import takes half a second.
            function = sympy.lambdify(arguments, expanded, modules="numpy", docstring_limit=0)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            reason = f"SymPy cannot hold the expanded result: {error}"

            def refuse(point: Point) -> Any:
                raise Refusal(reason)

            return refuse
        tensors = {symbol_of(tensor): tensor for tensor in graph.tensors.values()}
        dims = {dim_symbol(name): name for name in graph.dims}

        def evaluate(point: Point) -> Any:
            values: list[Any] = []
            for argument in arguments:
                tensor = tensors.get(argument)
                if tensor is None:
                    values.append(point.sizes[dims[argument]])
                elif tensor.is_label:
                    labels = point.zero_based(tensor)
                    values.append(labels.reshape(point.oriented(tensor)) if tensor.shape else int(labels))
                else:
                    value = point.values[tensor] if tensor.is_matrix else point.declared(tensor)
                    values.append(float(np.ravel(value)[0]) if tensor.is_scalar else value)
            value = function(*values)
            if self._derived.jacobian is None and not self.by.is_matrix:  # axes of extent 1 carry no index
                return np.reshape(value, [point.extent(dim) for dim in self.by.shape])
            alone = np.ndim(value) == 0 and self._derived.jacobian is None
            return np.broadcast_to(value, point.oriented(self.like)) if alone else value

        return evaluate

    def program(self, name: str | None = None) -> Program:
        """The emitted code as a record: inputs, lines, results."""
        if self._derived.jacobian is not None:
            return self._jacobian_program(name)
        member = self.by.family  # (x, 2) for x[2]
        function = name or f"gradient_{self.by.name if member is None else '{}_{}'.format(*member)}"
        return program_of(self._context, function, {self.by.name: self._derived}, single=True)

    def _jacobian_program(self, name: str | None) -> Program:
        """The forward pass, then the array from its own formula, without names of derivatives."""
        context, jacobian = self._context, self._derived.jacobian
        assert jacobian is not None
        expr, indices = given_second(jacobian.whole, context.names), jacobian.indices
        gradient = self.of.gradient
        words = f"{self.of.name}_d{self.by.name}"
        if gradient is not None:
            words = f"d2{gradient[0].name}_d{gradient[1].name}_d{self.by.name}"
        key = "".join(c if c.isalnum() else "_" for c in words)
        if isinstance(expr, Comprehension | TensorEntries):
            output = Output(key, expr.body, jacobian.shape, indices)
        else:
            output = Output(key, expr, jacobian.shape)
        own = f"jacobian_{key}" if gradient is None else f"hessian_{key.removeprefix('d2')}"
        if self.of.is_scalar and gradient is None:
            own = f"gradient_{key.removeprefix(f'{self.of.name}_d')}"
        return plan(
            name or own, context.graph, (*_member_lines(context), *first_lines(self._derived)), [output],
            names=context.names, expand=context.expand, single=True,
        )  # fmt: skip

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


class Gradients(Mapping[str, Derivation]):
    """name -> Derivation, from one backward pass."""

    def __init__(self, context: Context, derivations: Mapping[str, Derivation]) -> None:
        self._context = context
        self._derivations = dict(derivations)
        self._function: NumPyFunction | None = None

    def __getitem__(self, name: str) -> Derivation:
        return self._derivations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._derivations)

    def __len__(self) -> int:
        return len(self._derivations)

    def __repr__(self) -> str:
        return f"<Gradients {', '.join(f'{d.name} = {d.text}' for d in self.values())}>"

    def _repr_latex_(self) -> str:
        return display.below([(d.left_latex, d.latex) for d in self.values()])

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._repr_latex_())}</p>"

    def numpy(self) -> NumPyFunction:
        """A function from a dict of arrays to a dict of gradients."""
        if self._function is None:
            wanted = {name: d.coded for name, d in self._derivations.items()}
            self._function = compile_function(program_of(self._context, "gradients", wanted))
        return self._function

    @property
    def numpy_source(self) -> str:
        """The source of ``numpy()``."""
        return self.numpy().source


def first_lines(derived: Derived) -> list[Line]:
    """The lines of the first derivatives that a second one is computed from."""
    if derived.of.gradient is None:
        return []
    loss = derived.of.gradient[0]
    pairs = [(Partial(loss, tensor), derived.first[tensor]) for tensor in derived.needs]
    return [Line(need, value) for need, value in pairs if need != value]


def program_of(
    context: Context, name: str, wanted: Mapping[str, Derived], *, single: bool = False
) -> Program:
    """One function for some derivatives: the forward pass it needs, then one line each."""
    if context.graph.loops:
        outputs = [_output(key, derived, context.graph.layout) for key, derived in wanted.items()]
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
    outputs = [_output(key, derived, context.graph.layout) for key, derived in wanted.items()]
    ordered = (*_member_lines(context), *lines.values())
    return plan(
        name, context.graph, ordered, outputs, names=context.names, expand=context.expand, single=single
    )


def _member_lines(context: Context) -> tuple[Line, ...]:
    """The equations of families over a dim by one entry of all members at once, as index forms say it."""
    equations = [equation for equation in context.graph.equations if equation.member is not None]
    if not equations:
        return ()
    shop = context.session().shop
    locals_ = [shop.locals[equation.target] for equation in equations]
    return tuple(Line(one.equation.target, entries_of(one.form, shop.leaf), one.indices) for one in locals_)


def _output(key: str, derived: Derived, layout: str) -> Output:
    """The result in its layout: in the numerator layout transposed, by a vector 1 x n."""
    partial, shape = derived.partial, derived.by.shape
    if layout != "numerator" or derived.by.is_scalar or not derived.by.is_matrix:
        return Output(key, partial, shape)
    if len(shape) == 1:
        return Output(key, partial if derived.by.oriented[0].is_one else Transpose(partial), (ONE, *shape))
    return Output(key, Transpose(partial), shape[::-1])


def _in_shape(function: Callable[..., Any], x: Any) -> Any:
    """A stand-in, which works on 2-D arrays, on an array of any rank."""
    return np.reshape(function(np.asarray(x)), np.shape(x))


def _slope(function: Callable[..., Any], order: int, x: Any) -> Any:
    """The derivative of a stand-in, by differences: what a caller would give as sigma'."""
    return derivative(function, np.asarray(x), order)


def _nodes(expr: Expr) -> int:
    """The size of the tree, shared parts counted where they stand, without walking them again."""
    sizes: dict[int, int] = {}
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in sizes:
            continue
        if ready:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in node.children)
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in node.children)
    return sizes[id(expr)]


def _loops(expr: Expr, times: int = 1) -> int:
    """How often nodes are evaluated where sums are loops, four rounds each; beyond ``LOOPS`` not exact."""
    if times > LOOPS:
        return times
    if isinstance(expr, Reduce):
        times *= 4 ** len(expr.ranges)
    elif isinstance(expr, TensorEntries):
        times *= 4 ** len(expr.indices)
    elif isinstance(expr, Comprehension):
        times *= 4 ** ((expr.row is not None) + (expr.column is not None))
    total = times
    for child in expr.children:
        total += _loops(child, times)
        if total > LOOPS:
            break
    return total


def _verdicts(step: Step) -> Iterator[Verdict]:
    yield step.verdict
    for sub in step.substeps:
        yield from _verdicts(sub)


def overall(verdicts: list[Verdict], whole: Verdict) -> Verdict:
    """Fails if anything fails; not checked if anything is not; else the evidence of the result."""
    for status in ("fails", "not-checked"):
        for verdict in verdicts:
            if verdict.status == status:
                return verdict
    worst = max((v.evidence.max_rel_error or 0.0) for v in verdicts)
    evidence = whole.evidence
    return Verdict("holds", Evidence(evidence.method, evidence.points, evidence.sizes, worst))
