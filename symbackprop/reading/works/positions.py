r"""Indices of a work: which axis a subscript belongs to, and which place along it is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, LabelValue, Run, Slice, label_slot
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Opaque, Stepped, shape_of
from symbackprop.notation.counting import placed
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.context import TURNS, UNKNOWN, SideReader
from symbackprop.reading.works.spelling import scripts_of, spell
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
from symbackprop.reading.works.vocabulary import DimName, Meaning


class PositionReader(SideReader):
    """Entries, rows, columns, examples."""

    def meanings(self, node: Node) -> list[tuple[Meaning, int, Node | None, Node | None, int]]:
        """What a name may be; given by the reader of symbols."""
        raise NotImplementedError

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
        if isinstance(inner, Word) and not inner.by and not self.is_place_name(inner):
            pieces = letters_and_numbers(inner)
            if len(pieces) == rank or (rank == 1 and len(pieces) == 2):
                return pieces  # i1 below a matrix is i and 1
        if isinstance(inner, Num) and rank == 2 and len(inner.text) == 2 and inner.text.isdigit():
            return self.digits(inner, 2, 1)
        return [inner] if inner is not None else []

    def is_place_name(self, word: Word) -> bool:
        """Whether a word such as ``y1`` is one index: a label or a dim of that name."""
        named = [one.meaning for one in self.vocabulary.lookup(word)]
        return any(isinstance(one, DimName) or (isinstance(one, Tensor) and one.is_label) for one in named)

    def listed_slots(self, node: Listed) -> list[Node]:
        """Indices with commas between them; a colon alone is a whole axis, between places a part of it."""
        parts: list[list[tuple[str, Node | None]]] = [[]]
        for sep, item in node.items:
            if sep not in ("", ",", ";", ":"):
                raise Refused("these indices", node.start)
            if sep in (",", ";"):
                parts.append([])
            parts[-1].append((sep, item))
        found: list[Node] = []
        for part in parts:
            written = [item for _, item in part if item is not None]
            colons = sum(sep == ":" for sep, _ in part)
            if not colons:
                found += written
            elif colons == 1 and len(written) == 2:
                found.append(Listed(written[0].start, written[1].stop, (("", written[0]), (":", written[1]))))
            elif colons == 1 and not written:
                found.append(Sym(node.start, node.stop, ":"))
            else:  # ":k": a whole axis and a place
                for sep, item in part:
                    found += [Sym(node.start, node.stop, ":")] if sep == ":" else []
                    found += [item] if item is not None else []
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
            if not any(self.is_run(slot) for slot in slots):
                places = tuple(map(self.position, slots, axes))
                return Element(replace(expr, turned=False), places[::-1])
        if len(slots) == rank:
            if any(self.is_run(slot) for slot in slots):
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

    def with_scripts(self, expr: Expr, sub: Node | None, sup: Node | None, node: Node) -> Expr:
        """``expr`` with its scripts; of an inverse or a transpose the entry, not the reverse."""
        if sub is not None and sup is not None and self.turns_array(sup):
            found = self.entry(expr, sub, node)
            if shape_of(found) == (ONE, ONE) and shape_of(expr) not in (None, (ONE, ONE)):
                return self.entry(self.raised(expr, sup, node), sub, node)
            return self.raised(found, sup, node)
        of_batch = isinstance(expr, Leaf) and self.batch_axis(expr.tensor) is not None
        if sub is not None and of_batch and isinstance(sup, Group) and sup.opener == "(":
            return self.entry(self.raised(expr, sup, node), sub, node)  # x^{(i)}_j: an entry of example i
        if sub is not None:
            expr = self.entry(expr, sub, node)
        return self.raised(expr, sup, node) if sup is not None else expr

    def turns_array(self, sup: Node) -> bool:
        """Whether a superscript makes another array of one: a transpose, an inverse."""
        key = spell(sup)
        return key in TURNS or key == "-1" or (key[:1] == "-" and key[1:] in TURNS)

    def raised(self, expr: Expr, sup: Node, node: Node) -> Expr:
        """What a superscript does; given by the reader of symbols."""
        raise NotImplementedError

    def is_whole(self, node: Node) -> bool:
        return spell(node) in (":", r"\cdot ", "*", r"\bullet ")

    def is_run(self, node: Node) -> bool:
        """Whether a slot is a part of an axis or all of it, not one place."""
        return isinstance(node, Listed) or self.is_whole(node)

    def stretch(self, node: Node, dim: Dim) -> Run:
        """``1:n``, or a whole axis."""
        if not isinstance(node, Listed):
            return Run(IndexValue((), ONE), dim)
        low, high = (self.position(item) for _, item in node.items)
        if low.indices != high.indices or isinstance(low, LabelValue):
            raise Refused("how much of the axis this is", node.start, "unknown")
        return Run(low, high.offset - low.offset + ONE)

    def sliced(self, expr: Expr, slots: list[Node], axes: tuple[Dim, ...]) -> Expr:
        found: list[Expr] = [
            self.stretch(slot, dim) if self.is_run(slot) else self.position(slot, dim)
            for slot, dim in zip(slots, axes, strict=True)
        ]
        if all(isinstance(slot, Run) and slot.count == dim for slot, dim in zip(found, axes, strict=True)):
            return expr
        return Slice(expr, tuple(found), self.graph.convention.vectors_are_rows)

    def one_index(self, expr: Expr, slot: Node, axes: tuple[Dim, ...], node: Node) -> Expr:
        """One index on a matrix: an entry of the current example, a row, or a column."""
        tensor = expr.array
        if tensor is None:
            raise Refused("one index on a matrix", node.start, "shape")
        if axes[0].is_one != axes[1].is_one:  # p_n of an N x 1 array: nothing else is there to be counted
            side, one = (0 if axes[1].is_one else 1), IndexValue((), ONE)
            place = self.position(slot, axes[side])
            return Element(expr, (place, one) if side == 0 else (one, place))
        if tensor.over:  # h_t: a member of a family, whose first axis counts them
            return self.slice(expr, tensor, 0, self.position(slot, axes[0]))
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
            case Product() if (labelled := self.bracketed_label(inner)) is not None:
                return self.index_of(labelled, dim)
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
        if dim != UNKNOWN and (index.dim == UNKNOWN or index.serial in self.context.weak):
            index.dim = dim
            self.context.weak.discard(index.serial)
        return IndexValue(((index, 1),))

    def label(self, tensor: Tensor, sub: Node | None, node: Node) -> Expr:
        """``y_n``: the class of an example, which stands in comparisons and as an index."""
        if sub is None:
            return Leaf(tensor)
        slots = self.slots(sub, len(tensor.shape))
        return Element(Leaf(tensor), tuple(map(self.position, slots, tensor.shape)))

    def bracketed_label(self, node: Product) -> Scripts | None:
        """``y_{n}`` of ``y[n]``."""
        if len(node.items) != 2 or node.items[1][0]:
            return None
        name, bracket = node.items[0][1], bare(node.items[1][1])
        if name is None or not isinstance(bracket, Group) or bracket.opener != "[" or bracket.body is None:
            return None
        labels = any(isinstance(one[0], Tensor) and one[0].is_label for one in self.meanings(name))
        return Scripts(node.start, node.stop, name, (("_", bracket.body),)) if labels else None

    def label_in(self, node: Node) -> IndexValue | None:
        """``y_n``, ``(y_1)_n`` or ``y`` as an index: the class that a label says."""
        if isinstance(node, Scripts) and isinstance(group := bare(node.base), Group) and group.opener == "(":
            inner = bare(group.body)
            sub, sup, primes = scripts_of(node)
            named = self.meanings(inner) if isinstance(inner, Sym | Scripts | Cmd) else []
            labels = [one[0] for one in named if isinstance(one[0], Tensor) and one[0].is_label]
            if labels and named[0][2:] == (None, None, 0) and sub is not None and sup is None and not primes:
                return label_slot(self.label(labels[0], sub, node))
        for meaning, _, sub, sup, _ in self.meanings(node):
            if isinstance(meaning, Tensor) and meaning.is_label and sup is None:
                if sub is None and meaning.rank == 1:
                    place = IndexValue(((self.the_example(meaning.shape[0]), 1),))
                    return label_slot(Element(Leaf(meaning), (place,)))
                return label_slot(self.label(meaning, sub, node))
        return None

    def number_of(self, index: Index) -> IndexValue:
        """An index as a number: its value in the author's counting."""
        return IndexValue(((index, 1),), Dim(self.graph.first - 1))


def letters_and_numbers(word: Word) -> list[Node]:
    """The letters and numbers of a name such as ``i1``, each by itself."""
    found: list[Node] = []
    for piece in re.finditer("[A-Za-z]|[0-9]+", word.text):
        start, stop = word.start + piece.start(), word.start + piece.end()
        found.append(Num(start, stop, piece[0]) if piece[0].isdigit() else Sym(start, stop, piece[0]))
    return found


def is_later(script: Node) -> bool:
    """Whether a script says "after the update"."""
    return spell(bare(script)).strip("<>()").lower() in ("new", "updated", "next", "after")


def is_before(script: Node) -> bool:
    """Whether a script says "before the update", which is how things stand."""
    return spell(bare(script)).strip("<>()").lower() in ("old", "current")


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
