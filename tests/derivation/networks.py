"""Problems in a few lines, and what it takes for a derivation of one to be believed.

``network`` makes a checked problem; ``proven`` lists everything that does not hold of a derivation
(each step, the index form, the emitted code, each against differences of the forward pass); the list
has to be empty. What SymPy says of results is tested with the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.verdicts import Verdict
from symbackprop.notation.entries import entries_of
from symbackprop.notation.steps import Step
from symbackprop.pipeline import Derivation, Problem
from symbackprop.problem_file import spec_from_mapping
from symbackprop.results.ways import given_arrays

Arrays = dict[str, NDArray[np.float64]]
ROLES = ("input", "parameter", "target", "constant")
CONVENTIONS = ("row", "column", "column-transposed")


def network(convention: str, symbols: str, forward: str, **keys: object) -> Problem:
    """``symbols``: lines such as ``W: k d parameter``, ``y: k target one_hot``, ``y: n target classes=K``."""
    declared: dict[str, object] = {}
    for line in filter(None, (part.strip() for part in symbols.replace(";", "\n").splitlines())):
        name, _, rest = line.partition(":")
        words = rest.split()
        place = next(i for i, word in enumerate(words) if word in ROLES)
        fields: dict[str, object] = {"role": words[place]}
        if place:
            fields["shape"] = words[:place]
        for fact in words[place + 1 :]:
            key, _, value = fact.partition("=")
            fields[key] = value or True
        declared[name.strip()] = fields
    data = {"convention": convention, "symbols": declared, "forward": forward.replace(";", "\n"), **keys}
    return Problem(spec_from_mapping(data))


def gradient(
    problem: Problem, arrays: Arrays, by: str, of: str = "L", via: str = "log"
) -> NDArray[np.float64]:
    """The derivative by the emitted code."""
    return np.asarray(problem.derive(of, by, via=via).numpy()(arrays))


def index_entry(derivation: Derivation) -> tuple[Expr, Expr]:
    """One entry of the derivative, and what the index form says it is."""
    given = iter(derivation.index_objects)
    slots = tuple(
        IndexValue((), ONE) if dim.is_one else IndexValue(((next(given), 1),)) for dim in derivation.by.shape
    )
    partial = derivation.derived.partial
    leaf = derivation._context.session(derivation._via).shop.leaf
    return (Element(partial, slots) if slots else partial), entries_of(derivation.derived.form, leaf)


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps with their substeps."""
    for step in steps:
        yield step
        yield from every(step.substeps)


def proven(problem: Problem, by: str, of: str = "L", via: str = "log") -> list[str]:
    """What does not hold, in words."""
    derivation = problem.derive(of, by, via=via)
    context = problem.context
    steps = context.verified(derivation.derived.steps)
    verdicts: list[tuple[str, Verdict]] = [
        (f"{step.rule}: {step.before.text} = {step.after.text}", step.verdict) for step in every(steps)
    ]
    left, right = index_entry(derivation)
    judged = context.verifier.check_equal(left, right, derivation.index_objects)
    verdicts.append(("the index form", judged))
    code = derivation.numpy()
    ways = {"code": lambda point: code(given_arrays(derivation, point))}
    verdicts.append(("the code", context.verifier.check_partial(derivation.of, derivation.by, ways)))
    return [f"{what}: {v.status} ({v.reason})" for what, v in verdicts if v.status != "holds"]


def softmax(z: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Written apart from the package."""
    e = np.exp(z)
    return np.asarray(e / e.sum(axis=axis, keepdims=True))
