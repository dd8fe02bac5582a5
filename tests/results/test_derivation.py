"""Derivations and gradients: their code, verdicts, SymPy objects, and what a notebook shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy

import symbackprop as sbp
from symbackprop.pipeline import derive_text
from tests.results.perceptron import PROBLEM, Arrays, arrays, differences, problem


def test_a_derivation() -> None:
    found = problem().derive("L", "W", level="vector")
    assert isinstance(found, sbp.Derivation)
    assert found.name == "dL/dW"
    assert found.text == "X^T dL/dU + lam W"
    assert r"\frac{\partial L}{\partial U}" in found.latex
    assert found.latex.endswith(r"\lambda W")
    assert found.shape == ("D", "M")
    assert found.indices == ("p", "q")
    assert found.assumptions == ("each row of `Y` sums to 1",)
    assert found.expanded_text is not None
    assert "dL/d" not in found.expanded_text
    assert "H" not in found.expanded_text


def test_a_declared_name_is_used() -> None:
    assert problem().derive("L", "Z").name == "G"
    assert problem().derive("L", "V").text == "H^T G"


def test_a_derivation_is_made_once() -> None:
    assert problem().derive("L", "W") is problem().derive("L", "W")
    assert problem().derive("L", "Z") is not problem().derive("L", "Z", via="jacobian")


@pytest.mark.parametrize(("of", "by", "name"), [("L", "w", "w"), ("M", "W", "M"), ("L", "WW", "WW")])
def test_a_name_that_does_not_exist(of: str, by: str, name: str) -> None:
    with pytest.raises(sbp.InputError, match=f"unknown symbol {name}") as caught:
        problem().derive(of, by)
    assert caught.value.code == "unknown-symbol"
    assert caught.value.hint


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(sbp.InputError) as caught:
        problem().derive("L", "w")
    assert caught.value.hint == "did you mean W?"


def test_an_unknown_level() -> None:
    with pytest.raises(sbp.InputError, match="unknown level vectr") as caught:
        problem().derive("L", "W", level="vectr")
    assert caught.value.hint == "did you mean vector?"


def test_the_loss_has_to_be_a_scalar() -> None:
    with pytest.raises(sbp.InputError, match="U is not a scalar"):
        problem().derive("U", "W")


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "X", "lam"])
def test_numpy_gives_the_gradient(by: str) -> None:
    a = arrays()
    found = problem().derive("L", by).numpy()(a)
    np.testing.assert_allclose(found, differences(by, a), rtol=1e-6, atol=1e-8)
    assert np.shape(found) == np.shape(a[by])


def test_lists_and_whole_numbers_will_do() -> None:
    a = arrays()
    lists = {name: np.asarray(value).tolist() for name, value in a.items()}
    function = problem().derive("L", "W").numpy()
    np.testing.assert_array_equal(function(lists), function(a))
    whole = {**a, "X": np.arange(15).reshape(5, 3) - 7}
    np.testing.assert_allclose(function(whole), function({**whole, "X": whole["X"].astype(float)}))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4)])
def test_a_vector_may_have_an_extra_axis(shape: tuple[int, int]) -> None:
    a = arrays()
    function = problem().derive("L", "c").numpy()
    turned = {**a, "c": a["c"].reshape(shape)}
    np.testing.assert_array_equal(function(turned), function(a))
    assert function(turned).shape == (4,)


def test_names_that_are_not_needed_are_ignored() -> None:
    a = arrays()
    function = problem().derive("L", "W").numpy()
    np.testing.assert_array_equal(function({**a, "unused": "nonsense", "other": None}), function(a))


@pytest.mark.parametrize("name", ["X", "Y", "lam"])
def test_a_missing_array_is_named(name: str) -> None:
    a = arrays()
    del a[name]
    with pytest.raises(sbp.InputError, match=f"{name} is missing"):
        problem().derive("L", "W").numpy()(a)


def test_sizes_that_do_not_agree() -> None:
    with pytest.raises(sbp.InputError) as caught:
        problem().derive("L", "W").numpy()({**arrays(), "c": np.zeros(7)})
    assert caught.value.code == "shape"


def test_given_arrays_are_not_changed() -> None:
    a = arrays()
    before = {name: np.array(value) for name, value in a.items()}
    problem().gradients("L").numpy()(a)
    assert all(np.array_equal(a[name], before[name]) for name in a)


def test_gradients_by_every_parameter() -> None:
    found = problem().gradients("L")
    assert list(found) == ["W", "c", "V", "b"]
    assert len(found) == 4
    a = arrays()
    values = found.numpy()(a)
    assert list(values) == list(found)
    for name, value in values.items():
        np.testing.assert_allclose(value, differences(name, a), rtol=1e-6, atol=1e-8)


def test_gradients_by_what_is_asked_for() -> None:
    found = problem().gradients("L", wrt=["U", "X"])
    assert list(found) == ["U", "X"]
    values = found.numpy()(arrays())
    np.testing.assert_allclose(values["U"], problem().derive("L", "U").numpy()(arrays()))


def test_gradients_by_a_name_that_does_not_exist() -> None:
    with pytest.raises(sbp.InputError, match="unknown symbol Q"):
        problem().gradients("L", wrt=["W", "Q"])


def test_a_name_without_influence_is_zero() -> None:
    found = problem().derive("L", "unused")
    assert found.text == "zeros(D)"
    assert np.array_equal(found.numpy()({**arrays(), "unused": np.ones(3)}), np.zeros(3))
    assert found.verify().status == "holds"


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "Z", "U", "X", "lam"])
@pytest.mark.parametrize("via", ["log", "jacobian"])
def test_a_derivation_verifies_itself(by: str, via: str) -> None:
    found = problem().derive("L", by, via=via)
    verdict = found.verify()
    assert verdict.status == "holds", verdict
    assert verdict.reason is None
    assert verdict.counterexample is None
    assert verdict.evidence.method == "differences"
    assert verdict.evidence.points >= 4
    assert verdict.evidence.max_rel_error is not None
    assert verdict.evidence.max_rel_error < 1e-6
    assert {step.verdict.status for step in found.steps} == {"holds"}


def test_a_verdict_is_no_truth_value() -> None:
    verdict = problem().derive("L", "W").verify()
    with pytest.raises(TypeError, match="three values"):
        bool(verdict)


def test_the_verdict_of_a_step_needs_no_call_of_verify() -> None:
    found = sbp.loads(PROBLEM).derive("L", "W")
    assert {step.verdict.status for step in found.steps} == {"holds"}
    found.verify()
    assert {step.verdict.status for step in found.steps} == {"holds"}


def test_what_cannot_be_checked_says_why() -> None:
    symbols = "convention: column\nsymbols:\n  x: {shape: [n], role: parameter}\n"
    verdict = sbp.loads(symbols + "forward: |\n  L = sum(log(-(x * x)))\n").derive("L", "x").verify()
    assert verdict.status == "not-checked"
    assert verdict.reason


def _values(arguments: list[Any], a: Arrays) -> list[Any]:
    """The arrays in the order of ``arguments``; vectors as 1 x n, as under row."""
    sizes = {"N": 5, "D": 3, "M": 4, "K": 2}
    found = []
    for argument in arguments:
        name = str(argument)
        value = sizes[name] if name in sizes else a[name]
        found.append(np.atleast_2d(value) if isinstance(value, np.ndarray) else value)
    return found


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "X", "lam"])
def test_lambdify_of_the_expanded_result(by: str) -> None:
    found = problem().derive("L", by)
    function = sympy.lambdify(found.arguments, found.expanded())
    a = arrays()
    value = np.asarray(function(*_values(found.arguments, a)))
    assert value.dtype == float
    np.testing.assert_allclose(value.reshape(np.shape(a[by])), differences(by, a), rtol=1e-6, atol=1e-8)


def test_the_arguments_are_symbols_then_dims() -> None:
    names = [str(argument) for argument in problem().derive("L", "W").arguments]
    dims = {"N", "D", "M", "K"}
    assert [name for name in names if name not in dims] == ["X", "W", "c", "V", "b", "Y", "lam"]
    assert [name in dims for name in names] == sorted(name in dims for name in names)


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "Z", "U", "H"])
def test_the_result_is_a_matrix_expression(by: str) -> None:
    found = problem().derive("L", by)
    rows, columns = (str(side) for side in found.result.shape)
    expected = found.shape if len(found.shape) == 2 else ("1", *found.shape)
    assert (rows, columns) == expected
    assert str(sympy.latex(found.result))


def test_the_result_stands_in_the_named_intermediates() -> None:
    symbols = {str(symbol) for symbol in problem().derive("L", "V").result.free_symbols}
    assert "H" in symbols
    assert "X" not in symbols


def test_steps_have_sympy_formulas() -> None:
    for step in problem().derive("L", "c").steps:
        assert step.after.sympy is not None
        assert step.before.text
        assert step.after.latex


def test_an_array_at_the_end_has_a_jacobian() -> None:
    vector, matrix = derive_text("y = W x", ["x", "W"])
    assert (vector.answer.kind, vector.answer.result.text) == ("jacobian", "W")
    assert vector.answer.shape == ("m", "n")
    assert matrix.text_report().endswith("\ndy[i]/dW[j,k] = x[k] ind(i = j)")
    assert [one.answer.verdict.status for one in (vector, matrix)] == ["holds", "holds"]


def test_the_notebook_shows_the_result() -> None:
    found = problem().derive("L", "W")
    shown = found._repr_latex_()
    assert shown.startswith("$")
    assert shown.endswith("$")
    assert r"\partial L" in shown
    assert found.latex in shown


def test_the_derivation_as_latex() -> None:
    text = problem().derive("L", "c").to_latex()
    assert text.startswith("\\begin{aligned}\n")
    assert text.count("&=") == len(problem().derive("L", "c").steps)


def test_a_line_that_goes_on_has_no_left_side_of_its_own() -> None:
    steps = problem().derive("L", "W").steps
    goes_on = sum(one.before.latex == above.after.latex for above, one in pairwise(steps))
    text = problem().derive("L", "W").to_latex()
    assert goes_on
    assert text.count("\n&= ") == goes_on


def test_the_notebook_shows_results_together_and_reasons_as_code() -> None:
    found = problem().gradients("L")
    assert found._repr_latex_().count("&=") == len(found)
    page = found["W"]._repr_html_()
    assert "`" not in page
    assert "<code>" in page
    assert page.count("<li>") == len(found["W"].steps)


def test_what_a_console_shows_is_one_line() -> None:
    found = problem()
    d = found.derive("L", "W")
    for shown in (found, d, found.gradients("L"), d.steps[0], d.steps[0].after, found.answer("q1")):
        assert len(repr(shown)) < 300
        assert repr(shown).startswith("<")
