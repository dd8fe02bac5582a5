"""The log road: where P reaches the loss only through log P, the forward pass is rewritten.

log(e^Z / S) = Z - log S turns the quotient of a softmax into a difference; what follows is the
calculus as ever. The Jacobian road leaves the forward pass as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.logarithms import log_of_quotient
from symbackprop.notation.atoms import Entry, Fn, Group
from symbackprop.notation.forms import Factor, Form, Term, single
from symbackprop.ops.registry import lookup


class Roads:
    """The equations as the sweep sees them; ``bypassed`` says what was taken out, by equation."""

    def __init__(
        self,
        active: Sequence[Equation],
        lowered: Mapping[Tensor, Local],
        keep: Callable[[Tensor], bool],
        *,
        log_road: bool,
    ) -> None:
        self.bypassed: dict[Tensor, tuple[Tensor, ...]] = {}
        self._consumers: dict[Tensor, list[Equation]] = {}
        for equation in active:
            for tensor in equation.inputs:
                self._consumers.setdefault(tensor, []).append(equation)
        chosen = {e.target: lowered[e.target] for e in active if not e.abstract}
        for target, local in chosen.items():
            form = log_of_quotient(local.form)
            chosen[target] = replace(local, form=form, logs_split=form is not local.form)
        if log_road:
            for equation in active:
                if equation.target in chosen and not keep(equation.target):
                    self._bypass(equation.target, chosen)
        self.chosen = chosen

    def consumers(self, tensor: Tensor) -> Sequence[Equation]:
        """The active equations on whose right side ``tensor`` stands."""
        return self._consumers.get(tensor, ())

    def _bypass(self, tensor: Tensor, chosen: dict[Tensor, Local]) -> None:
        """Replace log(P[n,k]) by the logits minus log of their sum, if P has no other use."""
        local = chosen[tensor]
        if not _splits(local.form):
            return
        users = [chosen[e.target] for e in self.consumers(tensor) if e.target in chosen]
        if not users or not all(_only_logs(user.form, tensor) for user in users):
            return
        for user in users:
            form = log_of_quotient(_unfold_logs(user.form, tensor, local))
            target = user.equation.target
            self.bypassed[target] = (*self.bypassed.get(target, ()), tensor)
            chosen[target] = replace(user, form=form, logs_split=True)
        del chosen[tensor]


def _splits(form: Form) -> bool:
    """Whether the log of the form is a difference: one quotient with an exponential on top."""
    op = lookup("log")
    assert op is not None
    if not any(isinstance(atom, Fn) and atom.op.name == "exp" for atom in form.atoms()):
        return False
    logged = single(Fn(op, (form,)))
    return log_of_quotient(logged) is not logged


def _only_logs(form: Form, tensor: Tensor) -> bool:
    """Whether every entry of ``tensor`` is the whole argument of a log."""
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Fn) and _is_log_of(atom, tensor):
                continue
            if isinstance(atom, Fn | Group):
                if not all(_only_logs(part, tensor) for part in atom.parts):
                    return False
            elif single(atom).mentions(tensor):
                return False
    return True


def _is_log_of(atom: Fn, tensor: Tensor) -> bool:
    if atom.op.name != "log" or atom.primes or len(atom.args[0].terms) != 1:
        return False
    term = atom.args[0].terms[0]
    if term.bound or term.coefficient != 1 or len(term.factors) != 1:
        return False
    inner, exponent = term.factors[0]
    return exponent == 1 and isinstance(inner, Entry) and inner.tensor is tensor


def _unfold_logs(form: Form, tensor: Tensor, local: Local) -> Form:
    """log(P[n,k]) with the definition of P put in."""

    def change(part: Form) -> Form:
        return _unfold_logs(part, tensor, local)

    terms: list[Term] = []
    for term in form.terms:
        factors: list[Factor] = []
        for atom, exponent in term.factors:
            if isinstance(atom, Fn) and _is_log_of(atom, tensor):
                entry = atom.args[0].terms[0].factors[0][0]
                assert isinstance(entry, Entry)
                inner = local.form.rename(dict(zip(local.indices, entry.slots, strict=True)))
                factors.append((Fn(atom.op, (inner,)), exponent))
            else:
                factors.append((atom.map_parts(change), exponent))
        terms.append(Term(term.coefficient, tuple(factors), term.bound))
    return Form(terms)
