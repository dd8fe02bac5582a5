"""Python expressions as trees: built from templates, shared where they repeat, printed readably.

The trees are those of the standard ``ast`` module, so a template such as ``np.maximum({a}, 0.0)``
is parsed once and its placeholders are replaced by trees: no text is ever pasted into text, and
brackets are a matter of the printer alone. Everything here is pure: a tree has no side effects,
and names are bound once, which is what makes ``share`` correct.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Any

_SIGNS: Mapping[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", 5), ast.Sub: ("-", 5), ast.Mult: ("*", 6), ast.Div: ("/", 6), ast.FloorDiv: ("//", 6),
    ast.MatMult: ("@", 6), ast.Pow: ("**", 8),
}
_RELATIONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}
_COMPARE, _SUM, _PRODUCT, _MINUS, _POWER, _ATOM = 4, 5, 6, 7, 8, 10


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Fill(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def fill(template: str, values: Mapping[str, ast.expr]) -> ast.expr:
    """The tree of ``template`` with ``{name}`` replaced by ``values[name]``."""
    marks = {name: f"_{name}_slot" for name in values}
    tree = copy.deepcopy(_parsed(template.format_map(marks)))
    filled: ast.expr = _Fill({marks[name]: value for name, value in values.items()}).visit(tree)
    return filled


def rename(node: ast.expr, names: Mapping[str, str]) -> ast.expr:
    """The same tree with names replaced."""
    changed: ast.expr = _Fill({old: name(new) for old, new in names.items()}).visit(copy.deepcopy(node))
    return changed


def name(identifier: str) -> ast.expr:
    """A name."""
    return ast.Name(identifier, ast.Load())


def literal(value: Any) -> ast.expr:
    """A constant."""
    return ast.Constant(value)


def binary(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    """``left sign right``."""
    kind = next(kind for kind, (text, _) in _SIGNS.items() if text == sign)
    return ast.BinOp(left, kind(), right)


def minus(arg: ast.expr) -> ast.expr:
    """``-arg``; two signs cancel."""
    if isinstance(arg, ast.UnaryOp):
        return arg.operand
    first = arg
    while isinstance(first, ast.BinOp) and isinstance(first.op, (ast.Mult, ast.Div)):
        first = first.left
    if first is not arg and is_truth(first):  # the sign binds to the first factor, which cannot have one
        arg = binary(literal(1.0), "*", arg)
    return ast.UnaryOp(ast.USub(), arg)


def compare(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    """``left sign right``, a truth value or an array of them."""
    kind = next(kind for kind, text in _RELATIONS.items() if text == sign)
    return ast.Compare(left, [kind()], [right])


def call(function: str, *args: ast.expr, **keywords: ast.expr) -> ast.expr:
    """``function(args, keyword=value)``; ``function`` may be dotted."""
    head = copy.deepcopy(_parsed(function))
    return ast.Call(head, list(args), [ast.keyword(key, value) for key, value in keywords.items()])


def method(owner: ast.expr, attribute: str, *args: ast.expr, **keywords: ast.expr) -> ast.expr:
    """``owner.attribute(args)``."""
    head = ast.Attribute(owner, attribute, ast.Load())
    return ast.Call(head, list(args), [ast.keyword(key, value) for key, value in keywords.items()])


def attribute(owner: ast.expr, name_: str) -> ast.expr:
    """``owner.name``."""
    return ast.Attribute(owner, name_, ast.Load())


def subscript(owner: ast.expr, *slots: ast.expr) -> ast.expr:
    """``owner[slots]``."""
    key = slots[0] if len(slots) == 1 else ast.Tuple(list(slots), ast.Load())
    return ast.Subscript(owner, key, ast.Load())


def sequence(*items: ast.expr) -> ast.expr:
    """``(items)``."""
    return ast.Tuple(list(items), ast.Load())


COLON: ast.expr = ast.Slice(None, None, None)


def is_truth(node: ast.expr) -> bool:
    """Whether the value is boolean: numpy refuses to negate or subtract such an array."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):  # a view of it: (u > 0)[:, None]
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "isclose"
    return isinstance(node, ast.Compare)


def _strength(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        return _SIGNS[type(node.op)][1]
    if isinstance(node, ast.UnaryOp):  # -a * b is written without brackets, and then is a product
        return _PRODUCT if _is_product(node.operand, matrix=False) else _MINUS
    if isinstance(node, ast.Compare):
        return _COMPARE
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value < 0:
        return _MINUS
    return _ATOM


def _is_product(node: ast.expr, *, matrix: bool) -> bool:
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.MatMult, ast.Mult, ast.Div))
        and isinstance(node.op, ast.MatMult) is matrix
    )


def _bracket(node: ast.expr, needed: bool) -> str:
    return f"({show(node)})" if needed else show(node)


def _show_binary(node: ast.BinOp) -> str:
    sign, strength = _SIGNS[type(node.op)]
    if isinstance(node.op, ast.Pow):
        left = _bracket(node.left, _strength(node.left) <= _POWER)
        return f"{left} ** {_bracket(node.right, _strength(node.right) < _MINUS)}"
    # (A @ B) * C and (2 * A) @ B: the brackets are not needed, but a reader wants them.
    mixed = _is_product(node.left, matrix=sign != "@") if strength == _PRODUCT else False
    left = _bracket(node.left, _strength(node.left) < strength or mixed)
    return f"{left} {sign} {_bracket(node.right, _strength(node.right) <= strength)}"


def _show_slot(node: ast.expr) -> str:
    if isinstance(node, ast.Slice):
        low = show(node.lower) if node.lower else ""
        return f"{low}:{show(node.upper) if node.upper else ''}"
    if isinstance(node, ast.Tuple):
        return ", ".join(_show_slot(item) for item in node.elts)
    return show(node)


def _show_arguments(node: ast.Call) -> str:
    parts = [show(arg) for arg in node.args]
    parts += [f"{keyword.arg}={show(keyword.value)}" for keyword in node.keywords]
    return ", ".join(parts)


def show(node: ast.expr) -> str:
    """The source of a tree, with the brackets that a person would write."""
    match node:
        case ast.BinOp():
            return _show_binary(node)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            needed = _strength(operand) < _PRODUCT or _is_product(operand, matrix=True)
            return f"-{_bracket(operand, needed)}"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sides = [_bracket(side, _strength(side) <= _COMPARE) for side in (left, right)]
            return f"{sides[0]} {_RELATIONS[type(op)]} {sides[1]}"
        case ast.Call(func=func):
            return f"{show(func)}({_show_arguments(node)})"
        case ast.Attribute(value=value, attr=attr):
            return f"{_bracket(value, _strength(value) < _ATOM)}.{attr}"
        case ast.Subscript(value=value, slice=slot):
            return f"{_bracket(value, _strength(value) < _ATOM)}[{_show_slot(slot)}]"
        case ast.Constant(value=str() as text):
            return f'"{text}"'
        case ast.Tuple(elts=elts):
            return f"({', '.join(show(item) for item in elts)}{',' if len(elts) == 1 else ''})"
        case _:
            return ast.unparse(node)


def names_in(node: ast.AST) -> frozenset[str]:
    """Every name that stands in a tree."""
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))


@dataclass(frozen=True, slots=True)
class Assignment:
    """``target = value``, with the comment that stands behind it."""

    target: str
    value: ast.expr
    comment: str = ""


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.ListComp):  # its inside depends on the loop variable
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.keyword):
            yield child.value


class _Sharing:
    def __init__(self, arrays: AbstractSet[str], taken: set[str]) -> None:
        self.arrays = arrays
        self.taken = taken
        self.uses: dict[str, int] = {}
        self.bound: dict[str, str] = {}
        self.fresh: list[Assignment] = []

    def count(self, node: ast.expr) -> None:
        key = show(node)
        self.uses[key] = self.uses.get(key, 0) + 1
        if self.uses[key] == 1:
            for child in _operands(node):
                self.count(child)

    def worth_a_name(self, node: ast.expr) -> bool:
        work = isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.ListComp))
        return work and not self.arrays.isdisjoint(names_in(node))

    def rewrite(self, node: ast.expr, *, is_root: bool = False) -> ast.expr:
        key = show(node)
        if key in self.bound:
            return name(self.bound[key])
        if isinstance(node, ast.ListComp):
            changed: ast.expr = node
        else:
            changed = self._rebuild(node)
        if is_root or self.uses[key] < 2 or not self.worth_a_name(node):
            return changed
        number = 1
        while f"t{number}" in self.taken:
            number += 1
        self.taken.add(f"t{number}")
        self.bound[key] = f"t{number}"
        self.fresh.append(Assignment(f"t{number}", changed))
        return name(f"t{number}")

    def _rebuild(self, node: ast.expr) -> ast.expr:
        values: dict[str, Any] = {}
        for entry, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                values[entry] = self.rewrite(value)
            elif isinstance(value, list):
                values[entry] = [self._rebuild_item(item) for item in value]
            else:
                values[entry] = value
        rebuilt: ast.expr = type(node)(**values)
        return rebuilt

    def _rebuild_item(self, item: object) -> object:
        if isinstance(item, ast.expr):
            return self.rewrite(item)
        if isinstance(item, ast.keyword):
            return ast.keyword(item.arg, self.rewrite(item.value))
        return item


def share(lines: Sequence[Assignment], arrays: AbstractSet[str], taken: set[str]) -> tuple[Assignment, ...]:
    """Compute what occurs twice once: under the name of its own line, or of a new one (t1, t2, ...).

    ``arrays`` are the names worth the trouble: an expression without any of them is cheap. ``taken``
    are the names in use; new ones are added. Every target is assigned once, so equal source means
    equal value.
    """
    sharing = _Sharing(arrays, taken)
    for line in lines:
        sharing.count(line.value)
    done: list[Assignment] = []
    for line in lines:
        value = sharing.rewrite(line.value, is_root=True)
        done += [*sharing.fresh, Assignment(line.target, value, line.comment)]
        sharing.fresh.clear()
        if sharing.worth_a_name(line.value):
            sharing.bound.setdefault(show(line.value), line.target)
    return tuple(done)
