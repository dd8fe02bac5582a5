"""Compiling an emitted function, and holding it against plain 2-D evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from symbackprop.core.expr import Leaf
from symbackprop.core.graph import Graph
from symbackprop.notation.numpy_call import NumPyFunction, compile_function
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Output
from tests.notation.plain_arrays import SIZES, Plain, symbols


def compiled(graph: Graph, name: str = "out", **options: Any) -> NumPyFunction:
    tensor = graph.tensors[name]
    return compile_function(
        plan("forward", graph, (), [Output(name, Leaf(tensor), tensor.shape)], single=True, **options)
    )


def agree(graph: Graph, *, low: float = 0.2, high: float = 1.7) -> NumPyFunction:
    """The compiled value of ``out`` equals the plain one, and has the declared shape."""
    arrays = symbols(graph, low=low, high=high)
    function = compiled(graph)
    tensor = graph.tensors["out"]
    result = function(arrays)
    assert np.shape(result) == tuple(dim.evaluate(SIZES) for dim in tensor.shape)
    expected = Plain(graph, arrays).values[tensor].reshape(np.shape(result))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)
    return function
