r"""The trees of the reader of works, in; the narrower trees of a forward pass, out.

There is one lexer and one parser of LaTeX (``reading.works``). A work may leave things open, since it only
uses names; what *defines* names must have one meaning. So here every piece becomes one of the few kinds of
``latex_tree``, or is refused with its place: a second ``=``, a missing operand, words, two subscripts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.latex_safe import known_commands
from symbackprop.reading.latex_source import Reader, Source
from symbackprop.reading.latex_statements import EQUALS, Slice, split_statements
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
    Range,
    Root,
    Scripted,
    Statement,
    Sum,
    Sym,
    Tree,
    Word,
)
from symbackprop.reading.tokens import PLAIN_TEXT, Origin, Place
from symbackprop.reading.works import tree as works
from symbackprop.reading.works.commands import CASES, FRACTIONS, MATRICES
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.lexer import Token
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.statements import leading_keyword, words_and_formulas
from symbackprop.reading.works.tree import bare

OPERATORS = frozenset(
    ("*", "/", r"\cdot", r"\odot", r"\circ", r"\times", r"\otimes", r"\oslash", r"\div", r"\bullet")
)
RELATIONS = {
    "=": "=", "<": "<", ">": ">", r"\lt": "<", r"\gt": ">", r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=",
    r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", r"\ne": "!=", r"\neq": "!=",
}  # fmt: skip
FUNCTIONS = frozenset(
    r"\exp \log \ln \tanh \sinh \cosh \sin \cos \tan \max \min \det \arg \lim \inf \sup \Pr \dim \ker".split()
)
ACCENTS = frozenset(
    r"\hat \bar \tilde \vec \dot \ddot \check \breve \acute \grave \mathbf \boldsymbol \mathcal \mathbb "
    r"\mathrm \mathsf \mathit \mathtt \mathfrak \mathscr \mathds \mathbbm "
    r"\text \textbf \operatorname \mathop \underline".split()
)
_ANNOTATED = frozenset((r"\underbrace", r"\overbrace", r"\boxed", r"\underbracket", r"\overbracket"))
_UNDER = frozenset((r"\underset", r"\overset", r"\stackrel"))
_BARS = {
    r"\abs": "|", r"\lvert": "|", r"\vert": "|",
    r"\norm": r"\|", r"\lVert": r"\|", r"\Vert": r"\|", "||": r"\|",
}  # fmt: skip
_RESPELLED = {
    r"\ast": "*", r"\intercal": r"\top", r"\ldots": r"\dots", r"\cdots": r"\dots", r"\dotsc": r"\dots",
    "...": r"\dots", r"\bm": r"\boldsymbol", r"\pmb": r"\boldsymbol", r"\widehat": r"\hat",
    r"\widetilde": r"\tilde", r"\overline": r"\bar", r"\lbrack": "[", r"\lparen": "(", r"\lbrace": r"\{",
}  # fmt: skip
_BRACKETS = ("(", "[", r"\{", "|", r"\|", r"\langle")
_MATRICES = MATRICES - {"vmatrix", "vmatrix*", "Vmatrix", "Vmatrix*", "block", "blockarray"}
SLICE = 2  # the pieces of n: and :k


def parse_statements(text: str, reader: Reader, origin: Origin = PLAIN_TEXT) -> tuple[Statement, ...]:
    """The equations and formulas of a LaTeX text, in order."""
    source = Source(text, origin)
    try:
        slices = split_statements(source.tokens(reader), source)
        return tuple(_statement(part, source) for part in slices if part.tokens)
    except RecursionError:
        raise source.fail("the formula is nested too deeply", 0, code="limit") from None
    except InputError as error:
        raise error.located(file=origin.file) from None


def _statement(part: Slice, source: Source) -> Statement:
    node = _node(part.tokens, source)
    at = source.place(part.tokens[0].start)
    narrow = _Narrower(source)
    ranges = tuple(
        Range(_whole([index], source), _whole(low, source), _whole(high, source))
        for index, low, high in part.ranges
    )
    if not isinstance(node, works.Chain):
        return Statement(at, None, narrow.tree(node), ranges)
    for (relation, _), place in zip(node.members[1:], node.places, strict=True):
        if relation not in EQUALS:
            hint = "shapes are declared under symbols:" if relation == r"\in" else None
            raise source.fail(f"{relation} is not read here", place, hint)
    if len(node.members) > 2:
        hint = "write each equation in a row of its own"
        raise source.fail("a second = in one equation", node.places[1], hint)
    left, right = (member for _, member in node.members)
    end = part.tokens[-1].stop
    return Statement(at, narrow.wanted(left, node.places[0]), narrow.wanted(right, end), ranges)


def _node(tokens: Sequence[Token], source: Source) -> works.Node:
    """The tree of works of one formula."""
    _check_scripts(tokens, source)
    try:
        display = parse_display(list(tokens))
    except SyntaxFault as fault:
        raise _refusal(fault, source, tokens) from None
    found = [cell for row in display.rows for cell in row.cells if cell is not None]
    if not found:
        raise source.fail("the formula ends too early", tokens[-1].stop)
    return found[0]


def _check_scripts(tokens: Sequence[Token], source: Source) -> None:
    for sign, script in pairwise(tokens):
        if sign.kind in ("^", "_") and script.kind == "num" and len(script.text) > 1:
            message = f"a script of several digits needs braces: {{{script.text}}}"
            raise source.fail(message, script.start)


def _refusal(fault: SyntaxFault, source: Source, tokens: Sequence[Token]) -> InputError:
    """What the parser of works refused, with what to do about it."""
    reason, hint, code = fault.reason, None, "syntax"
    unknown = re.fullmatch(r"the command (\\[A-Za-z]+) is not known", reason)
    if unknown:
        hint = did_you_mean(unknown[1], [f"\\{known}" for known in known_commands()])
    elif "brace { is not closed" in reason:
        hint = "add }"
    elif "nested more than" in reason:
        code = "limit"
    elif reason == "the formula ends too early" or reason.endswith("is missing at the end"):
        return source.fail(f"{reason}: the formula ends here", tokens[-1].stop)
    return source.fail(reason, fault.place, hint, code)


def _whole(tokens: Sequence[Token], source: Source) -> Tree:
    return _Narrower(source).tree(_node(tokens, source))


@lru_cache(maxsize=4096)
def parse_spelling(text: str) -> Tree | None:
    """The tree of a declared spelling; None if it is no formula of this grammar."""
    source = Source(text)
    try:
        tokens = [token for token in source.tokens(Reader()) if token.kind != "newline"]
        return _whole(tokens, source) if tokens else None
    except (InputError, RecursionError):
        return None


class _Narrower:
    """From trees of works to trees of a forward pass."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def place(self, node: works.Node) -> Place:
        return self.source.place(node.start)

    def wanted(self, node: works.Node | None, end: int) -> Tree:
        """An operand, which must be there; it would stand at ``end``."""
        if node is None:
            raise self.source.fail("expected a name, a number or a bracket, but the formula ends here", end)
        return self.tree(node)

    def tree(self, node: works.Node) -> Tree:
        """One piece."""
        at = self.place(node)
        match node:
            case works.Num(_, _, text):
                return Number(at, Fraction(text), text)
            case works.Sym(_, _, name):
                return self.symbol(node, name)
            case works.Word(_, _, _, text, kind):
                return self.word(node, text, kind)
            case works.Note(_, _, text):
                raise self.source.fail(f"unexpected {text}", node.start)
            case works.Cmd():
                return self.command(node)
            case works.Scripts():
                return self.scripted(node)
            case works.Group():
                return self.group(node)
            case works.Braces(_, _, body):
                inner = self.wanted(body, node.stop)
                return Braces(at, inner) if isinstance(inner, Sum | Product | Listed | Compare) else inner
            case works.Product():
                return self.product(node)
            case works.Sum(_, stop, terms):
                found = tuple((self.sign(sign, node), self.wanted(term, stop)) for sign, term in terms)
                return Sum(at, found)
            case works.Chain():
                return self.compared(node)
            case works.Listed():
                return self.listed(node)
            case works.Env():
                return self.environment(node)
        raise self.source.fail("this is not read here", node.start)

    def sign(self, sign: str, node: works.Node) -> str:
        if sign not in ("", "+", "-"):
            raise self.source.fail(f"{sign} is not read here", node.start)
        return sign or "+"

    def symbol(self, node: works.Node, name: str) -> Tree:
        at = self.place(node)
        name = _RESPELLED.get(name, name)
        if name in FUNCTIONS:
            return Word(at, name[1:])
        if not (name.isalpha() or (name[:1] == "\\" and name[1:].isalpha()) or name in ("*", "+", "-", "'")):
            raise self.source.fail(f"unexpected {name}", node.start)
        return Sym(at, name)

    def word(self, node: works.Node, text: str, kind: str) -> Tree:
        if kind == "prose":
            raise self.source.fail(f"the words '{text}' are no mathematics that can be read", node.start)
        return Sym(self.place(node), text) if len(text) == 1 else Word(self.place(node), text)

    # -- commands

    def command(self, node: works.Cmd) -> Tree:
        at, name = self.place(node), _RESPELLED.get(node.name, node.name)
        if node.option is not None:
            if name == r"\sqrt":
                message = "a root other than the square root is not read"
                raise self.source.fail(message, node.option.start - 1, r"write x^{1/3}")
            raise self.source.fail(f"{name}[...] is not read here", node.start)
        if name in FRACTIONS:
            num, den = node.args
            return Quotient(at, self.argument(num), self.argument(den))
        if name == r"\sqrt":
            return Root(at, self.argument(node.args[0]))
        if name in ACCENTS:
            return self.accent(at, name, self.argument(node.args[0]))
        if name in _BARS:
            return Group(at, _BARS[name], self.argument(node.args[0]))
        if name in _UNDER:
            self.check_remark(node.args[0])
        elif name not in _ANNOTATED and name not in (r"\mathclap", r"\smash"):
            raise self.source.fail(f"{name} is not read here", node.start)
        body = self.argument(node.args[-1])
        return Group(at, "(", body) if isinstance(body, Sum | Product) else body

    def check_remark(self, node: works.Node) -> None:
        r"""Above or below stands a shape (``N \times K``) or words."""
        for part in (node, *node.walk()):
            if isinstance(part, works.Word):
                return
            if isinstance(part, works.Product) and any(op == r"\times" for op, _ in part.items):
                return
        raise self.source.fail("what stands above or below here is neither a shape nor a remark", node.start)

    def argument(self, node: works.Node) -> Tree:
        """What stands in the braces behind a command."""
        if isinstance(node, works.Braces):
            return self.wanted(node.body, node.stop)
        return self.tree(node)

    def accent(self, at: Place, mark: str, arg: Tree) -> Tree:
        if isinstance(arg, Product) and all(op == "" and isinstance(part, Sym) for op, part in arg.items):
            letters = [part.name for _, part in arg.items if isinstance(part, Sym)]
            if all(len(letter) == 1 for letter in letters):
                return Accent(at, mark, Word(arg.at, "".join(letters)))
        if isinstance(arg, Scripted):
            return Scripted(at, Accent(at, mark, arg.base), arg.sub, arg.sup, arg.primes)
        if not isinstance(arg, Sym | Word | Number | Accent):
            raise InputError(
                f"{mark} stands on one letter or word only", code="syntax", line=at.line, column=at.column
            )
        return Accent(at, mark, arg)

    # -- brackets and products

    def group(self, node: works.Group) -> Tree:
        inner = bare(node.body)
        if isinstance(inner, works.Env) and node.opener in ("(", "[", r"\{"):
            return self.environment(inner, node.opener)
        opener = _BARS.get(node.opener, _RESPELLED.get(node.opener, node.opener))
        if opener not in _BRACKETS:
            raise self.source.fail(f"the bracket {node.opener} is not read here", node.start)
        return Group(self.place(node), opener, self.wanted(node.body, node.stop - 1))

    def product(self, node: works.Product) -> Tree:
        items: list[tuple[str, Tree]] = []
        for op, item in node.items:
            sign = _RESPELLED.get(op, op)
            if sign and sign not in OPERATORS:
                raise self.source.fail(f"{op} is not read here", (item or node).start)
            if isinstance(item, works.Braces) and item.body is None:
                continue
            items.append((sign, self.wanted(item, node.stop)))
        if not items:
            raise self.source.fail("nothing stands here", node.start)
        return items[0][1] if len(items) == 1 and not items[0][0] else Product(self.place(node), tuple(items))

    def compared(self, node: works.Chain) -> Tree:
        at = self.place(node)
        if len(node.members) != 2:
            raise self.source.fail("one comparison is wanted here", node.places[1])
        (_, left), (relation, right) = node.members
        if relation not in RELATIONS:
            raise self.source.fail(f"{relation} is not read here", node.places[0])
        return Compare(at, self.wanted(left, node.start), RELATIONS[relation], self.wanted(right, node.stop))

    def listed(self, node: works.Listed) -> Tree:
        """Pieces with commas between them; a colon is a piece of its own."""
        groups: list[list[Tree]] = [[]]
        for sep, item in node.items:
            if sep == ":":
                groups[-1].append(Colon(self.place(node) if item is None else self.place(item)))
            elif sep in (",", ";", "|", r"\|", r"\mid"):
                groups.append([])
            elif sep and not (sep == "." and item is None):  # the end of a sentence
                raise self.source.fail(f"unexpected {sep}", node.start)
            if isinstance(item, works.Word) and item.kind == "prose":
                raise self.source.fail(
                    f"the words '{item.text}' are no mathematics that can be read", item.start
                )
            if item is not None:
                groups[-1].append(self.tree(item))
                if len(groups[-1]) > SLICE:
                    raise self.source.fail("a slice with bounds is not read", item.start, "write the entries")
        if not all(groups):
            raise self.source.fail("nothing stands between two commas", node.start)
        items = tuple(one for group in groups for one in group)
        return items[0] if len(items) == 1 else Listed(self.place(node), items)

    def environment(self, node: works.Env, opener: str = "") -> Tree:
        """A matrix, or cases."""
        rows = [row for row in node.rows if any(cell is not None for cell in row.cells)]
        if rows and (node.name in CASES or (opener == r"\{" and node.name == "array")):
            return Cases(self.place(node), tuple(self.case(row) for row in rows))
        if rows and node.name in _MATRICES and len({len(row.cells) for row in rows}) == 1:
            cells = (tuple(self.cell(cell, row) for cell in row.cells) for row in rows)
            return Grid(self.place(node), tuple(cells))
        message = f"the environment {node.name} is not read here"
        raise self.source.fail(message, node.start, "write the formula without it")

    def cell(self, node: works.Node | None, row: works.Row) -> Tree:
        tree = self.wanted(node, row.stop)
        if isinstance(tree, Sym) and tree.name in (r"\dots", r"\vdots", r"\ddots"):
            hint = "write every entry, or declare the matrix"
            raise self.source.fail("dots in a matrix are not read", row.start, hint)
        return tree

    def case(self, row: works.Row) -> tuple[Tree, Compare | None]:
        r"""``a & \text{if } x > 0``: the value, and the comparison, None for "otherwise"."""
        parts: list[works.Node] = []
        for cell in row.cells:
            items = cell.items if isinstance(cell, works.Listed) else (("", cell),)
            for _, item in items:
                if isinstance(item, works.Word) and item.kind == "prose":
                    parts += words_and_formulas(item)
                elif item is not None:
                    parts.append(item)
        if not parts:
            raise self.source.fail("a case without a value", row.start)
        value, *rest = parts
        words = [part.text.lower() for part in rest if isinstance(part, works.Word)]
        found = [self.tree(part) for part in rest if not isinstance(part, works.Word)]
        if any(leading_keyword(text) in ("else", "otherwise", "elsewhere") for text in words) and not found:
            return self.tree(value), None
        if len(found) != 1 or not isinstance(found[0], Compare):
            message = "a case needs one comparison, or the word otherwise"
            raise self.source.fail(message, row.start, r"write a & x > 0 \\ b & \text{otherwise}")
        return self.tree(value), found[0]

    # -- scripts

    def scripted(self, node: works.Scripts) -> Tree:
        base = node.base
        if base is None or (isinstance(base, works.Braces) and base.body is None):
            raise self.source.fail("a script without a base", node.start)
        inner = bare(base)
        if isinstance(inner, works.Cmd) and inner.name in _ANNOTATED and inner.name != r"\boxed":
            return self.tree(base)
        sub: Tree | None = None
        sup: Tree | None = None
        primes = 0
        for sign, script in node.scripts:
            if sign == "'":
                if sup is not None:
                    message, hint = "a prime after a superscript", "write the prime first"
                    raise self.source.fail(message, node.stop - 1, hint)
                primes += 1
                continue
            assert script is not None
            count = _primes(script)
            if sign == "^" and count:
                primes += count
                continue
            if sign == "_":
                if sub is not None:
                    raise self.twice("subscripts", script)
                sub = self.script(script)
            else:
                if sup is not None:
                    raise self.twice("superscripts", script)
                sup = self.script(script)
        tree = self.tree(base)
        if sub is None and sup is None and not primes:
            return tree
        return Scripted(tree.at, tree, sub, sup, primes)

    def twice(self, what: str, script: works.Node) -> InputError:
        message = f"two {what} on one letter"
        return self.source.fail(message, script.start - 1, "write {...} round the first")

    def script(self, node: works.Node) -> Tree:
        """What stands below or above; a word there is part of a name."""
        inner = bare(node)
        if isinstance(inner, works.Word) and " " not in inner.text:
            return self.word(inner, inner.text, "word")
        return self.argument(node)


def _primes(node: works.Node) -> int:
    r"""How many primes a superscript is: ``^{\prime}``, ``^{''}``."""
    inner = bare(node)
    if isinstance(inner, works.Sym) and inner.name in ("'", r"\prime"):
        return 1
    if isinstance(inner, works.Scripts) and inner.base is None and all(s == "'" for s, _ in inner.scripts):
        return len(inner.scripts)
    if isinstance(inner, works.Product) and all(
        not op and isinstance(item, works.Sym) and item.name == r"\prime" for op, item in inner.items
    ):
        return len(inner.items)
    return 0
