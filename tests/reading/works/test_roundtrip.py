"""What the printer writes, the reader of works reads back to an equal object: every line of every answer."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.core.tensors import Convention
from symbackprop.ops.registry import all_operations
from symbackprop.problems import Problem
from tests.loaded import EXAMPLES, GOLDEN, loaded, params
from tests.reading.works.roundtrip import LAYOUTS, of_operation, ranks, unread


@pytest.mark.parametrize("path", params([*GOLDEN, *EXAMPLES]))
def test_every_line_of_every_answer_is_read_back(path: Path) -> None:
    """The first reading of both sides is what was printed: also of dotted matrices and of losses."""
    assert unread(loaded(path)) == []


NETWORKS = {
    "row": "U = X W1 + b1; H = tanh(U); Z = H W2 + b2; L = sumsq(Z - T)/N",
    "column": "u = W1 x + b1; h = tanh(u); z = W2 h + b2; L = sumsq(z - t)",
    "column-transposed": "u = W1^T x + b1; h = sigmoid(u); z = W2^T h + b2; L = cross_entropy(t, softmax(z))",
}
SHAPES = {
    "row": {"X": "N, D", "W1": "D, M", "b1": "M", "W2": "M, K", "b2": "K", "T": "N, K"},
    "column": {"x": "D", "W1": "M, D", "b1": "M", "W2": "K, M", "b2": "K", "t": "K"},
    "column-transposed": {"x": "D", "W1": "D, M", "b1": "M", "W2": "M, K", "b2": "K", "t": "K"},
}
STYLES = [
    "{}",
    "{layers: superscript, vec: column}",
    "{layers: paren, transpose: top}",
    "{layers: bracket, gradient: nabla}",
    "{index: bracket, bold: all}",
    "{bold: vectors, transpose: T, layers: bracket, index: bracket}",
]
SIZES = {"N": 2, "D": 3, "M": 2, "K": 4}


def network(convention: str, style: str, level: str, layout: str) -> Problem:
    roles = {"X": "input", "x": "input", "T": "target", "t": "target"}
    symbols = "\n".join(
        f"  {name}: {{shape: [{shape}], role: {roles.get(name, 'parameter')}}}"
        for name, shape in SHAPES[convention].items()
    )
    forward = NETWORKS[convention].replace("; ", "\n  ")
    dims = ", ".join(f"{dim}: {size}" for dim, size in SIZES.items() if dim != "N" or convention == "row")
    asked, sizes = ("explicit", f", dims: {{{dims}}}") if level == "entries" else ("derive", "")
    wanted = [f"{{{asked}: dL/d{name}{sizes}}}" for name in SHAPES[convention] if name.lower() != "t"]
    if level == "jacobian" and convention != "row":
        wanted += ["{jacobian: dz/dx}", "{jacobian: dz/dh}"]
    listed = "".join(f"  - {one}\n" for one in wanted)
    leveled = "" if level == "entries" else f"level: {level}\n"
    return sbp.loads(
        f"title: t\nconvention: {convention}\nlayout: {layout}\n{leveled}style: {style}\n"
        f"symbols:\n{symbols}\nforward: |\n  {forward}\nquestions:\n{listed}"
    )


LEVELS = ("vector", "index", "jacobian", "entries")
# Every pair of two of level, style and convention.
PAIRWISE = [
    (convention, level, style)
    for (a, convention), (b, level), (c, style) in product(
        enumerate(NETWORKS), enumerate(LEVELS), enumerate(STYLES)
    )
    if (a + b + c) % len(NETWORKS) == 0
]


@pytest.mark.parametrize(("convention", "level", "style"), PAIRWISE)
def test_levels_conventions_and_styles_are_read_back(convention: str, level: str, style: str) -> None:
    assert unread(network(convention, style, level, "gradient")) == []


OPERATIONS = [operation.name for operation in all_operations()]


@pytest.mark.parametrize(("place", "name"), list(enumerate(OPERATIONS)), ids=OPERATIONS)
def test_operations_are_read_back(place: int, name: str) -> None:
    """Some networks of each in one convention at one level; ``roundtrip.py`` takes all of them."""
    convention = tuple(Convention)[place % len(Convention)]
    level = LEVELS[place // len(Convention) % 3]
    assert [
        one.shown for one in of_operation(name, convention, [level], every_nth=3) if one.rank != 0
    ] == []


@pytest.mark.parametrize("layout", LAYOUTS[1:])
@pytest.mark.parametrize("convention", NETWORKS)
def test_layouts_are_read_back(convention: str, layout: str) -> None:
    assert unread(network(convention, "{}", "jacobian", layout)) == []


@pytest.mark.parametrize("seed", [1, 4, 9, 16, 25, 60144, 60216])
def test_random_programs_are_read_back(seed: int) -> None:
    """A few; ``python -m tests.reading.works.roundtrip`` reads any number."""
    assert [link.shown for rank, link in ranks(seed) if rank is None] == []
