"""Derivations at level ``entries``: the same network with small numbers for its dims.

``written_out(context, of, wrt, sizes)`` derives over the graph in numbers; the derivation that comes back
prints entries, while ``numpy()`` works for arrays of any sizes, since its code is that of the general
derivation. ``sizes_for`` picks the sizes, ``check_sizes`` refuses what cannot be written out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from symbackprop.core.arrays import TensorEntries, Vec
from symbackprop.core.concrete import Concrete, concrete, names_of, sizes_of, small_sizes, too_large
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.derivation.derived import Derived
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.numpy_program import Program
from symbackprop.reading.jacobian_bodies import JacobianBody
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation


class WrittenOut(Derivation):
    """A derivation with every entry written out for ``sizes``.

    ``result`` is an explicit matrix; ``expanded()`` is the matrix formula for these sizes. ``numpy()`` takes
    arrays of any sizes that fit the forward pass.
    """

    def __init__(
        self, context: Context, derived: Derived, via: str, general: Derivation, sizes: Mapping[str, int]
    ) -> None:
        super().__init__(context, derived, via)
        self.general = general
        self.sizes = dict(sizes)

    @property
    def indices(self) -> tuple[str, ...]:
        """None: each entry has its own line; of an array of more than two axes those of its formula."""
        return super().indices if self._is_higher else ()

    @property
    def is_entrywise(self) -> bool:
        """Only an array of more than two axes: of any other all entries stand in the result."""
        return self._is_higher

    @property
    def _is_higher(self) -> bool:
        return isinstance(self.derived.expr, TensorEntries)

    @property
    def sizes_text(self) -> str:
        """The sizes that concern the derivative, in words, formulas in `backticks`."""
        of = self.general.derived.partial.of
        dims = [dim for tensor in self.general.graph.upstream(of) for dim in tensor.shape]
        there = {name for dim in dims for name in dim.names}
        return ", ".join(f"`{name} = {size}`" for name, size in self.sizes.items() if name in there)

    @property
    def coded(self) -> Derived:
        """What the emitted code computes."""
        return self.general.derived

    def program(self, name: str | None = None) -> Program:
        """The emitted code: that of the general derivation."""
        return self.general.program(name)

    def numpy_lines(self) -> tuple[str, ...]:
        """The lines of the general code that compute derivatives."""
        return self.general.numpy_lines()

    def verify(self) -> Verdict:
        """As of any derivation; the evidence names the sizes."""
        verdict = super().verify()
        evidence = verdict.evidence
        if not self.sizes or not evidence.sizes:
            return verdict
        sizes = tuple({**self.sizes, **one} for one in evidence.sizes)
        return replace(verdict, evidence=replace(evidence, sizes=sizes))


def written_out(
    context: Context, of: Tensor, wrt: Collection[Tensor], sizes: Mapping[str, int], via: str = "log"
) -> dict[Tensor, WrittenOut]:
    """The derivatives of ``of`` by each of ``wrt``, written out for ``sizes``: one backward pass."""
    small, made = in_numbers(context, sizes)
    general = context.session(via).gradients(of, wrt)
    found = small.session(via).gradients(made.tensors[of], [made.tensors[by] for by in wrt], "entries")
    return {
        by: WrittenOut(
            small, found[made.tensors[by]], via, Derivation(context, general[by], via), made.sizes
        )
        for by in wrt
    }  # fmt: skip


def written_out_jacobian(
    context: Context, body: JacobianBody, sizes: Mapping[str, int], via: str = "log", *, flipped: bool = False
) -> WrittenOut:
    """The derivative of an array by an array, written out for ``sizes``."""
    small, made = in_numbers(context, sizes)
    session = context.session(via)
    general = session.jacobian(
        body.of, body.by, flipped=flipped, entry=body.entry, lines=body.lines
    )
    vec: Vec = "column" if context.names.style.get("vec") == "column" else "row"
    by = made.tensors[body.by]
    if body.of.gradient is not None:
        loss, inner = body.of.gradient
        gradient = made.tensors[loss].gradient_by(made.tensors[inner])
        second = small.session(via).second_in_numbers(gradient, by, body.entry, vec)
        return WrittenOut(small, second, via, Derivation(context, general, via), made.sizes)
    of = made.tensors[body.of]
    if body.of.is_scalar:
        places = body.entry[1]
        assert places is not None
        entry = small.session(via).written_entry(of, by, places)
        return WrittenOut(small, entry, via, Derivation(context, general, via), made.sizes)
    derived = small.session(via).written_jacobian(
        of, by, flipped=flipped, entry=body.entry, lines=body.lines, vec=vec
    )
    return WrittenOut(small, derived, via, Derivation(context, general, via), made.sizes)


def in_numbers(context: Context, sizes: Mapping[str, int]) -> tuple[Context, Concrete]:
    """The context of the graph in numbers; made once for each choice of sizes."""
    if context.graph.loops:
        name = context.graph.loops[0][0].name
        raise UnsupportedError(
            f"level entries of a recursion over a dim ({name}) is not supported yet",
            hint="give the number of steps: for t = 1..3, over: 3",
        )
    key = tuple(sorted(sizes.items()))
    if key not in context.in_numbers:
        made = concrete(context.graph, sizes)
        names = replace(context.names, dims={})
        context.in_numbers[key] = (Context(made.graph, names), made)
    return context.in_numbers[key]


def sizes_for(
    graph: Graph, at_least: Mapping[str, int] | None = None, values: Mapping[str, object] | None = None
) -> dict[str, int]:
    """The sizes at which a derivation is written out.

    Those of the numbers that the file gives, if they give all and are small enough; else small ones.
    InputError (code "limit") where no array sizes can be written out.
    """
    given = sizes_of(graph, values or {})
    tensors = graph.tensors.values()
    if set(given) >= set(names_of(graph)) and too_large(tensors, given) is None:
        return {name: given[name] for name in names_of(graph)}
    try:
        sizes = small_sizes(graph, at_least or {})
    except ValueError as error:
        raise InputError(str(error), code="limit", hint="give the sizes: explicit with dims") from None
    check_sizes(graph, sizes)
    return sizes


def check_sizes(graph: Graph, sizes: Mapping[str, int]) -> None:
    """InputError (code "limit") for sizes under which an array cannot be written out."""
    reason = too_large(graph.tensors.values(), sizes)
    if reason is not None:
        named = bool(names_of(graph))
        hint = "choose smaller sizes" if named else "give the dims names, so that small sizes can be taken"
        raise InputError(f"level entries: {reason}", code="limit", hint=hint)
