r"""What well-known packages define: physics, commath, derivative, diffcoeff, esdiff, mathtools.

Their commands are macros here like those of a document, which come first: ``\pdv{L}{W}`` is expanded to
``\frac{\partial L}{\partial W}`` before anything is read. A command that is used in a way its package does
not know is left as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from symbackprop.reading.works.lexer import Token, tokenize
from symbackprop.reading.works.macros import Macro, Parameter

Given = Sequence[list[Token] | None]
_STAR, _ORDER = Parameter("s"), Parameter("o")
_MUST, _MAY, _ANY = Parameter("m"), Parameter("g"), Parameter("b")


def _derivative(sign: str, *, alone: bool) -> Macro:
    r"""``\dv[n]{f}{x}``, ``\pdv{f}{x}{y}``, ``\pdv{f}{x,y}``; ``alone``: ``\dv{x}`` is an operator."""

    def choose(given: Given) -> str | None:
        _, order, of, by, other = given
        if of is None or (by is None and not alone):
            return None
        power = "^{#2}" if order else ""
        if by is None:
            return rf"\frac{{{sign}{power}}}{{{sign} #3{power}}}"
        if other is not None:
            return rf"\frac{{{sign}^2 #3}}{{{sign} #4 {sign} #5}}"
        if any(token.text == "," for token in by) and _depth_of_commas(by) == 0:
            count = sum(token.text == "," for token in by) + 1
            below = _split_by(by, sign)
            return rf"\frac{{{sign}^{count} #3}}{{{below}}}"
        return rf"\frac{{{sign}{power} #3}}{{{sign} #4{power}}}"

    return Macro(5, None, (), (_STAR, _ORDER, _MAY, _MAY, _MAY), choose)


def _depth_of_commas(tokens: list[Token]) -> int:
    """How deep in brackets the deepest comma stands."""
    depth = deepest = 0
    for token in tokens:
        depth += (token.kind in ("{", "open")) - (token.kind in ("}", "close"))
        if token.text == ",":
            deepest = max(deepest, depth)
    return deepest


def _split_by(tokens: list[Token], sign: str) -> str:
    """``x,y`` as ``d x d y``; only letters, commands, scripts and braces stand there."""
    return f"{sign} " + "".join(f" {sign} " if token.text == "," else f"{token.text} " for token in tokens)


def _bracketed(left: str, right: str) -> Macro:
    r"""``\pqty{x}``, ``\pqty*{x}``, ``\pqty[\Big]{x}``: visible brackets."""

    def choose(given: Given) -> str | None:
        return rf"\left{left} #3 \right{right}" if given[2] is not None else None

    return Macro(3, None, (), (_STAR, _ORDER, _MAY), choose)


def _quantity(given: Given) -> str | None:
    r"""``\qty(x)``: the brackets stand there; ``\qty{x}`` has braces."""
    if given[2] is None:
        return ""
    return r"\left\{ #3 \right\}" if given[3] is None else None


def _small(sign: str) -> Macro:
    r"""``\dd x``, ``\dd{x}``, ``\dd[3]{x}``."""

    def choose(given: Given) -> str | None:
        power = "^{#1}" if given[0] else ""
        return f"{sign}{power} #2" if given[1] is not None else f"{sign}{power}"

    return Macro(2, None, (), (_ORDER, _MAY), choose)


def _matrix(environment: str) -> Macro:
    r"""``\pmqty{a & b \\ c & d}``; ``\mqty`` has the brackets that stand there."""

    def choose(given: Given) -> str | None:
        opener = given[1]
        if not opener:
            return None
        name = environment or {"(": "p", "[": "b", "|": "v"}.get(opener[0].text, "") + "matrix"
        return rf"\begin{{{name}}} #3 \end{{{name}}}"

    return Macro(3, None, (), (_STAR, _ANY), choose)


def _text(source: str, count: int = 0) -> Macro:
    return Macro(count, None, tuple(tokenize(source)))


def _optional(source: str) -> Macro:
    """A command with an optional argument that says nothing."""
    return Macro(1, None, tuple(tokenize(source)), (_ORDER,))


@cache
def built_in() -> Mapping[str, Macro]:
    """The macros of packages, by name."""
    partial, total, upright = r"\partial", "d", r"\mathrm{d}"
    table: dict[str, Macro] = {
        r"\pdv": _derivative(partial, alone=True), r"\pderivative": _derivative(partial, alone=True),
        r"\dv": _derivative(upright, alone=True), r"\odv": _derivative(upright, alone=True),
        r"\fdv": _derivative(r"\delta", alone=True), r"\mdv": _derivative(r"\mathrm{D}", alone=True),
        r"\qty": Macro(4, None, (), (_STAR, Parameter("o", size=True), _MAY, _MAY), _quantity),
        r"\dd": _small(upright), r"\dif": _text(upright), r"\Dif": _text(r"\mathrm{D}"),
        r"\differential": _small(upright), r"\variation": _small(r"\delta"), r"\var": _small(r"\delta"),
        r"\pqty": _bracketed("(", ")"), r"\bqty": _bracketed("[", "]"), r"\vqty": _bracketed("|", "|"),
        r"\Bqty": _bracketed(r"\{", r"\}"), r"\del": _bracketed("(", ")"), r"\sbr": _bracketed("[", "]"),
        r"\cbr": _bracketed(r"\{", r"\}"), r"\envert": _bracketed("|", "|"),
        r"\enVert": _bracketed(r"\|", r"\|"), r"\absolutevalue": _bracketed("|", "|"),
        r"\eval": _bracketed(".", "|"),
        r"\mqty": _matrix(""), r"\pmqty": _matrix("pmatrix"), r"\bmqty": _matrix("bmatrix"),
        r"\vmqty": _matrix("vmatrix"), r"\smqty": _matrix(""), r"\matrixquantity": _matrix(""),
        r"\grad": _text(r"\nabla"), r"\gradient": _text(r"\nabla"), r"\laplacian": _text(r"\nabla^2"),
        r"\vdot": _text(r"\cdot"), r"\cross": _text(r"\times"), r"\cp": _text(r"\times"),
        r"\crossproduct": _text(r"\times"), r"\num": _text("#1", 1),
        r"\Aboxed": _text("#1", 1), r"\mathchoice": _text("#1", 4), r"\hdotsfor": _text(r"\dots", 1),
        r"\sideset": _text("", 2), r"\vcentcolon": _text(":"), r"\MoveEqLeft": _optional(""),
        r"\displaybreak": _optional(""), r"\pagebreak": _optional(""), r"\allowdisplaybreaks": _optional(""),
        r"\vectorarrow": _text(r"\vec{#1}", 1), r"\vectorunit": _text(r"\hat{#1}", 1),
        r"\vu": Macro(2, None, tuple(tokenize(r"\hat{#2}")), (_STAR, _MUST)),
        r"\order": _text(r"\mathcal{O}\left(#1\right)", 1),
    }  # fmt: skip
    for name in r"\pd \pderiv \pardiff \partialderiv \partialderivative \diffp".split():
        table[name] = _derivative(partial, alone=False)
    for name in r"\od \deriv \derivative \diff".split():
        table[name] = _derivative(total, alone=False)
    words = (
        "if then else otherwise unless given using assume since let for all even odd integer and or as in"
    )
    for word in words.split():
        table[rf"\q{word}"] = _text(rf"\quad\text{{{word}}}\quad ")
    return MappingProxyType(table)
