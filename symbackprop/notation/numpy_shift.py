"""Exponentials that only stand in quotients, shifted so that none overflows: masked and weighted softmaxes.

    t = np.exp(A);  P = mask * t / (mask * t).sum(axis=1)[:, None]
    t = np.exp(A - A.max(axis=1, keepdims=True))                       with A = -inf where the mask says 0

A factor for each line that is summed over changes no such quotient. A line is left alone unless every use of
it is followed to a quotient in which that factor cancels.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from symbackprop.notation import pycode as py

# A value that is t times things without t; its sum over the axis; that sum with the axis put back.
Tag = Literal["whole", "summed", "back"]


class _Unknown(Exception):
    """A use in which the factor is not seen to cancel."""


@dataclass(slots=True)
class _Uses:
    """The values that ``target`` stands in, line by line."""

    target: str
    is_flat: bool
    flat: AbstractSet[str]
    tags: dict[str, Tag] = field(default_factory=dict)
    axis: int | None = None
    masks: dict[str, ast.expr] = field(default_factory=dict)
    bare: bool = False  # summed without a mask
    cancelled: bool = False
    values: dict[str, ast.expr] = field(default_factory=dict)
    above: list[ast.expr] = field(default_factory=list)  # what is divided by a sum put back

    def tag(self, node: ast.expr) -> Tag | None:
        """How the factor stands in a value; None where it does not."""
        if py.names_in(node).isdisjoint((self.target, *self.tags)):
            return None
        match node:
            case ast.Name(id=name):
                return "whole" if name == self.target else self.tags[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.tag(inner)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(left, right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._quotient(left, self.tag(left), self.tag(right))
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._matrix_product(left, right)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name), args=args):
                return self._call(name, args, node)
            case ast.Call(func=ast.Attribute(value=inner, attr="sum"), args=[], keywords=keywords):
                return self._summed(inner, keywords)
            case ast.Subscript(value=inner, slice=ast.Tuple(elts=elts)) if self.tag(inner) == "summed":
                nones = [at for at, e in enumerate(elts) if isinstance(e, ast.Constant) and e.value is None]
                if nones == [self.axis]:
                    return "back"
        self._refuse_inside(node)
        return None

    def _refuse_inside(self, node: ast.expr) -> None:
        """Anything else may hold values in which the factor has cancelled."""
        for child in ast.iter_child_nodes(node):
            inner = child.value if isinstance(child, ast.keyword) else child
            if isinstance(inner, ast.expr) and self.tag(inner) is not None:
                raise _Unknown

    def _product(self, left: ast.expr, right: ast.expr) -> Tag | None:
        tags = (self.tag(left), self.tag(right))
        if tags[0] is None or tags[1] is None:
            found = tags[0] or tags[1]
            if found == "summed" and not any(isinstance(one, ast.Constant) for one in (left, right)):
                raise _Unknown
            return found
        raise _Unknown

    def _quotient(self, top: ast.expr, above: Tag | None, below: Tag | None) -> Tag | None:
        if below is None:
            return above
        if (above, below) in (("whole", "back"), ("summed", "summed"), ("back", "back")):
            if above == "whole":
                self.above.append(top)
            self.cancelled = True
            return None
        raise _Unknown

    def is_masked(self, node: ast.expr, mask: str) -> bool:
        """Whether a value is one that the mask chooses."""
        parts = [node, *(self.values[name] for name in py.names_in(node) if name in self.values)]
        compared = (part for one in parts for part in ast.walk(one) if isinstance(part, ast.Compare))
        return any(py.show(part) == mask for part in compared)

    def _along(self, axis: int) -> None:
        if self.axis not in (None, axis):
            raise _Unknown
        self.axis = axis

    def _noted(self, node: ast.expr) -> None:
        """The mask under a sum: a comparison that t is multiplied by, or that np.where chooses by."""
        for part in ast.walk(node):
            if isinstance(part, ast.Compare):
                self.masks.setdefault(py.show(part), part)
                return
        self.bare = True

    def _summed(self, inner: ast.expr, keywords: Sequence[ast.keyword]) -> Tag | None:
        tag = self.tag(inner)
        if tag is None:
            return None
        if tag != "whole":
            raise _Unknown
        self._noted(inner)
        if self.is_flat and not keywords:
            self._along(0)
            return "back"
        value = keywords[0].value if len(keywords) == 1 and keywords[0].arg == "axis" else None
        if not isinstance(value, ast.Constant) or not isinstance(value.value, int):
            raise _Unknown
        self._along(value.value)
        return "summed"

    def _matrix_product(self, left: ast.expr, right: ast.expr) -> Tag | None:
        """A vector of weights times t is a sum over its first axis, t times one over its last."""
        tags = (self.tag(left), self.tag(right))
        if tags == (None, None):
            return None
        other = right if tags[0] is not None else left
        vector = isinstance(other, ast.Name) and other.id in self.flat
        if None not in tags or "whole" not in tags or not vector:
            raise _Unknown
        self.bare = True
        if self.is_flat:
            self._along(0)
            return "back"
        self._along(0 if tags[0] is None else 1)
        return "back" if tags[0] is None else "summed"

    def _call(self, name: str, args: Sequence[ast.expr], node: ast.expr) -> Tag | None:
        if name == "where" and len(args) == 3 and isinstance(args[2], ast.Constant) and args[2].value == 0:
            return self.tag(args[1])
        if name == "sum" and len(args) == 1 and self.is_flat:
            return self._summed(args[0], ())
        if name == "einsum" and isinstance(args[0], ast.Constant):
            return self._einsum(str(args[0].value), args[1:])
        self._refuse_inside(node)
        return None

    def _einsum(self, scripts: str, parts: Sequence[ast.expr]) -> Tag | None:
        letters, _, kept = scripts.partition("->")
        tagged = [(own, part) for own, part in zip(letters.split(","), parts, strict=True) if self.tag(part)]
        if not tagged:
            return None
        own, part = tagged[0]
        gone = [at for at, letter in enumerate(own) if letter not in kept]
        left = "".join(letter for letter in own if letter in kept)
        if len(tagged) > 1 or self.tag(part) != "whole" or len(gone) != 1 or left != kept:
            raise _Unknown
        for other in parts:
            if other is not part or any(isinstance(one, ast.Compare) for one in ast.walk(part)):
                self._noted(other)
        self._along(gone[0])
        return "summed"


def shifted(
    lines: Sequence[py.Assignment], results: AbstractSet[str], flat: AbstractSet[str]
) -> list[py.Assignment]:
    """The lines with such exponentials shifted; ``flat`` are the names of 1-D arrays."""
    done = list(lines)
    for line in lines:
        match line.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="exp"), args=[arg]):
                if line.target not in results:
                    place = next(at for at, one in enumerate(done) if one is line)
                    done[place : place + 1] = _shifted(line, arg, done[place + 1 :], results, flat)
    return done


def _shifted(
    line: py.Assignment,
    arg: ast.expr,
    after: Sequence[py.Assignment],
    results: AbstractSet[str],
    flat: AbstractSet[str],
) -> list[py.Assignment]:
    uses = _Uses(line.target, line.target in flat or _is_flat(arg, flat), flat)
    try:
        for one in after:
            tag = uses.tag(one.value)
            if tag is not None and one.target in results:
                return [line]
            if tag is not None:
                uses.tags[one.target] = tag
                uses.values[one.target] = one.value
    except _Unknown:
        return [line]
    if uses.axis is None or not uses.cancelled or len(uses.masks) > 1 or (uses.masks and uses.bare):
        return [line]
    if not all(uses.is_masked(top, mask) for mask in uses.masks for top in uses.above):
        return [line]
    taken = {one.target for one in (line, *after)}.union(*(py.names_in(one.value) for one in (line, *after)))
    name = next(f"u{count}" for count in range(1, len(taken) + 2) if f"u{count}" not in taken)
    value = arg
    for mask in uses.masks.values():
        value = py.call("np.where", mask, arg, py.fill("-np.inf", {}))
    before = [] if isinstance(value, ast.Name) else [py.Assignment(name, value, "")]
    whole = value if isinstance(value, ast.Name) else py.name(name)
    most = py.method(whole, "max", axis=py.literal(uses.axis), keepdims=py.literal(True))
    return [*before, py.Assignment(line.target, py.call("np.exp", py.binary(whole, "-", most)), line.comment)]


def _is_flat(node: ast.expr, flat: AbstractSet[str]) -> bool:
    """Whether an argument is a 1-D array by its looks."""
    return isinstance(node, ast.Name) and node.id in flat
