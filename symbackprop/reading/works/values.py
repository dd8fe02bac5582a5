r"""Symbols, indices and scripts: a piece of the neutral tree in, a typed expression out.

``W^1`` may be the declared W1 or a power of W, ``z_k`` of a batch an entry of the current example or a
column: every possibility that fits the declared names and their number of indices is a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import DimValue, Expr, Leaf, Partial, Power, Transpose
from symbackprop.core.indexed import Element, IndexValue, Slice
from symbackprop.core.tensors import Role, Tensor
from symbackprop.core.written import Dots, Dummy, Stepped, shape_of
from symbackprop.reading.scope import pi_of
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import FONTS
from symbackprop.reading.works.context import DOTS, TURNS
from symbackprop.reading.works.positions import PositionReader, is_before, is_later, is_letter
from symbackprop.reading.works.spelling import partitions, scripts_of, spell
from symbackprop.reading.works.tree import (
    Cmd,
    Group,
    Listed,
    Node,
    Num,
    Product,
    Scripts,
    Sum,
    Sym,
    Word,
    bare,
)
from symbackprop.reading.works.vocabulary import DimName, Function, Meaning, Template, substituted

LAYER_ABOVE = 3  # the level of ``W^2`` for W2


class SymbolReader(PositionReader):
    """Names and what stands above and below them."""

    def symbol(self, node: Node) -> Expr:
        """A name with whatever scripts it has."""
        scripted = node if isinstance(node, Scripts) else None
        options: list[tuple[str, str, Callable[[], Expr]]] = []
        named = self.meanings(node)
        powers = [one for one in named if one[1] <= 1 and one[2] is None and isinstance(one[3], Num)]
        numbered = isinstance(node, Scripts) and node.sub is not None
        layered = numbered and bool(powers) and all(n in powers or n[1] == LAYER_ABOVE for n in named)
        if layered:  # h_2^2 where h_2 is declared: its square sooner than entry 2 of h^2
            named.sort(key=lambda one: one not in powers)
        for meaning, level, sub, sup, primes in named:
            options.append(
                (
                    self.described(meaning),
                    "declared" if level == 0 else "by its name",
                    lambda m=meaning, a=sub, b=sup, p=primes: self.finished(m, a, b, p, node),  # type: ignore[misc]
                )
            )
        if isinstance(node, Sym) and (special := self.letter(node)) is not None:
            found = special
            words = "any number" if isinstance(found[1], Dummy) else "the index"
            options.insert(0 if found[0] else len(options), (words, "a letter", lambda: found[1]))
        if options:
            worse = None if layered else self.is_power
            return self.noted(self.choices.pick(spell(node).strip(), options, worse), node)
        if scripted is not None and scripted.base is not None:
            small = self.of_capital(scripted)
            return small if small is not None else self.scripted(scripted)
        return self.unknown(node)

    def of_capital(self, node: Scripts) -> Expr | None:
        r"""``x_{nj}`` and ``x_n`` where only the matrix X is known: an entry of it, one of its examples."""
        base, sub, sup, primes = bare(node.base), *scripts_of(node)
        while isinstance(base, Cmd) and base.name in FONTS:
            base = bare(base.args[0])
        if not isinstance(base, Sym) or len(base.name) != 1 or not base.name.islower() or primes:
            return None
        known = self.vocabulary.lookup(base) or self.letter(base) is not None
        if known or base.name in self.vocabulary.defined:
            return None
        capital = Sym(base.start, base.stop, base.name.upper())
        found = [one.meaning for one in self.vocabulary.lookup(capital) if isinstance(one.meaning, Tensor)]
        if not found or found[0].rank != 2 or found[0].over:
            return None
        tensor = found[0]
        axis = self.batch_axis(tensor)
        listed = self.slots(sub, 2) if sub is not None else []
        counted = isinstance(sup, Group) and self.is_count(sup) and axis is not None
        turned = sup is not None and self.turns_array(sup)
        if sup is not None and not counted and not turned and len(listed) != 2:
            return None
        if len(listed) == 2 or (counted and len(listed) == 1):
            return self.with_scripts(Leaf(tensor), sub, sup, node)
        which = listed[0] if len(listed) == 1 else sup.body if counted and isinstance(sup, Group) else None
        if which is None or len(listed) > 1:
            return None
        if axis is None:
            self.note(f"{spell(node).strip()} is a row or a column of {tensor.name}")
            line = self.one_index(Leaf(tensor), which, tensor.shape, node)
        else:
            self.note(f"{spell(node).strip()} is an example of {tensor.name}")
            line = self.slice(Leaf(tensor), tensor, axis, self.position(which, tensor.shape[axis]))
        return Transpose(line) if turned else line

    def is_power(self, expr: Expr) -> bool:
        """A power of an array, which is hardly ever meant where a name can be read in another way."""
        if self.entrywise:
            return False
        while isinstance(expr, Element | Slice | Transpose):
            expr = expr.arg if isinstance(expr, Transpose) else expr.base
        return isinstance(expr, Power) and shape_of(expr.base) != (ONE, ONE)

    def described(self, meaning: Meaning) -> str:
        match meaning:
            case Tensor():
                return meaning.name
            case Function(name, primes):
                return name + "'" * primes
            case DimName(name):
                return f"the dim {name}"
            case Partial(of, by):
                return f"d{of.name}/d{by.name}"
            case Template(_, text):
                return text
        raise TypeError(type(meaning).__name__)

    def meanings(self, node: Node) -> list[tuple[Meaning, int, Node | None, Node | None, int]]:
        """(meaning, level, sub, sup, primes left over), the best first; functions are left to products."""
        found: list[tuple[Meaning, int, Node | None, Node | None, int]] = []
        split: set[int] = set()  # those whose subscript is part name, part index
        sizes: list[int] = []
        cuts = partitions(node) if isinstance(node, Scripts) else iter([(node, None, None, 0, 0)])
        for name, sub, sup, primes, size in cuts:
            if name is None:
                continue
            exact = False
            for named in self.vocabulary.lookup(name):
                if isinstance(named.meaning, Function):
                    continue
                exact = exact or named.level == 0
                if all(not same_cut((named.meaning, sub, sup), other) for other in found):
                    found.append((named.meaning, named.level, sub, sup, primes))
            for template, holes in self.vocabulary.match(name) if sub is None and not exact else ():
                positions = self.holes(template, holes)
                if positions is not None:
                    meaning = Template(substituted(template, positions), template.text)
                    found.append((meaning, 0, sub, sup, primes))
            if found and found[0][1] == 0 and found[0][2:] == (None, None, 0):
                break  # declared as a whole: nothing else is meant
            split |= {len(found) - 1} if found and name_sub(name) is not None and sub is not None else set()
            sizes += [size] * (len(found) - len(sizes))
        sizes += [0] * (len(found) - len(sizes))
        order = sorted(range(len(found)), key=lambda place: (-sizes[place], found[place][1] > 0))
        whole = [found[place] for place in order if place not in split]
        return whole or [found[place] for place in order]

    def holes(self, template: Template, holes: Mapping[str, Node]) -> dict[str, IndexValue] | None:
        """Positions for the letters of a pattern."""
        found: dict[str, IndexValue] = {}
        for index in template.letters:
            node = holes.get(index.letter)
            if node is None:
                return None
            if isinstance(node, Group) and node.body is not None:
                node = node.body
            try:
                found[index.letter] = self.position(node, index.dim)
            except Refused:
                return None
        return found

    def letter(self, node: Sym) -> tuple[bool, Expr] | None:
        """(surely, value) of a letter that is an index, a dummy or a constant."""
        name = node.name
        if name in self.context.dummies:
            return True, Dummy(name)
        if name in self.bound:
            return True, self.number_of(self.bound[name])
        if name in self.context.letters:
            return False, self.number_of(self.context.letters[name])
        if name == r"\pi":
            return False, Leaf(pi_of(self.graph.convention))
        if name in DOTS:
            return True, Dots()
        return None

    def finished(self, meaning: Meaning, sub: Node | None, sup: Node | None, primes: int, node: Node) -> Expr:
        match meaning:
            case Tensor() if meaning.is_label:
                return self.label(meaning, sub, node)
            case Tensor():
                expr: Expr = Leaf(meaning)
            case DimName(name):
                expr = DimValue(Dim.named(name))
            case Partial():
                expr = meaning
            case Template(inner):
                expr = inner
            case _:
                raise Refused("a function without its argument", node.start)
        if primes:
            raise Refused(f"{self.described(meaning)} is no function, it has no prime", node.start)
        sub = None if sub is not None and is_before(sub) else sub
        sup = None if sup is not None and is_before(sup) else sup
        if isinstance(meaning, Tensor) and not meaning.shape and sub is not None and not is_later(sub):
            return self.unknown(node)  # L_{CE}, or the loss of one example: another name
        if sub is not None and is_later(sub):
            expr, sub = Stepped(expr), None
        if sup is not None and is_later(sup):
            expr, sup = Stepped(expr), None
        return self.with_scripts(self.noted(expr, node) if sub is not None else expr, sub, sup, node)

    def scripted(self, node: Scripts) -> Expr:
        """Scripts on something that is no declared name."""
        base = node.base
        sub, sup, primes = scripts_of(node)
        assert base is not None
        inner = bare(base)
        if isinstance(inner, Sym | Word | Cmd) and self.is_plain(inner):
            return self.unknown_scripted(node, inner, sub, sup)
        if primes:
            raise Refused("a prime on what is no function", node.start)
        return self.with_scripts(self.value(base), sub, sup, node)

    def is_plain(self, node: Node) -> bool:
        """Whether a piece is one name without a meaning."""
        if isinstance(node, Sym):
            return self.letter(node) is None and not self.vocabulary.lookup(node)
        if isinstance(node, Word):
            return not self.vocabulary.lookup(node)
        inner = bare(node.args[0]) if isinstance(node, Cmd) and len(node.args) == 1 else None
        return (
            inner is not None and isinstance(node, Cmd) and node.name in FONTS and not isinstance(inner, Num)
        )

    def unknown_scripted(self, node: Scripts, base: Node, sub: Node | None, sup: Node | None) -> Expr:
        """An unknown name: a transpose and a power stay outside it, so that a shape is never guessed."""
        if sub is not None and spell(base).strip() in self.vocabulary.defined:  # an entry of what it names
            found = self.entry(self.unknown(base), sub, node)
            return self.raised(found, sup, node) if sup is not None else found
        if sup is not None and self.is_turn(sup):
            name = Scripts(node.start, node.stop, base, (("_", sub),)) if sub is not None else base
            return Transpose(self.unknown(name))
        if isinstance(sup, Num) and sub is None and isinstance(base, Sym):
            return self.unknown(node)
        return self.unknown(node)

    def is_turn(self, sup: Node) -> bool:
        return spell(sup) in TURNS

    def raised(self, expr: Expr, sup: Node, node: Node) -> Expr:
        """What a superscript does: a transpose, a power, the number of an example, a remark on the shape."""
        if isinstance(sup, Product) and any(op == r"\times" for op, _ in sup.items):
            return expr  # X^{N \times D} states the shape
        if is_later(sup) or self.steps(sup) == 1:
            return Stepped(expr)
        if self.steps(sup) == 0:
            return expr
        shape = shape_of(expr)
        scalar = shape == (ONE, ONE)
        if self.is_turn(sup):
            turn: tuple[str, str, Callable[[], Expr]] = ("the transpose", "^T", lambda: Transpose(expr))
            if "T" in self.graph.dims and scalar:
                return self.choices.pick(
                    f"{spell(node).strip()}",
                    [("a power", "T is declared", lambda: self.power(expr, sup)), turn],
                )
            return Transpose(expr)
        if isinstance(sup, Sym) and sup.name in ("t", r"\prime", "*", "+", "-", r"\dagger", r"\star"):
            if sup.name == "t" and "t" not in self.bound and not scalar:
                return Transpose(expr)
            if sup.name != "t":
                raise Refused(f"the mark {sup.name} above a name", sup.start, "unknown")
        if isinstance(sup, Group) and sup.opener in "([" and shape is not None:
            return self.of_example(expr, sup, node)
        if isinstance(sup, Sum) and spell(sup) == "-1" and not scalar:
            return self.call("inv", (expr,), node)
        if isinstance(sup, Sum) and self.turns_array(sup) and not scalar:
            return Transpose(self.call("inv", (expr,), node))
        if (exponent := elementwise_exponent(sup)) is not None:
            return Power(expr, self.value(exponent))
        return self.power(expr, sup)

    def steps(self, sup: Node) -> int | None:
        """Whether a superscript counts the steps of an update: 1 after it, 0 before it."""
        key, letter = spell(sup).strip("()[]"), self.context.counter
        return {letter: 0, f"{letter}+1": 1}.get(key) if letter else None

    def power(self, expr: Expr, sup: Node) -> Expr:
        shape = shape_of(expr)
        if shape is not None and shape != (ONE, ONE):
            if not isinstance(sup, Num):
                raise Refused("a power of an array", sup.start, "shape")
            self.note("a power of an array is taken entry by entry")
        exponent = self.value(sup)
        if shape_of(exponent) not in (None, (ONE, ONE)):
            raise Refused("an exponent that is no number", sup.start, "shape")
        return Power(expr, exponent)

    def is_count(self, sup: Group) -> bool:
        """Whether a letter stands in a superscript: the number of any example."""
        inner = bare(sup.body)
        return isinstance(inner, Sym) and is_letter(spell(inner).strip())

    def of_example(self, expr: Expr, sup: Group, node: Node) -> Expr:
        """``x^{(i)}``: example i of a batch."""
        base = expr.base if isinstance(expr, Element) else expr
        if sup.body is None or not isinstance(base, Leaf | Partial):
            raise Refused("this superscript", sup.start)
        single = isinstance(base, Leaf) and base.tensor.role is not Role.PARAMETER
        if single and isinstance(base, Leaf) and self.batch_axis(base.tensor) is None and self.is_count(sup):
            self.note(f"the superscript {spell(sup)} counts examples")
            return expr
        if not isinstance(expr, Leaf | Partial):
            raise Refused("this superscript", sup.start)
        tensor = expr.array
        axis = self.batch_axis(tensor)
        if axis is None and not isinstance(bare(sup.body), Listed):
            raise Refused(f"the superscript {spell(sup)} of {tensor.name}", sup.start, "unknown")
        if axis is None:
            return self.entry(expr, sup.body, node)
        place = self.position(sup.body, tensor.shape[axis])
        self.note(f"the superscript {spell(sup)} counts examples")
        return self.slice(expr, tensor, axis, place)


def name_sub(node: Node) -> Node | None:
    """The subscript of a name."""
    return node.sub if isinstance(node, Scripts) else None


def same_cut(one: tuple[Meaning, Node | None, Node | None], other: tuple[Any, ...]) -> bool:
    """Whether two ways to cut a symbol leave the same name and the same scripts."""
    return one[0] == other[0] and spell(one[1]) == spell(other[2]) and spell(one[2]) == spell(other[3])


def elementwise_exponent(sup: Node) -> Node | None:
    r"""``c - 1`` of ``\odot c - 1``; None where no such sign stands in front."""
    if isinstance(sup, Product) and sup.items[0][0] in (r"\odot", r"\circ"):
        first = sup.items[0][1]
        if len(sup.items) == 1 or first is None:
            return first
        return Product(sup.start, sup.stop, (("", first), *sup.items[1:]))
    if isinstance(sup, Sum) and not sup.terms[0][0] and sup.terms[0][1] is not None:
        first = elementwise_exponent(sup.terms[0][1])
        return Sum(sup.start, sup.stop, (("", first), *sup.terms[1:])) if first is not None else None
    return None
