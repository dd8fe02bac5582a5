"""``assume:`` formulas as facts of the inputs: ``rowsum(Y) = 1``, ``sum[k](y[k]) = 1``, ``x > 0``.

What no fact says is refused by name; nothing is assumed about quantities that an equation defines.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Facts, Tensor
from symbackprop.errors import did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.parser import parse_relation
from symbackprop.reading.syntax import Apply, Bind, Name, Node, Num, Relation, Sub, Turned, show
from symbackprop.reading.yaml_tree import Scalar, Value, problem

_HINT = "such as 'rowsum(Y) = 1', 'sum[k](y[k]) = 1', 'x > 0', 'x != 0' or 'A = A^T'"


def read_assumptions(value: Value, graph: Graph) -> tuple[str, ...]:
    """Set the facts of the symbols of ``graph``; the texts, white space tidied."""
    texts = []
    for item in fields.items(value, "assume", single=True):
        formula = fields.scalar(item, "assume", "a formula such as 'sum(y) = 1'")
        relation = parse_relation(formula.text, {*graph.tensors, *graph.dims}, formula.origin)
        name = _about(relation)
        if name is None:
            raise _unknown_fact(formula)
        tensor = _input(name, graph, formula)
        facts = _facts(relation, tensor)
        if facts is None:
            raise _unknown_fact(formula)
        tensor.facts = facts
        texts.append(" ".join(formula.text.split()))
    return tuple(texts)


def _unknown_fact(formula: Scalar) -> Exception:
    return fields.later(f"the assumption {' '.join(formula.text.split())}", formula, _HINT)


def _about(relation: Relation) -> Name | None:
    """The one name that an assumption is about."""
    left: Node = relation.left
    if isinstance(left, Apply) and left.name in ("sum", "rowsum", "colsum") and len(left.args) == 1:
        left = left.args[0]
    elif isinstance(left, Bind) and left.binder == "sum":
        left = left.body
    if isinstance(left, Sub):
        left = left.base
    return left if isinstance(left, Name) else None


def _input(name: Name, graph: Graph, formula: Scalar) -> Tensor:
    tensor = graph.tensors.get(name.name)
    if tensor is None:
        hint = did_you_mean(name.name, graph.tensors)
        raise problem(f"unknown symbol {name.name}", name.at, hint, "unknown-symbol")
    if tensor not in graph.symbols:
        raise fields.schema_error(
            f"{name.name} is defined by an equation; assumptions are about inputs only", formula
        )
    return tensor


def _facts(relation: Relation, tensor: Tensor) -> Facts | None:
    """What the tensor's facts become; None for what no fact says."""
    left, op, right = relation.left, relation.op, relation.right
    number = right.value if isinstance(right, Num) else None
    if isinstance(left, Apply | Bind):
        return _sums_to_one(left, tensor) if op == "=" and number == 1 else None
    if not isinstance(left, Name) and not _is_any_entry(left):
        return None
    if number == 0 and op in (">", "!="):
        return replace(tensor.facts, positive=True) if op == ">" else replace(tensor.facts, nonzero=True)
    turned = isinstance(right, Turned) and show(right.base) == show(left)
    if op == "=" and turned and tensor.rank == 2 and tensor.shape[0] == tensor.shape[1]:
        return replace(tensor.facts, symmetric=True)
    return None


def _is_any_entry(node: Node) -> bool:
    """``y[k]`` with letters of its own: what is said of it is said of every entry."""
    if not isinstance(node, Sub):
        return False
    letters = [slot.name for slot in node.slots if isinstance(slot, Name)]
    return len(letters) == len(node.slots) == len(set(letters))


def _sums_to_one(total: Apply | Bind, tensor: Tensor) -> Facts | None:
    """The sum over all entries, or along the feature index, is 1."""
    axes = _summed_axes(total, tensor)
    if axes is None:
        return None
    if axes == {tensor.feature_axis}:
        return replace(tensor.facts, sums_to_one=True)
    if axes == set(range(tensor.rank)):
        return replace(tensor.facts, whole_sum_is_one=True)
    return None


def _summed_axes(total: Apply | Bind, tensor: Tensor) -> set[int | None] | None:
    """The declared axes that are summed over."""
    if isinstance(total, Apply):
        if not isinstance(total.args[0], Name):
            return None
        if total.name == "sum":
            return set(range(tensor.rank))
        return {tensor.axis_of_side(1 if total.name == "rowsum" else 0)}
    bound = {bounds.index for bounds in total.ranges}
    whole = all(b.low is None and b.high is None and b.op is None for b in total.ranges)
    if not whole or not _is_any_entry(total.body) or not isinstance(total.body, Sub):
        return None
    letters = [slot.name for slot in total.body.slots if isinstance(slot, Name)]
    if len(letters) != tensor.rank or not bound <= set(letters):
        return None
    return {axis for axis, letter in enumerate(letters) if letter in bound}
