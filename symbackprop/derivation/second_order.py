"""Derivations of second order over one graph: d2L/(dA dB), and its product with a direction.

``of`` is always the array dL/dA (``Tensor.gradient_by``). Where B is computed from A, dL/dB is
differentiated by A instead: the order does not matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from symbackprop.core.arrays import Vec
from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.directions import Direction
from symbackprop.derivation.jacobian_work import indices_of_slots
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.second import Places, Second, at_entry, gradients_needed, second_letters
from symbackprop.derivation.sweep import Sweep
from symbackprop.derivation.tangents import Tangents
from symbackprop.derivation.written_second import written_second
from symbackprop.errors import UnsupportedError
from symbackprop.notation.steps import Step

if TYPE_CHECKING:
    from symbackprop.derivation.session import Session

Entry = tuple[Places | None, Places | None]
Apart = tuple[tuple[str | int, str | int], ...]
WHOLE: Entry = (None, None)


def second(
    session: Session, of: Tensor, by: Tensor, level: str, entry: Entry = WHOLE, apart: Apart = ()
) -> Derived:
    """The derivative of ``of`` = dL/dA by ``by``; ``entry`` and ``apart`` as for a Jacobian."""
    if _is_before(session, of, by):
        return _turned(session, of, by, level, entry, apart)
    first, quantities = _differentiated(session, of, level)
    head, own = second_letters(session.shop, of, by, entry)
    tangents = Tangents(session.lines, first.of, quantities, by, own)
    # By a number a vector lies as it does itself.
    lying = not by.index_axes and len(of.index_axes) == 1 and of.oriented[0].is_one
    work = Second(session.lines, of, by, tangents, level, lying).work(head)
    if entry != WHOLE:
        work = at_entry(session.lines, work, entry, apart)
    needs = gradients_needed(work.whole, first.of, first.values)
    uses = tuple(dict.fromkeys((*first.uses, *work.uses)))
    work = replace(work, steps=(*first.steps, *work.steps), uses=uses)
    quantity = work.quantity
    return Derived(
        of, by, quantity.form, quantity.row, quantity.column, work.expr,
        work.steps, needs, uses, {by: work.expr}, work, first.values,
    )  # fmt: skip


def _turned(session: Session, of: Tensor, by: Tensor, level: str, entry: Entry, apart: Apart) -> Derived:
    """d2L/(dA dB) where B is computed from A: dL/dB differentiated by A."""
    assert of.gradient is not None
    loss, inner = of.gradient
    own = "index" if level == "index" else "vector"
    found = second(session, loss.gradient_by(by), inner, own, (entry[1], entry[0]))
    assert found.jacobian is not None
    head = indices_of_slots(found.jacobian.quantity.head)
    tangents = Tangents(session.lines, loss, {}, by, head)
    work = Second(session.lines, of, by, tangents, level).turned(found.jacobian)
    if entry != WHOLE:
        work = at_entry(session.lines, work, entry, apart)
    work = replace(work, steps=(*found.steps, *work.steps), uses=found.uses)
    quantity = work.quantity
    return replace(
        found, of=of, by=by, form=quantity.form, row=quantity.row, column=quantity.column, expr=work.expr,
        steps=work.steps, values={by: work.expr}, jacobian=work,
    )  # fmt: skip


def second_in_numbers(session: Session, of: Tensor, by: Tensor, entry: Entry, vec: Vec) -> Derived:
    """The same written out; the dims must be numbers."""
    found = second(session, of, by, "index", entry)
    assert found.jacobian is not None
    work = written_second(session.lines, found.jacobian, vec)
    steps = (*_written_first(session, found), *work.steps[len(found.jacobian.steps) :])
    work = replace(work, steps=steps)
    return replace(found, expr=work.expr, steps=steps, values={by: work.expr}, jacobian=work)


def along(session: Session, of: Tensor, by: Tensor, vector: Tensor, level: str) -> Derived:
    """``of`` = dL/dA differentiated by ``by`` along ``vector``: d2L/(dA dB) v."""
    if _is_before(session, of, by):
        assert of.gradient is not None
        loss, inner = of.gradient
        raise UnsupportedError(
            f"{by.name} is computed from {inner.name}; the product by a direction of {by.name}"
            f" is not supported yet",
            hint=f"ask for the product with d2{loss.name}/(d{by.name} d{inner.name})",
        )
    first, quantities = _differentiated(session, of, level)
    tangents = Tangents(session.lines, first.of, quantities, by, (), vector)
    work = Direction(session.lines, of, by, vector, tangents, level).work()
    needs = gradients_needed(work.whole, first.of, first.values)
    uses = tuple(dict.fromkeys((*first.uses, *work.uses)))
    steps = (*first.steps, *work.steps)
    return Derived(
        of, by, work.form, work.row, work.column, work.expr,
        steps, needs, uses, {by: work.expr}, None, first.values, work,
    )  # fmt: skip


def along_in_numbers(session: Session, of: Tensor, by: Tensor, vector: Tensor) -> Derived:
    """The same with every entry written out; the dims must be numbers."""
    found = along(session, of, by, vector, "vector")
    assert found.product is not None
    array = session.written(found.product.whole, of)
    last = session.lines.step("assemble", "all entries", found.product.asked, array, Partial(of, by))
    steps = (*_written_first(session, found), last)
    work = replace(found.product, expr=array, steps=steps)
    return replace(found, expr=array, steps=steps, values={by: array}, product=work)


def _written_first(session: Session, found: Derived) -> tuple[Step, ...]:
    """The lines of the gradient entry by entry, then those of the second derivative."""
    assert found.of.gradient is not None
    loss, inner = found.of.gradient
    own = tuple(step for step in found.steps if _is_second(step))
    return (*session.gradients(loss, (inner,), "entries")[inner].steps, *own)


def _is_second(step: Step) -> bool:
    """Whether a line is not one of the gradient."""
    about = step.quantity
    return about is not None and (about.of.gradient is not None or not about.of.is_scalar)


def _is_before(session: Session, of: Tensor, by: Tensor) -> bool:
    """Whether ``by`` is computed from A, of which ``of`` is dL/dA."""
    assert of.gradient is not None
    inner = of.gradient[1]
    return inner is not by and inner in session.graph.upstream(by)


def _differentiated(session: Session, of: Tensor, level: str) -> tuple[Derived, dict[Tensor, Quantity]]:
    """The first derivative dL/dA, and the forms of the cotangents on the way."""
    assert of.gradient is not None
    loss, inner = of.gradient
    sweep = Sweep(session.shop, loss, (inner,), log_road=session.log_road, once=False)
    own = "index" if level == "index" else "vector"
    return session.gradients(loss, (inner,), own)[inner], dict(sweep.run())
