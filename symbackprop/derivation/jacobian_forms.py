"""Forms of Jacobians: derivatives put in, and what is left where relations hold."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from symbackprop.core.relations import NEGATED
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Entry, Truth
from symbackprop.notation.forms import Atom, Form, Term, number, single, within
from symbackprop.notation.normal import normal

IMPLIED = MappingProxyType({"<": ("<=", "!="), ">": (">=", "!="), "=": ("<=", ">=")})


def unfolded(form: Form, sweep: Sweep, lines: Lines) -> Form:
    """The form with every derivative of what is differentiated replaced by its own form."""
    terms: list[Term] = []
    for term in form.terms:
        atom = next((atom for atom, _ in term.factors if _is_own(atom, sweep, lines)), None)
        if not isinstance(atom, Entry):
            terms.append(term)
            continue
        quantity = sweep.quantities[lines.shop.partial_of[atom.tensor].by]
        own = dict(zip(quantity.indices, atom.slots[len(quantity.head) :], strict=True))
        inner = quantity.form.rename(own)
        rest = tuple(factor for factor in term.factors if factor[0] is not atom)
        outer = Term(term.coefficient, rest, term.bound)
        terms.extend(unfolded(Form(within(outer, part) for part in inner.terms), sweep, lines).terms)
    return lines.shop.tidy(Form(terms))


def derivatives_in(form: Form, sweep: Sweep, lines: Lines) -> tuple[Tensor, ...]:
    """By what the derivatives are that ``unfolded`` replaces, those inside them too; each once."""
    found: dict[Tensor, None] = {}
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry) and _is_own(atom, sweep, lines):
                tensor = lines.shop.partial_of[atom.tensor].by
                inner = derivatives_in(sweep.quantities[tensor].form, sweep, lines)
                found.update(dict.fromkeys((tensor, *inner)))
    return tuple(found)


def where_true(form: Form, truths: Sequence[Form]) -> Form:
    """The form where every relation of ``truths`` holds: each one ``Truth``, or about a label."""
    chosen = {key: number(1) if said else Form() for key, said in map(_label_said, truths) if key is not None}
    atoms = [
        truth.terms[0].factors[0][0]
        for truth in truths
        if truth.terms and truth.terms[0].factors and _label_said(truth)[0] is None
    ]
    known = dict(chosen)
    known.update((atom.key, number(1)) for atom in atoms)
    for atom in atoms:
        if isinstance(atom, Truth):
            known[Truth(atom.left, NEGATED[atom.op], atom.right).key] = Form()
            for op in IMPLIED.get(atom.op, ()):
                known[Truth(atom.left, op, atom.right).key] = number(1)

    def change(inner: Form) -> Form:
        terms: list[Term] = []
        for term in inner.terms:
            parts = Form((Term(term.coefficient, (), term.bound),))
            for atom, exponent in term.factors:
                found = known.get(atom.key) if isinstance(atom, Truth | Entry) else None
                piece = single(atom.map_parts(change), exponent) if found is None else found
                parts = Form(within(a, b) for a in parts.terms for b in piece.terms)
            terms.extend(parts.terms)
        return normal(Form(terms))

    return change(form)


def _label_said(truth: Form) -> tuple[object, bool]:
    """The key of the entry of a one-hot array that a relation of a label is, and whether it is 1.

    [y_n = k] is that entry, and where y_n is another class, 1 - [y_n = k] is 1.
    """
    entries = [term for term in truth.terms if any(isinstance(atom, Entry) for atom, _ in term.factors)]
    if len(entries) != 1 or len(entries[0].factors) != 1 or len(truth.terms) > 2:
        return None, False
    (atom, exponent), coefficient = entries[0].factors[0], entries[0].coefficient
    rest = [term for term in truth.terms if term is not entries[0]]
    plain = exponent == 1 and not entries[0].bound
    if plain and coefficient == 1 and not rest:
        return atom.key, True
    if plain and coefficient == -1 and len(rest) == 1 and not rest[0].factors and rest[0].coefficient == 1:
        return atom.key, False
    return None, False


def _is_own(atom: Atom, sweep: Sweep, lines: Lines) -> bool:
    """Whether the atom is a derivative whose form is known; dJ/dy of an arbitrary J stands for itself."""
    if not isinstance(atom, Entry) or atom.tensor not in lines.shop.partial_of:
        return False
    partial = lines.shop.partial_of[atom.tensor]
    if partial.of is not sweep.loss or partial.by not in sweep.quantities:
        return False
    return atom.tensor not in sweep.quantities[partial.by].form.tensors
