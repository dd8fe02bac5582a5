"""The cotangents inside a block put together (``blocks``), as far as that is a shorter line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from symbackprop.core.tensors import Tensor
from symbackprop.derivation.blocks import closed, regions, substituted
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.paths import Paths
from symbackprop.derivation.quantities import Stage
from symbackprop.notation.atoms import Entry
from symbackprop.notation.forms import Form
from symbackprop.notation.normal import expanded, normal

LONGEST_BLOCK = 16  # entries in the line of a block that is still a short form
LONGEST_PLAIN = 24  # the same before names are put back in


def are_plain(stages: Sequence[Stage]) -> bool:
    """Whether nothing was assumed on the way, so that the lines of a block can begin at the chain rule."""
    return all(stage.rule in ("chain", "insert", "expand", "collect") for stage in stages)


def block_stages(paths: Paths, tensor: Tensor, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The cotangents inside a block put together, as long as that is shorter than they are one by one."""
    found: tuple[Stage, ...] = ()
    current = stages[-1].form
    before: tuple[Tensor, ...] = ()
    base = stages[0].form if are_plain(stages) else stages[-1].form
    for inside in regions(tensor, paths.successors, paths.order, paths.is_fixed):
        if not closed(inside, tensor, paths.inputs):
            break
        new = [inner for inner in inside if inner not in before]
        put = _put_in(paths, base, inside)
        ways = [(form, paths.shop.tidy(form, zeros=False, arrays=False)) for form in (put, expanded(put))]
        triples = [(raw, way, paths.shop.tidy(way, arrays=False)) for raw, way in ways]
        raw, whole, final = min(triples, key=lambda triple: leaves(triple[2]))
        budget = leaves(current) + sum(leaves(paths.quantities[inner].form) for inner in new)
        if leaves(final) >= budget or leaves(final) > LONGEST_BLOCK:
            break
        current, before = final, inside
        names = {paths.shop.cotangent(paths.loss, inner): inner for inner in inside}
        put_in = tuple(inner for name, inner in names.items() if name in base.tensors)
        found = _folded(raw, whole, put_in)
        if whole.key != final.key:
            facts = paths.shop.vanishing(whole)
            found = (*found, Stage("vanish", final, uses=facts))
    return found


def _folded(raw: Form, whole: Form, put_in: tuple[Tensor, ...]) -> tuple[Stage, ...]:
    """What was put in, then the same with the author's names in it, where that makes a difference."""
    plain = normal(raw)
    before, after = (
        Counter(atom.tensor for atom in one.atoms() if isinstance(atom, Entry)) for one in (plain, whole)
    )
    names = tuple(tensor for tensor in after if after[tensor] > before[tensor])
    if not names or leaves(plain) > LONGEST_PLAIN:
        return (Stage("insert", whole, inserted=put_in),)
    return (Stage("insert", plain, inserted=put_in), Stage("fold", whole, inserted=names))


def _put_in(paths: Paths, form: Form, inside: tuple[Tensor, ...]) -> Form:
    """The form with the cotangents of ``inside`` replaced by their values, to the end."""
    names = {paths.shop.cotangent(paths.loss, inner): inner for inner in inside}
    memo: dict[Tensor, Form] = {}

    def value_of(atom: Entry) -> Form | None:
        inner = names.get(atom.tensor)
        if inner is None:
            return None
        quantity = paths.quantities[inner]
        if inner not in memo:
            memo[inner] = substituted(quantity.form, value_of)
        return memo[inner].rename(dict(zip(quantity.indices, atom.slots, strict=True)))

    return substituted(form, value_of)
