"""Sums over one index that are 0 whatever the inputs are: X - mean(X), and what is made of it.

Found by unfolding definitions; looked for only where a mean or another such sum stands. ``locals`` are the
equations in index form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from symbackprop.core.tensors import Tensor
from symbackprop.derivation.known_sums import KnownSum, with_known_sums
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.local_forms import Local
from symbackprop.notation.atoms import DimFactor, Entry, Group
from symbackprop.notation.forms import Form, Term, bind, single, within
from symbackprop.notation.normal import expanded, normal

MOST_LEAVES = 12  # of an equation in which sums that vanish are looked for
Locals = Mapping[Tensor, Local]


def vanishing_sums(
    local: Local, form: Form, locals_: Locals, facts: Sequence[KnownSum]
) -> Iterator[KnownSum]:
    """The sums of the target of ``local``, which is ``form``, that are 0; ``facts`` are proved ones."""
    known = list(facts)
    zeros = {fact.tensor for fact in facts if fact.value == 0}
    if not any(t in zeros for t in form.tensors) and not _has_mean(form, locals_):
        return
    for place, index in enumerate(local.indices):
        whole = expanded(bind(form, (index,)))
        found, _ = with_known_sums(whole, known)
        if not _unfolds_to_zero(found, locals_):
            continue
        target = local.equation.target
        words = f"the entries of `{target.name}` sum to 0"
        if len(local.indices) == 2:
            words = f"each {('column', 'row')[place]} of `{target.name}` sums to 0"
        elif len(local.indices) > 2:
            words = f"`{target.name}` summed over index {place + 1} is 0"
        known.append(KnownSum(target, (place,), words, proved=True, value=0))
        yield known[-1]


def _has_mean(form: Form, locals_: Locals) -> bool:
    """Whether a mean stands in a sum of several terms, or in what one of its terms is."""
    if leaves(form) > MOST_LEAVES:
        return False
    if len(form.terms) == 1:
        groups = [a.form for a, e in form.terms[0].factors if isinstance(a, Group) and e == 1]
        return any(_has_mean(group, locals_) for group in groups)
    inner = [locals_[t].form for t in form.tensors if t in locals_]
    return any(is_mean(term) for part in (form, *inner) for term in part.terms)


def _unfolds_to_zero(form: Form, locals_: Locals) -> bool:
    """Whether a sum is 0 as it stands, with its means written out, or with all intermediates written out.

    What a mean is taken of may be an intermediate too: it must then stay as it is on both sides.
    """
    if form.is_zero:
        return True
    known = {t: locals_[t] for t in form.tensors if t in locals_}
    means = {t: local for t, local in known.items() if any(map(is_mean, local.form.terms))}
    return any(expanded(_unfolded(form, inside)).is_zero for inside in (means, known))


def _unfolded(form: Form, inside: Mapping[Tensor, Local]) -> Form:
    """Every intermediate of ``inside`` that stands as a factor replaced by its definition."""
    terms: list[Term] = []
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            known = inside.get(atom.tensor) if isinstance(atom, Entry) else None
            if known is not None and exponent == 1 and isinstance(atom, Entry):
                piece = known.form.rename(dict(zip(known.indices, atom.slots, strict=True)))
            else:
                piece = single(atom, exponent)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(result.terms)
    return normal(Form(terms))


def without_centred(form: Form, locals_: Locals) -> Form:
    """Terms in which a sum runs over nothing but (X - mu): they are 0."""
    kept = [term for term in form.terms if not _is_centred(term, locals_)]
    return form if len(kept) == len(form.terms) else Form(kept)


def _is_centred(term: Term, locals_: Locals) -> bool:
    for atom, exponent in term.factors:
        if not isinstance(atom, Group) or exponent != 1 or not _has_mean(atom.form, locals_):
            continue
        others = [other for other, _ in term.factors if other is not atom]
        for index in term.bound:
            alone = index in atom.free and not any(index in other.free for other in others)
            if alone and _unfolds_to_zero(bind(atom.form, (index,)), locals_):
                return True
    return False


def is_mean(term: Term) -> bool:
    """Whether a term is a sum over something divided by a size."""
    divided = term.coefficient.denominator != 1 or any(
        isinstance(atom, DimFactor) and exponent < 0 for atom, exponent in term.factors
    )
    return divided and bool(term.bound)
