"""Softmax and log-sum-exp that an author wrote out, computed so that no exponential overflows.

    exp(A) / exp(A).sum()      softmax(A)           also where exp(A) and its sum have lines of their own
    log(exp(A).sum())          logsumexp(A)
    log(softmax(A))            log_softmax(A)       where a probability may be 0 in float64

The three functions shift their argument by its largest entry, which changes none of these values. What is
matched is the code: it has few shapes, however the formula was spelled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from symbackprop.notation import pycode as py

SOFTMAX = '''def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
'''
LOGSUMEXP = '''def logsumexp(z, axis):
    m = z.max(axis=axis, keepdims=True)
    return np.squeeze(m, axis=axis) + np.log(np.exp(z - m).sum(axis=axis))
'''
LOG_SOFTMAX = '''def log_softmax(z, axis):
    s = z - z.max(axis=axis, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=axis, keepdims=True))
'''

Axis = int | None


@dataclass(frozen=True, slots=True)
class _SumOfExp:
    """``np.exp(arg)`` summed over ``axis`` (None: over everything)."""

    arg: ast.expr
    axis: Axis


@dataclass(slots=True)
class _Stabiliser:
    """``lines`` are the values of names so far; ``flat`` the names that are held as 1-D arrays."""

    flat: AbstractSet[str]
    lines: dict[str, ast.expr] = field(default_factory=dict)
    helpers: dict[str, None] = field(default_factory=dict)

    def value_of(self, node: ast.expr) -> ast.expr:
        """What a name stands for, to the end."""
        while isinstance(node, ast.Name) and node.id in self.lines:
            node = self.lines[node.id]
        return node

    def exponent(self, node: ast.expr) -> ast.expr | None:
        """A where the value is ``np.exp(A)``."""
        match self.value_of(node):
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="exp"), args=[arg]):
                return arg
            case _:
                return None

    def sum_of_exp(self, node: ast.expr) -> _SumOfExp | None:
        """The sum of exponentials that a value is."""
        match self.value_of(node):
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="sum"), args=[inner], keywords=[]):
                axis: Axis = None
            case ast.Call(func=ast.Attribute(value=inner, attr="sum"), args=[], keywords=keywords):
                if len(keywords) > 1 or any(key.arg != "axis" for key in keywords):
                    return None
                found = keywords[0].value if keywords else ast.Constant(None)
                if not isinstance(found, ast.Constant):
                    return None
                axis = found.value  # type: ignore[assignment]
            case _:
                return None
        arg = self.exponent(inner)
        if arg is None:
            return None
        if axis is not None and isinstance(arg, ast.Attribute) and arg.attr == "T":
            arg, axis = arg.value, 1 - axis
        if axis is None and isinstance(arg, ast.Name) and arg.id in self.flat:
            axis = 0
        return _SumOfExp(arg, axis)

    def divisor(self, node: ast.expr) -> tuple[_SumOfExp, str] | None:
        """A divisor that is a sum of exponentials: along rows, columns, an axis of more; a number."""
        match node:
            case ast.Subscript(value=inner, slice=ast.Tuple(elts=[ast.Slice(), ast.Constant(value=None)])):
                found, way = self.sum_of_exp(inner), "row"
            case ast.Subscript(value=inner, slice=ast.Tuple(elts=[ast.Constant(value=None), ast.Slice()])):
                found, way = self.sum_of_exp(inner), "column"
            case ast.Subscript(value=inner, slice=ast.Tuple(elts=elts)) if len(elts) > 2:
                found = self.sum_of_exp(inner)
                return (found, "aligned") if found is not None and _is_put_back(elts, found.axis) else None
            case _:
                found, way = self.sum_of_exp(node), ""
        if found is None:
            return None
        flat = isinstance(found.arg, ast.Name) and found.arg.id in self.flat
        way = way or ("number" if found.axis is None or flat else {0: "column", 1: ""}[found.axis])
        if way == "number" or (way, found.axis) in (("row", 1), ("column", 0)):
            return found, way
        return None

    def call(self, name: str, source: str, of: _SumOfExp) -> ast.expr:
        """A call of one of the three functions."""
        self.helpers[source] = None
        return py.call(name, of.arg, axis=py.literal(of.axis))

    def divided(self, node: ast.expr, of: _SumOfExp, way: str) -> ast.expr | None:
        """``node`` over the sum, if exp(A) is a factor of it that the division may be drawn to."""
        arg = self.exponent(node)
        if arg is not None:
            return self.call("softmax", SOFTMAX, of) if py.show(arg) == py.show(of.arg) else None

        def again(part: ast.expr) -> ast.expr | None:
            return self.divided(part, of, way)

        match node:
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.MatMult() as sign, right=right):
                matrix = isinstance(sign, ast.MatMult)
                if matrix and way == "aligned":
                    return None
                first = None if matrix and way == "column" else again(left)
                if first is not None:
                    return ast.BinOp(first, sign, right)
                if isinstance(sign, ast.Div) or (matrix and way == "row"):
                    return None
                second = again(right)
                return None if second is None else ast.BinOp(left, sign, second)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return _rebuilt(again(inner), py.minus)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=attr), args=args):
                if way != "number" or attr not in ("outer", "einsum", "sum"):
                    return None
                for place, part in enumerate(args):
                    new = None if isinstance(part, ast.Constant) else again(part)
                    if new is not None:
                        return ast.Call(node.func, [*args[:place], new, *args[place + 1 :]], node.keywords)
            case ast.Subscript(value=inner) | ast.Attribute(value=inner, attr="T") if way == "number":
                return _rebuilt(again(inner), lambda new: _with_value(node, new))
        return None

    def quotient(self, node: ast.BinOp) -> ast.expr | None:
        """``... exp(A) ... / sum(exp(A))``, the divisor anywhere in a chain of products."""
        if isinstance(node.op, ast.Div):
            found = self.divisor(node.right)
            if found is not None:
                return self.divided(node.left, *found)
            return None
        for side, other in ((node.left, node.right), (node.right, node.left)):
            fraction = self.fraction(side)
            found = None if fraction is None else self.divisor(fraction.right)
            new = None if found is None else self.divided(other, *found)
            if fraction is not None and new is not None:
                one = isinstance(fraction.left, ast.Constant) and fraction.left.value == 1
                return new if one else ast.BinOp(fraction.left, node.op, new)
        return None

    def fraction(self, node: ast.expr) -> ast.BinOp | None:
        """``a / b``, ``(1 / b)[:, None]``, or r and ``r[:, None]`` where r is a line ``1 / b``."""
        match node:
            case ast.BinOp(op=ast.Div()):
                return node
            case ast.Subscript(value=ast.BinOp(left=ast.Constant(value=1) as one, op=ast.Div(), right=below)):
                return ast.BinOp(one, ast.Div(), _with_value(node, below))
            case ast.Name() | ast.Subscript(value=ast.Name()):
                value = self.value_of(node.value if isinstance(node, ast.Subscript) else node)
                match value:
                    case ast.BinOp(left=ast.Constant(value=1) as one, op=ast.Div(), right=below):
                        new = _with_value(node, below) if isinstance(node, ast.Subscript) else below
                        return ast.BinOp(one, ast.Div(), new)
        return None

    def log(self, node: ast.expr) -> ast.expr | None:
        """``np.log`` of a sum of exponentials, or of a softmax."""
        found = self.sum_of_exp(node)
        if found is not None:
            return self.call("logsumexp", LOGSUMEXP, found)
        match node:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner, attr="T"):
                return _rebuilt(self.log(inner), lambda new: _with_value(node, new))
        match self.value_of(node):
            case ast.Call(func=ast.Name(id="softmax"), args=[arg], keywords=[ast.keyword(value=axis)]):
                self.helpers[LOG_SOFTMAX] = None
                return py.call("log_softmax", arg, axis=axis)
        return None

    def stable(self, node: ast.expr) -> ast.expr:
        """The tree with what is recognised replaced, inside out."""
        changed = _mapped(node, self.stable)
        new: ast.expr | None = None
        match changed:
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                new = self.quotient(changed)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="log"), args=[arg]):
                new = self.log(arg)
        return changed if new is None else new


def stabilised(
    lines: Sequence[py.Assignment], results: AbstractSet[str], flat: AbstractSet[str]
) -> tuple[list[py.Assignment], tuple[str, ...]]:
    """The lines without exponentials that overflow, and the sources of the functions they call now.

    ``results`` are the names that are given back: other lines that nothing needs any more are dropped.
    ``flat`` are the names of 1-D arrays.
    """
    work = _Stabiliser(flat)
    done: list[py.Assignment] = []
    for line in lines:
        value = work.stable(line.value)
        work.lines[line.target] = value
        done.append(line if value is line.value else py.Assignment(line.target, value, line.comment))
    if not work.helpers:
        return list(lines), ()
    needed = set(results)
    kept: list[py.Assignment] = []
    for line in reversed(done):
        if line.target in needed:
            kept.append(line)
            needed |= py.names_in(line.value)
    called = {name for line in kept for name in py.names_in(line.value)}
    sources = tuple(s for s in work.helpers if s.removeprefix("def ").partition("(")[0] in called)
    return kept[::-1], sources


def _is_put_back(elts: Sequence[ast.expr], axis: Axis) -> bool:
    """Whether ``[:, None, :]`` puts back the axis that was summed over, and nothing else."""
    return all(
        (isinstance(elt, ast.Constant) and elt.value is None)
        if place == axis
        else (isinstance(elt, ast.Slice) and elt.lower is elt.upper is elt.step is None)
        for place, elt in enumerate(elts)
    )


def _rebuilt(new: ast.expr | None, build: Callable[[ast.expr], ast.expr]) -> ast.expr | None:
    return None if new is None else build(new)


def _with_value(node: ast.Subscript | ast.Attribute, value: ast.expr) -> ast.expr:
    if isinstance(node, ast.Subscript):
        return ast.Subscript(value, node.slice, node.ctx)
    return ast.Attribute(value, node.attr, node.ctx)


def _mapped(node: ast.expr, change: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """The tree with ``change`` applied to each operand (itself if nothing changed)."""
    if isinstance(node, ast.ListComp):
        return node
    values: dict[str, Any] = {}
    same = True
    for name, value in ast.iter_fields(node):
        new: object = value
        if isinstance(value, ast.expr):
            new = change(value)
        elif isinstance(value, list):
            new = [_item(item, change) for item in value]
            new = value if all(a is b for a, b in zip(value, new, strict=True)) else new
        same = same and new is value
        values[name] = new
    rebuilt: ast.expr = node if same else type(node)(**values)
    return rebuilt


def _item(item: object, change: Callable[[ast.expr], ast.expr]) -> object:
    if isinstance(item, ast.expr):
        return change(item)
    if isinstance(item, ast.keyword):
        new = change(item.value)
        return item if new is item.value else ast.keyword(item.arg, new)
    return item
