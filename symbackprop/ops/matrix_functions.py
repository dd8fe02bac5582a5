"""Functions of a whole square matrix: the inverse, the determinant, its logarithm.

None has an entry formula. The inverse is known by its relation A inv(A) = I, from which its
derivative follows (``derivation.calculus``); the determinant states its differential,
d det A = det A tr(inv(A) dA) (Magnus and Neudecker, Matrix Differential Calculus, 2019, section 8.3), and
the harness proves both by numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symbackprop.core.operations import Param
from symbackprop.ops.registry import Structural

_A = (Param("A"),)


def _cell(value: Any) -> Any:
    return np.asarray(value).reshape(1, 1)


def _log_size(matrix: Any) -> Any:
    """log |det A|; analytic under a complex step, as log(z^2)/2 is."""
    found = np.linalg.det(matrix)
    return np.log(found * np.sign(np.real(found)))


OPERATIONS = (
    Structural(
        "inv", _A, "matrix", r"\operatorname{inv}", shape_rule="square",
        forward=lambda args, axis: np.linalg.inv(args[0]), numpy="np.linalg.inv({A})",
        domain="regular",
    ),
    Structural(
        "det", _A, "scalar", r"\det", shape_rule="square-scalar",
        forward=lambda args, axis: _cell(np.linalg.det(args[0])), numpy="np.linalg.det({A})",
        domain="regular",
    ),
    Structural(
        "logdet", _A, "scalar", r"\log\det", shape_rule="square-scalar",
        forward=lambda args, axis: _cell(_log_size(args[0])), numpy="np.linalg.slogdet({A})[1]",
        domain="regular",
    ),
)
