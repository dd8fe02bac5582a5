r"""What the readers of one side share: the context of a derivation, names without a meaning, calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Add, Call, DimValue, Expr, MatMul, Neg, Number
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Opaque, Rounded, shape_of
from symbackprop.errors import InputError
from symbackprop.ops.registry import lookup
from symbackprop.reading.calls import read_call
from symbackprop.reading.elaborate import read as read_text
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Apply, Chain, Minus, Name, Plus
from symbackprop.reading.syntax import Node as SyntaxNode
from symbackprop.reading.syntax import Num as SyntaxNum
from symbackprop.reading.tokens import Place
from symbackprop.reading.works.choices import Choices, Refused
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import Node, Num
from symbackprop.reading.works.vocabulary import Vocabulary
from symbackprop.reading.works.work import Span, Spans

TURNS = frozenset(
    (r"\top ", "T", r"\mathrm{T}", r"\mathsf{T}", r"\mathbf{T}", r"\mathtt{T}", r"\mathsf{\top }",
     r"\mathrm{\top }", r"\dagger ", r"\transpose ")
)  # fmt: skip
DOTS = frozenset(r"\dots \ldots \cdots \vdots \ddots ... \dotsc \dotsb \dotsm \dotso \iddots".split())
NOWHERE = Place(1, 1)
SIZES_FROM = {"reshape": 1, "pad": 1, "eye": 0, "ones": 0, "zeros": 0}  # the first argument that is a size
UNKNOWN = Dim.named("?")  # the dim of an index whose range is not known yet


@dataclass(slots=True)
class Context:
    r"""What readers of one derivation share.

    letters  the free index letters, each one object.
    dummies  letters that stand for any scalar, as x in d sigma(x)/dx.
    locate   offsets to places in the file.
    loss     the scalar that ``\nabla A`` differentiates.
    differentials  d before a name is a small change, as in ``dE = tr(G^T dX)``.
    outer    letters of the other side, which a sum without limits leaves free.
    weak     indices (by serial) whose range is that of what they were compared with: an axis outranks it.
    counter  the letter t of an update ``W^{(t+1)} = W^{(t)} - ...``.
    """

    vocabulary: Vocabulary
    letters: dict[str, Index] = field(default_factory=dict)
    dummies: frozenset[str] = frozenset()
    locate: Callable[[int, int], Span] | None = None
    loss: Tensor | None = None
    example: Index | None = None
    differentials: bool = False  # d before a name is a small change of it, as in dE = tr(G^T dX)
    outer: frozenset[str] = frozenset()  # letters of the other side: a sum without limits leaves them free
    weak: set[int] = field(default_factory=set)
    counter: str = ""  # the letter t of an update W^{(t+1)} = W^{(t)} - ..., where it is one

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


class SideReader:
    """Reads one side; a fresh one for every run of ``every_run``."""

    def __init__(self, context: Context, choices: Choices) -> None:
        self.context = context
        self.vocabulary = context.vocabulary
        self.graph = context.vocabulary.graph
        self.choices = choices
        self.bound: dict[str, Index] = {}
        self.entrywise = False  # inside a sum without limits, where a power of an array is meant
        self.spans = Spans()
        self.scope = Scope(
            self.graph.convention, self.graph.tensors, self.graph.dims, self.graph.functions,
            derivatives=True, layout=self.vocabulary.layout, first=self.graph.first,
        )  # fmt: skip

    def value(self, node: Node | None) -> Expr:
        """The expression of any piece."""
        raise NotImplementedError

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

    def call(
        self, name: str, args: tuple[Expr, ...], node: Node, primes: int = 0, axis: str | None = None
    ) -> Expr:
        """A call of a function of the problem or the table; ``axis`` is "rows", "columns" or as usual."""
        if any(shape_of(arg) is None for arg in args):
            return Opaque(name + "'" * primes, args, (), True)
        if name in SIZES_FROM:  # reshape(u, 2n)
            first = SIZES_FROM[name]
            sizes = [DimValue(size) if (size := as_size(arg)) is not None else arg for arg in args[first:]]
            args = (*args[:first], *sizes)
        if name == "trace" and len(args) == 1 and args[0].shape[0] != args[0].shape[1]:
            op = lookup(name)  # not even a number: the line is wrong, not unread
            assert op is not None
            return Call(op, args, (ONE, ONE))
        names = {f"arg{place}": arg for place, arg in enumerate(args)}
        pieces = [plain_size(arg) or Name(NOWHERE, letter) for letter, arg in names.items()]
        if axis is not None:
            pieces.append(Name(NOWHERE, axis))
        scope = Scope(
            self.graph.convention, self.graph.tensors, self.graph.dims, self.graph.functions,
            params=names, derivatives=True, layout=self.vocabulary.layout, first=self.graph.first,
        )  # fmt: skip
        return self.called(name, tuple(pieces), scope, node, primes)

    def called(
        self, name: str, args: tuple[SyntaxNode, ...], scope: Scope, node: Node, primes: int = 0
    ) -> Expr:
        """The same, of arguments that the reader of plain text understands."""
        try:
            return read_call(Apply(NOWHERE, name, primes, args), scope, read_text)
        except InputError as error:
            raise Refused(error.message, node.start, "shape" if error.code == "shape" else "form") from None

    def number(self, node: Num) -> Expr:
        if "." in node.text:
            digits = len(node.text.split(".")[1])
            return Rounded(Fraction(f"0{node.text}" if node.text[0] == "." else node.text), digits)
        return Number(Fraction(node.text))


def as_size(expr: Expr) -> Dim | None:
    """``2 n``, ``n + 1`` of a dim n as one size; None for what is none."""
    match expr:
        case DimValue(dim):
            return dim
        case Number(value):
            return Dim(int(value)) if value.denominator == 1 else None
        case Neg(arg):
            return _times(as_size(arg), -1)
        case Add(terms):
            parts = [as_size(term) for term in terms]
            known = [part for part in parts if part is not None]
            return sum(known, Dim(0)) if len(known) == len(parts) else None
        case MatMul((Number(times), size)) if times.denominator == 1:
            return _times(as_size(size), int(times))
    return None


def _times(size: Dim | None, by: int) -> Dim | None:
    return size * by if size is not None else None


def plain_size(expr: Expr) -> SyntaxNode | None:
    """A whole number or a dim as the reader of plain text has it, which may be the size of something."""
    if isinstance(expr, Number) and expr.value.denominator == 1 and expr.value >= 0:
        return SyntaxNum(NOWHERE, expr.value, str(expr.value))
    if not isinstance(expr, DimValue):
        return None
    terms: list[SyntaxNode] = []
    for name, times in expr.dim.coefficients:
        term: SyntaxNode = Name(NOWHERE, name)
        if abs(times) != 1:
            term = Chain(NOWHERE, (SyntaxNum(NOWHERE, Fraction(abs(times)), str(abs(times))), term))
        terms.append(term if times > 0 else Minus(NOWHERE, term))
    constant = expr.dim.constant
    if constant or not terms:
        number = SyntaxNum(NOWHERE, Fraction(abs(constant)), str(abs(constant)))
        terms.append(number if constant >= 0 else Minus(NOWHERE, number))
    return terms[0] if len(terms) == 1 else Plus(NOWHERE, tuple(terms))
