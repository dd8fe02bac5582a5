r"""Sums, products over an index, and indicators of a work: which index runs where."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    MatMul,
    Neg,
    Power,
    broadcast_shape,
)
from symbackprop.core.indexed import Comprehension, IndexValue, Range, Reduce, Run, Slice
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.reading.works.brackets import COMPARISONS
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.context import DOTS, UNKNOWN
from symbackprop.reading.works.derivatives import Items
from symbackprop.reading.works.ellipses import folded, is_dots
from symbackprop.reading.works.folding import FoldingReader
from symbackprop.reading.works.positions import is_letter
from symbackprop.reading.works.sets import places_of, such_that
from symbackprop.reading.works.spelling import scripts_of, spell
from symbackprop.reading.works.tree import Chain, Cmd, Group, Listed, Node, Product, Scripts, Sym, bare

Limits = tuple[list[Range], list[Index], tuple[Chain, ...]]
_BIG = {r"\sum ": "sum", r"\Sigma ": "sum", r"\prod ": "prod", r"\Pi ": "prod"}


class SumReader(FoldingReader):
    """Everything that binds an index."""

    def factors(self, items: Items, node: Node) -> Expr:
        """All factors as one expression; given by the reader of products."""
        raise NotImplementedError

    def marked(self, following: Node) -> Expr:
        bracket = bare(following.base) if isinstance(following, Scripts) else bare(following)
        assert isinstance(bracket, Group)
        body = bare(bracket.body)
        assert isinstance(body, Chain)
        value = self.indicator(body)
        if isinstance(following, Scripts):
            _, sup, _ = scripts_of(following)
            return self.raised(value, sup, following) if sup is not None else value
        return value

    def big(self, item: Node) -> str | None:
        """The binder that a piece is: a sum or product sign, max and min with something below."""
        base = bare(item.base) if isinstance(item, Scripts) else item
        if not isinstance(base, Sym):
            return None
        key = spell(base)
        found = _BIG.get(key)
        if key in (r"\Sigma ", r"\Pi "):
            sub = bare(item.sub) if isinstance(item, Scripts) else None
            return found if isinstance(sub, Chain) and not self.vocabulary.lookup(base) else None
        if (
            found is None
            and key in (r"\max ", r"\min ")
            and isinstance(item, Scripts)
            and item.sub is not None
        ):
            return key.strip()[1:]
        return found

    def reduced(self, item: Node, binder: str, rest: Items) -> Expr:
        """A sum with its range and everything behind it."""
        if not rest or rest[0][0]:
            raise Refused(f"nothing stands behind {spell(item).strip()}", item.start)
        if binder == "min":
            raise Refused("the least of several entries", item.start, "unknown")
        sub, sup, primes = scripts_of(item) if isinstance(item, Scripts) else (None, None, 0)
        if primes:
            raise Refused("a prime on a sum", item.start)
        if sub is None and sup is None:
            return self.unlimited(binder, rest, item)
        saved = dict(self.bound)
        ranges, indices, conditions = self.ranges(sub, sup, item)
        body = self.factors((("", rest[0][1]), *rest[1:]), item)
        extra: list[Expr] = []
        extra.extend(self.indicator(condition) for condition in conditions)
        self.bound = saved
        for index in indices:
            if index.dim == UNKNOWN:  # it stands nowhere: as far as it did in the lines before
                index.dim = self.vocabulary.ranges.get(index.letter, UNKNOWN)
            if index.dim == UNKNOWN:
                raise Refused(f"how far {index.letter} runs is not known", item.start, "unknown")
        if extra:
            body = MatMul((*extra, body))
        if isinstance(body, Reduce) and body.binder == binder and binder != "mean":
            return Reduce(binder, (*ranges, *body.ranges), body.body)
        if binder == "prod" and shape_of(body) not in (None, (ONE, ONE)):
            raise Refused("a product of arrays over an index", item.start, "unknown")
        if shape_of(body) not in (None, (ONE, ONE)):
            return self.line_sum(binder, ranges, body, item)
        return Reduce(binder, tuple(ranges), body)

    def unlimited(self, binder: str, rest: Items, item: Node) -> Expr:
        r"""``\sum x_i^2``: over all entries of an array, over the letters that stand only here."""
        outside, self.entrywise = self.entrywise, True
        body = self.factors((("", rest[0][1]), *rest[1:]), item)
        self.entrywise = outside
        if shape_of(body) != (ONE, ONE):
            return self.call(binder, (body,), item)
        within = [index for part in body.walk() if isinstance(part, IndexValue) for index, _ in part.indices]
        taken = {*self.bound, *self.context.outer}
        bound_here = {one.index for part in body.walk() if isinstance(part, Reduce) for one in part.ranges}
        letters = dict.fromkeys(
            index.letter for index in within if index.letter not in taken and index not in bound_here
        )
        if not letters:
            raise Refused(f"what {spell(item).strip()} without limits runs over", item.start, "unknown")
        saved = dict(self.bound)
        indices = [self.bind(Sym(item.start, item.stop, letter)) for letter in letters]
        body = self.factors((("", rest[0][1]), *rest[1:]), item)
        self.bound = saved
        if any(index.dim == UNKNOWN for index in indices):
            raise Refused(f"how far {indices[0].letter} runs is not known", item.start, "unknown")
        self.note(f"the sum without limits runs over {', '.join(letters)}")
        return Reduce(binder, tuple(Range(index) for index in indices), body)

    def line_sum(self, binder: str, ranges: list[Range], body: Expr, item: Node) -> Expr:
        r"""``\sum_n A_{n:}`` is colsum(A), ``\sum_k f(A_{:k})`` is rowsum(f(A)); others stay as they are."""
        index = ranges[0].index
        plain = binder == "sum" and len(ranges) == 1 and ranges[0] == Range(index)
        sliced = [part for part in body.walk() if isinstance(part, Slice) and _has(part, index)]
        uses = sum(isinstance(part, IndexValue) and any(one is index for one, _ in part.indices)
                   for part in body.walk())  # fmt: skip
        sides = {next(i for i, s in enumerate(part.slots) if isinstance(s, IndexValue)) for part in sliced}
        whole = all(_is_whole(part) for part in sliced) and _is_elementwise(body, sliced)
        bases = [part.base for part in sliced]
        members = any(_counted(base) for base in bases)  # a sum over the members of a family stays one
        if not plain or not whole or len(sides) != 1 or uses != len(sliced) or members:
            return Reduce(binder, tuple(ranges), body)

        def opened(expr: Expr) -> Expr:
            return (
                expr.base
                if any(expr is part for part in sliced) and isinstance(expr, Slice)
                else (self.reshaped(expr.map_children(opened)))
            )

        return self.call("colsum" if sides == {0} else "rowsum", (opened(body),), item)

    def reshaped(self, expr: Expr) -> Expr:
        """A call with the shape that its arguments have now."""
        if isinstance(expr, Call) and expr.op.kind in ("elementwise", "function"):
            return replace(expr, call_shape=broadcast_shape(expr.args))
        return expr

    def ranges(
        self, sub: Node | None, sup: Node | None, item: Node
    ) -> Limits:
        r"""The ranges below a sum: ``i, j``, ``ij``, ``i = 1``, ``j \neq i``, ``n \in B``, ``n : y = c``."""
        inner = bare(sub)
        high = self.last(sup)
        if inner is None:
            raise Refused("a sum with nothing below", item.start)
        if isinstance(inner, Cmd) and inner.name == r"\substack":
            inner = bare(inner.args[0])
        if isinstance(inner, Listed):
            parts = [part for _, part in inner.items if part is not None]
            if (places := such_that(inner)) is not None:
                ranges, indices, _ = self.plain_ranges(parts[:1], high)
                return ranges, indices, places.conditions
            if any(isinstance(part, Chain) for part in parts):
                raise Refused("several ranges in one sum", inner.start)
            return self.plain_ranges(parts, high)
        if isinstance(inner, Product) and not any(op for op, _ in inner.items):
            return self.plain_ranges([part for _, part in inner.items if part is not None], high)
        if isinstance(inner, Chain):
            return self.related_range(inner, high, item)
        assert inner is not None
        return self.plain_ranges([inner], high)

    def last(self, sup: Node | None) -> IndexValue | None:
        """Where a sum ends; None for the end of the range, also where that has its own name (``n_2``)."""
        if sup is None or spell(sup) in ("", r"\infty "):
            return None
        known = set(self.context.letters)
        found = self.position(sup)
        for index, _ in found.indices:
            if index.letter not in known and index.letter not in self.bound:
                del self.context.letters[index.letter]
                self.note(f"{index.letter} is where the range of the sum ends")
                return None
        return found

    def set_range(self, letter: Node, node: Node) -> Limits:
        r"""``k \in S``: the places of a set that is written out, or that the work has named."""
        places = places_of(node, self.vocabulary)
        if places is None:
            raise Refused("a sum over a set", letter.start, "unknown")
        index = self.bind(letter)
        if places.low is None or places.high is None:
            return [Range(index)], [index], places.conditions_on(index.letter)
        low, high = self.position(places.low), self.position(places.high)
        if not high.indices:
            index.dim = high.offset
        return [Range(index, low, high)], [index], ()

    def counted_up(self, body: Listed) -> Expr | None:
        r"""``p_1, \dots, p_n`` as a vector; None for a list without dots, or one that does not count."""
        dotted = any(is_dots(one) for _, one in body.items)
        if not dotted or any(sep not in ("", ",") for sep, _ in body.items):
            return None
        pieces = [("+" if place else "", item) for place, (_, item) in enumerate(body.items)]
        run = folded(pieces, r"\sum", (*self.bound, *self.context.letters))
        if len(run) != 1 or not isinstance(run[0][1], Product):
            return None
        (_, head), (_, entry) = run[0][1].items
        if not isinstance(head, Scripts) or entry is None:
            return None
        saved = dict(self.bound)
        ranges, (index,), _ = self.ranges(*scripts_of(head)[:2], head)
        value = self.value(entry)
        self.bound = saved
        if ranges[0].low not in (None, IndexValue((), ONE)) or shape_of(value) != (ONE, ONE):
            return None
        across = self.graph.convention.vectors_are_rows
        return Comprehension(None if across else index, index if across else None, value)

    def plain_ranges(self, parts: list[Node], high: IndexValue | None) -> Limits:
        indices = [self.bind(part) for part in parts]
        if high is not None:
            for index in indices:
                index.dim = high.offset if not high.indices else UNKNOWN
            return [Range(index, IndexValue((), ONE), high) for index in indices], indices, ()
        return [Range(index) for index in indices], indices, ()

    def related_range(self, chain: Chain, high: IndexValue | None, item: Node) -> Limits:
        if len(chain.members) != 2:
            raise Refused("this range", chain.start)
        (_, left), (relation, right) = chain.members
        if left is None or right is None:
            raise Refused("this range", chain.start)
        if relation == r"\in":
            return self.set_range(left, right)
        op = COMPARISONS.get(relation)
        if op is None:
            raise Refused("this range", chain.start)
        letter = bare(left)
        assert letter is not None
        if op == "=":
            index = self.bind(letter)
            dots = self.last_of_dots(right)
            low = self.position(dots[0] if dots else right)
            last = self.position(dots[1]) if dots else high
            if last is None:
                if low == IndexValue((), ONE):
                    return [Range(index)], [index], ()
                raise Refused("a sum with a first value and no last one", chain.start)
            if not last.indices:
                index.dim = last.offset
            elif index.dim == UNKNOWN:
                index.dim = Dim(0)
            return [Range(index, low, last)], [index], ()
        other = self.position(right)
        index = self.bind(letter)
        if other.single is not None and op == "!=":
            index.dim = other.single.dim
        return [Range(index, None, high, (op, other))], [index], ()

    def last_of_dots(self, node: Node) -> tuple[Node, Node] | None:
        r"""First and last of ``1, \dots, n`` or ``1..n``."""
        inner = bare(node)
        if isinstance(inner, Listed) and len(inner.items) == 3:
            middle = bare(inner.items[1][1])
            if isinstance(middle, Sym) and middle.name in DOTS and inner.items[0][1] and inner.items[2][1]:
                return inner.items[0][1], inner.items[2][1]
        return None

    def bind(self, node: Node) -> Index:
        key = spell(node).strip()
        if not is_letter(key):
            raise Refused(f"{key} is no index", node.start)
        index = Index(UNKNOWN, key)
        self.bound = {**self.bound, key: index}
        return index


def _counted(base: Expr) -> bool:
    """Whether the first axis of an array counts the members of a family."""
    tensor = base.array
    return tensor is not None and bool(tensor.over)


def _has(part: Slice, index: Index) -> bool:
    return any(isinstance(slot, IndexValue) and slot.single is index for slot in part.slots)


def _is_whole(part: Slice) -> bool:
    """Whether a slice of a matrix is a row or a column."""
    runs = [slot for slot in part.slots if isinstance(slot, Run)]
    return len(part.slots) == 2 and len(runs) == 1 and runs[0].low == IndexValue((), ONE)


def _is_elementwise(body: Expr, sliced: list[Slice]) -> bool:
    """Whether an expression is its slices entry by entry: no product of arrays stands in it."""
    if any(body is part for part in sliced) or shape_of(body) == (ONE, ONE):
        return True
    if isinstance(body, Call) and body.op.kind not in ("elementwise", "function"):
        return False
    known = isinstance(body, Call | Hadamard | Add | Neg | Power | Divide | Slice)
    return known and all(_is_elementwise(part, sliced) for part in body.children)
