r"""Tokens of LaTeX mathematics: source in, classified tokens with their places out.

Spacing, sizes and font switches leave no token; comments neither. ``\left`` and ``\right`` are kept as
the side of the bracket behind them. Words (``\text{...}``) are one token. Every token holds the offsets of
its source in the text of the file; those that come out of a macro hold the offsets of the call.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from symbackprop.reading.works.backslashes import past_arguments, single_backslashes
from symbackprop.reading.works.commands import (
    ARGUMENTS,
    BARS,
    CLOSERS,
    GAPS,
    OPENERS,
    OPERATORS,
    RELATIONS,
    REMARKS,
    SEPARATORS,
    SIGNS,
    SILENT,
    SIZES,
    SPACING,
    SWITCHES,
    TEXTS,
    UPRIGHT,
)

MAX_TOKENS = 50_000  # of one display
_LONGEST_WORDS = 3_000  # characters in one piece of text


class Token:
    r"""One token.

    kind  "num", "letter", "cmd", "word", "prose", "remark", "begin", "end", "row", "amp", "rel", "sign",
          "op", "open", "close", "bar", "sep", "{", "}", "^", "_", "'", "other" or "eof"
    text  as written: the letter, ``\alpha``, the bracket, the environment; of words the words alone
    by    of words the command that holds them; of a bracket its side: "l" (``\left``), "r", "m" or ""
    """

    __slots__ = ("by", "kind", "start", "stop", "text")

    def __init__(self, kind: str, text: str, start: int, stop: int, by: str = "") -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.stop = stop
        self.by = by

    def __repr__(self) -> str:
        return f"{self.kind}:{self.text}"

    def moved(self, start: int, stop: int) -> Token:
        """The same token at another place: that of a macro's call."""
        return Token(self.kind, self.text, start, stop, self.by)


_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v\u00a0\ufeff~]+|%[^\n]*|&(?:space|nbsp);)
  | (?P<name>[a-zA-Z][0-9]+(?:[a-z](?![0-9A-Za-z]))?)
  | (?P<letter>[a-zA-Z])
  | (?P<row>\\\\\*?(?:[ \t]*\[[^\]\n]{0,20}\])?|\\(?:cr|tabularnewline|newline)(?![A-Za-z]))
  | (?P<env>\\(?:begin|end)[ \t]*\{[A-Za-z]{1,30}\*?\})
  | (?P<cmd>\\[A-Za-z]+\*?|\\[^A-Za-z])
  | (?P<num>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
  | (?P<pair>:[ \t]*=|=:|[-+][ \t]*=|\|\||<=|>=|!=|->|=>|\.\.\.|\.[*/](?!\d))
  | (?P<entity>&(?:plus|amp|lt|gt|minus|quot|apos|\#39|\#x27);)
  | (?P<sign>[-+*/=<>()\[\]{}|^_&,;:.'!?$\#"@`])
  | (?P<prose>[^\x00-\x7f\u00a0\ufeff\u0370-\u03ff\u2000-\u23ff\u2a00-\u2aff\u27e8\u27e9
      \u00d7\u00b7\u00b1\u00ac\u3001\u3002\uff01-\uff5e\U0001d400-\U0001d7ff]+)
    """,
    re.VERBOSE,
)  # fmt: skip
_UNICODE = {
    "−": "-", "–": "-", "—": "-", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "⊙": r"\odot", "∘": r"\circ",
    "⊗": r"\otimes",
    "∑": r"\sum", "∏": r"\prod", "∂": r"\partial", "∇": r"\nabla", "≤": r"\le", "≥": r"\ge", "≠": r"\ne",
    "≈": r"\approx", "∈": r"\in", "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "∞": r"\infty",
    "’": "'", "′": "'", "⊤": r"\top", "…": r"\dots", "⋯": r"\cdots", "±": r"\pm", "⟨": r"\langle",
    "⟩": r"\rangle",
    "∝": r"\propto", "∀": r"\forall", "ℝ": r"\R", "ℓ": r"\ell", "∥": r"\|", "‖": r"\|", "⊘": r"\oslash",
    "⊕": r"\oplus", "√": r"\surd", "≡": r"\equiv", "≔": ":=", "∗": "*", "⋮": r"\vdots", "⋱": r"\ddots",
    "、": ",", "。": ".",
}  # fmt: skip
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϕϑ",
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho varsigma sigma "
        "tau upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega epsilon "
        "phi vartheta".split(),
        strict=True,
    )
)
_PAIRS = {"<=": ("rel", r"\le"), ">=": ("rel", r"\ge"), "!=": ("rel", r"\ne"), "->": ("rel", r"\to"),
          "=>": ("rel", r"\Rightarrow"), "||": ("bar", "||"), "...": ("cmd", "..."),
          ".*": ("op", ".*"), "./": ("op", "./")}  # fmt: skip
_ENTITIES = {
    "&plus;": "+", "&amp;": "&", "&lt;": "<", "&gt;": ">", "&minus;": "-", "&quot;": "'", "&apos;": "'",
    "&#39;": "'", "&#x27;": "'",
}  # fmt: skip  # of HTML, in Markdown
_CLASS: dict[str, str] = {
    **dict.fromkeys(RELATIONS, "rel"), **dict.fromkeys(SIGNS, "sign"), **dict.fromkeys(OPERATORS, "op"),
    **dict.fromkeys(OPENERS, "open"), **dict.fromkeys(CLOSERS, "close"), **dict.fromkeys(BARS, "bar"),
    **dict.fromkeys(SEPARATORS, "sep"), "{": "{", "}": "}", "^": "^", "_": "_", "'": "'", "&": "amp",
    "!": "other", "#": "other", '"': "other", "`": "other", "$": "other",
}  # fmt: skip
CONNECTIVES = frozenset(
    "if when for where else otherwise with and or unless given let then since because as so thus hence but "
    "is are in on of the by to from at all not iff therefore while such that this which we have each every "
    "note case recall using via i.e. e.g. st s.t. only".split()
)
SIGNS_OF_WORDS = frozenset((r"\therefore", r"\because"))
_ESCAPED = frozenset(("\\_", "\\^", "\\*", "\\[", "\\]", "\\(", "\\)"))
_THIN = frozenset(("\\ ", "\\,", "\\;", "\\:", "\\>"))
# Room, and behind it the number of an equation or a condition in brackets at the end of the line.
_BEHIND = re.compile(
    r"[ \t\n]*(?:(?:~|\\[ ])[ \t\n]*(?:(?:~|\\[ ,;:>])[ \t\n]*)*|(?:\\[,;:>][ \t\n]*){2,})"
    r"(?=\((?:[0-9]{1,3}(?:\.[0-9]{1,2})*[a-z]?|[^()]{0,60}(?:=|<|>|\\n?eq?|\\[lg]eq?|\\in|\\forall)(?![a-z])[^()]{0,60})\)"
    r"[ \t\n.,]*(?:\\\\|\\end|\Z))"
)
_BLANK = re.compile(r"\n[ \t\r]*\n")
_SWITCHED = re.compile(r"[ \t]*(\\[A-Za-z]+|[A-Za-z]+(?: [A-Za-z]+)*)[ \t]*(?=\})")
_FONT_FIRST = re.compile(r"^\s*(?:\\(?:rm|bf|it|sf|tt|em|bfseries|itshape|rmfamily)(?![A-Za-z])\s*)+")
_ROOM = re.compile(r"~|\\[ ,;:!]|\\(?:quad|qquad|space|enspace)(?![A-Za-z])")
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 _-]*")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[ ,_-]+[A-Za-z0-9]+)*")
_ENDS = frozenset(
    ("num", "letter", "cmd", "word", "close", "}", "'", "end", "bar", "remark", "prose", "other")
)
_BEGINS = frozenset(("num", "letter", "cmd", "word", "open", "{", "begin", "bar", "prose", "other"))


def tokenize(
    text: str, start: int = 0, stop: int | None = None, own: Container[str] = frozenset()
) -> list[Token]:
    r"""The tokens of ``text[start:stop]``; nothing is refused here.

    ``own`` are commands that the document defines, whatever they are to LaTeX (``\par``).
    """
    end = len(text) if stop is None else stop
    if text.find("\\\\", start, end) >= 0:
        piece = text[start:end]
        once = single_backslashes(piece)
        if once != piece:
            tokens = _scan(once, 0, len(once), own)
            return [token.moved(token.start + start, token.stop + start) for token in tokens]
    return _scan(text, start, end, own)


def _scan(text: str, start: int, end: int, own: Container[str]) -> list[Token]:
    found: list[Token] = []
    push = found.append
    match = _TOKEN.match
    position = start
    side = ""
    budget = _LONGEST_WORDS
    depth = counted = 0
    while position < end:
        hit = match(text, position, end)
        if hit is None:
            position = _strange(text, position, found)
            continue
        kind = hit.lastgroup
        begun, position = position, hit.end()
        source = hit.group()
        wide = "~" in source if kind == "space" else kind == "cmd" and source in _THIN
        if wide and (room := _BEHIND.match(text, begun, end)) is not None:
            push(Token("sep", r"\quad", begun, room.end()))
            position = room.end()
            continue
        if kind == "space":
            if "\n" in source and _BLANK.search(source) and position < end:
                depth, counted = _depth(found, depth, counted)
                if depth <= 0 and found and found[-1].kind != "row":
                    push(Token("row", r"\\", begun, begun))
            continue
        if kind in ("letter", "num"):
            push(Token(kind, source, begun, position))
        elif kind == "name":
            position = begun + _name_length(source, found)
            push(Token("word" if position > begun + 1 else "letter", text[begun:position], begun, position))
        elif kind == "sign":
            push(Token(_CLASS[source], source, begun, position, side))
        elif kind == "cmd":
            if source in own:
                push(Token("cmd", source, begun, position, side))
                side = ""
            else:
                position, side, budget = _command(text, begun, position, end, side, budget, found)
            continue
        elif kind == "row":
            push(Token("row", r"\\", begun, position))
        elif kind == "env":
            opening = source[1] == "b"
            name = source[source.index("{") + 1 : -1]
            push(Token("begin" if opening else "end", name, begun, position))
        elif kind == "entity":
            sign = _ENTITIES[source]
            push(Token(_CLASS[sign], sign, begun, position, side))
        elif kind == "pair":
            if source[0] in "+-" and found and found[-1].kind in ("^", "_"):
                position = begun + 1  # the sign is a script: w^+ = ..., not w += ...
                push(Token("sign", source[0], begun, position))
            else:
                pair = _PAIRS.get(source) or ("rel", source.replace(" ", "").replace("\t", ""))
                push(Token(*pair, begun, position, side))
        else:
            push(Token("prose", source, begun, position))
        side = ""
        if len(found) > MAX_TOKENS:
            break
    return _tidy(found)


def _depth(found: list[Token], depth: int, counted: int) -> tuple[int, int]:
    """How many braces, brackets and environments are open, and up to where that was counted."""
    for token in found[counted:]:
        depth += (token.kind in ("{", "begin", "open")) - (token.kind in ("}", "end", "close"))
    return depth, len(found)


def _command(
    text: str, begun: int, position: int, end: int, side: str, budget: int, found: list[Token]
) -> tuple[int, str, int]:
    """The tokens of a command; where to go on, the side of the bracket behind it, how far words may reach."""
    name = text[begun:position]
    if name in _ESCAPED:
        found.append(_unescaped(name, begun, position, side, found, text[position : position + 1]))
        return position, "", budget
    if name[-1] == "*" and name not in TEXTS:
        name = name[:-1]
        if name not in ARGUMENTS or text[position : position + 1] not in ("{", "["):
            position -= 1  # a product sign; the star of \\norm*{x} says nothing
    if name in SIZES:
        side = _side(name)
        position = _null(text, position, end, side, begun, found)
        if found and found[-1].kind == "null":
            found[-1].kind = "close" if side == "r" else "open"
            side = ""
    elif name in SWITCHES:
        position = _switched(text, begun, position, end, name, found)
    elif name in SILENT:
        position = past_arguments(text, position, end, SILENT[name])
    elif name not in SPACING and name not in ("\\ ", "\\\n"):
        if name in TEXTS or name in UPRIGHT:
            position, budget = _push_words(text, begun, position, end, name, budget, found)
        else:
            kind = "prose" if name in SIGNS_OF_WORDS else _CLASS.get(name, "cmd")
            found.append(Token(kind, name, begun, position, side))
        side = ""
    return position, side, budget


def _unescaped(name: str, start: int, stop: int, side: str, found: list[Token], following: str) -> Token:
    r"""What Markdown escapes: ``x\_i`` is a subscript, ``\*`` a product, ``\[`` a bracket."""
    sign = name[1]
    behind = following.isalnum() or following in ("{", "\\")
    if sign in "_^" and not (found and found[-1].kind in _ENDS and behind):
        return Token("cmd", name, start, stop)
    return Token(_CLASS[sign], sign, start, stop, side)


def _switched(text: str, begun: int, position: int, end: int, name: str, found: list[Token]) -> int:
    r"""Past an old font switch: ``{\rm max}`` is ``{\mathrm{max}}``, of more than a word only the letters."""
    font = SWITCHES[name]
    hit = _SWITCHED.match(text, position, end) if font and found and found[-1].kind == "{" else None
    if hit is None:
        return position
    letters, start, stop = hit[1], hit.start(1), hit.end(1)
    if len(letters) > 1 and letters[0] != "\\":
        if font not in UPRIGHT:
            return position
        found.append(Token("word", " ".join(letters.split()), begun, stop, font))
        return stop
    kind = "letter" if letters[0] != "\\" else _CLASS.get(letters, "cmd")
    if kind not in ("letter", "cmd") or letters in ARGUMENTS or letters in TEXTS or letters in UPRIGHT:
        return position
    found += [Token("cmd", font, begun, position), Token("{", "{", position, position),
              Token(kind, letters, start, stop), Token("}", "}", stop, stop)]  # fmt: skip
    return stop


def _push_words(
    text: str, begun: int, position: int, end: int, name: str, budget: int, found: list[Token]
) -> tuple[int, int]:
    r"""The token of ``\text{...}``, or of the command alone; where to go on, and how far to seek an end."""
    stop, token = _words(text, begun, position, min(end, position + budget), name)
    if token is not None:
        found.append(token)
    elif stop == position:
        found.append(Token("cmd", name, begun, position))
        if text[position : position + 1] == "{" and name in TEXTS:  # its end was sought in vain
            budget = budget // 2 + 100
    return stop, budget


def _name_length(source: str, found: list[Token]) -> int:
    """How much of ``w22`` is one name: all (no number stands behind a letter in a product), or its letter."""
    last = found[-1] if found else None
    if last is not None and (last.kind in ("^", "_") or last.text in ARGUMENTS):
        return 1  # TeX takes the letter alone
    return len(source)


def _strange(text: str, position: int, found: list[Token]) -> int:
    """A character of no group: a Unicode sign, a Greek letter, or anything else."""
    character = text[position]
    if character in _UNICODE:
        name = _UNICODE[character]
        found.append(Token(_CLASS.get(name, "cmd"), name, position, position + 1))
    elif "\uff01" <= character <= "\uff5e":
        _wide(chr(ord(character) - 0xFEE0), position, found)
    elif character in _GREEK:
        found.append(Token("cmd", "\\" + _GREEK[character], position, position + 1))
    elif character.isalpha():
        found.append(Token("letter", character, position, position + 1))
    elif character == "\\" or (not character.isspace() and character.isprintable()):
        found.append(Token("other", character, position, position + 1))
    elif not character.isspace() and character not in "\u200b\u200c\u200d\u2060":
        found.append(Token("other", f"U+{ord(character):04X}", position, position + 1))
    return position + 1


def _wide(character: str, position: int, found: list[Token]) -> None:
    """A letter, digit or sign as wide as those of Chinese or Japanese."""
    kind = _CLASS.get(character, "other")
    if character.isalnum():
        kind = "letter" if character.isalpha() else "num"
    found.append(Token(kind, character, position, position + 1))


def _side(name: str) -> str:
    if name == r"\left" or name[-1] == "l":
        return "l"
    if name == r"\right" or name[-1] == "r":
        return "r"
    return "m" if name == r"\middle" else ""


def _null(text: str, position: int, end: int, side: str, begun: int, found: list[Token]) -> int:
    r"""Past the dot of ``\left.`` and ``\right.``, which is a bracket that is not seen."""
    at = position
    while at < end and text[at] in " \t\n":
        at += 1
    if side in ("l", "r") and at < end and text[at] == "." and text[begun + 1] in "lr":
        found.append(Token("null", ".", begun, at + 1, side))
        return at + 1
    return position


def _words(text: str, begun: int, position: int, end: int, name: str) -> tuple[int, Token | None]:
    r"""The argument of ``\text``, ``\mathrm`` ...: words, or None if it is mathematics."""
    at = position
    while at < end and text[at] in " \t\n":
        at += 1
    if at >= end or text[at] != "{":
        return position, None
    depth, close = 0, at
    end = min(end, at + _LONGEST_WORDS)
    while close < end:
        character = text[close]
        if character == "\\":
            close += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                break
        close += 1
    if close >= end:
        return position, None
    inner = _FONT_FIRST.sub("", text[at + 1 : close])
    content = " ".join(_ROOM.sub(" ", inner).replace(r"\_", "_").split())
    if name in UPRIGHT:
        if len(content) < 2 or not _PLAIN.fullmatch(content):
            return position, None
        return close + 1, Token("word", content, begun, close + 1, name)
    if name == r"\operatorname" and re.search(r"\\[A-Za-z]", content):
        return position, None  # \operatorname{\varphi}: mathematics in another font
    if name in REMARKS:
        return close + 1, Token("remark", content, begun, close + 1, name)
    kind = "prose" if is_prose(content) and "operatorname" not in name else "word"
    return close + 1, Token(kind, content, begun, close + 1, name)


def is_prose(content: str) -> bool:
    """Whether words say something about a formula, rather than being a name in it."""
    if not content:
        return False
    if content.lower().strip(" ,.:;()") in CONNECTIVES:
        return True
    return " " in content or not _WORDS.fullmatch(content)


def _tidy(tokens: list[Token]) -> list[Token]:
    r"""Without ``\quad`` where it only makes room; words with a script or a bracket behind are names."""
    kept: list[Token] = []
    count = len(tokens)
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < count else None
        if token.kind == "sep" and token.text in GAPS:
            if not kept or kept[-1].kind not in _ENDS or following is None or following.kind not in _BEGINS:
                continue
        elif token.text == "=" and [one.kind for one in kept[-3:]] == ["{", "sign", "}"]:
            sign = kept[-2]
            script = len(kept) > 3 and kept[-4].kind in ("^", "_")  # w^{+} = ... is no w += ...
            if sign.text in "+-" and not script:
                start = kept[-3].start
                del kept[-3:]
                kept.append(Token("rel", f"{sign.text}=", start, token.stop))
                continue
        elif (
            token.kind == "prose"
            and token.by
            and following is not None
            and (following.kind in ("_", "^") or following.text == "(")
            and following.start == token.stop
            and token.text.lower().strip(" ,.:;()") not in CONNECTIVES
        ):
            kept.append(Token("word", token.text, token.start, token.stop, token.by))
            continue
        kept.append(token)
    return kept


def normal(tokens: Sequence[Token]) -> list[str]:
    r"""What is compared when a formula is printed back: no spacing, sizes, fonts; one ``\frac``."""
    found: list[str] = []
    for token in tokens:
        if token.kind == "num":
            found.extend(token.text)  # TeX takes one digit as an argument
        elif token.text == "||":
            found += ["|", "|"]
        elif token.kind in ("word", "prose", "remark"):
            found.append(f"{token.by}{{{token.text}}}")
        elif (token.kind == "sep" and token.text in GAPS) or token.text == ".":
            if token.text == "." and token.kind == "sep":
                found.append(".")
        elif token.kind in ("begin", "end"):
            found.append(f"\\{token.kind}{{{token.text}}}")
        else:
            found.append(_FRACTIONS.get(token.text, token.text))
    return found


_FRACTIONS = {r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac"}
