"""Differentiation of index forms, one equation at a time.

    d T[i, j] / d T[p, q]   = [i = p] [j = q]
    d f(u, v)               = f_1(u, v) du + f_2(u, v) dv
    d G^e                   = e G^(e-1) dG
    d max_i f(i)            = sum_i [f(i) = max] df(i)
    d inv(A)                = -inv(A) dA inv(A), from A inv(A) = I;  d det A = det A tr(inv(A) dA)
    d (a b c)               = (da) b c + a (db) c + a b (dc)

No transpose and no layout exist here, and nothing is normalised: the deltas stand until a later
step uses them. The slopes of elementwise functions come from the operation's stated ``slopes``,
or by differentiating its ``formula`` with these same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Index, Role, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.array_atoms import OfMatrix
from symbackprop.notation.atoms import Delta, Entry, Extreme, Fn, Group, Position, Truth, as_atom
from symbackprop.notation.entries import entries_of
from symbackprop.notation.forms import (
    Atom,
    Form,
    Term,
    bind,
    negated,
    number,
    opened,
    product,
    single,
    total,
    within,
)
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot, fresh
from symbackprop.notation.substitution import elementwise
from symbackprop.ops.lowering import Lowering
from symbackprop.ops.registry import Elementwise, lookup

ReadFormula = Callable[[str, Mapping[str, Expr], Convention], Expr]


class Slopes:
    """The derivatives of elementwise functions as forms, by parameter and number of primes."""

    def __init__(self, lowering: Lowering, read: ReadFormula) -> None:
        self._lowering = lowering
        self._read = read
        self._templates: dict[tuple[Operation, int, int], tuple[tuple[Tensor, ...], Form]] = {}
        # The sweep, the lines and the reasons ask for the same derivatives.
        self._found: dict[tuple[Form, Tensor, tuple[Slot, ...]], Form] = {}

    def of(self, atom: Fn, param: int) -> Form:
        """d atom / d (argument number ``param``), in the arguments of ``atom``."""
        op = atom.op
        if not isinstance(op, Elementwise):
            raise UnsupportedError(f"{op.name} has no slope")
        if op.abstract:
            if param != 0:
                raise UnsupportedError(f"{op.name} has one argument")
            return single(Fn(op, atom.args, atom.primes + 1))
        if op.named_slope and atom.primes == 0 and param == 0:
            return single(Fn(op, atom.args, 1))
        places, template = self._template(op, param, atom.primes)
        found = plug(template, dict(zip(places, atom.args, strict=True)))
        beside_number = op.name in ("max", "min") and not atom.args[1].tensors
        return as_atom(_strict(found) if beside_number else found)

    def unnamed(self, form: Form) -> Form:
        """The form with slopes that have a kink, such as relu'(u), written out piece by piece."""

        def change(inner: Form) -> Form:
            terms: list[Term] = []
            for term in inner.terms:
                parts = Form((Term(term.coefficient, (), term.bound),))
                for atom, exponent in term.factors:
                    piece = single(atom.map_parts(change), exponent)
                    if (
                        isinstance(atom, Fn)
                        and isinstance(atom.op, Elementwise)
                        and atom.primes
                        and atom.op.kinks
                    ):
                        places, template = self._template(atom.op, 0, atom.primes - 1)
                        args = tuple(change(arg) for arg in atom.args)
                        piece = plug(template, dict(zip(places, args, strict=True)))
                        piece = piece if exponent == 1 else single(Group(piece), exponent)
                    parts = Form(within(a, b) for a in parts.terms for b in piece.terms)
                terms.extend(parts.terms)
            return normal(Form(terms))

        return change(form)

    def expression(self, call: Call) -> Expr:
        """The derivative that ``call`` names by its primes, written out in its arguments."""
        op = call.op
        assert isinstance(op, Elementwise)
        places, form = self._template(op, 0, call.primes - 1)
        formula = entries_of(form, Leaf)
        return elementwise(formula, dict(zip(places, call.args, strict=True)))

    def _template(self, op: Elementwise, param: int, primes: int) -> tuple[tuple[Tensor, ...], Form]:
        key = (op, param, primes)
        if key not in self._templates:
            places = tuple(_placeholder(p.name) for p in op.params)
            form = self._slope(op, places, param if primes == 0 else 0)
            for level in range(primes):
                by = param if level == primes - 1 else 0
                form = normal(self.differentiate(form, places[by], ()))
            self._templates[key] = (places, form)
        return self._templates[key]

    def _slope(self, op: Elementwise, places: tuple[Tensor, ...], param: int) -> Form:
        stated = op.slopes[param] if param < len(op.slopes) else None
        args: dict[str, Expr] = {p.name: Leaf(t) for p, t in zip(op.params, places, strict=True)}
        if stated is None:
            if op.formula is None:
                raise UnsupportedError(f"the derivative of {op.name} by {op.params[param].name} is not known")
            form = self._lowering.lower(self._read(op.formula, args, Convention.COLUMN), None, None)
            return normal(self.differentiate(form, places[param], ()))
        output = _placeholder("y")
        args.setdefault("y", Leaf(output))
        form = self._lowering.lower(self._read(stated, args, Convention.COLUMN), None, None)
        value = single(Fn(op, tuple(single(Entry(t, ())) for t in places)))
        if op.name == "sqrt":
            value = single(Entry(places[0], ()), Fraction(1, 2))
        return normal(plug(form, {output: value}))

    def differentiate(self, form: Form, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """d form / d tensor[slots], deltas and all."""
        key = (form, tensor, slots)
        if key not in self._found:
            terms: list[Term] = []
            for term in form.terms:
                terms.extend(self._term(term, tensor, slots))
            self._found[key] = Form(terms)
        return self._found[key]

    def _term(self, term: Term, tensor: Tensor, slots: tuple[Slot, ...]) -> list[Term]:
        found: list[Term] = []
        for position, (atom, exponent) in enumerate(term.factors):
            inner = self._atom(atom, tensor, slots)
            if inner.is_zero:
                continue
            lowered = ((atom, exponent - 1),) if exponent != 1 else ()
            rest = term.factors[:position] + lowered + term.factors[position + 1 :]
            outer = Term(term.coefficient * Fraction(exponent), rest, term.bound)
            found.extend(within(outer, part) for part in inner.terms)
        return found

    def _atom(self, atom: Atom, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        if isinstance(atom, Entry):
            if atom.tensor.start is tensor:  # h[t-1] is h[0] where t = 1
                form = single(Delta(atom.slots[0], 0))
                for own, slot in zip(atom.slots[1:], slots, strict=True):
                    form = product(form, single(Delta(own, slot)))
                return form
            if atom.tensor is not tensor:
                return Form()
            form = number(1)
            for own, slot in zip(atom.slots, slots, strict=True):
                form = product(form, single(Delta(own, slot)))
            return form
        if isinstance(atom, Group):
            return self.differentiate(atom.form, tensor, slots)
        if isinstance(atom, Fn):
            parts: list[Form] = []
            for param, arg in enumerate(atom.args):
                if arg.mentions(tensor):
                    inner = self.differentiate(arg, tensor, slots)
                    parts.append(_inside_of(self.of(atom, param), inner))
            return total(parts)
        if isinstance(atom, Extreme):
            return self._extreme(atom, tensor, slots)
        if isinstance(atom, OfMatrix):
            return self._of_matrix(atom, tensor, slots)
        return Form()

    def _extreme(self, atom: Extreme, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """d max_i f(i) = sum_i [f(i) = max] df(i): the slope is that of the largest.

        d prod_i f(i) = sum_i df(i) prod_(k /= i) f(k).
        """
        new = tuple(fresh(index) for index in atom.bound)
        change: dict[Index, Slot] = dict(zip(atom.bound, new, strict=True))
        form = atom.form.rename(change)
        inner = self.differentiate(form, tensor, slots)
        if inner.is_zero:
            return inner
        if atom.kind == "prod":
            (own,), (other,) = new, atom.bound
            apart = Truth(single(Position(other)), "!=", single(Position(own)))
            here = single(Extreme("prod", atom.form, atom.bound, (*atom.where, apart)))
        else:
            here = single(Truth(form, "=", single(atom)))
        for truth in atom.where:
            here = product(here, single(truth.rename(change)))
        return bind(_inside_of(here, inner), new)

    def _of_matrix(self, atom: OfMatrix, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """From A M = I: dA M + A dM = 0, hence dM = -M dA M; and d det A = det A tr(M dA)."""
        a, b = fresh(atom.row), fresh(atom.column)
        inner = self.differentiate(atom.form.rename({atom.row: a, atom.column: b}), tensor, slots)
        if inner.is_zero:
            return inner
        if atom.op.name == "inv":
            outer = negated(product(_entry_of(atom, atom.slots[0], a), _entry_of(atom, b, atom.slots[1])))
        else:
            inverse = lookup("inv")
            assert inverse is not None
            outer = _entry_of(atom, b, a, inverse)
            if atom.op.name == "det":
                outer = product(single(atom), outer)
        return bind(_inside_of(outer, inner), (a, b))


def _entry_of(atom: OfMatrix, row: Slot, column: Slot, op: Operation | None = None) -> Form:
    sides = (atom.row, atom.column)
    return single(OfMatrix(op or atom.op, atom.expr, atom.form, sides, (row, column)))


def _inside_of(slope: Form, inner: Form) -> Form:
    """slope * d(argument); neither side may catch the other's indices."""
    return Form(within(opened(a), b) for a in slope.terms for b in inner.terms)


def _placeholder(name: str) -> Tensor:
    return Tensor(name, (), Convention.COLUMN, Role.INPUT)


def plug(form: Form, values: Mapping[Tensor, Form]) -> Form:
    """Replace entries of scalar tensors by forms; sums become groups."""
    terms: list[Term] = []
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            if isinstance(atom, Entry) and atom.tensor in values:
                value = values[atom.tensor]
                if len(value.terms) == 1 and exponent == 1:
                    piece = Form((opened(value.terms[0]),))
                else:
                    piece = single(Group(value), exponent)
            else:
                piece = single(atom.map_parts(lambda part: plug(part, values)), exponent)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(result.terms)
    return normal(Form(terms))


def _strict(form: Form) -> Form:
    """[a > b] for [a >= b]: beside a number the slope at a tie is that of the number."""
    signs = {">=": ">", "<=": "<"}

    def changed(atom: Atom) -> Atom:
        return Truth(atom.left, signs.get(atom.op, atom.op), atom.right) if isinstance(atom, Truth) else atom

    return Form(
        Term(term.coefficient, tuple((changed(atom), e) for atom, e in term.factors), term.bound)
        for term in form.terms
    )
