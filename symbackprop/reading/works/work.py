r"""What the reader of works gives: claims, each with its places, its readings and what governs it.

A *claim* is one relation: ``a = b``, each link of ``a = b = c``, each line ``&= c`` of a display (its left
side is inherited). Nothing here says whether a claim is true.

Of one claim there may be several readings (is ``W^1`` a layer or a power, ``\sigma(z)`` a call or a
product); they differ in ``choices`` and are ordered, the best first. Readings are kept per *side*, since
the sides of a chain are shared by its links: combine those of two sides that make no opposite choice
(``Reading.agrees``). An index letter is one ``Index`` object in the whole of a derivation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Index, Tensor


class Span(NamedTuple):
    """A stretch of the original file: from (line, column) to just before (end_line, end_column); one-based.

    ``start`` and ``stop`` are the same as offsets in characters.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    stop: int


class Spans:
    """Where the parts of an expression stand: by identity, for equal parts stand in several places."""

    __slots__ = ("_kept", "_spans")

    def __init__(self) -> None:
        self._spans: dict[int, Span] = {}
        self._kept: list[Expr] = []

    def note(self, expr: Expr, span: Span) -> None:
        """``expr`` was read from ``span`` (the first note stays)."""
        if id(expr) not in self._spans:
            self._spans[id(expr)] = span
            self._kept.append(expr)  # an id is unique only while the object lives

    def of(self, expr: Expr) -> Span | None:
        """Where ``expr``, the very object, was read; None for parts that stand nowhere by themselves."""
        return self._spans.get(id(expr))


class Choice(NamedTuple):
    r"""What syntax left open: ``\sigma`` (what) is "the activation" (reading): "a bracket follows" (why)."""

    what: str
    reading: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    r"""One typed reading of one side.

    expr      the value; index letters in it that nothing binds are free: objects of ``Claim.indices``.
              dL/dW is ``Partial(L, W)``; dL/dW_ij ``Element(Partial(L, W), (i, j))``; dy/dW of arrays
              ``Jacobian(y, W)``; dy_r/dW_ij ``Element(Partial(y, W), (r, i, j))``; the derivative of a
              formula ``Slope``. Juxtaposition is one flat ``MatMul``, ``\odot`` one ``Hadamard``, ``\otimes``
              a call of outer. Shapes were checked only as far as no layout matters: with Jacobians in it
              a product may not fit.
    choices   what was decided on the way; for the echo, and to match readings of two sides.
    opaque    the names in it that mean nothing in this problem: no verdict may need their value.
    notes     what was inferred and should be echoed ("\sigma is relu, the only activation").
    example   the index of the example that is meant, where one row (column) of each batch array was read for
              it: ``z_k`` of a batch Z is Z[n,k]. None where the batch was read as a whole.
    spans     where each sub-expression stands in the file.
    """

    expr: Expr
    choices: tuple[Choice, ...] = ()
    opaque: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    example: Index | None = None
    spans: Spans = field(default_factory=Spans, compare=False, repr=False)

    def agrees(self, other: Reading) -> bool:
        """Whether no spelling is read in one way here and in another way there."""
        mine = {choice.what: choice.reading for choice in self.choices}
        return all(mine.get(choice.what, choice.reading) == choice.reading for choice in other.choices)


@dataclass(frozen=True, slots=True)
class Unread:
    """Why something was not read, and where.

    code  "syntax": the text could not be read (an unread claim); "unknown": it was read, but holds
          something that has no meaning here (a set, a bare function, a relation such as an arrow);
          "shape": an index too many or too few, extents that cannot fit; "form": a sentence of
          mathematics that is not understood. All but "syntax" make a claim unchecked, not unread.
    """

    line: int
    column: int
    reason: str
    code: str = "syntax"


@dataclass(frozen=True, slots=True)
class Side:
    r"""One member of a chain.

    latex      as it stands in the source, without the signs of alignment, on one line.
    readings   best first; empty where it could not be read (then ``unread`` says why).
    name       the plain spelling of a side that is nothing but a name the problem does not know
               (``\delta``, ``A^{-}``): such a side may be defined by the claim.
    """

    latex: str
    span: Span
    readings: tuple[Reading, ...] = ()
    unread: Unread | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What limits a claim: ``if i = j``, ``x > 0``, ``otherwise``, or words that were not understood.

    holds     the condition as an ``Indicator`` (or a product of them), None where it was not understood.
    otherwise whether it is the negation of the conditions before it ("else"); ``holds`` is then the
              negation, as far as it is known.
    letters   the index letters that stand in it: it governs a claim in which they are free.
    """

    text: str
    span: Span
    holds: Expr | None = None
    otherwise: bool = False
    letters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    r"""What a name of the work stands for: an array of its own, and the formula of all its entries.

    The name of ``tensor`` is no other one's in the work; it has no value in the forward pass.
    """

    tensor: Tensor
    value: Expr


@dataclass(frozen=True, slots=True)
class Claim:
    r"""One link of a chain.

    kind        "equation": both sides have values; "update": ``left`` is the *new* value of ``target``
                (``W = W - \eta G``, ``\gets``, ``+=``); "sizes": a statement about shapes
                (``(K \times K)(K \times 1) = K \times 1``, ``x \in \mathbb R^n``), which has no value;
                "set": the definition of a set of places; "bare": no relation.
    relation    "=", "<", "<=", ">", ">=", "!=", "~" (``\approx``), "prop" (``\propto``), "in", "implies", ...
    derivation  which display (or inline chain) it belongs to, one-based; ``number`` which link of it.
    first       the beginning of the chain: x0 of x0 = x1 = x2 (``left`` itself in the first link).
    inherited   whether ``left`` stands in an earlier line.
    conditions  what governs the claim, all at once.
    defines     the name that the claim may define: its left side is that name alone, unknown so far.
    definition  the array that this name is from here on, where its shape is known.
    indices     the index letters of the derivation, each one object; those free in a side are "for all".
    instances   where a letter counts layers or steps: the claim for each number (``case`` says which).
    sizes       what the work has said of dims before: "for $N = 2$", ``{"N": 2}``.
    words       the words between the formula and the one before it, for messages and defining prose.
    """

    span: Span
    latex: str
    relation: str
    left: Side
    right: Side
    first: Side
    derivation: int
    number: int
    kind: str = "equation"
    inherited: bool = False
    conditions: tuple[Condition, ...] = ()
    defines: str | None = None
    target: Tensor | None = None
    indices: Mapping[str, Index] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    words: str = ""
    unread: Unread | None = None
    instances: tuple[Claim, ...] = ()
    case: str = ""
    definition: Definition | None = None

    @property
    def line(self) -> int:
        """The line of the file where the claim begins."""
        return self.span.line

    @property
    def column(self) -> int:
        """The column where it begins."""
        return self.span.column

    def readings(self, limit: int = 12) -> Iterator[tuple[Reading, Reading]]:
        """Pairs of readings of both sides that agree, best first."""
        pairs = sorted(
            (
                (i + j, i, j)
                for i, left in enumerate(self.left.readings)
                for j, right in enumerate(self.right.readings)
                if left.agrees(right)
            ),
        )
        for _, i, j in pairs[:limit]:
            yield self.left.readings[i], self.right.readings[j]


@dataclass(frozen=True, slots=True)
class Work:
    """All claims of a document, in the order of the text.

    bare       formulas without a relation, in the same order (they state nothing).
    defined    names that the work defines: spelling -> the claim that does.
    inferred   what was inferred for the whole work, for the echo.
    given      what names stand for that are used before they are defined: name of the array -> its value.
    """

    claims: tuple[Claim, ...]
    bare: tuple[Side, ...] = ()
    defined: Mapping[str, Claim] = field(default_factory=dict)
    inferred: Sequence[str] = ()
    given: Mapping[str, Expr] = field(default_factory=dict)
