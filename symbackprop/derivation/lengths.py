"""How long a form is: which of two is printed, and what is too long to be looked into."""

from __future__ import annotations

from collections.abc import Callable

from symbackprop.notation.atoms import Entry, Fn, Group
from symbackprop.notation.collecting import collected
from symbackprop.notation.forms import Form
from symbackprop.notation.normal import expanded


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


def shortened(form: Form, tidy: Callable[[Form], Form]) -> tuple[str, Form] | None:
    """The form multiplied out, or with like terms collected, whichever is shorter, and the name of the rule.

    None where neither is shorter than the form.
    """
    multiplied, alike = tidy(expanded(form)), collected(form)
    options: list[tuple[str, Form]] = []
    if leaves(multiplied) < leaves(form):
        options.append(("expand", multiplied))
    if alike is not form:
        options.append(("collect", tidy(alike)))
    return min(options, key=lambda option: (leaves(option[1]), len(option[1].terms)), default=None)
