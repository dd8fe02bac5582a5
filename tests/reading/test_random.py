"""Random text: reading it gives a result or an InputError, never anything else."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from symbackprop.errors import InputError
from symbackprop.problem_file import loads_spec
from symbackprop.reading.infer import infer_program
from symbackprop.reading.parser import parse_program

PIECES = [
    *"abxyWXLdT12+-*/@^=<()[],:';#_⊙·λ\\\n",
    *"W2 dL dW d2L dW2 lam pi sum mean max exp softmax relu J ind kron for rows .5 1e3 .. ^T != >=".split(),
    " ",
    " ",
]
formulas = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
programs = st.lists(formulas, max_size=4).map(
    lambda lines: "\n".join(f"y{i} = {t}" for i, t in enumerate(lines))
)

atoms = st.sampled_from(["W", "x", "b", "A", "lam", "2", "x[1]", "W[1,2]", "sum(x)", "W^T", "x^T", "eye(3)"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, st.sampled_from([" ", " + ", " - ", " * ", "/", " @ "]), inner)
    return st.one_of(
        two.map(lambda t: f"({t[0]}){t[1]}({t[2]})"),
        st.tuples(st.sampled_from(["exp", "softmax", "sumsq", "rowsum", "relu", "diag", "trace"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        inner.map(lambda t: f"({t})^2"),
        inner.map(lambda t: f"-({t})^T"),
    )


expressions = st.recursive(atoms, _grown, max_leaves=8)


def _read(work: Callable[[], object]) -> str:
    """ "read", or the code of the InputError; anything else is raised."""
    try:
        work()
    except InputError as error:
        return error.code if error.message else "no message"
    return "read"


CODES = {
    "read",
    "syntax",
    "limit",
    "unknown-symbol",
    "unknown-function",
    "shape",
    "redefined",
    "cycle",
    "unsupported",
}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=80), formulas, programs))
@example("y = " + "(" * 300)
@example("y = d2L/(dW")
@example("y = dL[/dW")
@example("y[")
@example("y = x'")
def test_random_text(text: str) -> None:
    """Parsing and inferring."""
    assert _read(lambda: parse_program(text)) in CODES
    assert _read(lambda: infer_program(text)) in CODES


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(expressions)
def test_random_formulas(text: str) -> None:
    """Well-formed formulas are read, or refused for their shapes."""
    assert _read(lambda: infer_program(f"y = {text}")) in {"read", "shape", "syntax"}


SPEC = "symbols:\n  W: {{shape: [D, M], role: parameter}}\n  {0}\nforward: |\n  L = sumsq(W)\n{1}\n"
keys = st.sampled_from(
    ["x: {}", "b: {shape: [M]}", "questions: [{derive: dL/dW}]", "&a", "*a", "!t", "<<: {}", "- "]
)
yamls = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*"[]{}:,-#&*!|>'\"\\ab1 \n", "- ", ": "]), max_size=40).map("".join),
    st.tuples(st.one_of(keys, st.text(max_size=20)), st.one_of(keys, st.text(max_size=30))).map(
        lambda parts: SPEC.format(*parts)
    ),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(yamls)
@example("a: \ud800")
@example("\x85")
@example("? ")
@example("%YAML 3.0\n---\n")
@example("%TAG ! a\n--- !b\n")
@example("- - - -")
@example("{a: [}")
def test_random_yaml(text: str) -> None:
    """Problem files."""
    assert _read(lambda: loads_spec(text)) in CODES | {"yaml", "schema"}
