r"""Products, functions and sums of a work: a flat list of factors in, one typed expression out.

How far a function and ``\sum`` reach, that ``\odot`` binds less tightly than juxtaposition, whether a
bracket is an argument, an index or a factor: what declarations and shapes leave open is a choice.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Add, Expr, MatMul, Neg, Number
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Ones, shape_of
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import BARS
from symbackprop.reading.works.context import DOTS
from symbackprop.reading.works.derivatives import Items
from symbackprop.reading.works.ellipses import folded
from symbackprop.reading.works.marks import MarkReader
from symbackprop.reading.works.positions import is_letter
from symbackprop.reading.works.spelling import scripts_of, spell, without_remarks
from symbackprop.reading.works.tree import (
    Chain,
    Cmd,
    Env,
    Group,
    Listed,
    Node,
    Note,
    Num,
    Product,
    Scripts,
    Sum,
    Sym,
    Word,
    bare,
)
from symbackprop.reading.works.vocabulary import Function


class Meaning(MarkReader):
    """The reader of sides."""

    def value(self, node: Node | None) -> Expr:
        inner = bare(node)
        if inner is None:
            raise Refused("an operand is missing", node.start if node is not None else 0)
        return self.noted(self._value(inner), inner)

    def _value(self, node: Node) -> Expr:
        match node:
            case Num():
                return self.number(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Group():
                return self.group(node)
            case Env():
                return self.environment(node)
            case Sym() | Word() | Scripts() | Cmd():
                return self.factors((("", node),), node)
            case Chain():
                raise Refused("a relation inside a formula", node.places[0])
            case Listed():
                return self.listed(node)
            case Note():
                raise Refused(f"{node.text} in a formula", node.start)
        raise Refused("this piece", node.start)

    def listed(self, node: Listed) -> Expr:
        kept = [item for _, item in node.items if item is not None and without_remarks(item) is not None]
        if len(kept) == 1 and not any(sep in BARS for sep, _ in node.items):
            return self.value(kept[0])
        raise Refused("several formulas where one is wanted", node.start)

    def sum(self, node: Sum) -> Expr:
        terms: list[Expr] = []
        for sign, term in folded(node.terms, r"\sum", (*self.bound, *self.context.letters)):
            if term is None:
                raise Refused("a term is missing", node.stop)
            if sign not in ("", "+", "-"):
                raise Refused(f"the sign {sign}", term.start, "unknown")
            value = self.value(term)
            terms.append(Neg(value) if sign == "-" else value)
        return terms[0] if len(terms) == 1 else Add(tuple(self.sized(terms)))

    def sized(self, terms: list[Expr]) -> list[Expr]:
        r"""Ones in a sum: alone they are 1; ``\mathbf 1 b^T`` is as high as the terms beside it."""
        shapes = [shape for term in terms if (shape := shape_of(term)) is not None and shape != (ONE, ONE)]
        found: list[Expr] = []
        for term in terms:
            bare_term = term.arg if isinstance(term, Neg) else term
            if isinstance(bare_term, Ones):
                one = Number(Fraction(1))
                found.append(Neg(one) if isinstance(term, Neg) else one)
                continue
            if isinstance(bare_term, MatMul) and isinstance(bare_term.factors[0], Ones) and shapes:
                ones = self.of_extent(shapes[0][0])
                if ones is not None:
                    product = MatMul((ones, *bare_term.factors[1:]))
                    found.append(Neg(product) if isinstance(term, Neg) else product)
                    continue
            found.append(term)
        return found

    def product(self, node: Product) -> Expr:
        clean = without_remarks(node)
        if not isinstance(clean, Product):
            return self.value(clean)
        items = folded(self.flat(clean), r"\prod", (*self.bound, *self.context.letters))
        return self.factors(tuple(items), clean)

    def factors(self, items: Items, node: Node) -> Expr:
        """All factors as one expression."""
        units: list[tuple[str, Expr, Node]] = []
        position = 0
        while position < len(items):
            op, item = items[position]
            assert item is not None
            begun = position
            value, position = self.unit(items, position)
            value, position = self.indices_behind(value, items, position)
            last = items[position - 1][1]
            where = item if position == begun + 1 or last is None else Product(item.start, last.stop, ())
            units.append((op, self.noted(value, where), item))
        return self.folded(units, node)

    def unit(self, items: Items, position: int) -> tuple[Expr, int]:
        """The factor that begins at ``position``, and where the next one begins."""
        item = items[position][1]
        assert item is not None
        declared = self.declared_run(items, position)
        if declared is not None:
            return declared
        following = self.next_factor(items, position)
        base = bare(item.base) if isinstance(item, Scripts) else item
        big = self.big(item)
        if big is not None:
            return self.reduced(item, big, items[position + 1 :]), len(items)
        if isinstance(base, Sym):
            if base.name == r"\nabla" and not self.is_declared(r"\nabla"):
                return self.nabla(item, items, position)
            if base.name == r"\partial" and isinstance(item, Scripts) and item.sub is not None:
                return self.nabla(item, items, position)  # \partial_W L
            if base.name in (r"\partial", "d") and item is base:
                found = self.inline(items, position)
                if found is None and base.name == "d":
                    found = self.differential(items, position) or self.changed_formula(items, position)
                if found is not None:
                    return found
                if base.name == r"\partial":
                    raise Refused(r"\partial outside a derivative", item.start, "unknown")
        if isinstance(item, Cmd) and following is not None and self.is_upright_d(item):
            end = self.after_differential(items, position + 1)
            last = items[end - 1][1]
            assert last is not None
            whole = Product(item.start, last.stop, (("", item), *items[position + 1 : end]))
            inner = self.factors((("", items[position + 1][1]), *items[position + 2 : end]), whole)
            return self.change(inner, whole), end
        if isinstance(item, Cmd):
            quotient = self.quotient(item)
            if quotient is not None:
                return self.differential_quotient(item, quotient, items, position)
        if following is not None and self.is_indicator(item, following):
            return self.marked(following), position + 2
        called = isinstance(following, Group) and following.opener == "("
        function = self.function_of(item, called=called)
        if function is not None:
            return self.applied(function, items, position)
        if isinstance(following, Group) and isinstance(item, Sym | Scripts | Word | Cmd):
            before = self.before_bracket(item, following, items, position)
            if before is not None:
                return before
        return self.one(item), position + 1

    def changed_formula(self, items: Items, position: int) -> tuple[Expr, int] | None:
        r"""``d(W X)`` and ``d\tanh(Z)`` in a line about small changes."""
        if position + 1 >= len(items) or items[position + 1][0] or self.vocabulary.lookup(Sym(0, 0, "d")):
            return None
        grouped = isinstance(bare(items[position + 1][1]), Group)
        if not grouped and not self.context.differentials:
            return None
        end = self.after_differential(items, position + 1)
        first, last = items[position][1], items[end - 1][1]
        if first is None or last is None or not (end > position + 2 or isinstance(bare(last), Group)):
            return None
        whole = Product(first.start, last.stop, items[position:end])
        value = self.factors((("", items[position + 1][1]), *items[position + 2 : end]), whole)
        return self.change(value, whole), end

    def is_upright_d(self, item: Cmd) -> bool:
        r"""``\mathrm{d}`` of a small change, where nothing is declared with that very spelling."""
        inner = bare(item.args[0]) if len(item.args) == 1 else None
        upright = item.name == r"\mathrm" and isinstance(inner, Sym) and inner.name == "d"
        return upright and not self.vocabulary.exact.get(spell(item))

    def after_differential(self, items: Items, position: int) -> int:
        """Where what ``d`` stands before ends: one factor, of a function with its bracket."""
        item = items[position][1]
        function = item is not None and self.function_of(item, called=True) is not None
        bracket = position + 1 < len(items) and not items[position + 1][0]
        return position + (2 if function and bracket else 1)

    def before_bracket(
        self, item: Node, bracket: Group, items: Items, position: int
    ) -> tuple[Expr, int] | None:
        """A name before a bracket: ``L(y)`` the node, an unknown function called, else a product."""
        meanings = self.meanings(item)
        if meanings:
            meaning = meanings[0][0]
            if bracket.opener == "(" and self.only_names(bracket.body):
                whole = isinstance(meaning, Tensor) and meaning.is_scalar and meanings[0][2] is None
                whole = whole and isinstance(meaning, Tensor) and self.graph.equation_of(meaning) is not None
                depends = isinstance(meaning, Tensor) and self.depends(meaning, bracket)
                indexed = position + 2 < len(items) and self.is_place(items[position + 2][1])
                if (whole or depends) and not indexed:  # L (I_m)[:, 1] is a product
                    return self.one(item), position + 2
            return None
        called = self.only_names(bracket.body) or isinstance(bare(bracket.body), Listed)
        if bracket.opener == "(" and called and self.is_plain_name(item):
            return self.unknown(item, self.arguments(bracket), True), position + 2
        return None

    def depends(self, tensor: Tensor, bracket: Group) -> bool:
        """Whether a bracket behind an intermediate lists what it is computed from, as in ``h(x)``."""
        equation = self.graph.equation_of(tensor)
        if equation is None or bracket.body is None:
            return False
        inputs = {one.name for one in equation.inputs}
        body = bare(bracket.body)
        names = [item for _, item in body.items] if isinstance(body, Listed) else [body]
        for name in names:
            found = self.meanings(name) if name is not None else []
            if not found or not isinstance(found[0][0], Tensor) or found[0][0].name not in inputs:
                return False
        return True

    def is_plain_name(self, item: Node) -> bool:
        base = bare(item.base) if isinstance(item, Scripts) else item
        if isinstance(base, Num) or base is None:
            return False
        if isinstance(base, Sym):
            if self.letter(base) is not None or base.name in DOTS:
                return False
            if isinstance(item, Scripts) and base.name in (r"\delta", "e"):
                return False
        return isinstance(base, Sym | Word | Cmd) and self.is_plain(base)

    def indices_behind(self, value: Expr, items: Items, position: int) -> tuple[Expr, int]:
        """``Z[k]``, ``W[i][j]``: an index if only letters and numbers stand inside."""
        slots: list[Node] = []
        begun = position
        script: Scripts | None = None
        while position < len(items) and not items[position][0] and script is None:
            following = items[position][1]
            bracket = bare(following.base) if isinstance(following, Scripts) else following
            if not (isinstance(bracket, Group) and bracket.opener == "[" and bracket.closer == "]"):
                break
            if not self.is_index(bracket.body):
                break
            body = bare(bracket.body)
            slots.extend(self.listed_slots(body) if isinstance(body, Listed) else [body] if body else [])
            script = following if isinstance(following, Scripts) else None
            position += 1
        if not slots or isinstance(value, Number):
            return value, begun
        whole = Listed(
            slots[0].start, slots[-1].stop, tuple((("," if n else ""), s) for n, s in enumerate(slots))
        )
        node = items[begun - 1][1]
        assert node is not None
        sub: Node = whole if len(slots) > 1 else slots[0]
        found = self.entry(value, sub, Product(node.start, slots[-1].stop, (("", node), ("", sub))))
        if script is not None:
            below, above, primes = scripts_of(script)
            if below is not None or primes:
                raise Refused("this script behind an index", script.start)
            if above is not None:
                found = self.raised(found, above, script)
        return found, position

    def is_index(self, node: Node | None) -> bool:
        """Whether nothing but letters without another meaning, dims and numbers stands here."""
        inner = bare(node)
        match inner:
            case Num(_, _, text):
                return text.isdigit()
            case Listed(_, _, items):
                separated = all(sep in ("", ",", ":", ";") for sep, _ in items)
                return separated and all(item is None or self.is_index(item) for _, item in items)
            case Sum(_, _, items):
                return all(self.is_index(item) for _, item in items)
            case Product(_, _, items):
                if self.bracketed_label(inner) is not None:
                    return True
                return all(not op and self.is_index(item) for op, item in items)
            case Sym() | Scripts():
                key = spell(inner).strip()
                if key in (":", r"\cdot"):
                    return True
                if key in self.bound or self.label_in(inner) is not None:
                    return True
                return is_letter(key) and not any(isinstance(one[0], Tensor) for one in self.meanings(inner))
        return False

    def declared_run(self, items: Items, position: int) -> tuple[Expr, int] | None:
        for length in range(min(self.vocabulary.longest, len(items) - position), 1, -1):
            run = items[position : position + length]
            if any(op for op, _ in run[1:]) or run[0][1] is None or run[-1][1] is None:
                continue
            node = Product(run[0][1].start, run[-1][1].stop, (("", run[0][1]), *run[1:]))
            for named in self.vocabulary.lookup(node):
                if not isinstance(named.meaning, Function):
                    return self.noted(
                        self.finished(named.meaning, None, None, 0, node), node
                    ), position + length
        return None

    def differential_quotient(
        self, item: Cmd, quotient: tuple[Node | None, Node], items: Items, position: int
    ) -> tuple[Expr, int]:
        r"""``\frac{\partial A}{\partial B}``, or the operator before what it acts on."""
        of, by = quotient
        if of is not None:
            return self.derivative(of, by, item), position + 1
        if position + 1 >= len(items) or items[position + 1][0]:
            raise Refused("a derivative of nothing", item.start)
        following = items[position + 1][1]
        rest = items[position + 1 :]
        whole = self.joined((("", rest[0][1]), *rest[1:]))
        first = following.base if isinstance(following, Scripts) else following
        if isinstance(bare(first), Group) and len(rest) > 1:
            assert following is not None

            def bracket_only() -> tuple[Expr, int]:
                assert following is not None
                return self.derivative(following, by, item), position + 2

            def all_of_it() -> tuple[Expr, int]:
                return self.derivative(whole, by, item), len(items)

            options: list[tuple[str, str, Callable[[], tuple[Expr, int]]]] = [
                ("of the bracket", "a bracket follows", bracket_only),
                ("of the whole term", "the term goes on", all_of_it),
            ]
            return self.choices.pick(f"{spell(item).strip()} before {spell(whole)[:40]}", options)
        return self.derivative(whole, by, item), len(items)
