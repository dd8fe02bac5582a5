"""The source of a tree, from the tree alone: the check that nothing was lost while reading."""

from __future__ import annotations

import re

from symbackprop.reading.works.lexer import Token, normal, tokenize
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Env,
    Group,
    Listed,
    Node,
    Note,
    Num,
    Product,
    Row,
    Scripts,
    Sum,
    Sym,
    Word,
)

_NAME = re.compile(r"[A-Za-z][0-9]*")  # letter and number side by side would be one name
_PAIRS = frozenset(("!=", "<=", ">=", "->", "=>", ".*", "./", "||"))


def to_source(node: Node | None) -> str:
    """LaTeX that reads back to an equal tree."""
    out: list[str] = []
    _write(node, out)
    return _joined(out)


def is_whole(node: Node, tokens: list[Token]) -> bool:
    """Whether the tree says everything that ``tokens`` say, in their order."""
    return normal(tokenize(to_source(node))) == normal(tokens)


def _joined(pieces: list[str]) -> str:
    """The pieces side by side; a space where two would run together."""
    found: list[str] = []
    last = ""
    for piece in pieces:
        command = last[:1] == "\\" and last[-1:].isalpha() and piece[:1].isalpha()
        number = last[-1:].isdigit() and piece[:1] in "0123456789."
        name = piece[:1].isalnum() and _NAME.fullmatch(last) is not None
        if command or number or name or last == piece == "." or last[-1:] + piece[:1] in _PAIRS:
            found.append(" ")
        found.append(piece)
        last = piece
    return "".join(found)


def _bracket(sign: str, side: str) -> str:
    if sign == ".":
        return rf"\{side}."
    return rf"\{side}{sign}" if sign in ("|", r"\|", "||") and side else sign


def _write(node: Node | None, out: list[str]) -> None:
    push = out.append
    match node:
        case None:
            return
        case Sym(_, _, name):
            push(name)
        case Num(_, _, text) | Note(_, _, text):
            push(text)
        case Product(_, _, items) | Sum(_, _, items) | Listed(_, _, items):
            for sign, item in items:
                if sign:
                    push(sign)
                _write(item, out)
        case Scripts(_, _, base, scripts):
            _write(base, out)
            for sign, script in scripts:
                push(sign)
                _write(script, out)
        case Braces(_, _, body):
            push("{")
            _write(body, out)
            push("}")
        case Group(_, _, opener, body, closer):
            push(_bracket(opener, "left"))
            _write(body, out)
            push(_bracket(closer, "right"))
        case Word(_, _, by, text):
            push(f"{by}{{{text}}}" if by else text)
        case _:
            _write_large(node, out)


def _write_large(node: Node, out: list[str]) -> None:
    """Commands, chains, rows and environments."""
    push = out.append
    match node:
        case Cmd(_, _, name, args, option):
            push(name)
            if option is not None:
                push("[")
                _write(option, out)
                push("]")
            for arg in args:
                _write(arg, out)
        case Chain(_, _, members, _, over):
            for place, (relation, member) in enumerate(members):
                decoration = over[place - 1] if place else None
                if decoration is not None:
                    _write(decoration, out)
                elif relation:
                    push(relation)
                _write(member, out)
        case Row(_, _, cells):
            for place, cell in enumerate(cells):
                if place:
                    push("&")
                _write(cell, out)
        case Env(_, _, name, rows, columns):
            if name:
                push(rf"\begin{{{name}}}{columns}")
            for place, row in enumerate(rows):
                if place:
                    push(r"\\")
                _write(row, out)
            if name:
                push(rf"\end{{{name}}}")
        case _:
            raise TypeError(f"no source for {type(node).__name__}")
