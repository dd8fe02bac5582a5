"""The elementwise functions: entry formula, slope, NumPy forward function, code, LaTeX.

To add one, add an ``Elementwise`` entry: the tests, the printers and the derivation pick it up.
Sources: GELU, Hendrycks and Gimpel (2016), arXiv:1606.08415, exact form and its tanh approximation;
ELU, Clevert et al. (2016), arXiv:1511.07289; SiLU, Elfwing et al. (2018), arXiv:1702.03118.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from symbackprop.core.operations import Param
from symbackprop.ops.registry import Elementwise

_A = (Param("a"),)


def _heaviside_product(a: Any) -> Any:
    return np.where(np.real(a) > 0, a, 0.0)


def _larger(a: Any, b: Any) -> Any:
    """The larger of the two, NaN where one is; of two that are equal the first, as the note says."""
    return np.where((np.real(a) >= np.real(b)) | np.isnan(np.real(a)), a, b)


def _erf(a: Any) -> Any:
    """erf by Abramowitz and Stegun 7.1.5 (series) and 7.1.14 (continued fraction), to float64."""
    z = np.asarray(a)
    small = np.abs(np.real(z)) < 2.5
    inner = np.where(small, z, 0.0)
    term = inner * 1.0
    total = term * 1.0
    for n in range(1, 60):
        term = -term * inner * inner / n
        total = total + term / (2 * n + 1)
    series = 2 / np.sqrt(np.pi) * total
    outer = np.where(small, 3.0, np.where(np.real(z) < 0, -z, z))
    fraction = outer * 1.0
    for n in range(80, 0, -1):
        fraction = outer + (n / 2) / fraction
    tail = 1.0 - np.exp(-outer * outer) / (fraction * np.sqrt(np.pi))
    return np.where(small, series, np.where(np.real(z) < 0, -tail, tail))


def softplus(a: Any) -> Any:
    """log(1 + e^a) to all digits, of complex numbers too: NumPy's own log1p has none of a small one."""
    up = np.real(a) > 0
    small = np.exp(np.where(up, -a, a))
    if np.iscomplexobj(small):
        x, y = np.real(small), np.imag(small)
        logged = np.log1p(2 * x + x * x + y * y) / 2 + 1j * np.arctan2(y, 1 + x)
    else:
        logged = np.log1p(small)
    return logged + np.where(up, a, 0.0)


def _sigmoid(a: Any) -> Any:
    small = np.exp(np.where(np.real(a) > 0, -a, a))
    return np.where(np.real(a) > 0, 1.0, small) / (1.0 + small)


_SIGMOID_HELPER = '''def sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a < 0, e, 1.0) / (1.0 + e)
'''
# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637.
_ERF_HELPER = '''def erf(a):
    x = np.abs(a)
    s = np.minimum(x, 0.5) ** 2
    near = np.polyval((1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
                       3.77485237685302021e2, 3.20937758913846947e3), s)
    near = near / np.polyval((1.0, 2.36012909523441209e1, 2.44024637934444173e2,
                              1.28261652607737228e3, 2.84423683343917062e3), s)
    y = np.clip(x, 0.46875, 6.0)
    far = np.polyval((2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
                      6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
                      1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3), y)
    far = far / np.polyval((1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
                            1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
                            3.43936767414372164e3, 1.23033935480374942e3), y)
    return np.where(x <= 0.46875, a * near, np.sign(a) * (1.0 - far * np.exp(-(y ** 2))))
'''

OPERATIONS = (
    Elementwise(
        "relu", _A, "elementwise", r"\operatorname{ReLU}",
        formula="max(a, 0)", slopes=("ind(a > 0)",), forward=_heaviside_product,
        numpy="np.maximum({a}, 0.0)", slope_numpy="({a} > 0)",
        named_slope=True, kinks=("a",), note="relu'(0) = 0",
    ),
    Elementwise(
        "leaky_relu", (Param("x"), Param("a", Fraction(1, 100))), "elementwise",
        r"\operatorname{LeakyReLU}",
        formula="ind(x > 0) * x + ind(x <= 0) * a * x",
        slopes=("ind(x > 0) + a * ind(x <= 0)", "ind(x <= 0) * x"),
        forward=lambda x, a: np.where(np.real(x) > 0, x, a * x),
        numpy="np.where({x} > 0, {x}, {a} * {x})", slope_numpy="np.where({x} > 0, 1.0, {a})",
        named_slope=True, kinks=("x",), note="leaky_relu'(0) = a",
    ),
    Elementwise(
        "elu", (Param("x"), Param("a", Fraction(1))), "elementwise", r"\operatorname{ELU}",
        formula="ind(x > 0) * x + ind(x <= 0) * a * (exp(x) - 1)",
        slopes=("ind(x > 0) + a * ind(x <= 0) * exp(x)", "ind(x <= 0) * (exp(x) - 1)"),
        forward=lambda x, a: np.where(np.real(x) > 0, x, a * np.expm1(np.where(np.real(x) > 0, 0.0, x))),
        numpy="np.where({x} > 0, {x}, {a} * np.expm1(np.minimum({x}, 0.0)))",
        slope_numpy="np.where({x} > 0, 1.0, {a} * np.exp(np.minimum({x}, 0.0)))",
        named_slope=True, kinks=("x",), note="elu'(0) = a",
    ),
    Elementwise(
        "gelu", _A, "elementwise", r"\operatorname{GELU}",
        formula="a * (1 + erf(a / sqrt(2))) / 2",
        slopes=("(1 + erf(a / sqrt(2))) / 2 + a * exp(-a^2 / 2) / sqrt(2 * pi)",),
        forward=lambda a: 0.5 * a * (1.0 + _erf(a / np.sqrt(2.0))),
        numpy="0.5 * {a} * (1.0 + erf({a} / np.sqrt(2.0)))",
        slope_numpy=(
            "0.5 * (1.0 + erf({a} / np.sqrt(2.0))) + {a} * np.exp(-0.5 * {a} ** 2) / np.sqrt(2.0 * np.pi)"
        ),
        named_slope=True,
        numpy_helper=_ERF_HELPER,
    ),
    Elementwise(
        "gelu_tanh", _A, "elementwise", r"\operatorname{GELU}_{\tanh}",
        formula="a * (1 + tanh(sqrt(2 / pi) * (a + 0.044715 * a^3))) / 2",
        slopes=(None,),
        forward=lambda a: 0.5 * a * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (a + 0.044715 * a**3))),
        numpy="0.5 * {a} * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * ({a} + 0.044715 * {a} ** 3)))",
        named_slope=True,
    ),
    Elementwise(
        "silu", _A, "elementwise", r"\operatorname{SiLU}",
        formula="a * sigmoid(a)", slopes=("sigmoid(a) * (1 + a * (1 - sigmoid(a)))",),
        forward=lambda a: a * _sigmoid(a),
        numpy="{a} * sigmoid({a})",
        slope_numpy="sigmoid({a}) * (1.0 + {a} * (1.0 - sigmoid({a})))",
        named_slope=True,
        numpy_helper=_SIGMOID_HELPER,
    ),
    Elementwise(
        "sigmoid", _A, "elementwise", r"\sigma",
        formula="1 / (1 + exp(-a))", slopes=("y * (1 - y)",), forward=_sigmoid,
        numpy="sigmoid({a})", slope_numpy="sigmoid({a}) * (1.0 - sigmoid({a}))",
        numpy_helper=_SIGMOID_HELPER,
    ),
    Elementwise(
        "tanh", _A, "elementwise", r"\tanh",
        slopes=("1 - y^2",), forward=np.tanh, numpy="np.tanh({a})", slope_numpy="1.0 - np.tanh({a}) ** 2",
    ),
    Elementwise(
        "softplus", _A, "elementwise", r"\operatorname{softplus}",
        formula="log(1 + exp(a))", slopes=("sigmoid(a)",),
        forward=softplus,
        numpy="np.logaddexp(0.0, {a})", slope_numpy="sigmoid({a})",
        numpy_helper=_SIGMOID_HELPER,
    ),
    Elementwise(
        "exp", _A, "elementwise", r"\exp", slopes=("y",), forward=np.exp, numpy="np.exp({a})",
        slope_numpy="np.exp({a})",
    ),
    Elementwise(
        "log", _A, "elementwise", r"\log", slopes=("1 / a",), forward=np.log, numpy="np.log({a})",
        slope_numpy="1.0 / {a}", domain="positive",
    ),
    Elementwise(
        "sqrt", _A, "elementwise", r"\sqrt", formula="a^(1/2)", slopes=("1 / (2 * y)",), forward=np.sqrt,
        numpy="np.sqrt({a})", slope_numpy="0.5 / np.sqrt({a})", domain="positive",
        latex_template=r"\sqrt{{{a}}}",
    ),
    Elementwise(
        "square", _A, "elementwise", r"\operatorname{square}", formula="a^2", slopes=("2 * a",),
        forward=lambda a: a * a, numpy="{a} ** 2", slope_numpy="2.0 * {a}",
        latex_template=r"{a}^{{2}}",
    ),
    Elementwise(
        "abs", _A, "elementwise", r"\operatorname{abs}", slopes=("sign(a)",),
        forward=lambda a: a * np.sign(np.real(a)), numpy="np.abs({a})", slope_numpy="np.sign({a})",
        kinks=("a",), note="abs'(0) = 0", latex_template=r"\left\lvert {a} \right\rvert",
    ),
    Elementwise(
        "sign", _A, "elementwise", r"\operatorname{sign}", slopes=("0",),
        forward=lambda a: np.sign(np.real(a)), numpy="np.sign({a})", slope_numpy="np.zeros_like({a})",
        kinks=("a",), note="sign'(0) = 0",
    ),
    Elementwise(
        "sin", _A, "elementwise", r"\sin", slopes=("cos(a)",), forward=np.sin, numpy="np.sin({a})",
        slope_numpy="np.cos({a})",
    ),
    Elementwise(
        "cos", _A, "elementwise", r"\cos", slopes=("-sin(a)",), forward=np.cos, numpy="np.cos({a})",
        slope_numpy="-np.sin({a})",
    ),
    Elementwise(
        "erf", _A, "elementwise", r"\operatorname{erf}", slopes=("2 / sqrt(pi) * exp(-a^2)",), forward=_erf,
        numpy="erf({a})", slope_numpy="2.0 / np.sqrt(np.pi) * np.exp(-({a} ** 2))",
        numpy_helper=_ERF_HELPER,
    ),
    Elementwise(
        "max", (Param("a"), Param("b")), "elementwise", r"\max",
        slopes=("ind(a >= b)", "ind(b > a)"), forward=_larger,
        numpy="np.maximum({a}, {b})", kinks=("a - b",),
        note="where a = b, max(a, b) has the slope of a, or of a number beside it",
    ),
    Elementwise(
        "min", (Param("a"), Param("b")), "elementwise", r"\min",
        slopes=("ind(a <= b)", "ind(b < a)"), forward=lambda a, b: -_larger(-a, -b),
        numpy="np.minimum({a}, {b})", kinks=("a - b",),
        note="where a = b, min(a, b) has the slope of a, or of a number beside it",
    ),
)

# a ^ b with an exponent that is not a number: not callable by name, written with ^.
POWER = Elementwise(
    "power", (Param("a"), Param("b")), "elementwise", None,
    slopes=("b * a^(b - 1)", "log(a) * a^b"), forward=lambda a, b: a**b, numpy="{a} ** {b}",
    domain="positive",
)
