r"""What the words between formulas say: which formula is a condition, and what it governs.

English is not understood. Read are the words that make a condition of the formula behind them ("if", "when",
"for" before ``i = j``), "else", and a comparison of two letters in plain text ("When i = j:"). A condition
governs its sentence; at the end of a paragraph that ends in a colon it governs the displays that follow, up
to the next words that say anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from symbackprop.reading.works.lists import compares_places, letters_of_place
from symbackprop.reading.works.spelling import parse_formula
from symbackprop.reading.works.statements import Clause
from symbackprop.reading.works.tree import Chain, Node, Num, Scripts, Sym, bare

_PLAIN = re.compile(
    r"\b(if|when|for|case|where)\s+([A-Za-z])\s*(=|≠|!=|<|>|≤|≥|/=)\s*([A-Za-z0-9])(?![A-Za-z(])",
    re.IGNORECASE,
)
_SIGNS = {"≠": r"\ne", "!=": r"\ne", "/=": r"\ne", "≤": r"\le", "≥": r"\ge"}
_HARD = frozenset("if when whenever unless assume assuming suppose case".split())
_SOFT = frozenset(("for", "where"))
_TRAILING = _HARD | _SOFT | {"all", "every", "each", "any"}
_ELSE = frozenset("else otherwise".split())
_CONNECTING = frozenset("and so then thus hence therefore we get have that is which gives or".split())
_AND = "and"
_SETTING = frozenset("for with at let where take say set when if put choose assume suppose".split())
_JOINING = frozenset(("and", "or"))
# What LaTeX says about the page between words, with its arguments that are no words.
_LAYOUT = re.compile(
    r"\\(?:par|item|(?:sub)*section|paragraph)\*?(?![A-Za-z])(?P<paragraph>)"
    r"|\\(?:setlength|addtolength)[ \t]*(?:\{[^{}]*\}|\\[A-Za-z]+)[ \t]*\{[^{}]*\}"
    r"|\\fcolorbox[ \t]*\{[^{}]*\}[ \t]*\{[^{}]*\}"
    r"|\\(?:[hv]space|color|colorbox|textcolor|label|ref|eqref|cite|begin|end|parbox|rule)\*?[ \t]*"
    r"(?:\[[^\[\]{}]*\])*[ \t]*\{[^{}]*\}"
    r"|\\[A-Za-z@]+\*?(?:\[[^\[\]{}]*\])*"
    r"|(?<!\\)%[^\n]*"
    r"|[-+]?(?:\d+\.?|\.)\d*[ \t]?(?:em|ex|pt|mm|cm)\b"
)
_SENTENCE = re.compile(r"[.;!?]\s+(?=[A-Z])|\n[ \t]*\n|\f|\n[ \t]*(?:#|[-*+] |\d+[.)] )")


@dataclass(slots=True)
class Prose:
    """What governs at a place of the text."""

    clauses: list[Clause] = field(default_factory=list)
    waiting: Clause | None = None  # a word that makes the next formula a condition
    words: str = ""  # of the sentence so far
    behind: bool = False  # the word stands right behind a formula, which it limits: "a = b if"
    taken: bool = False  # the formula before was a condition: "and" goes on with it
    between: str = ""  # of what stands since the last formula
    carried: bool = False  # the conditions stand before a colon and hold for the displays behind it

    def read(self, text: str, start: int) -> None:
        """Words between two formulas; ``start`` is their offset."""
        text = without_layout(text)
        self.waiting, taken, self.taken = None, self.taken, False
        self.between = text
        if taken and text.strip(" ,").lower() == _AND:
            self.waiting = Clause(_AND, None, start, start + len(text))
            return
        says = says_something(text)
        if self.clauses and text.lstrip().startswith(":") and not says:
            self.carried = True
        pieces = _SENTENCE.split(text)
        if self.carried and says:
            self.clauses, self.carried = [], False
        if len(pieces) > 1 and not (self.carried and not says):
            self.clauses = []
        last = pieces[-1]
        self.behind = len(pieces) == 1 and start > 0
        self.words = last if len(pieces) > 1 else f"{self.words} {last}"
        offset = start + len(text) - len(last)
        self._plain(last, offset)
        self._keyword(last, offset)
        if text.rstrip().endswith((":", ",")) and "\n" in text[len(text.rstrip()) :] and self.clauses:
            self.carried = True
        elif len(pieces) > 1 and not last.strip() and pieces[-2].rstrip().endswith(":"):
            before = pieces[-2]
            self._plain(before, start)
            self.carried = bool(self.clauses)

    def _plain(self, text: str, offset: int) -> None:
        for match in _PLAIN.finditer(text):
            sign = _SIGNS.get(match[3], match[3])
            node = parse_formula(f"{match[2]} {sign} {match[4]}")
            if node is not None:
                place = offset + match.start()
                self.clauses = [Clause(match[0], node, place, place + len(match[0]))]

    def _keyword(self, text: str, offset: int) -> None:
        words = re.findall(r"[A-Za-z]+", text)
        if not words:
            return
        self.behind = self.behind and words[0].islower() and {word.lower() for word in words} <= _TRAILING
        every = len(words) > 1 and words[-1].lower() in ("all", "every", "each", "any")
        if every and words[-2].lower() in _SOFT:
            words = words[:-1]
        last = words[-1].lower()
        stop = offset + len(text)
        if last in _ELSE and self.clauses:
            self.clauses = [*self.clauses, Clause(last, None, stop - len(last), stop, True)]
            return
        if last in _HARD or last in _SOFT:
            self.waiting = Clause(last, None, stop - len(last), stop)
            return
        first = next((word.lower() for word in words if word.lower() in _HARD), None)
        if first is not None and not self.clauses and "then" not in [word.lower() for word in words]:
            self.clauses = [Clause(" ".join(text.split())[-80:], None, offset, stop)]

    def takes(self, node: Node | None) -> bool:
        """Whether a formula at this place is a condition; then it is one from here on."""
        waiting, self.waiting = self.waiting, None
        if waiting is None or not isinstance(node, Chain):
            return False
        if waiting.text in _SOFT and not (compares_letters(node) or is_range(node)):
            return False
        if waiting.text == "where" and any(isinstance(member, Num) for _, member in node.members):
            return False
        clause = Clause(waiting.text, node, node.start, node.stop)
        self.clauses = [*self.clauses, clause] if waiting.text == _AND else [clause]
        self.taken = True
        return True

    def sets(self) -> bool:
        """Whether ``N = 2`` at this place says of what the next lines speak: "for", "with", "let"."""
        words = re.findall(r"[A-Za-z]+", self.between)
        return bool(words) and words[-1].lower() in _SETTING

    def joins(self) -> bool:
        """Whether nothing but a comma or an "and" stands since the formula before."""
        return all(word.lower() in _JOINING for word in re.findall(r"[A-Za-z]+", self.between))

    def display(self) -> None:
        """A display was read: conditions of a sentence without a colon end there."""
        if not self.carried and not self.waiting:
            self.words = ""


def without_layout(text: str) -> str:
    """The same words at the same places, without what LaTeX says about the page; paragraphs stay parted."""

    def blank(match: re.Match[str]) -> str:
        length = match.end() - match.start()
        if match["paragraph"] is not None:
            return "\f".ljust(length)
        return "\n".join(" " * len(line) for line in match[0].split("\n"))  # a line break stays

    lines = zip(text.split("\n"), _LAYOUT.sub(blank, text).split("\n"), strict=True)
    # A line of commands alone ends no paragraph.
    return "\n".join(f"~{left[1:]}" if line.strip() and left.isspace() else left for line, left in lines)


def says_something(text: str) -> bool:
    """Whether words do more than connect."""
    words = re.findall(r"[A-Za-z]{2,}", text)
    return any(word.lower() not in _CONNECTING and word.lower() not in _ELSE for word in words)


def compares_letters(node: Chain) -> bool:
    r"""``i = j``, ``k \ne y_i``, ``l = 1``: letters and numbers that are indices."""
    return all(member is not None and _is_small(member) for _, member in node.members)


def is_range(node: Chain) -> bool:
    r"""``2 \le p \le m - 1``, ``t < T``: how far an index goes."""
    orders = all(relation != "=" for relation, _ in node.members)
    letters = {name for _, member in node.members if member is not None for name in letters_of_place(member)}
    return orders and compares_places(node) and any(name.islower() for name in letters)


def _is_small(node: Node) -> bool:
    inner = bare(node)
    if isinstance(inner, Scripts):
        return isinstance(bare(inner.base), Sym)
    return isinstance(inner, Num) or (
        isinstance(inner, Sym) and len(inner.name) == 1 and inner.name.islower()
    )
