r"""From neutral LaTeX trees to the syntax that the plain-text parser produces, by the declared names.

Here are symbols and their scripts, brackets, indicators, norms; products and functions are in
``latex_products``. Nothing is guessed: a symbol that is not declared, a script that means nothing
and words are refused with their place. What only shapes decide stays an ``Open`` node.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.errors import InputError
from symbackprop.reading.latex_members import in_bracket
from symbackprop.reading.latex_names import FONTS, Spellings, plain_name, split_script
from symbackprop.reading.latex_open import Open
from symbackprop.reading.latex_tree import (
    Accent,
    Braces,
    Cases,
    Colon,
    Compare,
    Grid,
    Group,
    Listed,
    Number,
    Product,
    Quotient,
    Root,
    Scripted,
    Sum,
    Sym,
    Tree,
    Word,
    name_latex,
    spell,
)
from symbackprop.reading.latex_written import are_opposite, matrix_of, piecewise
from symbackprop.reading.syntax import (
    Apply,
    Minus,
    Name,
    Node,
    Num,
    Over,
    Plus,
    Raised,
    Relation,
    Sub,
    Turned,
    Whole,
)
from symbackprop.reading.tokens import fail

_TURNS = frozenset(("T", "\\top ", "<T>", "<t>"))
_DIGIT_FONTS = FONTS | {r"\mathbb", r"\mathds", r"\mathbbm"}
_SCRIPT_HINT = "declare the symbol with `latex:` or `aliases:`, or define it by an equation"


@dataclass(slots=True)
class Vocabulary:
    """What names mean to the reader: spellings, kinds, and ranks (None: not known)."""

    spellings: Spellings
    functions: Collection[str] = ()
    ranks: Mapping[str, int | None] = field(default_factory=dict)
    families: Collection[str] = ()


class SymbolReader:
    """Symbols, scripts and brackets; ``product`` comes from ``latex_products``."""

    def __init__(self, vocabulary: Vocabulary, target: str | None = None) -> None:
        self.vocabulary = vocabulary
        self.spellings = vocabulary.spellings
        self.target = target

    def product(self, tree: Product) -> Node:
        """A flat product as one node."""
        raise NotImplementedError

    def derivative(self, num: Tree, den: Tree) -> Node | None:
        """The derivative that a fraction is, or None."""
        raise NotImplementedError

    def node(self, tree: Tree) -> Node:
        """The meaning of a piece."""
        match tree:
            case Number(at, value, text):
                return Num(at, value, text)
            case Sym() | Word() | Accent() | Scripted():
                return self.symbol(tree)
            case Group():
                return self.group(tree)
            case Braces(at, body):
                if isinstance(body, Sum):
                    raise fail("these braces are not seen on the page", at, "write ( ) round the sum")
                return self.node(body)
            case Quotient(at, num, den):
                return self.derivative(num, den) or Over(at, self.node(num), self.node(den))
            case Root(at, arg):
                return Apply(at, "sqrt", 0, (self.node(arg),))
            case Product():
                return self.product(tree)
            case Sum(at, terms):
                nodes = tuple(
                    Minus(term.at, self.node(term)) if sign == "-" else self.node(term)
                    for sign, term in terms
                )
                return nodes[0] if len(nodes) == 1 else Plus(at, nodes)
            case Grid(at, rows):
                return matrix_of(at, [[self.node(cell) for cell in row] for row in rows])
            case Cases():
                return self.cases(tree)
            case Compare(at):
                raise fail("a comparison stands only in an indicator", at, r"write \mathbb{1}[i = j]")
            case Listed(at):
                raise fail("a comma stands only between arguments or indices", at)
        raise fail("a colon stands only as an index", tree.at)

    def cases(self, tree: Cases) -> Node:
        """Values with conditions; the last one is what is left."""
        *front, (last, left) = tree.pieces
        before = front[-1][1] if front else None
        if left is not None and not (len(front) == 1 and before is not None and are_opposite(before, left)):
            raise fail("it is not said what holds in all other cases", tree.at, r"write \text{otherwise}")
        if any(holds is None for _, holds in front):
            raise fail("only the last case has no condition", tree.at)
        given = [(self.node(value), self.indicator(holds)) for value, holds in front if holds is not None]
        return piecewise(tree.at, given, self.node(last))

    # -- symbols

    def symbol(self, tree: Tree) -> Node:
        """A name with its scripts."""
        special = self.special(tree)
        if special is not None:
            return special
        match = self.spellings.match(tree)
        if match is None:
            return self.unknown(tree)
        name = match.name
        if match.primes:
            raise fail(
                f"a prime stands on a function only, and {name} is none",
                tree.at,
                r"write ^\top for the transpose; a name with a prime needs `latex:` or `aliases:`",
            )
        base: Node = Name(tree.at, name)
        return self.with_scripts(base, match.sub, match.sup, self.vocabulary.ranks.get(name))

    def unknown(self, tree: Tree) -> Node:
        """A letter that nothing declares: an index (or an error later); anything longer is an error now."""
        if isinstance(tree, Sym) or (isinstance(tree, Scripted) and tree.sub is None and tree.sup is None):
            bare = tree.base if isinstance(tree, Scripted) else tree
            if isinstance(bare, Sym):
                return Name(tree.at, plain_name(tree))
        if isinstance(tree, Scripted) and isinstance(
            tree.base, Group | Braces | Quotient | Root | Number | Grid
        ):
            base = self.node(tree.base)
            rank = self.vocabulary.ranks.get(base.name) if isinstance(base, Name) else None
            return self.with_scripts(base, tree.sub, tree.sup, rank, tree.primes)
        if isinstance(tree, Scripted) and isinstance(tree.base, Scripted):
            return self.with_scripts(self.symbol(tree.base), tree.sub, tree.sup, None, tree.primes)
        if isinstance(tree, Scripted) and tree.sub is None and _is_turn(tree.sup):
            return self.with_scripts(self.symbol(tree.base), None, tree.sup, None, tree.primes)
        raise self.undeclared(tree)

    def undeclared(self, tree: Tree) -> InputError:
        """The error about a symbol that means nothing."""
        try:
            shown = name_latex(tree)
        except TypeError:
            shown = plain_name(tree)
        return fail(
            f"unknown symbol {shown}", tree.at, self.spellings.near(tree) or _SCRIPT_HINT, "unknown-symbol"
        )

    def special(self, tree: Tree) -> Node | None:
        r"""``e^{x}``, ``\mathbf 1``, ``I_n``, ``\delta_{ij}``, norms, unless such a name is declared."""
        base = tree.base if isinstance(tree, Scripted) else tree
        sub = tree.sub if isinstance(tree, Scripted) else None
        sup = tree.sup if isinstance(tree, Scripted) else None
        if isinstance(base, Group) and base.opener == r"\|":
            return self.norm(base, sub, sup)
        if isinstance(base, Group) or self.spellings.match(tree) is not None:
            return None
        key = spell(base)
        if key in ("e", "<e>", r"\mathrm{e}") and sup is not None and sub is None:
            return Apply(tree.at, "exp", 0, (self.node(sup),))
        if isinstance(base, Accent) and base.mark in _DIGIT_FONTS and isinstance(base.arg, Number):
            return self.bold_digit(base, base.arg, sub, sup)
        if key == "\\delta " and sub is not None:
            return self.kronecker(tree, sub)
        if key in ("I", r"\mathbf{I}", r"\boldsymbol{I}", r"\mathbb{I}") and sub is not None:
            size = self.sizes(sub)[0]
            return self.with_scripts(Apply(tree.at, "eye", 0, (size,)), None, sup, None)
        return None

    def bold_digit(self, base: Accent, digit: Number, sub: Tree | None, sup: Tree | None) -> Node | None:
        name = {"1": "ones", "0": "zeros"}.get(digit.text)
        if name is None:
            return None
        if isinstance(sub, Compare):
            return self.with_scripts(self.indicator(sub), None, sup, None)
        if sub is None:
            return self.with_scripts(Open(base.at, name), None, sup, None)
        return self.with_scripts(Apply(base.at, name, 0, self.sizes(sub)), None, sup, None)

    def sizes(self, sub: Tree) -> tuple[Node, ...]:
        r"""``n``, ``N \times K`` or ``N, K``."""
        if isinstance(sub, Product) and any(op == r"\times" for op, _ in sub.items):
            parts: list[list[tuple[str, Tree]]] = [[]]
            for op, item in sub.items:
                if op == r"\times":
                    parts.append([])
                parts[-1].append(("" if op == r"\times" else op, item))
            trees = [p[0][1] if len(p) == 1 else Product(p[0][1].at, tuple(p)) for p in parts]
            return tuple(self.node(part) for part in trees)
        if isinstance(sub, Listed):
            return tuple(self.node(part) for part in sub.items)
        return (self.node(sub),)

    def kronecker(self, tree: Tree, sub: Tree) -> Node:
        if isinstance(sub, Compare) and sub.op == "=":
            return Apply(tree.at, "kron", 0, (self.node(sub.left), self.node(sub.right)))
        slots = self.slots(sub, 2)
        if len(slots) != 2:
            raise self.undeclared(tree)
        return Apply(tree.at, "kron", 0, slots)

    # -- scripts

    def with_scripts(
        self, base: Node, sub: Tree | None, sup: Tree | None, rank: int | None, primes: int = 0
    ) -> Node:
        """``base`` with an index below and a transpose or power above."""
        if primes:
            raise fail("a prime stands on a function only", base.at, r"write ^\top for the transpose")
        if isinstance(base, Name) and base.name in self.vocabulary.families:
            base, sup = self.member(base, sup)
        if isinstance(sub, Number) and rank is None and _two_digits(sub):
            base = Open(base.at, "digits", (base, Num(sub.at, sub.value, sub.text)))
        elif sub is not None:
            base = Sub(base.at, base, self.slots(sub, rank))
        if sub is not None:
            whole = isinstance(base, Sub) and any(isinstance(slot, Whole) for slot in base.slots)
            if sup is not None and not whole and _is_turn(sup):
                raise fail(
                    "it is not clear whether the transpose or the index comes first",
                    base.at,
                    r"write (A^\top)_{ij}, or no transpose on an entry",
                )
        return base if sup is None else self.raised(base, sup)

    def member(self, base: Name, sup: Tree | None) -> tuple[Node, Tree | None]:
        r"""``h^{(t-1)}`` and ``h^{(t)\top}``: the member, and what is left above it."""
        front, rest = (sup, None) if not isinstance(sup, Product) else split_script(sup)
        which = in_bracket(front)
        return (base, sup) if which is None else (Sub(base.at, base, (self.node(which),)), rest)

    def raised(self, base: Node, sup: Tree) -> Node:
        """A transpose or a power."""
        if _is_turn(sup):
            size = isinstance(sup, Sym) and sup.name == "T" and self.spellings.find(sup) is not None
            return Open(base.at, "turn", (base, self.symbol(sup))) if size else Turned(base.at, base)
        if isinstance(sup, Group | Listed | Compare | Colon):
            if isinstance(sup, Group) and sup.opener == "(" and isinstance(sup.body, Listed):
                return Sub(base.at, base, self.slots(sup.body, None))  # W^{(i,j)}
            raise fail("this superscript belongs to no declared name", sup.at, _SCRIPT_HINT, "unknown-symbol")
        if isinstance(sup, Sym) and sup.name in ("*", "+", "-"):
            raise fail(f"the superscript {sup.name} belongs to no declared name", sup.at, _SCRIPT_HINT)
        if isinstance(sup, Product) and sup.items[0][0]:
            op, inner = sup.items[0]
            if op not in (r"\odot", r"\circ"):
                raise fail(f"{op} cannot begin a power", sup.at)
            return Raised(base.at, base, self.node(inner))
        if isinstance(sup, Sum) and len(sup.terms) == 1 and _is_turn(sup.terms[0][1]):
            return self.turned_inverse(base, sup)
        return Open(base.at, "power", (base, self.node(sup)))

    def turned_inverse(self, base: Node, sup: Sum) -> Node:
        r"""``A^{-\top}``, which is the transpose of the inverse."""
        sign, turn = sup.terms[0]
        if sign != "-":
            raise fail("this superscript is not read", sup.at, r"write ^\top")
        one = Minus(sup.at, Num(sup.at, Fraction(1), "1"))
        return self.raised(Open(base.at, "power", (base, one)), turn)

    def slots(self, sub: Tree, rank: int | None) -> tuple[Node, ...]:
        """The indices of a subscript: ``ij``, ``i,j``, ``(1,j)``, ``12`` of a matrix, ``n:``."""
        if isinstance(sub, Group) and sub.opener in ("(", "["):
            return self.slots(sub.body, rank)
        if isinstance(sub, Listed):
            return tuple(Whole(item.at) if isinstance(item, Colon) else self.node(item) for item in sub.items)
        if isinstance(sub, Number) and rank == 2 and _two_digits(sub):
            after = sub.at._replace(column=sub.at.column + 1)
            return tuple(
                self.node(Number(at, sub.value * 0 + int(digit), digit))
                for at, digit in zip((sub.at, after), sub.text, strict=True)
            )
        if isinstance(sub, Product) and not any(op for op, _ in sub.items) and self.several(sub, rank):
            return tuple(self.node(item) for _, item in sub.items)
        if isinstance(sub, Word):
            raise fail(
                f"the subscript {sub.name} belongs to no declared name",
                sub.at,
                _SCRIPT_HINT,
                "unknown-symbol",
            )
        if isinstance(sub, Colon):
            return (Whole(sub.at),)
        if isinstance(sub, Compare):
            raise fail("a comparison stands only in an indicator", sub.at)
        return (self.node(sub),)

    def several(self, sub: Product, rank: int | None) -> bool:
        """Whether pieces side by side are one index each; ``2i`` of a vector is one."""
        letters = all(isinstance(item, Sym | Number | Scripted) for _, item in sub.items)
        numbered = isinstance(sub.items[0][1], Number)
        if letters and numbered and rank is None and not _is_one(sub.items[0][1]):
            raise fail(
                "it is not clear whether this is one index or several", sub.at, "put commas between them"
            )
        return letters and not (numbered and rank == 1)

    # -- brackets

    def group(self, tree: Group) -> Node:
        """A bracket: grouping, an indicator, an absolute value, a norm, an inner product."""
        body = tree.body
        if tree.opener == "|":
            return Apply(tree.at, "abs", 0, (self.node(body),))
        if tree.opener == r"\|":
            return self.norm(tree, None, None)
        if tree.opener == r"\langle":
            if isinstance(body, Listed) and len(body.items) == 2:
                return Apply(tree.at, "dot", 0, tuple(self.node(item) for item in body.items))
            raise fail(r"\langle \rangle holds two factors with a comma", tree.at)
        if isinstance(body, Compare) and tree.opener == "[":
            return self.indicator(body)
        if isinstance(body, Listed):
            raise fail(
                "a comma in a bracket that belongs to no function",
                body.items[1].at,
                "write the function before it",
            )
        return self.node(body)

    def indicator(self, tree: Compare) -> Node:
        """One where the comparison holds, else zero."""
        return Apply(
            tree.at, "ind", 0, (Relation(tree.at, self.node(tree.left), tree.op, self.node(tree.right)),)
        )

    def norm(self, tree: Group, sub: Tree | None, sup: Tree | None) -> Node:
        r"""``\lVert x\rVert``, with ``_F``, ``_2``, ``_1`` and ``^2``."""
        arg = self.node(tree.body)
        kind = spell(sub)
        squared = isinstance(sup, Number) and sup.value == 2
        if kind in ("2", r"\ell _{2}"):
            found: Node = Open(tree.at, "norm2", (arg,), ("squared",) if squared else ())
        elif kind in ("", "F", "<F>", r"\mathrm{F}", r"\mathsf{F}", "<Fro>", "<fro>"):
            found = Apply(tree.at, "sumsq" if squared else "norm", 0, (arg,))
        elif kind in ("1", r"\ell _{1}"):
            found, squared = Apply(tree.at, "norm1", 0, (arg,)), False
        else:
            assert sub is not None
            raise fail("this norm is not read", sub.at, "no subscript, F, 2 and 1 are")
        return found if squared or sup is None else self.raised(found, sup)


def _two_digits(tree: Number) -> bool:
    return len(tree.text) == 2 and tree.text.isdigit()


def _is_one(tree: Tree) -> bool:
    return isinstance(tree, Number) and tree.value == 1


def _is_turn(sup: Tree | None) -> bool:
    """Whether a superscript is spelled like a transpose."""
    if sup is None:
        return False
    return spell(sup.arg if isinstance(sup, Accent) and sup.mark in FONTS else sup) in _TURNS
