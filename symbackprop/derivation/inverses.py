"""The inverse of a product of square matrices, one by one: (A X B)^-1 = B^-1 X^-1 A^-1.

Where the product is invertible each factor is. It is used where the factors then cancel against others, as in
A^T (A X B)^-T B^T = X^-T.
"""

from __future__ import annotations

from symbackprop.core.expr import Expr, MatMul, Transpose
from symbackprop.core.tensors import Index
from symbackprop.notation.array_atoms import OfMatrix
from symbackprop.notation.forms import Form, Term, bind, product, single, within
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot
from symbackprop.ops.lowering import Lowering


def split_inverses(form: Form, lowering: Lowering) -> Form:
    """The form with inverses of products taken apart; the same object if there are none."""
    if not any(_is_product(atom) for term in form.terms for atom, _ in term.factors):
        return form
    terms: list[Term] = []
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            apart = exponent == 1 and _is_product(atom)
            piece = _apart(atom, lowering) if apart and isinstance(atom, OfMatrix) else single(atom, exponent)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(result.terms)
    return normal(Form(terms))


def factors_in(form: Form) -> int:
    """How many factors a form has."""
    return sum(len(term.factors) for term in form.terms)


def _is_product(atom: object) -> bool:
    if not isinstance(atom, OfMatrix) or atom.op.name != "inv" or not isinstance(atom.expr, MatMul):
        return False
    own = {atom.row, atom.column}
    square = all(factor.shape == (atom.row.dim, atom.row.dim) for factor in atom.expr.factors)
    return square and set(atom.form.free) <= own


def _apart(atom: OfMatrix, lowering: Lowering) -> Form:
    assert isinstance(atom.expr, MatMul)
    factors: list[Expr] = list(reversed(atom.expr.factors))
    inner = [Index(atom.row.dim, "k") for _ in factors[1:]]
    slots = [atom.slots[0], *inner, atom.slots[1]]
    whole = _entry_of(atom, factors[0], lowering, (slots[0], slots[1]))
    for place, factor in enumerate(factors[1:], start=1):
        whole = product(whole, _entry_of(atom, factor, lowering, (slots[place], slots[place + 1])))
    return bind(whole, tuple(inner))


def _entry_of(atom: OfMatrix, factor: Expr, lowering: Lowering, slots: tuple[Slot, Slot]) -> Form:
    if isinstance(factor, Transpose):
        factor, slots = factor.arg, (slots[1], slots[0])
    sides = (Index(atom.row.dim, "i"), Index(atom.row.dim, "j"))
    form = normal(lowering.lower(factor, *sides))
    return single(OfMatrix(atom.op, factor, form, sides, slots))
