"""The chain rule of one quantity at whole-number places: its terms, zero or not, and which entries they are.

The quantity is the derivative of a scalar, or (with ``head``) of one entry of an array, by a tensor V. For
each equation C through which V is used, and each entry of C, there is one term.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.core.expr import UNIT, ZERO, Expr, Hadamard, Leaf, MatMul, Number, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.places import Place, element, form_at, in_entries, places_of, slots_at
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Entry, as_atom
from symbackprop.notation.forms import Form, product, single
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot

MOST_SHOWN = 12  # entries of a quantity whose lines are all shown
MOST_CHAIN = 6  # terms of a chain rule that is shown with its zeros


@dataclass(slots=True)
class Term:
    """One term of the chain rule: through the entry ``place`` of the target of ``user``.

    first     d loss/dC dC/dV, or what takes its place where dC/dV cannot stand.
    slope     the local derivative; second  the same term with it put in.
    is_local  whether dC/dV stands in ``first``.
    """

    user: Local
    place: Place
    first: Expr
    slope: Form
    second: Form
    is_local: bool


@dataclass(slots=True)
class Chain:
    """One quantity at whole-number places; ``head`` is the entry of ``of`` where that is an array."""

    lines: Lines
    of: Tensor
    quantity: Quantity
    sweep: Sweep
    head: Place = ()
    _slopes: dict[Tensor, tuple[Form, Form]] = field(default_factory=dict)
    _reached: set[Tensor] = field(default_factory=set)

    @property
    def tensor(self) -> Tensor:
        """What is differentiated by."""
        return self.quantity.tensor

    @property
    def partial(self) -> Partial:
        """The derivative that the lines are about."""
        return Partial(self.of, self.tensor)

    @property
    def users(self) -> list[Local]:
        """The equations through which the tensor reaches the loss."""
        return self.sweep.users_of(self.tensor)

    @property
    def places(self) -> list[Place]:
        """Every entry of the tensor, row by row; one number for each index."""
        return places_of(self.quantity.indices)

    @property
    def shown(self) -> list[Place]:
        """The entries whose lines are shown: all, or the first row and the last entry."""
        places = self.places
        if len(places) <= MOST_SHOWN:
            return places
        first = [place for place in places if place[:-1] == places[0][:-1]]
        return [*(first if len(first) <= MOST_CHAIN else first[:2]), places[-1]]

    # -- forms and expressions at places

    def entries(self, form: Form) -> Expr:
        """The form over entries."""
        return in_entries(self.lines, form)

    def at(self, form: Form, indices: tuple[Slot, ...], place: Place) -> Form:
        """The form at one place, sums written out."""
        return form_at(self.lines, form, indices, place)

    def value_at(self, form: Form, place: Place) -> Form:
        """A form of the quantity at one entry."""
        indices = (*self.quantity.head, *self.quantity.indices)
        return self.at(form, indices, (*self.head, *place))

    def left(self, place: Place) -> Expr:
        """One entry of the derivative."""
        return entry_of(self.partial, self.head, place)

    def text_of(self, tensor: Tensor, place: Place) -> str:
        """An entry of an array, in backticks."""
        return f"`{self.lines.show(element(Leaf(tensor), tensor, place))}`"

    # -- local derivatives

    def local(self, user: Local) -> tuple[Form, Form]:
        """dC[out]/dV[p]: as it comes out, and with definitions put back."""
        target = user.equation.target
        if target not in self._slopes:
            inner = self.lines.shop.slopes.differentiate(user.form, self.tensor, self.quantity.indices)
            plain = normal(inner)
            self._slopes[target] = (plain, self.lines.shop.tidy(plain))
        return self._slopes[target]

    def slope_at(self, form: Form, user: Local, out: Place, place: Place) -> Form:
        """A local derivative at an entry of C and one of V."""
        return self.at(form, (*user.indices, *self.quantity.indices), (*out, *place))

    def is_local(self, user: Local) -> bool:
        """Whether dC/dV can stand in the chain rule: C is not the loss, and V reaches C on no other way."""
        if user.equation.target is self.of:
            return False
        if not self._reached:
            self._reached.add(self.tensor)
            for equation in self.lines.shop.graph.equations:
                if not self._reached.isdisjoint(equation.inputs):
                    self._reached.add(equation.target)
        return not any(given in self._reached for given in user.equation.inputs if given is not self.tensor)

    def is_elementwise(self, user: Local) -> bool:
        """Whether each entry of C is a function of the entry of V at the same place."""
        if user.equation.target.shape != self.tensor.shape:
            return False
        _, folded = self.local(user)
        return all(
            self.slope_at(folded, user, out, place).is_zero
            for place in self.shown
            for out in places_of(user.indices)
            if out != place
        )

    # -- the chain rule

    def terms(self, place: Place) -> list[Term]:
        """One term for every entry of every equation, zero or not; of the loss itself one."""
        found: list[Term] = []
        for user in self.users:
            target = user.equation.target
            _, folded = self.local(user)
            if target is self.of:
                slope = self.slope_at(folded, user, self.head, place)
                found.append(Term(user, self.head, self.entries(slope), slope, slope, False))
                continue
            local = self.is_local(user)
            for out in places_of(user.indices):
                slope = self.slope_at(folded, user, out, place)
                if local or not slope.is_zero:
                    found.append(self._term(user, out, place, slope, local=local))
        return found

    def _term(self, user: Local, out: Place, place: Place, slope: Form, *, local: bool) -> Term:
        target = user.equation.target
        cotangent = Entry(self.lines.shop.cotangent(self.of, target), (*self.head, *out))
        second = product(single(cotangent), as_atom(slope))
        first = self.entries(second)
        if local:
            inner = entry_of(Partial(target, self.tensor), out, place)
            first = MatMul((self._cotangent(target, out), inner))
        return Term(user, out, first, slope, second, local)

    def _cotangent(self, target: Tensor, out: Place) -> Expr:
        return entry_of(Partial(self.of, target), self.head, out)

    def second(self, term: Term) -> Expr:
        """The term with its local derivative put in: ``* 0`` where that is zero, ``* 1`` where it is one."""
        if not term.is_local:
            return self.entries(term.second)
        cotangent = self._cotangent(term.user.equation.target, term.place)
        if term.slope.is_zero:
            return Hadamard((cotangent, ZERO))
        number = term.slope.constant
        if number == 1:
            return Hadamard((cotangent, UNIT))
        if number is not None and number > 0:
            return MatMul((Number(number), cotangent))
        slope = self.entries(term.slope)
        if isinstance(slope, MatMul) and len(term.slope.terms) > 1:
            return MatMul((cotangent, *slope.factors))
        return self.entries(term.second)

    def given(self, place: Place) -> list[Expr]:
        """The parts through an arbitrary J = J(y), where dJ/dy stays a symbol."""
        found: list[Expr] = []
        for equation in self.lines.shop.graph.consumers_of(self.tensor):
            if equation.abstract and not self.head:
                form = self.sweep.given(equation, self.tensor, self.quantity.indices)
                found.append(self.entries(self.value_at(form, place)))
        return found

    # -- in words

    def where(self, terms: list[Term], place: Place) -> str:
        """Which entries hold the one that is differentiated by."""
        name = self.text_of(self.tensor, place)
        held = [term for term in terms if not term.slope.is_zero]
        targets = [(term.user.equation.target, term.place) for term in held]
        holding = [self.text_of(target, out) for target, out in targets if target is not self.of]
        if any(term.user.equation.target is self.of for term in held):
            holding.append(f"`{self.of.name}` itself")
        if not holding:
            return f"no entry holds {name}"
        if len(holding) > MOST_CHAIN:
            holding = [*holding[:2], f"{len(holding) - 2} more"]
        only = "only " if len(holding) < len(terms) else ""
        return f"{name} stands {only}in {join(holding)}"

    def through(self) -> str:
        """Through which arrays the tensor reaches the loss."""
        targets = [user.equation.target for user in self.users if user.equation.target is not self.of]
        names = join([f"`{target.name}`" for target in targets])
        arrays = any(target.shape for target in targets)
        words = f"chain rule over the entries of {names}" if arrays else f"chain rule through {names}"
        return words if len(targets) == len(self.users) else f"{words}, and `{self.of.name}` itself"


def entry_of(partial: Partial, head: Place, place: Place) -> Expr:
    """One entry of the derivative of an entry of ``of``, or of a scalar, by an entry of ``by``."""
    slots = (*slots_at(partial.of, head), *slots_at(partial.by, place))
    return Element(partial, slots) if slots else partial
