"""Derivatives in formulas: dL/dW, dL/dW[p,q], the Jacobian dH/dU, its entries and its slices.

dL/dW  dL/dW[p,q]  dL/dW[:,q]     of a scalar: an array, an entry, a vector
dh/du  dP[n,:]/dZ[n,:]            a matrix, in the layout of the file
dz[i]/dW  dp/dW[i,j]              what is left of an array with more indices: a matrix or a vector
dp[i]/dz[j]  dP[n,i]/dZ[n,j]      an entry
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.arrays import Jacobian, Slots, Vec
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, axes_of
from symbackprop.core.tensors import Tensor
from symbackprop.notation.layouts import layout_partial
from symbackprop.reading.entries import read_slice
from symbackprop.reading.scope import Scope
from symbackprop.reading.seconds import gradient_of
from symbackprop.reading.slots import read_open_slots, read_slots
from symbackprop.reading.syntax import Derivative, Name, Node, Span, Sub, Whole, show
from symbackprop.reading.tokens import fail
from symbackprop.reading.whole_arrays import named_starts, whole_array, with_whole_members

LISTED: Vec = "row"  # how the entries of a matrix of numbers of entries are listed where nothing is said


def read_derivative(node: Derivative, scope: Scope, *, whole: bool = False) -> Expr:
    """The typed expression of a DERIV; ``whole``: the derivative by any array, which is asked for as such."""
    if not scope.derivatives:
        raise fail(f"{show(node)}: a derivative cannot stand in the forward pass", node.at)
    if len(node.by) > 1:
        return _second(node, scope)
    node = named_starts(node, scope.tensors, scope.first)
    by_node = with_whole_members(node.by[0], scope) if isinstance(node.by[0], Sub) else node.by[0]
    base = node.of.base if isinstance(node.of, Sub) else node.of
    if isinstance(base, Name) and base.name in scope.partials and base.name not in scope.tensors:
        named = scope.partials[base.name]
        return _of_gradient(gradient_of(named.of, named.by, node.at), (node.of, by_node), node, scope)
    of, by = _tensor(node.of, scope), _tensor(by_node, scope)
    if by.is_label:
        raise fail(
            f"{by.name} holds labels; there is no derivative by a label",
            by_node.at,
            "labels choose a class: ask for the derivative by the scores or probabilities",
            "shape",
        )
    partial = Partial(of, by)
    if not of.is_scalar or (isinstance(node.of, Sub) and of.shape):
        return _of_array(node, by_node, partial, scope)
    if isinstance(node.of, Sub):
        raise fail(f"{of.name} is a scalar and has no index", node.of.at, f"write d{of.name}", "shape")
    if not isinstance(by_node, Sub):
        if not whole:
            whole_array(partial, show(node), node.at)
        return layout_partial(partial, scope.layout)
    if _has_runs(by_node):
        found = read_slice(by_node, partial, scope)
        rows = by.convention.vectors_are_rows
        turns = scope.layout == "numerator" and len(found.runs) == 1 and not rows
        return replace(found, across=not found.across) if turns else found
    return Element(partial, read_slots(by_node, axes_of(partial), scope))


def _second(node: Derivative, scope: Scope) -> Expr:
    """d2L/(dA dB): a row for each entry of A, a column for each of B, in every layout."""
    of, inner = _tensor(node.of, scope), _tensor(node.by[0], scope)
    return _of_gradient(gradient_of(of, inner, node.of.at), (node.by[0], node.by[1]), node, scope)


def _of_gradient(of: Tensor, sides: tuple[Node, Node], node: Derivative, scope: Scope) -> Expr:
    """The derivative of the array ``of`` = dL/dA, whose slots are those of A."""
    by = _tensor(sides[1], scope)
    if by.is_label:
        raise fail(f"{by.name} holds labels; there is no derivative by a label", sides[1].at, None, "shape")
    assert of.gradient is not None
    pairs = list(zip(sides, (of, by), strict=True))
    if all((isinstance(side, Sub) and not _has_runs(side)) or t.is_scalar for side, t in pairs):
        slots = [s for side, t in pairs if isinstance(side, Sub) for s in read_slots(side, t.shape, scope)]
        return Element(Partial(of, by), tuple(slots)) if slots else Partial(of, by)
    held = [_open_slots(side, tensor, scope) for side, tensor in pairs]
    found = Jacobian(of, by, of_slots=held[0], by_slots=held[1])
    own, other = found.running
    if len(own) + len(other) > 2:
        name = f"d2{of.gradient[0].name}"
        entry = [
            f"d{t.name}[{','.join(letters[: t.rank])}]" if t.rank else f"d{t.name}"
            for t, letters in ((of.gradient[1], "ij"), (by, "kl"))
        ]
        dims = " x ".join(str(dim) for tensor in (of, by) for dim in tensor.shape)
        raise fail(
            f"{show(node)} has {len(own) + len(other)} indices (it is {dims}) and is no matrix",
            node.at,
            f"write an entry, {name}/({entry[0]} {entry[1]})",
            "shape",
        )
    return found


def _of_array(node: Derivative, by_node: Node, partial: Partial, scope: Scope) -> Expr:
    """A Jacobian, or what some of its indices leave."""
    of, by = partial.of, partial.by
    sides = ((node.of, of), (by_node, by))
    if all((isinstance(side, Sub) and not _has_runs(side)) or t.is_scalar for side, t in sides):
        slots = [s for side, t in sides if isinstance(side, Sub) for s in read_slots(side, t.shape, scope)]
        return Element(partial, tuple(slots))
    held = [_open_slots(side, tensor, scope) for side, tensor in sides]
    found = Jacobian(of, by, _flipped(of, by, scope), None, held[0], held[1])
    own, other = found.running
    if len(own) + len(other) > 2:
        slots = [slot for slot in (*found.of_slots, *found.by_slots) if slot is not None]
        placed = not any(slot.indices for slot in slots)
        if placed and own and other and all(dim.is_number for dim in (*own, *other)):
            return replace(found, vec=LISTED)
        raise _too_many(node, by_node, partial, len(own) + len(other))
    return replace(found, turned=scope.layout == "numerator" and found.is_of_entry)


def _flipped(of: Tensor, by: Tensor, scope: Scope) -> bool:
    """Whether a row stands for an entry of ``by``; by a number a vector lies as it does itself."""
    if not by.index_axes and len(of.index_axes) == 1:
        return of.oriented[0].is_one
    return scope.layout == "denominator"


def _open_slots(node: Node, tensor: Tensor, scope: Scope) -> Slots:
    if not isinstance(node, Sub):
        return ()
    slots = read_open_slots(node, axes_of(Leaf(tensor)), scope)
    return slots if any(slot is not None for slot in slots) else ()


def _has_runs(node: Sub) -> bool:
    return any(isinstance(slot, Whole | Span) for slot in node.slots)


def _too_many(node: Derivative, by_node: Node, partial: Partial, count: int) -> Exception:
    """An array of three or more indices is no matrix."""
    dims = " x ".join(str(dim) for tensor in (partial.of, partial.by) for dim in tensor.shape)
    sides = [
        f"d{tensor.name}[{','.join(letters[: tensor.rank])}]" if tensor.rank else f"d{tensor.name}"
        for tensor, letters in ((partial.of, "ij"), (partial.by, "pq"))
    ]
    return fail(
        f"{show(node)} has {count} indices (it is {dims}) and is no matrix",
        node.at,
        f"write an entry, {'/'.join(sides)}, or a slice, {sides[0]}/d{partial.by.name}",
        "shape",
    )


def _tensor(node: Node, scope: Scope) -> Tensor:
    base = node.base if isinstance(node, Sub) else node
    assert isinstance(base, Name)
    tensor = scope.tensors.get(base.name)
    if tensor is None:
        if scope.knows(base.name):
            raise fail(
                f"{base.name} is {scope.what_is(base.name)}; a derivative is of and by symbols",
                node.at,
                None,
                "unknown-symbol",
            )
        raise scope.unknown(base.name, node.at)
    return tensor
