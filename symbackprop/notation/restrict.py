"""A formula in given letters only: definitions are put in for the others until none is left.

``express`` tries every formula that is known to equal a letter and keeps the shortest outcome; what no
definition removes is reported. Whole subtrees that define an allowed letter are folded into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from symbackprop.core.expr import Add, Expr, Leaf, MatMul, Number, Partial
from symbackprop.core.indexed import Comprehension, Element
from symbackprop.core.tensors import Tensor
from symbackprop.notation.substitution import entry_in

Letter = Leaf | Partial
MOST_NODES = 4000


@dataclass(frozen=True, slots=True)
class Outcome:
    """``expr`` and its size; ``stuck`` could not be avoided, ``put_in`` was replaced by its definition."""

    expr: Expr
    size: int
    stuck: frozenset[Letter] = frozenset()
    put_in: tuple[Letter, ...] = ()

    @property
    def _order(self) -> tuple[int, int]:
        return len(self.stuck), self.size

    def better(self, other: Outcome) -> bool:
        """Whether this one avoids more letters than the other, or is shorter."""
        return self._order < other._order


@dataclass(slots=True)
class Restriction:
    """What may stand, and what is known.

    allowed   the letters that may stand.
    options   the formulas that equal a letter.
    folds     formula -> the allowed letter that it defines.
    """

    allowed: frozenset[Letter]
    options: Callable[[Letter], Sequence[Expr]]
    folds: Mapping[Expr, Letter] = field(default_factory=dict)
    _known: dict[Letter, Outcome] = field(default_factory=dict)
    _open: set[Letter] = field(default_factory=set)

    def best(self, formulas: Sequence[Expr]) -> Outcome | None:
        """The best outcome of formulas that are equal to each other."""
        found: Outcome | None = None
        for formula in formulas:
            outcome = self.express(formula)
            if found is None or outcome.better(found):
                found = outcome
        return found

    def express(self, expr: Expr) -> Outcome:
        """``expr`` with every letter that may not stand replaced as well as possible."""
        folded = self.folds.get(expr) if not isinstance(expr, Leaf | Partial) else None
        if folded is not None:
            return Outcome(folded, 1)
        if isinstance(expr, Leaf | Partial):
            return self._letter(expr)
        if isinstance(expr, Element) and isinstance(expr.base, Leaf | Partial):
            return self._entry(expr, expr.base)
        parts: list[Outcome] = []

        def change(child: Expr) -> Expr:
            parts.append(self.express(child))
            return parts[-1].expr

        return _joined(expr.map_children(change), parts)

    def _letter(self, letter: Letter) -> Outcome:
        if letter in self.allowed or (isinstance(letter, Leaf) and is_constant(letter.tensor)):
            return Outcome(letter, 1)
        if letter not in self._known:
            stuck = Outcome(letter, 1, frozenset({letter}))
            if letter in self._open:
                return stuck
            self._open.add(letter)
            found = self.best([option for option in self.options(letter) if option != letter])
            self._open.discard(letter)
            if found is None or found.size > MOST_NODES:
                found = stuck
            elif not found.stuck:
                found = Outcome(found.expr, found.size, frozenset(), (letter, *found.put_in))
            self._known[letter] = found
        return self._known[letter]

    def _entry(self, entry: Element, base: Letter) -> Outcome:
        found = self._letter(base)
        if found.expr == base:
            return Outcome(entry, 1 + len(entry.slots), found.stuck)
        tensor = base.array
        whole = found.expr
        expr = entry_in(whole, tensor, entry.slots) if _has_entries(whole, tensor) else entry
        stuck = found.stuck if expr is not entry else frozenset({base})
        return Outcome(expr, found.size + len(entry.slots), stuck, found.put_in)


def is_constant(tensor: Tensor) -> bool:
    """Whether the tensor is a known number such as pi."""
    return tensor.value is not None or tensor.numpy_value is not None


def _has_entries(whole: Expr, tensor: Tensor) -> bool:
    """Whether slots of ``tensor`` fit ``whole``: one for each side that carries an index."""
    return isinstance(whole, Comprehension | Leaf | Partial) or not any(dim.is_one for dim in tensor.shape)


def _joined(expr: Expr, parts: Sequence[Outcome]) -> Outcome:
    size = 1 + sum(part.size for part in parts)
    stuck = frozenset().union(*(part.stuck for part in parts))
    put_in = tuple(dict.fromkeys(letter for part in parts for letter in part.put_in))
    return Outcome(_flat(expr), size, stuck, put_in)


def _flat(expr: Expr) -> Expr:
    """A sum in a sum, a product of arrays in one of arrays: without the brackets that putting in leaves."""
    if isinstance(expr, Add):
        terms = [inner for term in expr.terms for inner in (term.terms if isinstance(term, Add) else (term,))]
        return Add(tuple(terms)) if len(terms) > len(expr.terms) else expr
    if isinstance(expr, MatMul) and (_is_product(expr) or all(one.is_scalar for one in expr.factors)):
        parts = [one.factors if _joins(one, expr, at) else (one,) for at, one in enumerate(expr.factors)]
        factors = tuple(factor for part in parts for factor in part)
        return MatMul(factors) if len(factors) > len(expr.factors) else expr
    return expr


def _joins(inner: Expr, outer: MatMul, at: int) -> TypeGuard[MatMul]:
    """Whether the factors of a factor may stand in the product itself; a number stands only first."""
    if _is_product(outer):
        return _is_product(inner)
    return isinstance(inner, MatMul) and (at == 0 or not isinstance(inner.factors[0], Number))


def _is_product(expr: Expr) -> TypeGuard[MatMul]:
    return isinstance(expr, MatMul) and not any(factor.is_scalar for factor in expr.factors)
