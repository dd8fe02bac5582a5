r"""Symbols, indices and scripts: a piece of the neutral tree in, a typed expression out.

``W^1`` may be the declared W1 or a power of W, ``z_k`` of a batch an entry of the current example or a
column: every possibility that fits the declared names and their number of indices is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    DimValue,
    Element,
    Expr,
    IndexValue,
    LabelValue,
    Leaf,
    Number,
    Partial,
    Power,
    Run,
    Slice,
    Transpose,
    label_slot,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Dots, Dummy, Ones, Opaque, Rounded, Stepped, shape_of
from symbackprop.errors import InputError
from symbackprop.notation.counting import placed
from symbackprop.reading.calls import read_call
from symbackprop.reading.elaborate import read as read_text
from symbackprop.reading.scope import Scope, pi_of
from symbackprop.reading.syntax import Apply, Name
from symbackprop.reading.syntax import Node as SyntaxNode
from symbackprop.reading.syntax import Num as SyntaxNum
from symbackprop.reading.tokens import Place
from symbackprop.reading.works.choices import Choices, Refused
from symbackprop.reading.works.commands import FONTS
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
from symbackprop.reading.works.vocabulary import (
    DimName,
    Function,
    Meaning,
    Template,
    Vocabulary,
    substituted,
)
from symbackprop.reading.works.work import Span, Spans

TURNS = frozenset(
    (r"\top ", "T", r"\mathrm{T}", r"\mathsf{T}", r"\mathbf{T}", r"\mathtt{T}", r"\mathsf{\top }",
     r"\mathrm{\top }", r"\dagger ", r"\transpose ")
)  # fmt: skip
DOTS = frozenset(r"\dots \ldots \cdots \vdots \ddots ... \dotsc \dotsb \dotsm \dotso \iddots".split())
NOWHERE = Place(1, 1)
UNKNOWN = Dim.named("?")  # the dim of an index whose range is not known yet


@dataclass(slots=True)
class Context:
    r"""What readers of one derivation share.

    letters  the free index letters, each one object.
    dummies  letters that stand for any scalar, as x in d sigma(x)/dx.
    locate   offsets to places in the file.
    loss     the scalar that ``\nabla A`` differentiates.
    """

    vocabulary: Vocabulary
    letters: dict[str, Index] = field(default_factory=dict)
    dummies: frozenset[str] = frozenset()
    locate: Callable[[int, int], Span] | None = None
    loss: Tensor | None = None
    example: Index | None = None

    def example_of(self, dim: Dim) -> Index:
        """The index of the example that is meant: a letter that counts examples, else one of its own."""
        if self.example is None:
            self.example = Index(dim, "n")
        return self.example

    def counting(self) -> Index | None:
        """The letter that counts examples, if there is one besides ``example``."""
        if self.example is None:
            return None
        found = [one for one in self.letters.values() if one.dim == self.example.dim]
        return found[0] if len(found) == 1 and found[0] is not self.example else None


class SymbolReader:
    """Reads one side; a fresh one for every run of ``every_run``."""

    def __init__(self, context: Context, choices: Choices) -> None:
        self.context = context
        self.vocabulary = context.vocabulary
        self.graph = context.vocabulary.graph
        self.choices = choices
        self.bound: dict[str, Index] = {}
        self.spans = Spans()
        self.scope = Scope(
            self.graph.convention, self.graph.tensors, self.graph.dims, self.graph.functions,
            derivatives=True, layout=self.vocabulary.layout, first=self.graph.first,
        )  # fmt: skip

    # -- what subclasses give

    def value(self, node: Node | None) -> Expr:
        """The expression of any piece."""
        raise NotImplementedError

    # -- helpers

    def noted(self, expr: Expr, node: Node) -> Expr:
        """``expr``, with its place remembered."""
        if self.context.locate is not None:
            self.spans.note(expr, self.context.locate(node.start, node.stop))
        return expr

    def unknown(self, node: Node, args: tuple[Expr, ...] = (), called: bool = False) -> Expr:
        """A name without a meaning."""
        name = spell(node).strip()
        if name not in self.choices.opaque:
            self.choices.opaque.append(name)
        return self.noted(Opaque(name, args, (), called), node)

    def note(self, text: str) -> None:
        if text not in self.choices.notes:
            self.choices.notes.append(text)

    def call(self, name: str, args: tuple[Expr, ...], node: Node, primes: int = 0) -> Expr:
        """A call of a function of the problem or the table."""
        if any(shape_of(arg) is None for arg in args):
            return Opaque(name + "'" * primes, args, (), True)
        names = {f"arg{place}": arg for place, arg in enumerate(args)}
        scope = Scope(
            self.graph.convention, self.graph.tensors, self.graph.dims, self.graph.functions,
            params=names, derivatives=True, layout=self.vocabulary.layout, first=self.graph.first,
        )  # fmt: skip
        return self.called(name, tuple(Name(NOWHERE, one) for one in names), scope, node, primes)

    def called(
        self, name: str, args: tuple[SyntaxNode, ...], scope: Scope, node: Node, primes: int = 0
    ) -> Expr:
        """The same, of arguments that the reader of plain text understands."""
        try:
            return read_call(Apply(NOWHERE, name, primes, args), scope, read_text)
        except InputError as error:
            raise Refused(error.message, node.start, "shape" if error.code == "shape" else "form") from None

    # -- numbers and names

    def number(self, node: Num) -> Expr:
        if "." in node.text:
            digits = len(node.text.split(".")[1])
            return Rounded(Fraction(f"0{node.text}" if node.text[0] == "." else node.text), digits)
        return Number(Fraction(node.text))

    def symbol(self, node: Node) -> Expr:
        """A name with whatever scripts it has."""
        scripted = node if isinstance(node, Scripts) else None
        options: list[tuple[str, str, Callable[[], Expr]]] = []
        for meaning, level, sub, sup, primes in self.meanings(node):
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
            return self.noted(self.choices.pick(spell(node).strip(), options, self.is_power), node)
        if scripted is not None and scripted.base is not None:
            return self.scripted(scripted)
        return self.unknown(node)

    def is_power(self, expr: Expr) -> bool:
        """A power of an array, which is hardly ever meant where a name can be read in another way."""
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

    def number_of(self, index: Index) -> IndexValue:
        """An index as a number: its value in the author's counting."""
        return IndexValue(((index, 1),), Dim(self.graph.first - 1))

    # -- what a meaning is with its scripts

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
        if sub is not None and is_later(sub):
            expr, sub = Stepped(expr), None
        if sup is not None and is_later(sup):
            expr, sup = Stepped(expr), None
        if sub is not None:
            expr = self.entry(self.noted(expr, node), sub, node)
        return self.raised(expr, sup, node) if sup is not None else expr

    def label(self, tensor: Tensor, sub: Node | None, node: Node) -> Expr:
        """``y_n``: the class of an example, which stands in comparisons and as an index."""
        if sub is None:
            return Leaf(tensor)
        slots = self.slots(sub, len(tensor.shape))
        return Element(Leaf(tensor), tuple(map(self.position, slots, tensor.shape)))

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
        expr = self.value(base)
        if sub is not None:
            expr = self.entry(expr, sub, node)
        return self.raised(expr, sup, node) if sup is not None else expr

    def ones(self, sub: Node | None, node: Node) -> Expr:
        r"""``\mathbf 1``, ``\mathbf 1_N``: ones, as many as it says or as its place asks."""
        if sub is None:
            return Ones()
        named = [one.meaning for one in self.vocabulary.lookup(sub)]
        dims = [meaning.name for meaning in named if isinstance(meaning, DimName)]
        if dims:
            return self.called("ones", (Name(NOWHERE, dims[0]),), self.scope, node)
        if isinstance(sub, Num) and sub.text.isdigit():
            return self.called("ones", (SyntaxNum(NOWHERE, Fraction(sub.text), sub.text),), self.scope, node)
        return Ones()

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
        if is_later(sup):
            return Stepped(expr)
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
        if isinstance(sup, Product) and len(sup.items) == 1 and sup.items[0][0] in (r"\odot", r"\circ"):
            return Power(expr, self.value(sup.items[0][1]))
        return self.power(expr, sup)

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

    def of_example(self, expr: Expr, sup: Group, node: Node) -> Expr:
        """``x^{(i)}``: example i of a batch."""
        if sup.body is None or not isinstance(expr, Leaf | Partial):
            raise Refused("this superscript", sup.start)
        tensor = expr.tensor if isinstance(expr, Leaf) else expr.by
        axis = self.batch_axis(tensor)
        if axis is None:
            return self.entry(expr, sup.body, node)
        place = self.position(sup.body, tensor.shape[axis])
        self.note(f"the superscript {spell(sup)} counts examples")
        return self.slice(expr, tensor, axis, place)

    # -- indices

    def batch_axis(self, tensor: Tensor) -> int | None:
        """The axis of a matrix that counts examples."""
        batch = self.vocabulary.batch_dims
        if tensor.rank != 2:
            return None
        found = [axis for axis, dim in enumerate(tensor.shape) if dim.single_name in batch]
        return found[0] if len(found) == 1 else None

    def slice(self, base: Expr, tensor: Tensor, axis: int, place: IndexValue) -> Expr:
        """Position ``place`` of one axis, the other one whole."""
        slots: list[Expr] = [
            place if number == axis else Run(IndexValue((), ONE), dim)
            for number, dim in enumerate(tensor.shape)
        ]
        return Slice(base, tuple(slots), tensor.convention.vectors_are_rows)

    def slots(self, sub: Node, rank: int) -> list[Node]:
        """The indices that a subscript lists."""
        inner = bare(sub)
        if isinstance(inner, Group) and inner.opener in "([" and inner.body is not None:
            inner = bare(inner.body)
        if isinstance(inner, Listed):
            return self.listed_slots(inner)
        if isinstance(inner, Product) and not any(op for op, _ in inner.items):
            parts = [item for _, item in inner.items if item is not None]
            numbered = isinstance(parts[0], Num) and rank == 1
            if not numbered and all(isinstance(bare(part), Sym | Num | Scripts) for part in parts):
                return [piece for part in parts for piece in self.digits(part, rank, len(parts))]
            if all(isinstance(bare(part), Group | Sym | Num) for part in parts) and len(parts) == rank:
                return parts
        if isinstance(inner, Word) and not inner.by and not self.vocabulary.lookup(inner):
            pieces = letters_and_numbers(inner)
            if len(pieces) == rank or (rank == 1 and len(pieces) == 2):
                return pieces  # i1 below a matrix is i and 1
        if isinstance(inner, Num) and rank == 2 and len(inner.text) == 2 and inner.text.isdigit():
            return self.digits(inner, 2, 1)
        return [inner] if inner is not None else []

    def listed_slots(self, node: Listed) -> list[Node]:
        """Indices with commas between them; a colon is a whole axis."""
        found: list[Node] = []
        for sep, item in node.items:
            if sep not in ("", ",", ";", ":"):
                raise Refused("these indices", node.start)
            if sep == ":":
                found.append(Sym(node.start, node.stop, ":"))
            if item is not None:
                found.append(item)
        return found

    def digits(self, node: Node, rank: int, count: int) -> list[Node]:
        """``12`` below a matrix is 1 and 2."""
        if isinstance(node, Num) and len(node.text) > 1 and node.text.isdigit() and count < rank:
            return [
                Num(node.start + place, node.start + place + 1, digit)
                for place, digit in enumerate(node.text)
            ]
        return [node]

    def entry(self, expr: Expr, sub: Node, node: Node) -> Expr:
        """``expr`` with indices: an entry, a row or column, one example's entry."""
        inner = bare(sub)
        if isinstance(inner, Product) and any(op == r"\times" for op, _ in inner.items):
            return expr  # I_{2 \times 2} states the shape
        if is_later(sub):
            return Stepped(expr)
        axes = axes_of(expr)
        if axes is None:
            slots = self.slots(sub, 2)
            where = tuple(self.position(slot, UNKNOWN) for slot in slots)
            if isinstance(expr, Opaque):
                return Opaque(expr.name, expr.args, where, expr.called)
            raise Refused("an index of something whose shape is not known", node.start, "unknown")
        rank = len(axes)
        slots = self.slots(sub, rank)
        if isinstance(expr, Partial) and expr.turned and rank == 2 and len(slots) == 2:
            axes = (axes[1], axes[0])
            if not any(self.is_whole(slot) for slot in slots):
                places = tuple(map(self.position, slots, axes))
                return Element(replace(expr, turned=False), places[::-1])
        if len(slots) == rank:
            if any(self.is_whole(slot) for slot in slots):
                return self.sliced(expr, slots, axes)
            return Element(expr, tuple(map(self.position, slots, axes)))
        if rank == 1 and len(slots) == 2:
            first = str(self.graph.first)
            kept = [slot for slot in slots if not (isinstance(slot, Num) and slot.text == first)]
            if len(kept) == 1 or (len(kept) == 0 and len(slots) == 2):
                slot = kept[0] if kept else slots[0]
                self.note(
                    f"{spell(node).strip()} is an entry of a vector; the other index is that of its one row"
                )
                return Element(expr, (self.position(slot, axes[0]),))
        if rank == 2 and len(slots) == 1:
            return self.one_index(expr, slots[0], axes, node)
        count = {0: "no index", 1: "one index", 2: "two indices"}.get(rank, f"{rank} indices")
        raise Refused(f"{spell(node).strip()} has {len(slots)} where there is {count}", node.start, "shape")

    def is_whole(self, node: Node) -> bool:
        return spell(node) in (":", r"\cdot ", "*", r"\bullet ")

    def sliced(self, expr: Expr, slots: list[Node], axes: tuple[Dim, ...]) -> Expr:
        found: list[Expr] = [
            Run(IndexValue((), ONE), dim) if self.is_whole(slot) else self.position(slot, dim)
            for slot, dim in zip(slots, axes, strict=True)
        ]
        if all(isinstance(slot, Run) for slot in found):
            return expr
        return Slice(expr, tuple(found), self.graph.convention.vectors_are_rows)

    def one_index(self, expr: Expr, slot: Node, axes: tuple[Dim, ...], node: Node) -> Expr:
        """One index on a matrix: an entry of the current example, a row, or a column."""
        tensor = expr.tensor if isinstance(expr, Leaf) else expr.by if isinstance(expr, Partial) else None
        if tensor is None:
            raise Refused("one index on a matrix", node.start, "shape")
        batch = self.batch_axis(tensor)
        name = "one index on a matrix" if batch is None else "one index on a batch"
        across = self.graph.convention.vectors_are_rows

        def take(axis: int) -> Callable[[], Expr]:
            return lambda: self.slice(expr, tensor, axis, self.position(slot, axes[axis]))

        row = ("a row", spell(node).strip(), take(0))
        column = ("a column", spell(node).strip(), take(1))
        options: list[tuple[str, str, Callable[[], Expr]]] = [row, column] if across else [column, row]
        if batch is not None:
            letter = spell(slot)
            if letter in self.context.letters and self.context.letters[letter].dim == axes[batch]:
                options.sort(key=lambda one: (one[0] == "a row") != (batch == 0))
            else:
                options.insert(
                    0, ("one example", spell(node).strip(), lambda: self.of_one(expr, slot, axes, batch))
                )
        return self.choices.pick(name, options)

    def of_one(self, expr: Expr, slot: Node, axes: tuple[Dim, ...], batch: int) -> Expr:
        """Entry ``slot`` of the example that is meant."""
        place = self.position(slot, axes[1 - batch])
        which = IndexValue(((self.the_example(axes[batch]), 1),))
        return Element(expr, (which, place) if batch == 0 else (place, which))

    def the_example(self, dim: Dim) -> Index:
        """The index of the example that is meant where none is written."""
        if self.choices.example is None:
            self.choices.example = self.context.example_of(dim)
            self.note("one example of the batch is meant")
        return self.choices.example

    def position(self, node: Node | None, dim: Dim = UNKNOWN) -> IndexValue:
        """A place along an axis: a letter, a number, ``j + 1``, a dim, what a label says; one-based."""
        found = self.written_position(node, dim)
        if isinstance(found, LabelValue):
            return found
        offset = placed((c for _, c in found.indices), found.offset, self.graph.first)
        return IndexValue(found.indices, offset)

    def written_position(self, node: Node | None, dim: Dim = UNKNOWN) -> IndexValue:
        """The same in the author's counting."""
        inner = bare(node)
        match inner:
            case Num(_, _, text) if text.isdigit():
                return IndexValue((), Dim(int(text)))
            case Group(_, _, opener, body, _) if opener in "([":
                return self.written_position(body, dim)
            case Sum(_, _, terms):
                return self.affine(inner, terms, dim)
            case Product(_, _, items) if len(items) == 2 and isinstance(items[0][1], Num):
                return self.times(int(items[0][1].text), self.written_position(items[1][1], UNKNOWN))
            case Sym() | Scripts() | Cmd() | Word():
                return self.index_of(inner, dim)
        place = inner.start if inner is not None else 0
        raise Refused(f"{spell(inner).strip()} is no index", place)

    def affine(self, node: Sum, terms: tuple[tuple[str, Node | None], ...], dim: Dim) -> IndexValue:
        indices: list[tuple[Index, int]] = []
        offset = Dim(0)
        for sign, term in terms:
            part = self.written_position(term, dim)
            factor = -1 if sign == "-" else 1
            indices += [(index, coefficient * factor) for index, coefficient in part.indices]
            offset = offset + part.offset * factor
        return IndexValue(tuple(indices), offset)

    def times(self, factor: int, place: IndexValue) -> IndexValue:
        return IndexValue(
            tuple((index, coefficient * factor) for index, coefficient in place.indices),
            place.offset * factor,
        )

    def index_of(self, node: Node, dim: Dim) -> IndexValue:
        """A letter as an index: bound, free, a dim, or a label."""
        key = spell(node).strip()
        index = self.bound.get(key)
        if index is None:
            named = self.vocabulary.lookup(node)
            dims = [one.meaning for one in named if isinstance(one.meaning, DimName)]
            if dims and key not in self.context.letters:
                return IndexValue((), Dim.named(dims[0].name))
        if index is None:
            label = self.label_in(node)
            if label is not None:
                return label
        if index is None:
            if not is_letter(key):
                raise Refused(f"{key} is no index", node.start)
            index = self.context.letters.setdefault(key, Index(dim, key))
        if index.dim == UNKNOWN and dim != UNKNOWN:
            index.dim = dim
        return IndexValue(((index, 1),))

    def label_in(self, node: Node) -> IndexValue | None:
        """``y_n`` or ``y`` as an index: the class that a label says."""
        for meaning, _, sub, sup, _ in self.meanings(node):
            if isinstance(meaning, Tensor) and meaning.is_label and sup is None:
                if sub is None and meaning.rank == 1:
                    place = IndexValue(((self.the_example(meaning.shape[0]), 1),))
                    return label_slot(Element(Leaf(meaning), (place,)))
                return label_slot(self.label(meaning, sub, node))
        return None


def letters_and_numbers(word: Word) -> list[Node]:
    """The letters and numbers of a name such as ``i1``, each by itself."""
    found: list[Node] = []
    for piece in re.finditer("[A-Za-z]|[0-9]+", word.text):
        start, stop = word.start + piece.start(), word.start + piece.end()
        found.append(Num(start, stop, piece[0]) if piece[0].isdigit() else Sym(start, stop, piece[0]))
    return found


def name_sub(node: Node) -> Node | None:
    """The subscript of a name."""
    return node.sub if isinstance(node, Scripts) else None


def same_cut(one: tuple[Meaning, Node | None, Node | None], other: tuple[Any, ...]) -> bool:
    """Whether two ways to cut a symbol leave the same name and the same scripts."""
    return one[0] == other[0] and spell(one[1]) == spell(other[2]) and spell(one[2]) == spell(other[3])


def is_later(script: Node) -> bool:
    """Whether a script says "after the update"."""
    return spell(bare(script)).strip("<>()").lower() in ("new", "updated", "next", "after")


def is_letter(key: str) -> bool:
    r"""Whether a spelling can be an index: a letter, perhaps primed or numbered, ``\ell``, a Greek letter."""
    head = re.split("[_^]", key, maxsplit=1)[0].rstrip("'").strip("* ")
    return (len(head) == 1 and head.isalpha()) or (head[:1] == "\\" and head[1:].isalpha() and len(head) < 9)


def axes_of(expr: Expr) -> tuple[Dim, ...] | None:
    """The dims that indices of an expression run over; None where they are not known."""
    if isinstance(expr, Leaf):
        return expr.tensor.shape
    if isinstance(expr, Partial):
        return expr.by.shape
    if isinstance(expr, Slice):
        return tuple(run.count for run in expr.runs)
    shape = shape_of(expr)
    return None if shape is None else tuple(dim for dim in shape if not dim.is_one)
