"""From index forms back to matrices: products, transposes, outer and Hadamard products, diag, sums.

``MatrixSpeller.spell(form, row, column)`` gives an expression whose entry (row, column) is the form, or
None if there is none (then the index form is printed). Conventions are an affair of the leaves:
a vector leaf lies as its tensor says, everything else follows.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.expr import ZERO, Divide, Expr, Hadamard, Neg
from symbackprop.notation.arranging import stack_of
from symbackprop.notation.assembling import arrays_of, assemble
from symbackprop.notation.atom_spelling import network_of
from symbackprop.notation.atoms import Delta
from symbackprop.notation.building import addition, cost, hadamard, scaled
from symbackprop.notation.common import content, shared_factors, spans, without
from symbackprop.notation.common_ends import group_ends
from symbackprop.notation.deltas import spelled_delta
from symbackprop.notation.factoring import factored
from symbackprop.notation.forms import Atom, Exponent, Form, Term
from symbackprop.notation.network import NoSpelling, numbers_ordered, ordered
from symbackprop.notation.slots import Place
from symbackprop.notation.speller import Speller


class MatrixSpeller(Speller):
    """Spells sums of terms: what they share in front, what begins or ends alike together."""

    def part(self, form: Form, row: Place, column: Place) -> Expr:
        if not form.terms:
            return ZERO
        if any(isinstance(atom, Delta) for term in form.terms for atom, _ in term.factors):
            stacked = stack_of(self, form, row, column)
            if stacked is not None:
                return stacked
        if len(form.terms) == 1:
            return self._term(form.terms[0], row, column)
        best = self._sum(form.terms, row, column)
        common = self._pull_common(form, row, column)
        if common is not None and cost(common) <= cost(best):
            best = common
        for made in factored(form):
            try:
                found = self.part(made, row, column)
            except NoSpelling:
                continue
            if cost(found) < cost(best):
                best = found
        return best

    def _sum(self, terms: tuple[Term, ...], row: Place, column: Place) -> Expr:
        spelled = [self._term(term, row, column) for term in terms]
        array = row is not None or column is not None  # numbers are added as they stand
        return addition(group_ends(spelled) if array else spelled)

    def _pull_common(self, form: Form, row: Place, column: Place) -> Expr | None:
        """Factors that all terms share, in front: scalars, quotients, factors of the full shape."""
        shared = shared_factors(form)
        places = {p for p in (row, column) if p is not None}
        pulled = [
            (atom, e)
            for atom, e in shared
            if not atom.free or set(atom.free) == places or (e < 0 and set(atom.free) <= places)
        ]
        size = content(form)
        deltas = any(isinstance(atom, Delta) for term in form.terms for atom, _ in term.factors)
        scales = self._scales(shared, row, column) if spans(form) and not deltas else []
        if not pulled and not scales and size == 1:
            return None
        if scales:
            found = self._pulled(form, [*pulled, *scales], size, row, column)
            if not any(side.is_one for side in found.shape) and not _is_joined(found):
                return found
        return self._pulled(form, pulled, size, row, column)

    def _scales(
        self, shared: list[tuple[Atom, Exponent]], row: Place, column: Place
    ) -> list[tuple[Atom, Exponent]]:
        """Vectors over one side of a matrix that all terms share: the gain of a normalisation."""
        if row is None or column is None:
            return []
        found = [(atom, e) for atom, e in shared if e > 0 and len(atom.free) == 1]
        sides = {atom.free[0] for atom, _ in found}
        return found if len(sides) == 1 and sides <= {row, column} else []

    def _pulled(
        self, form: Form, pulled: list[tuple[Atom, Exponent]], size: Fraction, row: Place, column: Place
    ) -> Expr:
        rest = tuple(without(term, pulled, size) for term in form.terms)
        inner = self._sum(rest, row, column)
        front = Term(size, tuple(pulled))
        return self._multiplied(front, inner, row, column)

    def _multiplied(self, front: Term, inner: Expr, row: Place, column: Place) -> Expr:
        sign = isinstance(inner, Neg)
        body = inner.arg if isinstance(inner, Neg) else inner
        network = network_of(self, front)
        nums, dens = arrays_of(network, row, column)
        whole = hadamard(*ordered([*nums, body])) if nums else body
        whole = Divide(whole, hadamard(*dens)) if dens else whole
        coefficient = -front.coefficient if sign else front.coefficient
        return scaled(coefficient, numbers_ordered(network.scalars.nums), whole, network.scalars.dens)

    def _term(self, term: Term, row: Place, column: Place) -> Expr:
        delta = next((atom for atom, _ in term.factors if isinstance(atom, Delta)), None)
        if delta is not None:
            return spelled_delta(self, term, delta, row, column)
        network = network_of(self, term)
        network.eliminate_all(tuple(index for index in term.bound if index in network.indices))
        body = assemble(network, row, column)
        return scaled(term.coefficient, numbers_ordered(network.scalars.nums), body, network.scalars.dens)




def _is_joined(expr: Expr) -> bool:
    """Whether the factor in front meets no matrix: then it is an outer product of what is in the bracket."""
    inner = expr.arg if isinstance(expr, Neg) else expr
    while isinstance(inner, Divide):
        inner = inner.num
    return not isinstance(inner, Hadamard) or any(side.is_one for side in inner.factors[-1].shape)
