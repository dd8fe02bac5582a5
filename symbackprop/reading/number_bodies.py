"""Questions about numbers: ``evaluate``, ``gradient``, ``update``, against the values of the file.

On return every name exists, everything that is needed has numbers, and the loss is known: the scalar that
nothing else uses, unless the question writes dL/dW.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from symbackprop.core.arrays import Numeric
from symbackprop.core.expr import DimValue, Expr, Leaf, Number, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import IndexValue, Reduce
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.ops.registry import Elementwise
from symbackprop.reading import fields, keys
from symbackprop.reading.asked import read_partial
from symbackprop.reading.question import Asking, Body, tidy
from symbackprop.reading.yaml_tree import Items, Scalar, Table, Value, problem

Wanted = Mapping[str, tuple[Leaf | Partial, ...]]


@dataclass(frozen=True, slots=True)
class Precision:
    """How numbers are printed: with ``digits`` decimals (None: not said), or exact where they can be."""

    digits: int | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class EvaluateBody(Body):
    """Numbers of these names: arrays and derivatives; of a family one for each member."""

    wanted: Wanted
    precision: Precision = Precision()

    @property
    def said(self) -> tuple[str, ...]:
        return (repr(self.precision),)


@dataclass(frozen=True, slots=True)
class GradientBody(Body):
    """The derivatives of a scalar, with numbers; ``wanted`` keeps the names of the question."""

    wanted: Wanted
    precision: Precision = Precision()

    @property
    def said(self) -> tuple[str, ...]:
        return (repr(self.precision),)


@dataclass(frozen=True, slots=True)
class UpdateBody(Body):
    """A step against the gradient: each moves by ``step`` times its derivative; ``then`` is wanted again."""

    wanted: Wanted
    step: Expr
    then: tuple[Tensor, ...] = ()
    precision: Precision = Precision()

    @property
    def said(self) -> tuple[str, ...]:
        return (repr(self.precision), *(tensor.name for tensor in self.then))


def read_evaluate(asking: Asking) -> EvaluateBody:
    """``evaluate: [U, H, L]``."""
    wanted = dict(_items(asking, asking.value, "evaluate"))
    _check_numbers(asking, (leaf for found in wanted.values() for leaf in found))
    return EvaluateBody(_written(asking.value), wanted, _precision(asking))


def read_gradient(asking: Asking) -> GradientBody:
    """``gradient: [W, b]``."""
    wanted = _gradients(asking, asking.value, "gradient")
    return GradientBody(_written(asking.value), wanted, _precision(asking))


def read_update(asking: Asking) -> UpdateBody:
    """``update: {step: 0.5, of: [W, b]}, then: [W, L]``."""
    path = f"update of {asking.path}"
    body = fields.table(asking.value, path)
    fields.check_keys(body, ("step", "of"), path)
    step, of = body.get("step"), body.get("of")
    if step is None:
        raise fields.schema_error(f"{path} has no step", asking.value, "such as {step: 0.5, of: [W, b]}")
    if of is None:
        of = _parameters(asking)
    wanted = _gradients(asking, of, path)
    then_value = asking.body.get("then")
    then: tuple[Tensor, ...] = ()
    if then_value is not None:
        again = dict(_items(asking, then_value, f"then of {asking.path}"))
        leaves = [leaf for found in again.values() for leaf in found]
        _check_numbers(asking, leaves)
        for leaf in leaves:
            if not isinstance(leaf, Leaf):
                raise fields.later("then with a derivative", then_value, "name arrays, such as [W, L]")
        then = tuple(leaf.tensor for leaf in leaves if isinstance(leaf, Leaf))
    moved = {one.by for found in wanted.values() for one in found if isinstance(one, Partial)}
    for tensor in moved:
        if tensor not in asking.graph.symbols:
            raise fields.schema_error(
                f"{tensor.name} is computed by an equation: a step moves parameters", of, "leave it out"
            )
    return UpdateBody(
        _written(asking.value), wanted, _step(asking, step, path), then, _precision(asking)
    )


def _parameters(asking: Asking) -> Value:
    names = [t.name for t in asking.graph.parameters]
    if not names:
        raise fields.schema_error(f"update of {asking.path} moves nothing", asking.value, "write of: [W, b]")
    at = asking.value
    return Items(at.at, tuple(Scalar(at.at, name, plain=True) for name in names))


def _step(asking: Asking, value: Value, path: str) -> Expr:
    """A number, or the name of a scalar that has one."""
    text = fields.scalar(value, f"the step of {path}", "a number").text.strip()
    tensor = asking.graph.tensors.get(text)
    if tensor is not None and tensor.is_scalar and tensor in asking.graph.symbols:
        _check_numbers(asking, [Leaf(tensor)])
        return Leaf(tensor)
    step = fields.number(value, f"the step of {path}")
    if step <= 0:
        raise fields.schema_error(f"the step of {path} must be above 0, not {step}", value)
    text = fields.scalar(value, "step", "a number").text.strip()
    # Printed as it was written: 0.5, not 1/2.
    is_decimal = step.denominator != 1 and "/" not in text and "e" not in text.lower()
    return Numeric(Number(step), ((Decimal(text),),)) if is_decimal else Number(step)


def _written(value: Value) -> str:
    """The value as a file would write it."""
    return tidy(_plain(value))


def _plain(value: Value) -> str:
    if isinstance(value, Scalar):
        return value.text
    if isinstance(value, Table):
        return ", ".join(f"{key.text}: {_bracketed(entry)}" for key, entry in value.entries)
    return ", ".join(_bracketed(item) for item in fields.items(value, "a list"))


def _bracketed(value: Value) -> str:
    return value.text if isinstance(value, Scalar) else f"[{_plain(value)}]"


def _precision(asking: Asking) -> Precision:
    digits, exact = asking.body.get("digits"), asking.body.get("exact")
    found: int | None = None
    if digits is not None:
        path = f"digits of {asking.path}"
        number = fields.number(digits, path)
        if number.denominator != 1 or not 0 <= number <= keys.MOST_DIGITS:
            expected = f"{path} must be a whole number from 0 to {keys.MOST_DIGITS}"
            raise fields.schema_error(f"{expected}, not {_bracketed(digits)}", digits)
        found = int(number)
    return Precision(found, exact is not None and fields.flag(exact, f"exact of {asking.path}"))


def _items(asking: Asking, value: Value, path: str) -> Iterable[tuple[str, tuple[Leaf | Partial, ...]]]:
    items = fields.items(value, path, single=True)
    if not items:
        raise fields.schema_error(f"{path} names nothing", value, "write a list of names")
    for item in items:
        name = fields.scalar(item, path, "a list of names")
        yield tidy(name.text), tuple(_named(asking, name))


def _named(asking: Asking, name: Scalar) -> list[Leaf | Partial]:
    """What a name means: an array, the members of a family, a derivative."""
    graph, text = asking.graph, tidy(name.text)
    key = text.replace(" ", "")
    if key in graph.tensors:
        return [Leaf(graph.tensors[key])]
    family = graph.families.get(key)
    if family is not None:
        low, high = family.span or (min(family.members), max(family.members))
        members = [m for m in family.members if low <= m <= high]
        return [Leaf(graph.tensors[f"{key}[{member}]"]) for member in members]
    if key in asking.names:
        return [asking.names[key]]
    if "/" in text:
        return [read_partial(name, graph, asking.kind)]
    known = (*graph.tensors, *graph.families, *asking.names)
    raise problem(f"unknown symbol {text}", name.at, did_you_mean(text, known), "unknown-symbol")


def _gradients(asking: Asking, value: Value, path: str) -> Wanted:
    """Derivatives by these: of the loss where a name stands, as written where a derivative does."""
    named = dict(_items(asking, value, path))
    leaves = [leaf.tensor for found in named.values() for leaf in found if isinstance(leaf, Leaf)]
    loss = _loss(asking, leaves, value) if leaves else None
    wanted: dict[str, tuple[Leaf | Partial, ...]] = {}
    for name, found in named.items():
        wanted[name] = tuple(
            Partial(loss, one.tensor) if isinstance(one, Leaf) and loss is not None else one for one in found
        )
    partials = [one for found in wanted.values() for one in found if isinstance(one, Partial)]
    for one in partials:
        if one.by.is_label:
            raise fields.schema_error(f"{one.by.name} holds labels and has no gradient", value)
    _check_numbers(asking, partials)
    return wanted


def _loss(asking: Asking, by: list[Tensor], value: Value) -> Tensor:
    """The scalar that nothing else uses; of several the one that all of these reach."""
    graph = asking.graph
    used = {tensor for equation in graph.equations for tensor in equation.inputs}
    ends = [e.target for e in graph.equations if e.target not in used and e.target.is_scalar]
    if len(ends) > 1:
        ends = [end for end in ends if all(t in _ancestors(graph, [end]) for t in by)] or ends
    if not ends:
        raise fields.schema_error(
            "there is no loss: no equation ends in a scalar", value, "write the derivative, such as dL/dW"
        )
    if len(ends) > 1:
        raise fields.schema_error(
            f"which one is the loss: {', '.join(end.name for end in ends)}?", value,
            f"write the derivative, such as d{ends[0].name}/d{by[0].name}",
        )
    return ends[0]


def _ancestors(graph: Graph, tensors: Iterable[Tensor]) -> set[Tensor]:
    """These and all they are computed from."""
    needed = set(tensors)
    for equation in reversed(graph.equations):
        if equation.target in needed:
            needed |= set(equation.inputs)
    return needed


def _check_numbers(asking: Asking, wanted: Iterable[Leaf | Partial]) -> None:
    """All that is needed has numbers; what is arbitrary has none."""
    graph, given = asking.graph, asking.values
    tensors = [one.of if isinstance(one, Partial) else one.tensor for one in wanted]
    tensors += [one.by for one in wanted if isinstance(one, Partial)]
    needed = _ancestors(graph, tensors)
    missing = [t.name for t in graph.symbols if t in needed and t.name not in given.arrays and _is_open(t)]
    if missing:
        raise _missing(asking, missing)
    for equation in graph.equations:
        if equation.target not in needed:
            continue
        _check_known(asking, equation.target.name, equation.expr)
    names = {name for t in needed for dim in t.shape for name in dim.names}
    for equation in graph.equations:
        if equation.target in needed and equation.expr is not None:
            names |= _dims_in(equation.expr)
    sizes = sorted(name for name in names if name not in given.sizes)
    if sizes:
        raise _missing(asking, sizes)


def _is_open(tensor: Tensor) -> bool:
    return tensor.value is None and tensor.numpy_value is None


def _missing(asking: Asking, names: list[str]) -> InputError:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "has no value" if len(names) == 1 else "have no values"
    return fields.schema_error(
        f"{asking.path} asks for numbers, but {listed} {verb}", asking.value, f"add {listed} under values:"
    )


def _check_known(asking: Asking, name: str, expr: Expr | None) -> None:
    """Nothing arbitrary stands in an equation."""
    arbitrary = name if expr is None else None
    for node in expr.walk() if expr is not None else ():
        op = getattr(node, "op", None)
        if isinstance(op, Elementwise) and op.abstract:
            arbitrary = op.name
    if arbitrary is not None:
        raise fields.schema_error(
            f"{asking.path} asks for numbers, but {arbitrary} is an arbitrary function and has none",
            asking.value,
        )


def _dims_in(expr: Expr) -> set[str]:
    found: set[str] = set()
    for node in expr.walk():
        if isinstance(node, DimValue):
            found |= set(node.dim.names)
        elif isinstance(node, IndexValue):
            found |= {name for index, _ in node.indices for name in index.dim.names}
            found |= set(node.offset.names)
        elif isinstance(node, Reduce):
            found |= {name for bound in node.ranges for name in bound.index.dim.names}
    return found

