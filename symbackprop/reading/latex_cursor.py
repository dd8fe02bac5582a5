"""A cursor over LaTeX tokens, and what is said about a token that does not belong where it stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import MappingProxyType

from symbackprop.errors import InputError
from symbackprop.reading.latex_statements import end_of
from symbackprop.reading.latex_tokens import LatexToken
from symbackprop.reading.tokens import fail

MAX_DEPTH = 60
SLICE = 2  # the pieces of n: and :k
LOOK_AHEAD = 400
OPERATORS = frozenset(
    ("*", "/", r"\cdot", r"\odot", r"\circ", r"\times", r"\otimes", r"\oslash", r"\div", r"\bullet")
)
RELATIONS = MappingProxyType({"=": "=", "<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", r"\ne": "!="})
FUNCTIONS = frozenset(
    r"\exp \log \ln \tanh \sinh \cosh \sin \cos \tan \max \min \det \arg \lim \inf \sup \Pr \dim \ker".split()
)
ACCENTS = frozenset(
    r"\hat \bar \tilde \vec \dot \ddot \check \breve \acute \grave \mathbf \boldsymbol \mathcal \mathbb "
    r"\mathrm \mathsf \mathit \mathtt \mathfrak \mathscr \mathds \mathbbm "
    r"\text \textbf \operatorname \mathop \underline".split()
)
CLOSERS = MappingProxyType(
    {"(": ")", "[": "]", r"\{": r"\}", "|": "|", r"\|": r"\|", r"\langle": r"\rangle", "{": "}"}
)
NEVER = frozenset((r"\rangle", r"\}", ")", "]", "}"))
CONNECTIVES = frozenset("if when for where else otherwise with and or unless given let then".split())
ANNOTATED = frozenset((r"\underbrace", r"\overbrace", r"\boxed"))


class Reader:
    """What the parser has to know of names: words that are functions, and longer plain names."""

    __slots__ = ("longest", "names", "words")

    def __init__(self, words: Collection[str] = (), names: Collection[str] = ()) -> None:
        self.words = frozenset(words)
        self.names = frozenset(name for name in names if len(name) > 1)
        self.longest = max(map(len, (*self.words, *self.names)), default=1)


class Cursor:
    """The tokens of one formula, a position, and the brackets that are open there."""

    def __init__(self, tokens: Sequence[LatexToken], reader: Reader) -> None:
        self.tokens = list(tokens)
        stop = end_of(tokens)
        self.end = LatexToken("end", "", stop, tokens[-1].stop, tokens[-1].stop)
        self.reader = reader
        self.index = 0
        self.depth = 0
        self.closers: list[str] = []

    @property
    def token(self) -> LatexToken:
        return self.tokens[self.index] if self.index < len(self.tokens) else self.end

    @property
    def kind(self) -> str:
        """The kind of the current token; of a command its text."""
        token = self.token
        return token.text if token.kind == "command" else token.kind

    @property
    def done(self) -> bool:
        return self.index >= len(self.tokens)

    def take(self) -> LatexToken:
        token = self.token
        self.index += 1
        return token

    def unexpected(self, wanted: str = "") -> InputError:
        token = self.token
        ahead = f"expected {wanted}, " if wanted else ""
        if token.kind == "end":
            return fail(
                f"{ahead}but the formula ends here" if wanted else "the formula ends too early", token.at
            )
        if token.text == "=":
            return fail("a second = in one equation", token.at, "write each equation in a row of its own")
        if token.text in NEVER:
            return fail(
                f"{ahead}found {token.text}" if wanted else f"{token.text} was never opened", token.at
            )
        if token.kind == "word":
            return fail(f"the words '{token.text}' are no mathematics that can be read", token.at)
        if token.text == r"\in":
            return fail(r"\in is not read here", token.at, "shapes are declared under symbols:")
        return fail(f"{ahead}found {token.text}" if wanted else f"unexpected {token.text}", token.at)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise fail(f"brackets are nested more than {MAX_DEPTH} deep", self.token.at, code="limit")
