r"""Members of families in LaTeX: ``h_0``, ``h_{t-1}``, ``h^{(t)}``, ``a^{[l]}``, ``x^{\langle t\rangle}``.

A left side with a letter as its only script (``h_t = ...``) and one with a number there (``h_0 = ...``)
name members of one family; so does a bracket above with a letter in it, and what is declared with ``over:``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.reading.latex_names import Spellings
from symbackprop.reading.latex_tree import (
    Accent,
    Group,
    Listed,
    Number,
    Scripted,
    Statement,
    Sym,
    Tree,
    Word,
    spell,
)

_BRACKETS = ("(", "[", r"\langle")


@dataclass(frozen=True, slots=True)
class Member:
    """``base``, which member of it, and the entry of that."""

    base: Tree
    which: Tree
    entry: Tree | None = None
    above: bool = False


def member_of(tree: Tree) -> Member | None:
    """The member that a symbol may name: by a bracket above it, else by what stands below."""
    if not isinstance(tree, Scripted) or tree.primes or not isinstance(tree.base, Sym | Word | Accent):
        return None
    above = in_bracket(tree.sup)
    if above is not None:
        return Member(tree.base, above, tree.sub, above=True)
    return None if tree.sub is None or tree.sup is not None else Member(tree.base, tree.sub)


def in_bracket(sup: Tree | None) -> Tree | None:
    """What stands in a bracket above, if that is a single thing."""
    if not isinstance(sup, Group) or sup.opener not in _BRACKETS or isinstance(sup.body, Listed):
        return None
    return sup.body


def member_bases(statements: Sequence[Statement], spellings: Spellings) -> frozenset[str]:
    """How the families that these equations define are spelled."""
    lettered: dict[str, bool] = {}  # spelling -> whether the letter stands in a bracket above
    numbered: set[str] = set()
    for statement in statements:
        own = member_of(statement.left) if statement.left is not None else None
        if own is None:
            continue
        key = spell(own.base)
        if isinstance(own.which, Number):
            numbered.add(key)
        elif isinstance(own.which, Sym) and spellings.find(own.which) is None:
            lettered[key] = lettered.get(key, False) or own.above
    return frozenset(key for key, above in lettered.items() if above or key in numbered)
