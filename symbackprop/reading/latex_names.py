r"""Which name a LaTeX symbol is: the longest declared spelling first, what is left over is index or power.

A spelling is ``base_sub^sup``, ``base^sup``, ``base_sub`` or ``base``, in this order. Declared
spellings (``latex:``, ``aliases:``, the left sides of equations) beat those that follow from a
plain name (``W2``: ``W_2``, ``W^{2}``, ``W^{(2)}``, ``W^{[2]}``); a spelling with its fonts beats one
without. One spelling of two names is an error where it is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from symbackprop.errors import nearest
from symbackprop.notation.latex_symbols import name_symbol
from symbackprop.reading.latex_syntax import parse_spelling
from symbackprop.reading.latex_tree import (
    Accent,
    Braces,
    Group,
    Listed,
    Number,
    Product,
    Scripted,
    Sym,
    Tree,
    Word,
    letters_of,
    name_latex,
    spell,
)
from symbackprop.reading.tokens import fail

_STYLES = ("subscript", "paren", "bracket")
FONTS = frozenset(
    r"\mathbf \boldsymbol \mathcal \mathrm \mathsf \mathit \mathtt \mathfrak \mathscr \text \textbf "
    r"\operatorname \mathop".split()
)
_MARKS = {"*": "star", "+": "plus", "-": "minus", "'": "prime"}


@dataclass(frozen=True, slots=True)
class Match:
    """A name, and the scripts that do not belong to it."""

    name: str
    sub: Tree | None = None
    sup: Tree | None = None
    primes: int = 0


@dataclass(slots=True)
class Spellings:
    """Spelling -> names, on three levels: declared, from the plain name, in a layer style."""

    levels: tuple[dict[str, set[str]], ...] = field(default_factory=lambda: ({}, {}, {}))
    loose: tuple[dict[str, set[str]], ...] = field(default_factory=lambda: ({}, {}, {}))
    names: set[str] = field(default_factory=set)
    longest: int = 1  # the most factors that one spelling has

    def declare(self, name: str, latex: str | None = None, aliases: Iterable[str] = ()) -> None:
        """All spellings of a declared name."""
        self.names.add(name)
        for source in (latex, *aliases):
            tree = parse_spelling(source) if source is not None else None
            if tree is not None:
                self.add(tree, name, 0)
        for style in _STYLES:
            tree = parse_spelling(name_symbol(name, style).tex)
            if tree is not None:
                self.add(tree, name, 1 if style == "subscript" else 2)
        word = name if len(name) > 1 else None
        if word is not None:
            self._enter(1, f"<{word}>", f"<{word}>", name)
            self._enter(1, f"\\{word} ", f"\\{word} ", name)

    def declare_superscript(self, name: str, style: bool = False) -> None:
        """``W^{2}`` for W2: in the style of the file, else only where W is no name (there it is a power)."""
        tree = parse_spelling(name_symbol(name, "superscript").tex)
        if isinstance(tree, Scripted) and tree.sup is not None:
            base = tree.base if tree.sub is None else replace(tree, sup=None)
            if style or self.match(base) is None:
                self.add(tree, name, 1 if style else 2)

    def add(self, tree: Tree, name: str, level: int) -> None:
        """One spelling of a name."""
        self.names.add(name)
        if isinstance(tree, Product):
            self.longest = max(self.longest, len(tree.items))
        self._enter(level, spell(tree), spell(without_fonts(tree)), name)

    def _enter(self, level: int, exact: str, loose: str, name: str) -> None:
        self.levels[level].setdefault(exact, set()).add(name)
        self.loose[level].setdefault(loose, set()).add(name)

    def find(self, tree: Tree, fonts: bool = False) -> str | None:
        """The name that is spelled like this as a whole, or None; ``fonts``: with the very fonts.

        Raises if there are two.
        """
        ways = [(self.levels, spell(tree))]
        if not fonts:
            ways.append((self.loose, spell(without_fonts(tree))))
        for tables, key in ways:
            for table in tables:
                names = table.get(key)
                if names is None:
                    continue
                if len(names) > 1:
                    both = " or ".join(sorted(names))
                    raise fail(
                        f"{name_latex(tree)} may be {both}",
                        tree.at,
                        "give one of them `latex:` or `aliases:`",
                    )
                return next(iter(names))
        return None

    def match(self, tree: Tree) -> Match | None:
        """The longest declared name at the front of a symbol, or None."""
        if not isinstance(tree, Scripted):
            found = self.find(tree)
            return Match(found) if found is not None else None
        for primes in sorted({tree.primes, 0}, reverse=True):
            for sub, sup, rest_sub, rest_sup in _partitions(tree):
                whole = _rebuilt(tree.base, sub, sup, primes)
                found = self.find(whole) if whole is not tree.base else None
                if found is not None:
                    return Match(found, rest_sub, rest_sup, tree.primes - primes)
        inner = self.match(tree.base)
        if inner is None or inner.sub is not None or inner.sup is not None or inner.primes:
            return None
        return Match(inner.name, tree.sub, tree.sup, tree.primes)

    def near(self, tree: Tree) -> str | None:
        """A hint that names the nearest known name."""
        found = nearest(plain_name(tree), self.names)
        return f"did you mean {found}?" if found is not None else None


def _partitions(
    tree: Scripted,
) -> Iterator[tuple[Tree | None, Tree | None, Tree | None, Tree | None]]:
    """(sub, sup) of the name and what is left of both, the longest name first."""
    sups: list[tuple[Tree | None, Tree | None]] = [(tree.sup, None)]
    if isinstance(tree.sup, Product) and len(tree.sup.items) > 1 and not tree.sup.items[0][0]:
        head, tail = split_script(tree.sup)
        sups.append((head, tail))
    subs: list[tuple[Tree | None, Tree | None]] = [(tree.sub, None)]
    for sub, rest_sub in subs:
        for sup, rest_sup in sups:
            yield sub, sup, rest_sub, rest_sup
    if tree.sup is not None and tree.sub is not None:
        for sup, rest_sup in sups:
            yield None, sup, tree.sub, rest_sup
        yield tree.sub, None, None, tree.sup
    split = _split_sub(tree.sub)
    if split is not None:
        for sup, rest_sup in sups:
            yield split[0], sup, split[1], rest_sup
        if tree.sup is not None:
            yield split[0], None, split[1], tree.sup


def split_script(script: Product) -> tuple[Tree, Tree]:
    """The first factors and the last one, as in ``(1)T``."""
    *front, (op, last) = script.items
    head = front[0][1] if len(front) == 1 else Product(script.at, tuple(front))
    return head, last if not op else Product(last.at, ((op, last),))


def _split_sub(sub: Tree | None) -> tuple[Tree, Tree] | None:
    """The layer and the indices in ``W_{1,ij}`` or ``W_{1ij}``."""
    if isinstance(sub, Listed) and isinstance(sub.items[0], Number | Word):
        rest = sub.items[1:]
        return sub.items[0], rest[0] if len(rest) == 1 else Listed(rest[0].at, rest)
    if (
        isinstance(sub, Product)
        and isinstance(sub.items[0][1], Number)
        and not any(op for op, _ in sub.items)
    ):
        rest_items = sub.items[1:]
        return sub.items[0][1], (
            rest_items[0][1] if len(rest_items) == 1 else Product(rest_items[0][1].at, rest_items)
        )
    return None


def _rebuilt(base: Tree, sub: Tree | None, sup: Tree | None, primes: int) -> Tree:
    if sub is None and sup is None and not primes:
        return base
    return Scripted(base.at, base, sub, sup, primes)


def without_fonts(tree: Tree) -> Tree:
    r"""The same without ``\mathbf``, ``\mathcal`` and the like, and with ``\varepsilon`` as ``\epsilon``."""
    match tree:
        case Accent(_, mark, arg):
            inner = without_fonts(arg)
            return inner if mark in FONTS else replace(tree, arg=inner)
        case Sym(at, name) if name.startswith(r"\var"):
            return Sym(at, "\\" + name[4:])
        case Scripted(_, base, sub, sup, _):
            return replace(
                tree,
                base=without_fonts(base),
                sub=without_fonts(sub) if sub is not None else None,
                sup=without_fonts(sup) if sup is not None else None,
            )
        case Product(_, items):
            return replace(tree, items=tuple((op, without_fonts(item)) for op, item in items))
        case Group(_, _, body) | Braces(_, body):
            return replace(tree, body=without_fonts(body))
    return tree


def plain_name(tree: Tree) -> str:
    r"""A NAME for a symbol: ``\hat{y}`` is y_hat, ``Z^{(2)}`` is Z_2, ``b_0^1`` is b_0_1."""
    match tree:
        case Number(_, _, text):
            return text.replace(".", "_")
        case Sym(_, name):
            bare = name.removeprefix("\\").removeprefix("var") if len(name) > 1 else _MARKS.get(name, name)
            return bare if bare.isalnum() else "prime" if set(bare) == {"'"} else "x"
        case Word(_, name):
            return "".join(c if c.isalnum() else "_" for c in name).strip("_") or "x"
        case Accent(_, mark, arg):
            return plain_name(arg) if mark in FONTS or mark == r"\mathbb" else f"{plain_name(arg)}_{mark[1:]}"
        case Scripted(_, base, sub, sup, primes):
            parts = [plain_name(part) for part in (base, sub, sup) if part is not None]
            return "_".join(parts + ["prime"] * primes)
        case Product(_, items):
            return letters_of(tree) or "_".join(plain_name(item) for _, item in items)
        case Listed(_, items):
            return "_".join(map(plain_name, items))
        case Group(_, _, body) | Braces(_, body):
            return plain_name(body)
    return "x"


def new_name(tree: Tree, taken: Collection[str]) -> str:
    """A NAME for the left side of an equation that no other thing has."""
    name = plain_name(tree)
    if not name[0].isalpha():
        name = f"x_{name}"
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def latex_if_needed(tree: Tree, name: str) -> str | None:
    """How the author spells a name, if the printer would spell it otherwise."""
    printed = parse_spelling(name_symbol(name).tex)
    return None if printed is not None and spell(printed) == spell(tree) else name_latex(tree)


def spellings_of(
    declared: Mapping[str, tuple[str | None, tuple[str, ...]]], superscripts: bool = False
) -> Spellings:
    """The spellings of declared names, each with its ``latex:`` and ``aliases:``."""
    found = Spellings()
    for name, (latex, aliases) in declared.items():
        found.declare(name, latex, aliases)
    for name in declared:
        found.declare_superscript(name, superscripts)
    return found
