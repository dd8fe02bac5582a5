"""Whether two sides are equal: at random points of the forward pass, in one sight, for all free indices.

``Bench`` holds the points of one problem; ``Bench.link`` compares two expressions and says ``holds``,
``fails`` or ``unknown``. Where the left side is not defined nothing is compared; a name without a value, or a
condition that is never met, makes the outcome unknown unless the shapes alone decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symbackprop.checking.joining import with_size_of
from symbackprop.checking.look import Look, letters_of, method_of
from symbackprop.checking.outcome import EntryAgainstArray, Outcome, OutsideRange, Setting, unknown
from symbackprop.checking.seer import Seer
from symbackprop.checking.sight import Sight, batch_of, declared
from symbackprop.core.expr import Expr
from symbackprop.core.graph import Graph
from symbackprop.core.verdicts import Evidence
from symbackprop.core.written import Opaque
from symbackprop.errors import SymbackpropError
from symbackprop.verification.differences import Oracle
from symbackprop.verification.point import Refusal, ShapeClash
from symbackprop.verification.replay import Verifier

_EVALUATION_ERRORS = (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError)


class Bench:
    """The points of one problem."""

    def __init__(self, graph: Graph, verifier: Verifier) -> None:
        self.graph = graph
        self.verifier = verifier
        self.batch = batch_of(graph)
        self.declared = declared(graph)
        self.batch_dims = {name for t, axis in self.batch.items() for name in t.shape[axis].names}
        self._all: tuple[Oracle, ...] | None = None
        self._sized: dict[tuple[tuple[str, int], ...], Bench] = {}
        self._seers: dict[tuple[int, Sight, int, int, int, bool], tuple[Setting, Seer]] = {}

    @property
    def runs(self) -> tuple[Oracle, ...]:
        """The points with their derivatives; Refusal if none could be drawn."""
        if self._all is None:
            more = () if self.dims_are_named else self.verifier.further_runs
            self._all = self.verifier.runs + more
        return self._all

    @property
    def dims_are_named(self) -> bool:
        """Whether sizes are drawn: else the same few entries are looked at, and more points are wanted."""
        return all(
            dim.names for tensor in self.graph.tensors.values() for dim in tensor.shape if not dim.is_one
        )

    def forget(self) -> None:
        """Drop what is remembered of one work."""
        self._seers.clear()
        for bench in self._sized.values():
            bench.forget()

    def sized(self, sizes: Mapping[str, int]) -> Bench:
        """The bench with some sizes fixed, for a line that is written out for them."""
        key = tuple(sorted(sizes.items()))
        if key not in self._sized:
            self._sized[key] = SizedBench(self.graph, self.verifier, dict(sizes))
        return self._sized[key]

    def seer(self, run: Oracle, sight: Sight, setting: Setting) -> Seer:
        """The evaluator of a run in a sight."""
        key = (id(run), sight, id(setting.named), id(setting.moved), id(setting.light), setting.zero_outside)
        found = self._seers.get(key)
        if found is None:
            seer = Seer(run, sight, self.batch, setting.named, moved=setting.moved)
            if setting.light is not None:
                light = setting.light
                seer.lit = lambda of, by: light.partial(self, run, of, by)
            if setting.zero_outside:
                seer.outside = seer.plain.outside = 0.0
            found = self._seers[key] = (setting, seer)
        return found[1]

    def link(
        self, left: Expr, right: Expr, setting: Setting | None = None, sight: Sight | None = None,
        *, quick: bool = False,
    ) -> Outcome:  # fmt: skip
        """Whether ``left = right`` in a sight; ``quick`` looks at one point only."""
        setting, sight = setting or Setting(), sight or self.declared
        left, right = with_size_of(right, left), with_size_of(left, right)
        try:
            runs = self.runs[:1] if quick else self.runs
        except Refusal as refusal:
            return unknown(str(refusal))
        worst, bent, seen, refused = 0.0, False, False, None
        letters = letters_of(left, right, setting.condition)
        for run in runs:
            try:
                look = Look(self, run, left, right, setting, sight, letters)
                failed = look.compared()
            except ShapeClash as clash:
                evidence = Evidence("evaluation", 1, (run.point.sizes,), None, str(clash))
                return Outcome("fails", evidence, clash=True)
            except EntryAgainstArray as refusal:
                return unknown(str(refusal), lone=True)
            except OutsideRange as refusal:
                # not even right if what lies outside counts as zero: then nothing can save it
                counted = replace(setting, zero_outside=True)
                beyond = (
                    unknown("")
                    if setting.zero_outside
                    else self.link(left, right, counted, sight, quick=quick)
                )
                return beyond if beyond.fails else unknown(str(refusal))
            except Refusal as refusal:
                refused = refused or str(refusal)
                continue
            except RecursionError:
                return unknown("the line is nested too deeply to be evaluated")
            except SymbackpropError as error:
                refused = refused or error.message
                continue
            except _EVALUATION_ERRORS as error:
                refused = (
                    refused
                    or _unnamed(left, right, setting)
                    or (f"it could not be evaluated ({type(error).__name__})")
                )
                continue
            if failed is not None:
                return failed
            worst, bent, seen = max(worst, look.error), bent or look.bent, seen or look.compared_any
        if refused is not None:
            return unknown(refused)
        if not seen:
            return unknown("the condition is met at no place that was tried")
        sizes = tuple(run.point.sizes for run in runs)
        return Outcome("holds", Evidence(method_of(left, right), len(runs), sizes, worst), bent=bent)


class SizedBench(Bench):
    """A bench at points with given sizes."""

    def __init__(self, graph: Graph, verifier: Verifier, sizes: Mapping[str, int]) -> None:
        super().__init__(graph, verifier)
        self._sizes = sizes
        self._drawn: tuple[Oracle, ...] | None = None

    @property
    def runs(self) -> tuple[Oracle, ...]:
        """Points with the sizes of this bench."""
        if self._drawn is None:
            self._drawn = self.verifier.runs_with(self._sizes)
        return self._drawn


def _unnamed(left: Expr, right: Expr, setting: Setting) -> str | None:
    """That a name has no meaning, if one has none."""
    names = {
        node.name: None for side in (left, right) for node in side.walk()
        if isinstance(node, Opaque) and node.name not in setting.named
    }  # fmt: skip
    return f"{', '.join(names)} has no meaning in this problem" if names else None
