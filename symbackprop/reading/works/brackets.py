r"""Brackets, matrices, cases, indicators and norms of a work as typed expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from symbackprop.core.arrays import Grid
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import DimValue, Expr, Hadamard, Number, Power
from symbackprop.core.indexed import Element, IndexValue, Indicator, LabelValue, label_of
from symbackprop.core.relations import NEGATED
from symbackprop.core.tensors import Index
from symbackprop.core.written import Blocks, Dots, Opaque, Pieces, Slope, shape_of
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import CASES, DISPLAYS, FONTS, MATRICES
from symbackprop.reading.works.context import UNKNOWN
from symbackprop.reading.works.derivatives import DerivativeReader
from symbackprop.reading.works.sets import places_of
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.statements import pieces_of
from symbackprop.reading.works.tree import (
    Chain,
    Cmd,
    Env,
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
from symbackprop.reading.works.vocabulary import DimName

COMPARISONS = {
    "=": "=", "<": "<", ">": ">", r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=",
    r"\geq": ">=", r"\geqslant": ">=", r"\ne": "!=", r"\neq": "!=", r"\not=": "!=", r"\lt": "<",
    r"\gt": ">", r"\equiv": "=",
}  # fmt: skip
_OTHERWISE = frozenset("else otherwise elsewhere other".split())
_ONES = frozenset(("1", "I", r"\chi ", *(rf"{font}{{{sign}}}" for sign in "1I" for font in FONTS)))


class BracketReader(DerivativeReader):
    """Everything in visible brackets."""

    def group(self, node: Group) -> Expr:
        """A bracket: grouping, an indicator, a norm, a list as a vector, a matrix."""
        body = bare(node.body)
        opener = node.opener
        if body is None:
            raise Refused("an empty bracket", node.start)
        if opener in ("|", r"\vert", r"\lvert"):
            return self.barred(self.value(body), node)
        if opener in (r"\|", "||", r"\Vert", r"\lVert"):
            return self.call("norm", (self.value(body),), node)
        if opener in (r"\langle", "<", r"\llangle"):
            return self.inner(body, node)
        if opener in (r"\lfloor", r"\lceil"):
            raise Refused("rounding", node.start, "unknown")
        if isinstance(body, Env) and body.name in (
            "array",
            "matrix",
            "smallmatrix",
            "aligned",
            "split",
            "gathered",
        ):
            return self.cases(body) if node.closer == "." or opener == r"\{" else self.matrix(body)
        if isinstance(body, Chain):
            return self.indicator(body)
        if isinstance(body, Listed):
            return self.vector(body)
        return self.value(body)

    def barred(self, arg: Expr, node: Group) -> Expr:
        """``|A|``: of a number its size, of a square matrix the determinant, or the sizes of its entries."""
        shape = shape_of(arg)
        if shape is None or shape == (ONE, ONE) or (shape[0] != shape[1] and not self.is_vector(arg)):
            return self.absolute(arg, node)
        if self.is_vector(arg):
            return self.sized_bars(arg, node)
        options: list[tuple[str, str, Callable[[], Expr]]] = [
            ("the determinant", "of a square matrix", lambda: self.call("det", (arg,), node)),
            ("absolute values", "entry by entry", lambda: self.absolute(arg, node)),
        ]
        return self.choices.pick(spell(node)[:60], options[::-1] if node.opener == r"\lvert" else options)

    def sized_bars(self, arg: Expr, node: Group) -> Expr:
        """``|x|`` of a vector: its absolute values, or its length."""
        options: list[tuple[str, str, Callable[[], Expr]]] = [
            ("absolute values", "entry by entry", lambda: self.absolute(arg, node)),
            ("the norm", "of a vector", lambda: self.call("norm", (arg,), node)),
        ]
        return self.choices.pick(spell(node)[:60], options)

    def absolute(self, arg: Expr, node: Node) -> Expr:
        return self.call("abs", (arg,), node)

    def inner(self, body: Node, node: Node) -> Expr:
        if isinstance(body, Listed) and len(body.items) == 2:
            pair = tuple(self.value(item) for _, item in body.items)
            return self.call("dot", pair, node)
        raise Refused("angle brackets hold two factors with a comma", node.start)

    def vector(self, body: Listed) -> Expr:
        r"""``(x_1, \dots, x_d)``: a row of cells."""
        return self.array([[item for _, item in body.items]], body)

    # -- matrices

    def matrix(self, node: Env) -> Expr:
        rows = [list(row.cells) for row in node.rows if any(cell is not None for cell in row.cells)]
        if not rows:
            raise Refused("an empty matrix", node.start)
        width = max(map(len, rows))
        if any(len(row) != width for row in rows):
            raise Refused("the rows of this matrix differ in length", node.start, "shape")
        if width == 1 and len(rows) == 1:
            inner = bare(rows[0][0])
            if isinstance(inner, Listed):
                return self.vector(inner)
        return self.array(rows, node)

    def array(self, rows: list[list[Node | None]], node: Node) -> Expr:
        cells: list[Expr] = []
        for row in rows:
            for cell in row:
                if cell is None:
                    raise Refused("an empty cell", node.start)
                cells.append(self.cell(cell))
        width = len(rows[0])
        if any(isinstance(cell, Dots) for cell in cells) or not self.are_scalars(cells):
            return Blocks(tuple(cells), width)
        return cells[0] if len(cells) == 1 else Grid(tuple(cells), width)

    def are_scalars(self, cells: list[Expr]) -> bool:
        """Whether all cells are scalars: unknown ones beside a known one, and derivatives by one entry."""
        shapes = [shape_of(cell) for cell in cells]
        if any(shape is not None and shape != (ONE, ONE) for shape in shapes):
            return False
        entries = (
            isinstance(cell, Slope) and isinstance(cell.of, Opaque) and isinstance(cell.by, Element)
            for cell, shape in zip(cells, shapes, strict=True)
            if shape is None
        )
        return (ONE, ONE) in shapes or all(entries)

    def cell(self, node: Node) -> Expr:
        if isinstance(node, Listed):
            items = [item for _, item in node.items if item is not None]
            if len(items) == 1:
                return self.value(items[0])
        return self.value(node)

    # -- cases

    def cases(self, node: Env) -> Expr:
        r"""``\begin{cases}``: values and the conditions behind them."""
        values: list[Expr] = []
        conditions: list[Expr | None] = []
        for row in node.rows:
            cells = [cell for cell in row.cells if cell is not None]
            if not cells:
                continue
            value, condition = self.case(cells)
            values.append(value)
            conditions.append(condition)
        if not values:
            raise Refused("cases without a line", node.start)
        return Pieces(tuple(values), tuple(conditions))

    def case(self, cells: list[Node]) -> tuple[Expr, Expr | None]:
        pieces: list[Node] = []
        for cell in cells:
            inner = cell
            parts = [item for _, item in inner.items] if isinstance(inner, Listed) else [inner]
            for part in parts:
                pieces.extend(pieces_of(part) if part is not None else ())
        words = [piece for piece in pieces if isinstance(piece, Word) and piece.kind != "word"]
        formulas = [
            piece for piece in pieces
            if not (isinstance(piece, Word) and (piece.kind != "word" or _is_otherwise(piece.text)))
        ]  # fmt: skip
        if not formulas:
            raise Refused("a case without a value", cells[0].start)
        value = self.value(formulas[0])
        otherwise = any(isinstance(piece, Word) and _is_otherwise(piece.text) for piece in pieces)
        if otherwise and len(formulas) == 1:
            return value, None
        if len(formulas) < 2:
            place = words[0].start if words else cells[0].start
            raise Refused("a case whose condition is not understood", place, "unknown")
        return value, self.conjunction(formulas[1:])

    def conjunction(self, nodes: list[Node]) -> Expr:
        """All of these conditions at once."""
        parts = tuple(self.condition(node) for node in nodes)
        return parts[0] if len(parts) == 1 else Hadamard(parts)

    def condition(self, node: Node) -> Expr:
        """A comparison as an indicator."""
        inner = bare(node)
        if isinstance(inner, Group) and inner.opener == "(":
            inner = bare(inner.body)
        if not isinstance(inner, Chain):
            raise Refused("a condition that is no comparison", node.start, "unknown")
        return self.indicator(inner)

    # -- indicators

    def indicator(self, node: Chain) -> Expr:
        """1 where a comparison holds, else 0; ``i <= p <= n`` is two of them."""
        if len(node.members) > 2:
            links = pairwise(node.members)
            return Hadamard(tuple(
                self.indicator(Chain(node.start, node.stop, (("", one), (sign, other)), (place,), (None,)))
                for ((_, one), (sign, other)), place in zip(links, node.places, strict=True)
            ))  # fmt: skip
        if len(node.members) != 2 or node.members[0][1] is None or node.members[1][1] is None:
            raise Refused("this condition", node.start)
        if node.members[1][0] == r"\in":
            return self.membership(node)
        relation = COMPARISONS.get(node.members[1][0])
        if relation is None:
            raise Refused(f"{node.members[1][0]} in a condition", node.places[0], "unknown")
        sides = [self.compared(side) for _, side in node.members if side is not None]
        if any(isinstance(side, IndexValue) for side in sides):
            sides = self.as_positions(sides, [side for _, side in node.members])
        self.share_range(sides[0], sides[1])
        return self.noted(Indicator(sides[0], relation, sides[1]), node)

    def membership(self, node: Chain) -> Expr:
        r"""``k \in S`` as a condition."""
        (_, letter), (_, which) = node.members
        places = places_of(which, self.vocabulary)
        if places is None or letter is None:
            raise Refused("a set that is not known", node.start, "unknown")
        chains = list(places.conditions_on(spell(letter).strip()))
        for end, sign in ((places.low, r"\ge"), (places.high, r"\le")):
            if end is not None:
                members = (("", letter), (sign, end))
                chains.append(Chain(node.start, node.stop, members, node.places, node.over))
        return self.conjunction(list(chains))

    def as_positions(self, sides: list[Expr], nodes: Sequence[Node | None]) -> list[Expr]:
        """Both sides of a comparison with an index as positions; as numbers where one is no position."""
        shift = 1 - self.graph.first
        found: list[Expr] = []
        for side, node in zip(sides, nodes, strict=True):
            whole = isinstance(side, Number) and side.value.denominator == 1
            if whole and isinstance(side, Number):
                found.append(IndexValue((), Dim(int(side.value) + shift)))
            elif isinstance(side, DimValue):
                found.append(IndexValue((), side.dim + Dim(shift)))
            elif isinstance(side, IndexValue) or label_of(side) is not None or not shift:
                found.append(side)
            else:
                try:
                    found.append(self.position(node))
                except Refused:
                    return [
                        IndexValue(one.indices, one.offset - shift) if isinstance(one, IndexValue) else one
                        for one in sides
                    ]
        return found

    def share_range(self, left: Expr, right: Expr) -> None:
        """An index that is compared with another one, or with a label, has its range."""
        for one, other in ((left, right), (right, left)):
            index = one.single if isinstance(one, IndexValue) else None
            if index is None or index.dim != UNKNOWN:
                continue
            if isinstance(other, LabelValue) and other.label is not None:
                label = label_of(other.label)
                if label is not None and label.facts.classes is not None:
                    index.dim = label.facts.classes
            elif isinstance(other, IndexValue) and other.single is not None:
                index.dim = other.single.dim
                self.context.weak.add(index.serial)

    def compared(self, node: Node) -> Expr:
        """A side of a comparison: a position where it can be one, else a value."""
        inner = bare(node)
        key = spell(inner).strip()
        label = self.label_in(inner) if isinstance(inner, Sym | Scripts | Cmd) else None
        if label is not None:
            return label
        if key in self.context.dummies:
            return self.value(node)
        if key in self.bound or key in self.context.letters:
            return self.position(node)
        if self.is_shifted_letter(inner):
            try:
                return self.position(node)
            except Refused:  # n q - n + r, with a dim as a factor, is a number
                return self.value(node)
        if (
            isinstance(inner, Sym)
            and len(inner.name) == 1
            and inner.name.isalpha()
            and not self.meanings(inner)
        ):
            return self.position(node)
        return self.value(node)

    def is_shifted_letter(self, node: Node | None) -> bool:
        """Whether a piece is ``k + 1`` or the like: an index letter, with numbers and dims."""
        if not isinstance(node, Sum | Product):
            return False
        if not all(isinstance(bare(one), Sum | Product | Sym | Num) for one in node.walk()):
            return False
        names = [one for one in node.walk() if isinstance(one, Sym)]
        letters = [one for one in names if self.is_letter(one)]
        dims = [
            one
            for one in names
            if any(isinstance(named.meaning, DimName) for named in self.vocabulary.lookup(one))
        ]
        if not letters or any(one not in letters and one not in dims for one in names):
            return False
        for one in letters:
            if spell(one) not in self.bound:
                self.context.letters.setdefault(spell(one), Index(UNKNOWN, spell(one)))
        return True

    def is_letter(self, node: Sym) -> bool:
        """Whether a letter is an index, or means nothing else."""
        key = spell(node)
        if key in self.bound or key in self.context.letters:
            return True
        return len(node.name) == 1 and node.name.isalpha() and not self.vocabulary.lookup(node)

    def is_indicator(self, node: Node, following: Node | None) -> bool:
        r"""Whether ``\mathbb 1``, ``\mathbb I`` or 1 stands before a bracket with a comparison."""
        group = bare(following)
        if isinstance(group, Scripts):
            group = bare(group.base)
        if not isinstance(group, Group) or not isinstance(bare(group.body), Chain):
            return False
        return spell(node) in _ONES

    def indexed_indicator(self, node: Scripts) -> Expr | None:
        r"""``\mathbb 1_{i = j}``, ``\delta_{ij}``, ``\delta_{k = c}`` where no such name is declared."""
        if node.base is None or len(node.scripts) != 1 or node.scripts[0][0] != "_":
            return None
        sub = bare(node.scripts[0][1])
        base = spell(node.base)
        if isinstance(sub, Group):
            sub = bare(sub.body)
        if isinstance(sub, Chain) and (base in _ONES or base == r"\delta "):
            return self.indicator(sub)
        if base != r"\delta ":
            return None
        slots = self.slots(sub, 2) if sub is not None else []
        if len(slots) != 2:
            return None
        left, right = (self.compared_index(slot) for slot in slots)
        self.share_range(left, right)
        return Indicator(left, "=", right, True)

    def compared_index(self, node: Node) -> Expr:
        label = self.label_in(node) if isinstance(node, Scripts | Sym | Cmd) else None
        return label if label is not None else self.position(node)

    # -- norms and roots

    def norm(self, node: Scripts) -> Expr | None:
        r"""``\|x\|_F^2`` and its kin."""
        base = bare(node.base)
        if not isinstance(base, Group) or base.opener not in (r"\|", "||", r"\Vert", r"\lVert"):
            return None
        arg = self.value(base.body)
        sub = spell(node.sub) if node.sub is not None else ""
        squared = node.sup is not None and spell(node.sup) == "2"
        if sub == "1":
            found = self.call("norm1", (arg,), node)
        elif sub in ("", "2", "F", r"\mathrm{F}", "<F>", r"\ell _{2}", r"\mathsf{F}", "<Fro>"):
            if sub == "2" and not self.is_vector(arg):
                raise Refused("the spectral norm of a matrix", node.start, "unknown")
            if squared:
                return self.call("sumsq", (arg,), node)
            found = self.call("norm", (arg,), node)
        else:
            raise Refused(f"the norm with {sub}", node.start, "unknown")
        if node.sup is None:
            return found
        return Power(found, self.value(node.sup))

    def is_vector(self, expr: Expr) -> bool:
        shape = shape_of(expr)
        return shape is None or shape[0].is_one or shape[1].is_one

    def environment(self, node: Env) -> Expr:
        if node.name in CASES:
            return self.cases(node)
        if node.name in MATRICES:
            found = self.matrix(node)
            return self.absolute(found, node) if node.name.startswith("vmatrix") else found
        if node.name in DISPLAYS and len(node.rows) == 1 and len(node.rows[0].cells) == 1:
            return self.value(node.rows[0].cells[0])
        raise Refused(f"the environment {node.name} as a value", node.start)


def negated(condition: Expr) -> Expr | None:
    """Where a comparison does not hold."""
    if isinstance(condition, Indicator) and condition.op in NEGATED:
        return Indicator(condition.left, NEGATED[condition.op], condition.right)
    return None


def _is_otherwise(text: str) -> bool:
    return any(word.strip(".,:;()").lower() in _OTHERWISE for word in text.split())
