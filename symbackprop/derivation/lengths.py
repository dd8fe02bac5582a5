"""How long a form is: which of two is printed, and what is too long to be looked into."""

from __future__ import annotations

from symbackprop.notation.atoms import Entry, Fn, Group
from symbackprop.notation.forms import Form


def leaves(form: Form) -> int:
    """The length of a form: entries and functions of entries, counted where they stand."""
    count = 0
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry):
                count += 1
            elif isinstance(atom, Fn | Group):
                count += max(1, sum(leaves(part) for part in atom.parts))
    return count
