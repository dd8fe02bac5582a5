"""Changes to all members of a family at once: h_t for h_{t-1} in every term of a sum over time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from symbackprop.checking.edit import Edit
from symbackprop.checking.places import Place
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.tensors import Tensor

FEWEST = 2  # members that must stand in a formula


def of_members(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """One family moved by a step, or put for another, wherever it stands in the formula."""
    if place.parent is not None:
        return
    for kind in (Leaf, Partial):
        used = dict.fromkeys(node.array for node in place.node.walk() if isinstance(node, kind))
        stems = {stem for stem in map(stem_of, used) if stem is not None}
        for stem in sorted({name for name, _ in stems}):
            own = {t: s[1] for t in used if (s := stem_of(t)) is not None and s[0] == stem}
            if len(own) < FEWEST:
                continue
            others = _members(words)
            for name, members in others.items():
                for step in (-1, 0, 1):
                    if (name == stem) == (step == 0):
                        continue
                    new = {tensor: members.get(number + step) for tensor, number in own.items()}
                    change = {old: to for old, to in new.items() if to is not None and to.rank == old.rank}
                    if len(change) == len(own) and (step == 0 or name == stem):
                        cause = "symbol" if name != stem else "index"
                        expr = _put(place.node, kind, change)
                        yield Edit(expr, cause, 1.3 if name == stem else 1.8, place.node, expr)


def stem_of(tensor: Tensor) -> tuple[str, int] | None:
    """(h, 2) for h[2] and for h2."""
    if tensor.family is not None:
        return tensor.family
    found = re.fullmatch(r"(\D+)(\d+)", tensor.name)
    return None if found is None else (found[1], int(found[2]))


def _members(words: Vocabulary) -> Mapping[str, dict[int, Tensor]]:
    found: dict[str, dict[int, Tensor]] = {}
    for tensor in words.graph.tensors.values():
        stem = stem_of(tensor)
        if stem is not None:
            found.setdefault(stem[0], {})[stem[1]] = tensor
    return found


def _put(expr: Expr, kind: type[Leaf | Partial], change: Mapping[Tensor, Tensor]) -> Expr:
    if isinstance(expr, kind) and (new := change.get(expr.array)) is not None:
        return Leaf(new) if isinstance(expr, Leaf) else replace(expr, by=new)
    return expr.map_children(lambda child: _put(child, kind, change))
