"""From index forms back to matrices: products, transposes, outer and Hadamard products, diag, sums.

``Speller.spell(form, row, column)`` gives an expression whose entry (row, column) is the form, or
None if there is none (then the index form is printed). Conventions are an affair of the leaves:
a vector leaf lies as its tensor says, everything else follows.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.expr import UNIT, ZERO, Divide, Expr, Hadamard, Indicator, Neg
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.notation.arranging import stack_of
from symbackprop.notation.atom_spelling import network_of
from symbackprop.notation.atoms import Delta
from symbackprop.notation.building import addition, cost, hadamard, product, scaled
from symbackprop.notation.common import content, shared_factors, spans, without
from symbackprop.notation.common_ends import group_ends
from symbackprop.notation.deltas import spelled_delta
from symbackprop.notation.factoring import factored
from symbackprop.notation.forms import Atom, Exponent, Form, Term
from symbackprop.notation.full_shapes import Shapes
from symbackprop.notation.network import Network, NoSpelling, Operations, laid, numbers_ordered, ordered
from symbackprop.notation.slots import Place


class Speller:
    """Spells forms. ``leaf`` gives the expression of a tensor, ``operation`` an operation by name.

    ``means``: which of mean, rowmean and colmean the author writes.
    """

    __slots__ = ("leaf", "means", "operation", "rows", "shapes")

    def __init__(
        self,
        convention: Convention,
        leaf: Callable[[Tensor], Expr],
        operation: Operations,
        means: frozenset[str] = frozenset(),
    ) -> None:
        self.rows = convention.vectors_are_rows
        self.shapes = Shapes(operation, self.rows)
        self.leaf = leaf
        self.operation = operation
        self.means = means

    def spell(self, form: Form, row: Place, column: Place) -> Expr | None:
        """The matrix spelling with the full shape, or None."""
        try:
            return self.shapes.full(self.part(form, row, column), row, column)
        except NoSpelling:
            return None

    def full(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling with the full shape; NoSpelling if there is none."""
        return self.shapes.full(self.part(form, row, column), row, column)

    def part(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling; a side on which the form does not depend may have extent 1."""
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
        return addition(group_ends(spelled, row is not None, column is not None))

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
        nums, dens = self._arrays(network, row, column)
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
        body = self.assemble(network, row, column)
        return scaled(term.coefficient, numbers_ordered(network.scalars.nums), body, network.scalars.dens)

    def assemble(self, network: Network, row: Place, column: Place) -> Expr | None:
        """What is left of a network on the free indices, as one expression; None if nothing is."""
        nums, dens = self._arrays(network, row, column)
        if not nums and not dens:
            return None
        if len(nums) == 2 and not dens and _crosses(nums[0], nums[1]):
            return product(*nums)
        # A matrix first, then what is stretched to it, indicators last.
        top = hadamard(*sorted(nums, key=lambda num: isinstance(num, Indicator))) if nums else UNIT
        return Divide(top, hadamard(*dens)) if dens else top

    def _arrays(self, network: Network, row: Place, column: Place) -> tuple[list[Expr], list[Expr]]:
        """What is left on the free indices, laid out as (row, column)."""
        nums: list[Expr] = []
        dens: list[Expr] = []
        if row is not None and column is not None and row is not column:
            edge = network.edges.pop(frozenset((row, column)), None)
            if edge is not None:
                bundle = edge.facing(row)
                top = bundle.nums
                nums.extend([hadamard(*ordered(top))] if top else [])
                dens.extend(bundle.dens)
        for place, down in ((row, True), (column, False)):
            weight = network.weights.pop(place, None) if place is not None else None
            if weight is None:
                continue
            turned = laid(weight.nums, down=down)
            nums.extend([hadamard(*ordered(turned))] if turned else [])
            dens.extend(laid(weight.dens, down=down))
        if network.edges or network.weights:
            raise NoSpelling
        return nums, dens


def _crosses(left: Expr, right: Expr) -> bool:
    """Whether the two are a column and a row: their product is the outer product."""
    return left.shape[1].is_one and right.shape[0].is_one and not left.is_scalar and not right.is_scalar


def _is_joined(expr: Expr) -> bool:
    """Whether the factor in front meets no matrix: then it is an outer product of what is in the bracket."""
    inner = expr.arg if isinstance(expr, Neg) else expr
    while isinstance(inner, Divide):
        inner = inner.num
    return not isinstance(inner, Hadamard) or any(side.is_one for side in inner.factors[-1].shape)
