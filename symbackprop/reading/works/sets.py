r"""Sets of places: ``\{2, \dots, V\}``, ``\{n : y_n = c\}``, and names that a work gives to such sets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symbackprop.reading.works.context import DOTS
from symbackprop.reading.works.members import rebuilt
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import Chain, Group, Listed, Node, Scripts, Sym, bare
from symbackprop.reading.works.vocabulary import Vocabulary

FEWEST = 3  # pieces of "2, ..., n"
_SUCH_THAT = frozenset((":", r"\mid", "|", r"\colon", r"\vert"))


@dataclass(frozen=True, slots=True)
class Places:
    """From ``low`` to ``high``, or all of which the ``conditions`` hold; they speak of ``letter``."""

    low: Node | None = None
    high: Node | None = None
    letter: str = ""
    conditions: tuple[Chain, ...] = ()

    def conditions_on(self, letter: str) -> tuple[Chain, ...]:
        """The conditions with another letter."""
        changed = (_with_letter(one, self.letter, letter) for one in self.conditions)
        return tuple(one for one in changed if isinstance(one, Chain))


def is_set(node: Node | None) -> bool:
    r"""Whether a piece stands in ``\{`` and ``\}``."""
    inner = bare(node)
    return isinstance(inner, Group) and inner.opener in (r"\{", r"\lbrace")


def places_of(node: Node | None, vocabulary: Vocabulary) -> Places | None:
    """The places that a set holds, which may be a name of the work; None where that is not known."""
    inner = bare(node)
    if inner is not None and not is_set(inner):
        inner = vocabulary.sets.get(spell(inner, loose=True))
    if not isinstance(inner, Group):
        return None
    body = bare(inner.body)
    return such_that(body) or _stretch(body)


def such_that(body: Node | None) -> Places | None:
    r"""``n : y_n = c``: a letter and what holds for it."""
    if not isinstance(body, Listed) or len(body.items) < 2 or body.items[1][0] not in _SUCH_THAT:
        return None
    letter, conditions = bare(body.items[0][1]), [bare(item) for _, item in body.items[1:]]
    if not isinstance(letter, Sym):
        return None
    chains = tuple(one for one in conditions if isinstance(one, Chain))
    return Places(letter=letter.name, conditions=chains) if len(chains) == len(conditions) else None


def _stretch(body: Node | None) -> Places | None:
    if not isinstance(body, Listed) or len(body.items) < FEWEST:
        return None
    if any(sep not in ("", ",") for sep, _ in body.items):
        return None
    middle = bare(body.items[-2][1])
    if not isinstance(middle, Sym) or middle.name not in DOTS:
        return None
    return Places(body.items[0][1], body.items[-1][1])


def _with_letter(node: Node, old: str, new: str) -> Node:
    if isinstance(node, Sym) and node.name == old:
        return Sym(node.start, node.stop, new)
    if isinstance(node, Scripts):
        scripts = tuple((sign, script and _with_letter(script, old, new)) for sign, script in node.scripts)
        node = replace(node, scripts=scripts)
    return rebuilt(node, lambda part: _with_letter(part, old, new))
