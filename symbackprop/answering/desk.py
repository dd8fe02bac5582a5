"""``Desk``: a checked problem with everything that works on it, as answerers need it."""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.core.tensors import Tensor
from symbackprop.problem_file import ProblemSpec, Question
from symbackprop.reading.hvp_bodies import HvpBody
from symbackprop.reading.jacobian_bodies import JacobianBody
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.hessian_products import HessianProduct, written_out_product
from symbackprop.results.written_out import sizes_for, written_out, written_out_jacobian


@dataclass(slots=True)
class Desk:
    """One problem at work; a derivation is made once for each level.

    level  the levels of questions that name none.
    """

    spec: ProblemSpec
    context: Context
    level: tuple[str, ...]
    _derivations: dict[tuple[Tensor, Tensor, str, str], Derivation] = field(default_factory=dict)

    def levels(self, question: Question) -> tuple[str, ...]:
        """The levels at which a question is answered."""
        return question.levels or self.level

    @property
    def flipped(self) -> bool:
        """Whether a Jacobian has a row for each entry of what it is taken by."""
        return self.spec.layout == "denominator"

    def jacobian(self, of: Tensor, by: Tensor, via: str = "log", level: str = "vector") -> Derivation:
        """The derivative of an array by an array; of a scalar its gradient."""
        if of.is_scalar and of.gradient is None:
            return self.derivation(of, by, via, level)
        if level == "entries":
            return self.jacobian_of(JacobianBody("", of, by), via, level)
        key = (of, by, via, level)
        if key not in self._derivations:
            derived = self.context.session(via).jacobian(of, by, level, flipped=self.flipped)
            self._derivations[key] = Derivation(self.context, derived, via)
        return self._derivations[key]

    def jacobian_of(self, body: JacobianBody, via: str, level: str) -> Derivation:
        """The derivation of what a question of the kind ``jacobian`` asks for."""
        if level == "entries" and (body.is_placed or not body.of.is_scalar or body.of.gradient is not None):
            sizes = body.sizes or self.sizes
            return written_out_jacobian(self.context, body, sizes, via, flipped=self.flipped)
        if body.entry == (None, None):
            return self.jacobian(body.of, body.by, via, level)
        session = self.context.session(via)
        derived = session.jacobian(
            body.of, body.by, level, flipped=self.flipped, entry=body.entry, lines=body.lines
        )
        return Derivation(self.context, derived, via)

    def derivation(self, of: Tensor, by: Tensor, via: str = "log", level: str = "vector") -> Derivation:
        """The derivative of a scalar by an array."""
        key = (of, by, via, level)
        if key not in self._derivations:
            self._derivations[key] = self._derived(of, by, via, level)
        return self._derivations[key]

    def _derived(self, of: Tensor, by: Tensor, via: str, level: str) -> Derivation:
        if level == "entries":
            return written_out(self.context, of, (by,), self.sizes, via)[by]
        return Derivation(self.context, self.context.session(via).derive(of, by, level), via)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes at which level entries is written out; InputError where there are none."""
        spec = self.spec
        return sizes_for(spec.graph, spec.at_least, spec.values)

    def along(self, body: HvpBody, via: str, level: str) -> HessianProduct:
        """The derivation of a Hessian-vector product."""
        session = self.context.session(via)
        plain = "vector" if level == "entries" else level
        derived = session.along(body.of, body.by, body.direction, plain)
        found = HessianProduct(self.context, derived, via)
        if level != "entries":
            return found
        return written_out_product(found, body, body.sizes or self.sizes)
