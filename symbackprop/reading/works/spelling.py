r"""One canonical spelling of a piece, so that spellings can be compared.

No spaces, no braces round single pieces, the subscript before the superscript, ``\prime`` as a prime. The
*loose* spelling has no fonts (``\mathbf x`` is x) and no variants (``\varepsilon`` is ``\epsilon``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from symbackprop.reading.works.commands import FONTS
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.lexer import tokenize
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.printer import to_source
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Group,
    Listed,
    Node,
    Note,
    Num,
    Product,
    Scripts,
    Sum,
    Sym,
    Word,
    bare,
)

_RESPELLED = {
    r"\bm": r"\boldsymbol", r"\pmb": r"\boldsymbol", r"\widehat": r"\hat", r"\widetilde": r"\tilde",
    r"\overline": r"\bar", r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac",
    r"\intercal": r"\top", r"\ast": "*", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\vert": "|",
    r"\ldots": r"\dots", r"\cdots": r"\dots", "...": r"\dots", r"\varGamma": r"\Gamma",
    r"\mathup": r"\mathrm", r"\mathbfit": r"\boldsymbol", r"\vec": r"\vec", r"\va": r"\vec",
}  # fmt: skip
_LOOSE = {
    r"\varepsilon": r"\epsilon", r"\vartheta": r"\theta", r"\varphi": r"\phi", r"\varrho": r"\rho",
    r"\varsigma": r"\sigma", r"\varpi": r"\pi", r"\varkappa": r"\kappa",
}  # fmt: skip
_ARROWS = frozenset((r"\vec", r"\underline", r"\overrightarrow"))  # as fonts: what says "a vector"
_PRIMES = frozenset(("'", r"\prime", r"\dprime"))


def spell(node: Node | None, *, loose: bool = False) -> str:
    """The canonical spelling of a piece."""
    match node:
        case None:
            return ""
        case Num(_, _, text):
            return text
        case Sym(_, _, name):
            name = _RESPELLED.get(name, name)
            if loose:
                name = _LOOSE.get(name, name)
            return f"{name} " if name[:1] == "\\" and name[-1:].isalpha() else name
        case Word(_, _, by, text):
            text = text.replace(" ", "")
            return text if len(text) == 1 else f"<{text}>" if by != r"\mathbf" or loose else f"<<{text}>>"
        case Braces(_, _, body):
            return spell(body, loose=loose)
        case Cmd(_, _, name, args):
            name = _RESPELLED.get(name, name)
            if name in FONTS and len(args) == 1:
                inner = spell(args[0], loose=loose)
                return inner if loose or name in (r"\mathit", r"\mathnormal") else f"{name}{{{inner}}}"
            if loose and name in _ARROWS and len(args) == 1:
                return spell(args[0], loose=True)
            return name + "".join(f"{{{spell(arg, loose=loose)}}}" for arg in args)
        case Scripts():
            return _scripts(node, loose)
        case Group(_, _, opener, body, closer):
            return (
                f"{_RESPELLED.get(opener, opener)}{spell(body, loose=loose)}{_RESPELLED.get(closer, closer)}"
            )
        case Product(_, _, items) | Sum(_, _, items) | Listed(_, _, items):
            return "".join(f"{_sign(sign)}{spell(item, loose=loose)}" for sign, item in items)
        case Chain(_, _, members):
            return "".join(f"{relation}{spell(member, loose=loose)}" for relation, member in members)
    return to_source(node)


def _sign(sign: str) -> str:
    sign = _RESPELLED.get(sign, sign)
    return f"{sign} " if sign[:1] == "\\" and sign[-1:].isalpha() else sign


def _scripts(node: Scripts, loose: bool) -> str:
    sub, sup, primes = scripts_of(node)
    below = f"_{{{_script(sub, loose)}}}" if sub is not None else ""
    above = f"^{{{_script(sup, loose)}}}" if sup is not None else ""
    return f"{spell(node.base, loose=loose)}{below}{above}" + "'" * primes


def _script(node: Node, loose: bool) -> str:
    r"""A script; loosely ``E_{\text{total}}`` is ``E_{total}``."""
    found = spell(node, loose=loose)
    return _WORD.sub(r"\1", found) if loose else found


_WORD = re.compile(r"<([A-Za-z0-9]+)>")


def scripts_of(node: Scripts) -> tuple[Node | None, Node | None, int]:
    r"""What stands below, above, and the number of primes (``'``, ``^\prime``, ``^{\prime\prime}``)."""
    sub: Node | None = None
    sup: Node | None = None
    primes = 0
    for sign, script in node.scripts:
        if sign == "'":
            primes += 1
        elif sign == "_":
            sub = bare(script) if sub is None else sub
        else:
            count = _prime_count(bare(script))
            if count:
                primes += count
            elif sup is None:
                sup = bare(script)
    return sub, sup, primes


def _prime_count(node: Node | None) -> int:
    if isinstance(node, Sym):
        return 1 if node.name in _PRIMES else 0
    if isinstance(node, Product):
        count = sum(_prime_count(bare(item)) for _, item in node.items)
        return count if count == len(node.items) else 0
    if isinstance(node, Scripts) and node.base is None:
        return len(node.scripts) if all(sign == "'" for sign, _ in node.scripts) else 0
    return 0


def doubled(node: Scripts) -> bool:
    """Whether two scripts stand at one corner, as in ``x_i_j``."""
    signs = [sign for sign, script in node.scripts if sign != "'" and not _prime_count(bare(script))]
    return len(signs) != len(set(signs))


def parse_formula(source: str) -> Node | None:
    """The tree of one spelling, or None if it cannot be read."""
    try:
        env = parse_display(tokenize(source))
    except SyntaxFault:
        return None
    if len(env.rows) != 1 or len(env.rows[0].cells) != 1:
        return None
    return env.rows[0].cells[0]


def with_scripts(
    base: Node | None, sub: Node | None, sup: Node | None, primes: int, whole: Node
) -> Node | None:
    """A base with these scripts, at the place of ``whole``."""
    scripts: list[tuple[str, Node | None]] = []
    if sub is not None:
        scripts.append(("_", sub))
    if sup is not None:
        scripts.append(("^", sup))
    scripts += [("'", None)] * primes
    return Scripts(whole.start, whole.stop, base, tuple(scripts)) if scripts else base


def partitions(
    node: Scripts,
) -> Iterator[tuple[Node | None, Node | None, Node | None, int, int]]:
    """(name, sub left over, sup left over, primes left over, size of the name), the longest name first.

    A name may take both scripts, one of them, or the first piece of one (``W^{(1)T}``, ``W_{1,ij}``).
    """
    sub, sup, primes = scripts_of(node)
    subs = _cuts(sub)
    sups = _cuts(sup)
    found: list[tuple[int, int, Node | None, Node | None, Node | None, int]] = []
    for own_primes in sorted({primes, 0}, reverse=True):
        for sub_size, own_sub, rest_sub in subs:
            for sup_size, own_sup, rest_sup in sups:
                size = 4 * own_primes + sub_size + sup_size
                name = with_scripts(node.base, own_sub, own_sup, own_primes, node)
                found.append((size, len(found), name, rest_sub, rest_sup, primes - own_primes))
    found.sort(key=lambda one: (-one[0], one[1]))
    for size, _, name, rest_sub, rest_sup, rest_primes in found:
        yield name, rest_sub, rest_sup, rest_primes, size


def _cuts(script: Node | None) -> list[tuple[int, Node | None, Node | None]]:
    """(weight, part of the name, part left over) of one script."""
    if script is None:
        return [(0, None, None)]
    cuts: list[tuple[int, Node | None, Node | None]] = [(2, script, None)]
    if isinstance(script, Product) and len(script.items) > 1 and not any(op for op, _ in script.items):
        items = script.items
        cuts.append((1, _part(items[:-1], script), _part(items[-1:], script)))
        if len(items) > 2:
            cuts.append((1, _part(items[:1], script), _part(items[1:], script)))
    elif isinstance(script, Listed) and len(script.items) > 1 and script.items[1][0] in (",", ";"):
        rest = script.items[1:]
        tail = (
            rest[0][1] if len(rest) == 1 else Listed(script.start, script.stop, (("", rest[0][1]), *rest[1:]))
        )
        cuts.append((1, script.items[0][1], tail))
    elif isinstance(script, Num) and len(script.text) == 2 and script.text.isdigit():
        middle = script.start + 1
        cuts.append((1, Num(script.start, middle, script.text[0]), Num(middle, script.stop, script.text[1])))
    cuts.append((0, None, script))
    return cuts


def _part(items: tuple[tuple[str, Node | None], ...], whole: Node) -> Node | None:
    if len(items) == 1:
        return items[0][1]
    return Product(whole.start, whole.stop, (("", items[0][1]), *items[1:]))


def without_remarks(node: Node | None) -> Node | None:
    r"""The piece without labels, tags, phantoms and breaks at its top level."""
    match node:
        case Word(_, _, _, _, kind) if kind == "remark":
            return None
        case Note():
            return None
        case Product(start, stop, items):
            kept = tuple(
                (op, item)
                for op, item in items
                if op or (item is not None and without_remarks(item) is not None)
            )
            if len(kept) == len(items):
                return node
            if not kept:
                return None
            if len(kept) == 1 and not kept[0][0]:
                return kept[0][1]
            return Product(start, stop, kept)
        case Sum(start, stop, terms):
            cleaned = [(sign, without_remarks(term)) for sign, term in terms]
            if not cleaned[0][0] and cleaned[0][1] is None:
                cleaned = cleaned[1:]
            return Sum(start, stop, tuple(cleaned)) if cleaned else None
        case Chain(start, stop, members, places, over):
            cleaned = [(relation, without_remarks(member)) for relation, member in members]
            return Chain(start, stop, tuple(cleaned), places, over)
    return node
