"""One attempt at writing a program: every line as code, then inputs, dims and results."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import InputError
from symbackprop.notation import pycode as py
from symbackprop.notation.names import Names
from symbackprop.notation.numpy_base import DIM_MARK, Expand, Writer, code, real
from symbackprop.notation.numpy_calls import filled
from symbackprop.notation.numpy_dims import Solved, solve
from symbackprop.notation.numpy_expr import write
from symbackprop.notation.numpy_index import entries
from symbackprop.notation.numpy_names import Identifiers, function_key, partial_keys
from symbackprop.notation.numpy_program import Input, Line, Output, Program, Target
from symbackprop.notation.numpy_shift import shifted
from symbackprop.notation.numpy_stable import stabilised


def uses_of(expr: Expr) -> Iterable[Target]:
    """The arrays and derivatives that stand in an expression."""
    for node in expr.walk():
        if isinstance(node, Leaf):
            yield node.tensor
        elif isinstance(node, Partial):
            yield node


class Draft:
    """One attempt at writing a program with a given set of reserved names."""

    def __init__(
        self,
        graph: Graph,
        needed: Sequence[Line],
        outputs: Sequence[Output],
        names: Names,
        expand: Expand | None,
        reserved: frozenset[str],
    ) -> None:
        self.graph, self.needed, self.outputs, self.names = graph, needed, outputs, names
        exprs = [*(line.expr for line in needed), *(output.expr for output in outputs)]
        targets = [line.target for line in needed]
        used = dict.fromkeys([*targets, *(use for expr in exprs for use in uses_of(expr))])
        self.computed = frozenset(targets)
        self.given = [use for use in used if use not in self.computed]
        self.identifiers = Identifiers(names, reserved, (use for use in used if isinstance(use, Partial)))
        for dim in graph.dims:
            self.identifiers.of_dim(dim)
        for tensor in graph.tensors.values():
            if tensor in used:
                self.identifiers.of(tensor)
        self.functions = _functions(exprs)
        self.writer = Writer(write, self.identifiers.of, expand, lambda what: what not in self.computed)
        self.writer.zero = graph.zero
        self.assignments: list[py.Assignment] = []
        self.results: dict[str, tuple[ast.expr, tuple[Dim, ...]]] = {}
        self.unpacked: dict[str, tuple[str, tuple[str, ...]]] = {}

    def write(self) -> None:
        """Write every line and every output."""
        arrays = {self.identifiers.of(use) for use in self.given if not _declared(use).is_scalar}
        for line in self.needed:
            tensor = _declared(line.target)
            value = self._value(line.expr, line.indices, tensor.shape)
            self._assign(self.identifiers.of(line.target), value, tensor.shape)
            if not tensor.is_scalar:
                arrays.add(self.identifiers.of(line.target))
        for output in self.outputs:
            self._result(output)
        results = {name for node, _ in self.results.values() for name in py.names_in(node)}
        self.assignments, sources = stabilised(self.assignments, results, self._flat())
        self.writer.helpers.update(dict.fromkeys(sources))
        shared = py.share(self.assignments, arrays, self.identifiers.taken)
        self.assignments = shifted(shared, results, self._flat())

    def _flat(self) -> set[str]:
        """The names that are 1-D arrays in the code."""
        declared = [(use, _declared(use).shape) for use in (*self.given, *self.computed)]
        return {
            self.identifiers.of(use)
            for use, shape in declared
            if len(shape) == 1 or (use in self.computed and sum(not dim.is_one for dim in shape) == 1)
        }

    def _value(self, expr: Expr, indices: tuple[Index, ...], shape: tuple[Dim, ...]) -> ast.expr:
        """The value held by shape: extents that are literally 1 have no axis."""
        if indices:
            self.writer.fixed.update({index: "1" for index in indices if index.dim.is_one})
            return entries(self.writer, expr, [index for index in indices if not index.dim.is_one])
        wide = [dim for dim in shape if not dim.is_one]
        if expr.is_scalar and wide:  # a number stretched over an array
            node = code(self.writer, expr)
            target = (wide[0], wide[1] if len(wide) > 1 else Dim(1))
            if isinstance(node, ast.Constant):
                return filled(target, "zeros") if node.value == 0 else _scaled(node, filled(target, "ones"))
            return _scaled(node, filled(target, "ones"))
        return real(code(self.writer, expr))

    def _assign(self, target: str, value: ast.expr, shape: tuple[Dim, ...]) -> None:
        comment = " x ".join(map(str, shape)) or "scalar"
        self.assignments.append(py.Assignment(target, value, comment))

    def _result(self, output: Output) -> None:
        expr = output.expr
        what: Target | None = expr if isinstance(expr, Partial) else None
        if isinstance(expr, Leaf):
            what = expr.tensor
        if what is not None and what in self.computed and not output.indices:
            identifier = self.identifiers.of(what)
        else:
            identifier = self.identifiers.fresh(_result_name(output))
            self._assign(identifier, self._value(expr, output.indices, output.shape), output.shape)
        self.results[output.key] = (py.name(identifier), output.shape)

    def program(self, name: str, *, single: bool) -> Program:
        """The finished program: inputs and dims that are used, results with their declared axes."""
        inputs = self._inputs()
        used = {item for line in self.assignments for item in py.names_in(line.value)}
        results: dict[str, tuple[ast.expr, tuple[Dim, ...]]] = {}
        owners = {line.target: line.value for line in self.assignments}
        returned: set[str] = set()
        for key, (node, shape) in self.results.items():
            target = next(iter(py.names_in(node)))
            fitted = _with_axes(node, shape)
            if (_is_view(owners[target]) or target in returned) and not all(dim.is_one for dim in shape):
                fitted = py.method(fitted, "copy")
            returned.add(target)
            results[key] = (fitted, shape)
        results = results if single else self._stacked(results)
        dims = {item.removeprefix(DIM_MARK) for item in used if item.startswith(DIM_MARK)}
        inputs, solved = self._solve(inputs, dims)
        renamed = {DIM_MARK + dim: self.identifiers.of_dim(dim) for dim in sorted(dims)}
        lines = tuple(replace(line, value=py.rename(line.value, renamed)) for line in self.assignments)
        return Program(
            name, tuple(inputs), solved, lines, results, tuple(self.writer.helpers), single,
            "masked" in self.writer.marks, {dim: self.identifiers.of_dim(dim) for dim in sorted(dims)},
            tuple(self.unpacked.values()),
        )  # fmt: skip

    def _stacked(
        self, results: Mapping[str, tuple[ast.expr, tuple[Dim, ...]]]
    ) -> dict[str, tuple[ast.expr, tuple[Dim, ...]]]:
        """The results of all members of a family as one array under its name."""
        stacked: dict[str, tuple[ast.expr, tuple[Dim, ...]]] = {}
        for key, result in results.items():
            tensor = self.graph.tensors.get(key)
            family = tensor.family[0] if tensor is not None and tensor.family is not None else None
            names = [member.name for member in self.graph.members_of(family)] if family is not None else []
            if family is None or key not in names or not set(names) <= set(results):
                stacked[key] = result
            elif family not in stacked:
                parts = ast.List([results[name][0] for name in names], ast.Load())
                stacked[family] = (py.call("np.stack", parts), (Dim(len(names)), *result[1]))
        return stacked

    def _inputs(self) -> list[Input]:
        used = {item for line in self.assignments for item in py.names_in(line.value)}
        symbols = [tensor for tensor in self.graph.symbols if tensor in self.given]
        others = [use for use in self.given if use not in symbols]
        found: list[Input] = []
        for use in (*symbols, *others):
            member = isinstance(use, Tensor) and use.family is not None
            if member and self.identifiers.of(use) not in used:
                continue
            entry = self._input(use)
            if entry is not None and (member or entry.identifier in used):
                found.append(entry)
        for op, primes in self.functions:
            if self.identifiers.of((op, primes)) in used:
                keys = (function_key(op, primes),)
                found.append(Input(self.identifiers.of((op, primes)), keys, (), "function"))
        return found

    def _input(self, use: Target) -> Input | None:
        if isinstance(use, Partial):
            return Input(self.identifiers.of(use), partial_keys(use, self.names), use.by.shape)
        if use.value is not None or use.numpy_value is not None:
            return None
        equation = self.graph.equation_of(use)
        if equation is not None and not equation.abstract:
            raise InputError(f"{use.name} has no value here", code="unsupported")
        kind = "label" if use.is_label else "array"
        if use.family is not None:
            return self._family_input(use, kind)
        return Input(self.identifiers.of(use), (use.name,), use.shape, kind, use.facts.classes)

    def _family_input(self, member: Tensor, kind: str) -> Input | None:
        """The array of a family, once: its members along the first axis."""
        assert member.family is not None
        name = member.family[0]
        if name in self.unpacked:
            return None
        members = self.graph.members_of(name)
        identifier = self.identifiers.fresh(name)
        self.unpacked[name] = (identifier, tuple(self.identifiers.of(one) for one in members))
        shape = (Dim(len(members)), *member.shape)
        return Input(identifier, (name,), shape, kind, member.facts.classes)

    def _solve(self, inputs: list[Input], dims: set[str]) -> tuple[list[Input], tuple[Solved, ...]]:
        """Dims from the inputs; then from symbols that nothing else needs; then from the caller."""
        spare = [
            tensor
            for tensor in self.graph.symbols
            if tensor.shape and tensor.family is None and tensor not in self.given
        ]
        known = solve((entry.identifier, entry.shape) for entry in inputs)
        for tensor in spare:
            if not dims <= set(known):
                more = [*inputs, Input(self.identifiers.of(tensor), (tensor.name,), tensor.shape)]
                found = solve((entry.identifier, entry.shape) for entry in more)
                if len(set(found) & dims) > len(set(known) & dims):
                    inputs, known = more, found
        missing = [dim for dim in self.graph.dims if dim in dims - set(known)]
        missing += sorted(dims - set(known) - set(missing))
        inputs = inputs + [Input(self.identifiers.of_dim(dim), (dim,), (), "dim") for dim in missing]
        return inputs, tuple(solved for name, solved in known.items() if name in dims)


def _declared(target: Target) -> Tensor:
    return target.by if isinstance(target, Partial) else target


def _scaled(node: ast.expr, array: ast.expr) -> ast.expr:
    return py.binary(real(node), "*", array)


def _functions(exprs: Iterable[Expr]) -> list[tuple[Operation, int]]:
    calls = (node for expr in exprs for node in expr.walk() if isinstance(node, Call))
    abstract = (call for call in calls if getattr(call.op, "abstract", False))
    return list(dict.fromkeys((call.op, call.primes) for call in abstract))


def _result_name(output: Output) -> str:
    if isinstance(output.expr, Leaf):
        return f"{output.expr.tensor.name}_value"
    if output.key.startswith("d2") and output.key.isidentifier():
        return output.key
    return "result" if not output.key.isidentifier() else f"d{output.key}"


def _is_view(node: ast.expr) -> bool:
    """Whether an array shares its memory with one that has another name."""
    while True:
        match node:
            case ast.Subscript(value=value) | ast.Attribute(value=value):
                node = value
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="diagonal"), args=[value]):
                return True
            case ast.Name():
                return True
            case _:
                return False


def _with_axes(node: ast.expr, shape: tuple[Dim, ...]) -> ast.expr:
    """Give an array held without its literal extents the axes that were declared."""
    ones = [dim.is_one for dim in shape]
    if len(shape) < 2 or not any(ones):
        if len(shape) == 1 and ones[0]:
            return py.call("np.reshape", node, py.sequence(py.literal(1)))
        return node
    if all(ones):
        return py.call("np.reshape", node, py.sequence(*(py.literal(1) for _ in shape)))
    return py.subscript(node, *(py.literal(None) if one else py.COLON for one in ones))
