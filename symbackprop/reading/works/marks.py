r"""One factor by itself: letters in fonts and with accents, brackets with scripts, roots, fractions, I, 1."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, DimValue, Divide, Expr, Number, Power, Transpose
from symbackprop.core.written import Identity, Ones
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import ACCENTS, FONTS, FRACTIONS
from symbackprop.reading.works.context import TURNS
from symbackprop.reading.works.spelling import scripts_of, spell
from symbackprop.reading.works.tree import (
    Chain,
    Cmd,
    Env,
    Group,
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
from symbackprop.reading.works.wording import WordReader

_SHOWN = frozenset(
    r"\underbrace \overbrace \boxed \fbox \textcolor \colorbox \smash \underbracket \overbracket \mathclap "
    r"\uwave \mathop \pa \br \qty \pqty \bqty \paren \parens \overparen".split()
)


class MarkReader(WordReader):
    """A factor that nothing behind it belongs to."""

    def one(self, item: Node) -> Expr:
        """A factor that nothing behind it belongs to."""
        match item:
            case Scripts():
                found = self.special_scripts(item)
                return found if found is not None else self.symbol(item)
            case Sym() | Word():
                return self.plain(item)
            case Cmd():
                return self.command(item)
        return self.value(item)

    def plain(self, item: Node) -> Expr:
        if isinstance(item, Word) and item.kind != "word":
            raise Refused(f"the words '{item.text}' in a formula", item.start, "unknown")
        if isinstance(item, Sym):
            if item.name in (r"\mathbf", r"\quad"):
                raise Refused(f"{item.name} alone", item.start)
            if item.name == r"\infty":
                raise Refused("infinity as a value", item.start, "unknown")
        identity = self.identity(item)
        return identity if identity is not None else self.symbol(item)

    def special_scripts(self, node: Scripts) -> Expr | None:
        """Scripts that are no scripts of a name: ``e^x``, norms, indicators, brackets, braces."""
        base = bare(node.base)
        if base is None:
            raise Refused("a script without a base", node.start)
        if (
            isinstance(base, Sym)
            and base.name == "e"
            and node.sub is None
            and "e" not in self.vocabulary.defined
            and not self.vocabulary.lookup(node)
        ):
            _, sup, primes = scripts_of(node)
            plain = sup is not None and not primes and spell(sup) not in TURNS
            # An array of that name is raised to a number, or carries a mark; e^{z_k} is exp even then.
            declared = bool(self.vocabulary.lookup(base))
            if sup is not None and plain and (not declared or isinstance(sup, Scripts | Sum | Product)):
                return self.call("exp", (self.value(sup),), node)
        if isinstance(base, Cmd) and base.name in _SHOWN:
            if base.name in (r"\underbrace", r"\overbrace", r"\underbracket", r"\overbracket"):
                return self.command(base)
            return self.with_bracket(base, node)
        if isinstance(base, Group):
            found = self.norm(node)
            return found if found is not None else self.with_bracket(base, node)
        if isinstance(base, Env | Product | Sum) or (isinstance(base, Cmd) and base.name in FRACTIONS):
            return self.with_bracket(base, node)
        if isinstance(base, Num):
            return self.with_bracket(base, node)
        if isinstance(base, Cmd) and is_bold_one(base) and not self.meanings(node):
            sub, sup, primes = scripts_of(node)
            if not primes and not isinstance(sub, Chain | Group):
                found = self.ones(sub)
                return self.raised(found, sup, node) if sup is not None else found
        if isinstance(base, Scripts) and not self.meanings(node):
            return self.with_bracket(base, node)
        if not self.meanings(node):
            return self.zeros(node) or self.indexed_indicator(node) or self.identity(node)
        return None

    def with_bracket(self, base: Node, node: Scripts) -> Expr:
        sub, sup, primes = scripts_of(node)
        if primes:
            raise Refused("a prime on a bracket", node.start)
        if isinstance(base, Group) and spell(sub) == "+" and sup is None:
            return self.call("max", (Number(Fraction(0)), self.value(base)), node)  # [1 - y s]_+
        return self.with_scripts(self.value(base), sub, sup, node)

    def identity(self, node: Node) -> Expr | None:
        r"""``I``, ``I_n``, ``I_{2 \times 2}`` where nothing of that name is declared: the identity."""
        base = node.base if isinstance(node, Scripts) else node
        if spell(base, loose=True) != "I" or base is None or self.vocabulary.lookup(base):
            return None
        sub, sup, primes = scripts_of(node) if isinstance(node, Scripts) else (None, None, 0)
        if primes or (sup is not None and not self.is_turn(sup)):
            return None
        sizes = self.extents(sub)
        if len(set(sizes)) > 1:
            return None  # I_{m \times n} is something else
        found = self.sized_by("eye", sizes[:1]) if sizes else Identity()
        return Transpose(found) if sup is not None else found

    def command(self, node: Cmd) -> Expr:
        """A command with arguments as a value."""
        if node.name in FRACTIONS:
            return self.fraction(node)
        if node.name == r"\sqrt":
            arg = self.value(node.args[0])
            if node.option is not None:
                root = self.value(node.option)
                return Power(arg, Divide(Number(Fraction(1)), root))
            return self.call("sqrt", (arg,), node)
        if node.name in (r"\abs", r"\vqty"):
            return self.absolute(self.value(node.args[0]), node)
        if node.name == r"\norm":
            return self.call("norm", (self.value(node.args[0]),), node)
        if node.name in (r"\transpose", r"\trans", r"\tran"):
            return Transpose(self.value(node.args[0]))
        if node.name in _SHOWN:
            return self.value(node.args[-1])
        if node.name in (r"\inner", r"\ip", r"\innerproduct", r"\dotp"):
            return self.call("dot", tuple(map(self.value, node.args)), node)
        if node.name in (r"\underset", r"\overset", r"\stackrel"):
            return self.value(node.args[1])
        if node.name in FONTS or node.name in ACCENTS:
            return self.marked_name(node)
        raise Refused(f"the command {node.name} as a value", node.start, "unknown")

    def marked_name(self, node: Cmd) -> Expr:
        """A letter in a font or with an accent: declared, a bold digit, or unknown."""
        if self.meanings(node):
            return self.symbol(node)
        inner = bare(node.args[0])
        if node.name in FONTS and inner is not None:
            if is_bold_one(node):
                return Ones()
            if isinstance(inner, Num) and inner.text in ("0", "1"):
                self.note(f"{spell(node)} is {inner.text} in every entry")
                return self.number(inner)
            if not isinstance(inner, Sym | Word):
                return self.value(inner)
            if isinstance(inner, Sym) and (found := self.letter(inner)) is not None:
                return found[1]
            scripted = self.vocabulary.lookup(inner)
            if scripted:
                return self.symbol(inner)
            if (identity := self.identity(node)) is not None:
                return identity
        if isinstance(inner, Scripts) and inner.base is not None and node.name in ACCENTS:
            moved = Cmd(node.start, node.stop, node.name, (inner.base,), None)
            return self.one(Scripts(node.start, node.stop, moved, inner.scripts))
        return self.unknown(node)

    def fraction(self, node: Cmd) -> Expr:
        top, below = node.args
        num, den = self.value(top), self.value(below)
        return self.divided(num, den, node)

    def ones(self, sub: Node | None) -> Expr:
        r"""``\mathbf 1``, ``\mathbf 1_{m \times n}``: ones, as many as it says or as its place asks."""
        sizes = self.extents(sub)
        return self.sized_by("ones", sizes) if sizes else Ones()

    def zeros(self, node: Scripts) -> Expr | None:
        r"""``\mathbf 0_{m \times n}``: zeros, as many as it says."""
        sub, sup, primes = scripts_of(node)
        base = bare(node.base)
        sizes = self.extents(sub)
        if primes or not sizes or base is None or spell(base, loose=True) != "0" or isinstance(base, Num):
            return None
        found = self.sized_by("zeros", sizes)
        return self.raised(found, sup, node) if sup is not None else found

    def sized_by(self, name: str, sizes: tuple[Dim, ...]) -> Expr:
        """An array of ones, of zeros or the identity, of this size."""
        op = self.scope.operation(name)
        assert op is not None
        args = tuple(Number(Fraction(size.constant)) if size.is_number else DimValue(size) for size in sizes)
        across = len(sizes) == 1 and self.graph.convention.vectors_are_rows
        rows, columns = (sizes[0], sizes[-1] if len(sizes) > 1 or name == "eye" else ONE)
        return Call(op, args, (columns, rows) if across and name != "eye" else (rows, columns))

    def extents(self, sub: Node | None) -> tuple[Dim, ...]:
        r"""The sizes in ``N`` or ``m \times n``; () where anything else stands."""
        inner = bare(sub)
        crossed = isinstance(inner, Product) and all(op == r"\times" for op, _ in inner.items[1:])
        parts = [item for _, item in inner.items] if isinstance(inner, Product) and crossed else [inner]
        if isinstance(inner, Sum):
            parts = _parted(inner)
        found = tuple(dim for part in parts if (dim := self.extent(part)) is not None)
        return found if len(found) == len(parts) <= 2 else ()

    def extent(self, node: Node | None) -> Dim | None:
        """A size: a whole number, a dim, or an affine combination of them."""
        inner = bare(node)
        match inner:
            case Num(_, _, text):
                return Dim(int(text)) if text.isdigit() else None
            case Sum(_, _, terms):
                parts = [(sign, self.extent(term)) for sign, term in terms]
                total = Dim(0)
                for sign, part in parts:
                    if part is None:
                        return None
                    total = total + part * (-1 if sign == "-" else 1)
                return total
            case Group() if inner.opener == "(":
                return self.extent(inner.body)
            case Product(_, _, items) if len(items) == 2 and not items[1][0]:
                times, size = bare(items[0][1]), self.extent(items[1][1])
                return size * int(times.text) if isinstance(times, Num) and size is not None else None
            case None:
                return None
        named = [one.meaning for one in self.vocabulary.lookup(inner)]
        return next((Dim.named(one.name) for one in named if isinstance(one, DimName)), None)


def _parted(sizes: Sum) -> list[Node | None]:
    r"""``n - 1 \times m + 1``, in which the sizes are ``n - 1`` and ``m + 1``."""
    for place, (sign, term) in enumerate(sizes.terms):
        if isinstance(term, Product) and [op for op, _ in term.items] == ["", r"\times"]:
            (_, above), (_, across) = term.items
            rows = Sum(sizes.start, term.stop, (*sizes.terms[:place], (sign, above)))
            return [rows, Sum(term.start, sizes.stop, (("", across), *sizes.terms[place + 1 :]))]
    return [sizes]


def is_bold_one(node: Node) -> bool:
    r"""``\mathbf 1``, ``\mathbb 1``: a vector of ones where it is no indicator."""
    inner = bare(node.args[0]) if isinstance(node, Cmd) and len(node.args) == 1 else None
    return isinstance(node, Cmd) and node.name in FONTS and isinstance(inner, Num) and inner.text == "1"
