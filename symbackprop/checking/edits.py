"""Small changes to a formula, each with the mistake that it would put right.

``edits`` lists them; nothing here says whether a change makes the line true. The cause named is that of the
mistake: where a change *adds* a transpose, a transpose was missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symbackprop.checking.edit import Edit
from symbackprop.checking.edits_indices import of_indices
from symbackprop.checking.edits_members import of_members
from symbackprop.checking.edits_products import of_products
from symbackprop.checking.edits_terms import of_terms
from symbackprop.checking.insertions import insertions
from symbackprop.checking.places import places
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Index

__all__ = ["Edit", "edits"]


def edits(root: Expr, words: Vocabulary, free: Sequence[Index]) -> Iterator[Edit]:
    """All single changes to ``root``; ``free`` are the indices of the claim."""
    for place in places(root, tuple(free)):
        yield from of_products(place, words)
        yield from of_indices(place, words, free)
        yield from of_terms(place, words)
        yield from of_members(place, words)
    for place in places(root, tuple(free)):
        yield from insertions(place, words)
