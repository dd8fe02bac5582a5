"""``dims: {N: 1, D: 2}``: the sizes at which a derivative is written out, read and checked."""

from __future__ import annotations

from symbackprop.core.concrete import SMALL, names_of, needed_names, sizes_of, small_sizes, too_large
from symbackprop.core.tensors import Tensor
from symbackprop.errors import did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.question import Asking
from symbackprop.reading.yaml_tree import Value, problem


def read_sizes(asking: Asking, of: Tensor) -> dict[str, int]:
    """A size for every dim of the forward pass: as given, or as the numbers of the file have it.

    Dims that ``of`` does not depend on get a small size. None where the question names no sizes and needs
    none. InputError where one that is needed is missing, or an array would be too large to be written out.
    """
    value = asking.body.get("dims")
    if value is None and asking.kind != "explicit":
        return {}
    graph, at = asking.graph, value or asking.value
    sizes = {**sizes_of(graph, asking.values.arrays), **(_given(value, asking) if value is not None else {})}
    needed = graph.upstream(of)
    names = needed_names(graph, needed)
    missing = [name for name in names if name not in sizes]
    what = f"{asking.kind} of {asking.path}"
    if missing:
        hint = ", ".join(f"{name}: {sizes.get(name, SMALL)}" for name in names)
        message = f"{what} needs a size for {' and '.join(missing)}"
        raise fields.schema_error(message, at, f"dims: {{{hint}}}")
    reason = too_large(needed, sizes)
    if reason is not None:
        raise problem(f"{what}: {reason}", at.at, "choose smaller sizes", "limit")
    return {**small_sizes(graph, {}), **sizes}


def _given(value: Value, asking: Asking) -> dict[str, int]:
    """``dims:`` as written."""
    path, known = f"dims of {asking.path}", names_of(asking.graph)
    found: dict[str, int] = {}
    for key, entry in fields.table(value, path).entries:
        if key.text not in known:
            hint = did_you_mean(key.text, known) or f"the dims are {', '.join(known) or 'all numbers'}"
            raise problem(f"{path}: there is no dim {key.text}", key.at, hint, "unknown-symbol")
        size = fields.number(entry, f"{key.text} in {path}")
        if size.denominator != 1 or size < 1:
            raise fields.schema_error(f"{key.text} in {path} must be a whole number of at least 1", entry)
        found[key.text] = int(size)
    return found
