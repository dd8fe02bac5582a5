"""The gradient differentiated again: forward through the equations, then through those of the gradient.

For every array T that stands in dL/dA, one equation at a time, T' is its derivative by an entry of B:

    T = f(R, S):        T'[t]  = sum over r of df[t]/dR[r] R'[r]  +  the same for S
    dL/dU = g(dL/dV, R):  (dL/dU)'[u] = sum of dg[u]/d(dL/dV)[v] (dL/dV)'[v]  +  ... R'

and B' itself is the indicator. Every T' is a derivative by B that differences can measure: nothing here is
a derivative of one cotangent by another. Along a direction v (a Hessian-vector product) T' is the change of T
along v, an array of the shape of T, and B' is v: the Hessian is never built.

Derivatives of an arbitrary J = J(y) of second order, d2J/(dy dy), stay symbols.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from string import ascii_lowercase

from symbackprop.core.expr import Call
from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.gathering import over_one_quotient
from symbackprop.derivation.known_sums import KnownSum
from symbackprop.derivation.lengths import leaves, shortened
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.local_forms import indices_of, side_indices
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Exponent, Form, Term, bind, product, single, total, within
from symbackprop.notation.normal import expanded, normal
from symbackprop.notation.slots import Slot

MOST_PUT_IN = 10  # entries of a derivative that is put in where it is used
MOST_TERMS = 3
MOST_IN_RESULT = 36  # entries of a result in which every derivative on the way is put in
_ONE = Fraction(1)


def _of_few_values(form: Form) -> tuple[Form, tuple[KnownSum, ...]]:
    """y^2 = 1 where each entry of y is -1 or 1, y^2 = y where each is 0 or 1, as is declared of an input."""
    facts: dict[Tensor, KnownSum] = {}

    def lowered(tensor: Tensor, exponent: Exponent) -> Exponent:
        values, power = set(tensor.facts.one_of), Fraction(exponent)
        if power.denominator != 1 or power < 2 or values not in ({-1, 1}, {0, 1}):
            return exponent
        signs = values == {-1, 1}
        said = "-1 or 1" if signs else "0 or 1"
        name = tensor.name
        words = f"`{name}^2 = {'1' if signs else name}`, as each entry of `{name}` is {said}"
        facts[tensor] = KnownSum(tensor, (), words, proved=False)
        return int(power) % 2 if signs else 1

    terms: list[Term] = []
    for term in form.terms:
        changed = [(a, lowered(a.tensor, e) if isinstance(a, Entry) else e) for a, e in term.factors]
        terms.append(Term(term.coefficient, tuple((a, e) for a, e in changed if e), term.bound))
    return (Form(terms), tuple(facts.values())) if facts else (form, ())


def free_letter(pool: str, taken: Collection[str]) -> str:
    """The first letter of the pool that is not taken; else any letter, else i1, i2, ..."""
    found = next((letter for letter in (*pool, *ascii_lowercase) if letter not in taken), None)
    return found or next(name for n in count(1) if (name := f"i{n}") not in taken)


@dataclass(frozen=True, slots=True)
class Tangent:
    """T' at the entry ``head`` of T: its lines, the last of which is the result."""

    tensor: Tensor
    head: tuple[Index, ...]
    source: Form
    stages: tuple[Stage, ...]

    @property
    def form(self) -> Form:
        """The result."""
        return self.stages[-1].form


@dataclass(slots=True)
class Tangents:
    """The derivatives by ``by`` of all that stands in the gradients ``quantities`` of ``loss``.

    own        the indices of the entry of ``by``; () along a direction.
    direction  the array v, of the shape of ``by``; None for the derivative by every entry.
    found      T' for every T that was needed and depends on ``by``, in an order in which they can be read.
    """

    lines: Lines
    loss: Tensor
    quantities: Mapping[Tensor, Quantity]
    by: Tensor
    own: tuple[Index, ...]
    direction: Tensor | None = None
    along: dict[Tensor, Tensor] = field(default_factory=dict)
    found: dict[Tensor, Tangent] = field(default_factory=dict)
    _moves: dict[Tensor, bool] = field(default_factory=dict)
    _open: set[Tensor] = field(default_factory=set)
    _reached: frozenset[Tensor] = frozenset()

    def __post_init__(self) -> None:
        reached = {self.by}
        for equation in self.lines.shop.graph.equations:
            if equation.target is not self.by and not reached.isdisjoint(equation.inputs):
                reached.add(equation.target)
        self._reached = frozenset(reached)

    def of(self, tensor: Tensor, head: tuple[Index, ...]) -> Tangent:
        """T' of an array that depends on ``by``, at the entry ``head``, with all that it rests on.

        What is on the way is put in as far as the result can be read.
        """
        found = self._needed(tensor, head)
        names = {self.name_of(one): one for one in self.found if one is not tensor}
        inserted = tuple(one for name, one in names.items() if name in found.form.tensors)
        if inserted:
            short = self.unfolded(found.form)
            if leaves(short) <= 2 * MOST_IN_RESULT:
                short = min((short, self.lines.shop.tidy(expanded(short))), key=leaves)
            if leaves(short) <= MOST_IN_RESULT:
                found = replace(found, stages=(*found.stages, Stage("insert", short, inserted=inserted)))
                self.found[tensor] = found
        return found

    def _needed(self, tensor: Tensor, head: tuple[Index, ...]) -> Tangent:
        if tensor in self._open:
            raise UnsupportedError(
                f"second derivatives through the recursion of {tensor.name} are not supported yet",
                hint="give the family a whole number of members, such as over: 3",
            )
        if tensor not in self.found:
            self._open.add(tensor)
            self.found[tensor] = self._tangent(tensor, head)
            self._open.remove(tensor)
        return self.found[tensor]

    def moves(self, tensor: Tensor) -> bool:
        """Whether an array, of the forward pass or of the gradient, depends on ``by``."""
        if tensor is self.by:
            return True
        if tensor not in self._moves:
            self._moves[tensor] = False  # a cotangent of an arbitrary J stands in its own form
            call = self.lines.shop.helpers.get(tensor)
            if tensor.gradient is None and call is None:
                self._moves[tensor] = tensor in self._reached
            else:
                parts = self._parts(tensor)
                self._moves[tensor] = any(self.moves(part) for part in parts if part is not tensor)
        return self._moves[tensor]

    def _parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The arrays that a cotangent or a helper is made of."""
        abstract = self._abstract(tensor)
        if abstract is not None:
            return abstract.arguments
        return tuple(self.source(tensor)[1].tensors)

    def _abstract(self, tensor: Tensor) -> Equation | None:
        """The equation J = J(y) of which ``tensor`` is a derivative by an argument."""
        if tensor.gradient is None:
            return None
        of, by = tensor.gradient
        equation = self.lines.shop.graph.equation_of(of)
        given = equation is not None and equation.abstract and by in equation.arguments
        return equation if given else None

    def source(self, tensor: Tensor) -> tuple[tuple[Index, ...], Form]:
        """The formula of one entry of an array: of its equation, or of its own derivation."""
        shop = self.lines.shop
        if tensor in shop.locals:
            local = shop.locals[tensor]
            return local.indices, local.form
        call = shop.helpers.get(tensor)
        if isinstance(call, Call):
            row, column = side_indices(tensor, ("i", "j"))
            form = normal(shop.lowering.lower(call, row, column))
            return indices_of(tensor, row, column), form
        assert tensor.gradient is not None
        quantity = self.quantities[tensor.gradient[1]]
        return quantity.indices, quantity.form

    def value(self, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """T'[slots]: a name, an indicator, a direction, or nothing."""
        if tensor is self.by:
            if self.direction is not None:
                return single(Entry(self.direction, slots))
            pairs = zip(slots, self.own, strict=True)
            return normal(Form((Term(_ONE, tuple((Delta(a, b), 1) for a, b in pairs)),)))
        if not self.moves(tensor):
            return Form()
        if tensor in self.lines.shop.helpers:  # has no name: its derivative is written out
            indices, form = self.source(tensor)
            return self.derivative(form).rename(dict(zip(indices, slots, strict=True)))
        if tensor not in self.found:
            self._needed(tensor, self._head_of(tensor))
        if self.found[tensor].form.is_zero:
            return Form()
        return single(Entry(self.name_of(tensor), (*slots, *self.own)))

    def _head_of(self, tensor: Tensor) -> tuple[Index, ...]:
        """Letters for an entry that are not those of the answer."""
        shop = self.lines.shop
        taken = {*shop.reserved, *(index.letter for index in self.own)}
        head: list[Index] = []
        for axis in tensor.index_axes:
            spare = free_letter("rstuvabcdklmnpq", taken)
            letter = shop.letter(tensor.shape[axis], spare)
            head.append(Index(tensor.shape[axis], spare if letter in taken else letter))
            taken.add(head[-1].letter)
        return tuple(head)

    def name_of(self, tensor: Tensor) -> Tensor:
        """The array that stands for T' in forms."""
        if self.direction is None:
            return self.lines.shop.cotangent(tensor, self.by)
        if tensor not in self.along:
            self.along[tensor] = Tensor(f"{tensor.name}'", tensor.shape, tensor.convention)
        return self.along[tensor]

    def derivative(self, form: Form) -> Form:
        """The product and chain rule over every array that stands in a form."""
        parts: list[Form] = []
        order = self._order()
        for tensor in sorted(form.tensors, key=lambda t: order.get(t, len(order))):
            if not self.moves(tensor):
                continue
            slots = tuple(Index(tensor.shape[axis], "klmn"[axis % 4]) for axis in tensor.index_axes)
            inner = self.lines.shop.slopes.differentiate(form, tensor, slots)
            if not inner.is_zero:
                parts.append(bind(product(inner, self.value(tensor, slots)), slots))
        return total(parts)

    def _order(self) -> dict[Tensor, int]:
        tensors = self.lines.shop.graph.tensors.values()
        return {tensor: place for place, tensor in enumerate(tensors)}

    def _tangent(self, tensor: Tensor, head: tuple[Index, ...]) -> Tangent:
        abstract = self._abstract(tensor)
        if abstract is not None:
            source = single(Entry(tensor, head))
            raw = self._of_abstract(tensor, head, abstract)
        elif self._is_arbitrary(tensor):
            source = single(Entry(tensor, head))
            raw = self._of_arbitrary(tensor)
        else:
            indices, form = self.source(tensor)
            source = form.rename(dict(zip(indices, head, strict=True)))
            raw = self.derivative(source)
        return Tangent(tensor, head, source, self._stages(raw))

    def _is_arbitrary(self, tensor: Tensor) -> bool:
        """Whether a tensor is J of an equation J = J(y)."""
        equation = self.lines.shop.graph.equation_of(tensor)
        return equation is not None and equation.abstract

    def _of_arbitrary(self, tensor: Tensor) -> Form:
        """J' = dJ/da a' over the arguments of J."""
        equation = self.lines.shop.graph.equation_of(tensor)
        assert equation is not None
        parts: list[Form] = []
        for argument in equation.arguments:
            if self.moves(argument):
                slots = tuple(Index(argument.shape[axis], "klmn"[axis % 4]) for axis in argument.index_axes)
                slope = single(Entry(self.lines.shop.cotangent(tensor, argument), slots))
                parts.append(bind(product(slope, self.value(argument, slots)), slots))
        return total(parts)

    def _of_abstract(self, tensor: Tensor, head: tuple[Index, ...], equation: Equation) -> Form:
        """d2J/(dy da) a' over the arguments a of J: of an arbitrary J the second derivatives are symbols."""
        parts: list[Form] = []
        moving = [argument for argument in equation.arguments if self.moves(argument)]
        for argument in moving:
            if any(other in self._downstream(argument) for other in equation.arguments):
                target = equation.target.name
                raise UnsupportedError(
                    f"{argument.name} enters {target} both as an argument and through other equations;"
                    f" its second derivatives would mean two things",
                    hint=f"write {target} = {target}(...) of one stage only",
                )
            slots = tuple(Index(argument.shape[axis], "klmn"[axis % 4]) for axis in argument.index_axes)
            if argument is self.by and self.direction is None:
                name = self.lines.shop.cotangent(tensor, argument)
                parts.append(single(Entry(name, (*head, *self.own))))
                continue
            second = single(Entry(self.lines.shop.cotangent(tensor, argument), (*head, *slots)))
            parts.append(bind(product(second, self.value(argument, slots)), slots))
        return total(parts)

    def _downstream(self, tensor: Tensor) -> set[Tensor]:
        reached = {tensor}
        for equation in self.lines.shop.graph.equations:
            if not reached.isdisjoint(equation.inputs):
                reached.add(equation.target)
        return reached - {tensor}

    def _stages(self, raw: Form) -> tuple[Stage, ...]:
        """The chain rule, what is put in, what is assumed, what cancels."""
        shop = self.lines.shop
        first = shop.tidy(raw)
        stages = [Stage("chain", first, raw=raw)]
        put_in = self._put_in(first)
        current = first
        if put_in is not None:
            current, names = put_in
            stages.append(Stage("insert", current, inserted=names))
        assumed, used = shop.assume(current)
        if used:
            declared = any(not fact.by_definition for fact in used)
            stages.append(Stage("assumption" if declared else "one-hot", assumed, uses=used))
            current = assumed
        shorter = shortened(current, shop.tidy)
        if shorter is not None:
            current, more = shop.assume(shorter[1])
            stages.append(Stage(shorter[0], current, uses=more))
        over_one = over_one_quotient(current)
        if over_one is not current:
            current = shop.tidy(over_one)
            stages.append(Stage("quotient", current))
        chosen, facts = _of_few_values(current)
        if facts:
            stages.append(Stage("assumption", shop.tidy(chosen), uses=facts))
        return tuple(stages)

    def _put_in(self, form: Form) -> tuple[Form, tuple[Tensor, ...]] | None:
        """The form with the short derivatives put in, and whose they are; None if there are none."""
        short = {
            self.name_of(tensor): tangent
            for tensor, tangent in self.found.items()
            if leaves(tangent.form) <= MOST_PUT_IN and len(tangent.form.terms) <= MOST_TERMS
        }
        names = tuple(tangent.tensor for name, tangent in short.items() if name in form.tensors)
        return (self.lines.shop.tidy(self._replaced(form, short)), names) if names else None

    def unfolded(self, form: Form) -> Form:
        """The form with every T' replaced by its own form, to the end."""
        every = {self.name_of(tensor): tangent for tensor, tangent in self.found.items()}
        standing = {name for name, tangent in every.items() if name in tangent.form.tensors}
        known = {name: tangent for name, tangent in every.items() if name not in standing}
        while any(name in known for name in form.tensors):
            form = self.lines.shop.tidy(self._replaced(form, known))
        return form

    def _replaced(self, form: Form, known: Mapping[Tensor, Tangent]) -> Form:
        terms: list[Term] = []
        for term in form.terms:
            result = Form((Term(term.coefficient, (), term.bound),))
            for atom, exponent in term.factors:
                tangent = known.get(atom.tensor) if isinstance(atom, Entry) else None
                if tangent is None or not isinstance(atom, Entry):
                    piece = single(atom, exponent)
                else:
                    slots = atom.slots[: len(tangent.head)]
                    change: dict[Index, Slot] = dict(zip(tangent.head, slots, strict=True))
                    change.update(zip(self.own, atom.slots[len(tangent.head) :], strict=True))
                    piece = tangent.form.rename(change)
                result = Form(within(a, b) for a in result.terms for b in piece.terms)
            terms.extend(result.terms)
        return Form(terms)
