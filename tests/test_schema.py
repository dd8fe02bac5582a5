"""The JSON Schema says what the loader says: the same keys, the same words, the same refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from symbackprop import schema
from symbackprop.cli import main
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.problem_file import loads_spec
from symbackprop.reading import fields, keys
from symbackprop.starter import starter_text

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.yaml"))

GOOD = """\
title: Week 3
convention: column
layout: gradient
level: vector
symbols:
  W: {shape: [m, n], role: parameter, latex: 'w', aliases: ['W_1', 'w'], bold: true}
  x: {shape: n, role: input, between: [0, 1]}
  t: {shape: [m], role: target}
  lam: {role: constant, positive: true}
  n: {role: dim, latex: 'd', at_least: 2}
  f: {role: function, of: a, is: 'a * sigmoid(a)', latex: 'f'}
forward: |
  r = f(W x) - t
  L = sumsq(r) + lam * sumsq(W)
notation:
  - {name: delta, is: dL/dr, latex: '\\delta'}
questions:
  - {derive: dL/dW, id: a-1, level: [vector], points: 1/3, text: 'Now $W$.', hint: 3, space: 2.5, via: log}
values: {lam: 1e-5, t: [1, 1/2, .5], W: '1 2; 3 4; 5 6'}
style: {bold: vectors, transpose: top}
course: {title: Networks, author: A, date: 2026-11-22}
"""


@pytest.fixture(scope="module")
def judge() -> Draft202012Validator:
    found = schema.problem_schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def as_an_editor_reads(text: str) -> Any:
    # Dates are texts in the core schema of YAML 1.2, and to an editor.
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(io.StringIO(text)), default=str))


def question(**body: object) -> dict[str, object]:
    return {"forward": "L = sumsq(x)", "symbols": {"x": {"shape": "n", "role": "input"}}, "questions": [body]}


def symbol(**body: object) -> dict[str, object]:
    return {"forward": "L = sumsq(x)", "symbols": {"x": {"shape": "n", "role": "input"}, "s": body}}


def refusal(data: dict[str, object]) -> str | None:
    """What the loader says against the data, leaving out what a later version brings."""
    try:
        loads_spec(json.dumps(data))
    except UnsupportedError:
        return None
    except InputError as error:
        return error.message
    return None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(judge: Draft202012Validator, path: Path) -> None:
    judge.validate(as_an_editor_reads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", [GOOD, starter_text()], ids=["every kind of value", "starter"])
def test_what_the_loader_takes_is_valid(judge: Draft202012Validator, text: str) -> None:
    loads_spec(text)
    judge.validate(as_an_editor_reads(text))


# What SURFACE promises beyond what is read today: valid wherever a version stands.
@pytest.mark.parametrize(
    "body",
    [
        {"jacobian": "dP[n,i]/dZ[n,j]", "cases": ["i = j", "i != j"]},
        {"show": "dL/dZ = (P - Y)/N"},
        {"explicit": "dL/dW", "dims": {"N": 1, "D": 2}},
        {"ask": "When is it zero?", "answer": "When $P = Y$.", "points": 1},
        {"evaluate": ["U", "H"], "digits": 3},
        {"gradient": ["W", "b"], "digits": 3},
        {"update": {"step": 0.5, "of": ["W", "c"]}, "then": ["W", "L"], "digits": 3},
        {"hessian": "d2L/dw2"},
        {"hvp": "d2L/dw2", "with": "v"},
        {"compare": "dL/dW", "conventions": ["row", "column"]},
        {"shapes": ["dL/dW", "dH/dU"]},
        {"derive": "dL/dW", "in_terms_of": ["X", "P", "Y"], "parts": [{"derive": "dL/db"}]},
    ],
    ids=lambda body: next(iter(body)),
)
def test_every_kind_of_question_is_valid(judge: Draft202012Validator, body: dict[str, object]) -> None:
    judge.validate(question(**body))


@pytest.mark.parametrize(
    "more",
    [
        {"policy": {"layout": "strict", "form": "any", "deduct": {"sign": 0.5}}},
        {"variants": {"dims": {"D": [2, 3]}, "values": "random", "activations": {"relu": ["tanh"]}}},
        {"extends": "course.yaml", "index_from": 0, "outside": "zero"},
        {"symbols": {"x": {"shape": ["4*n", "d + n"], "over": "T"}, "y": {"role": "target", "classes": "K"}}},
        {"symbols": {"U": None, "θ": {"role": "parameter", "one_of": [-1, 1]}}},
        {"notation": [{"spelling": "W_i", "is": "W[:,i]"}], "assume": "sum(y) = 1"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_every_other_key_is_valid(judge: Draft202012Validator, more: dict[str, object]) -> None:
    judge.validate({"forward": "L = sumsq(x)"} | more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("forward:", "foward:"),
        ("title:", "tittle:"),
        ("convention: column", "convention: columns"),
        ("layout: gradient", "layout: jacobian"),
        ("level: vector", "level: matrix"),
        ("level: [vector]", "level: []"),
        ("level: [vector]", "level: [vector, vector]"),
        ("role: input", "role: inputs"),
        ("shape: n, role", "shap: n, role"),
        ("bold: true", "bold: maybe"),
        ("between: [0, 1]", "between: [0]"),
        ("at_least: 2", "at_least: 0"),
        ("at_least: 2", "shape: [n]"),
        ("of: a,", "of: a, positive: true,"),
        ("of: a,", "of: 2a,"),
        ("  W:", "  2W:"),
        ("derive: dL/dW", "drive: dL/dW"),
        ("derive: dL/dW", "derive: dL/dW, show: 'L = 1'"),
        ("derive: dL/dW, ", ""),
        ("hint: 3", "digits: 3"),
        ("via: log", "via: logarithm"),
        ("points: 1/3", "points: many"),
        ("points: 1/3", "points: -1"),
        ("points: 1/3", "points: -1/3"),
        ("space: 2.5", "space: -1"),
        ("title: Week 3", "forward_latex: 'L = x'"),
        ("style: {bold: vectors", "policy: {deduct: {sgin: 1}}\nstyle: {bold: vectors"),
        ("id: a-1", "id: [a]"),
        ("name: delta, ", ""),
        ("is: dL/dr, ", ""),
        ("is: dL/dr", "means: dL/dr"),
        ("bold: vectors", "bold: some"),
        ("style: {bold: vectors", "style: {color: red"),
        ("author: A", "authors: A"),
        ("lam: 1e-5", "lam: {a: 1}"),
        ("lam: 1e-5", "lam: []"),
        ("questions:\n", "questions: 7\nmore:\n"),
    ],
)
def test_what_is_wrong_is_refused_by_both(judge: Draft202012Validator, old: str, new: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    assert not judge.is_valid(as_an_editor_reads(text))
    with pytest.raises(InputError) as caught:
        loads_spec(text)
    assert not isinstance(caught.value, UnsupportedError)


def places() -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Place in the file -> (the keys the loader knows there, the properties of the schema)."""
    found = schema.problem_schema()
    parts = found["$defs"]
    nested = {name: found["properties"][name]["properties"] for name in ("style", "course")}
    return {
        "file": (keys.TOP, found["properties"]),
        "symbol": (keys.SYMBOL, parts["symbol"]["properties"]),
        "question": ((*keys.KINDS, *keys.QUESTION), parts["question"]["properties"]),
        "notation": (keys.NOTATION, parts["notation"]["properties"]),
        "style": (tuple(keys.STYLE), nested["style"]),
        "course": (keys.COURSE, nested["course"]),
    }


@pytest.mark.parametrize("place", ["file", "symbol", "question", "notation", "style", "course"])
def test_the_keys_are_those_of_the_loader(place: str) -> None:
    known, properties = places()[place]
    assert set(properties) == set(known)


@pytest.mark.parametrize(
    "data",
    [
        {"nokey": 1, "forward": "L = sumsq(x)"},
        symbol(nokey=1),
        question(derive="dL/dx", nokey=1),
        {"forward": "L = sumsq(x)", "notation": [{"name": "d1", "is": "dL/dx", "nokey": 1}]},
        {"forward": "L = sumsq(x)", "style": {"nokey": "T"}},
        {"forward": "L = sumsq(x)", "course": {"nokey": "T"}},
        question(update={"step": 1, "nokey": 1}),
        {"forward": "L = sumsq(x)", "policy": {"nokey": "any"}},
        {"forward": "L = sumsq(x)", "variants": {"nokey": "any"}},
    ],
)
def test_no_mapping_takes_an_unknown_key(judge: Draft202012Validator, data: dict[str, object]) -> None:
    assert not judge.is_valid(data)


@pytest.mark.parametrize("place", ["file", "symbol", "question", "notation", "style", "course"])
def test_every_key_is_explained(place: str) -> None:
    _, properties = places()[place]
    assert [key for key, form in properties.items() if not form["description"].endswith(".")] == []


VALUES: dict[str, object] = {
    "shape": ["n", "n"], "latex": "s", "aliases": ["s_1"], "over": "T", "classes": "K", "one_of": [-1, 1],
    "between": [0, 1], "at_least": 2, "of": "a", "is": "sigmoid",
}  # fmt: skip


@pytest.mark.parametrize("role", keys.ROLES)
@pytest.mark.parametrize("key", [key for key in keys.SYMBOL if key != "role"])
def test_what_applies_to_a_role_is_what_the_loader_says(
    judge: Draft202012Validator, role: str, key: str
) -> None:
    data = symbol(**{"role": role, key: VALUES.get(key, True)})
    said = refusal(data)
    assert judge.is_valid(data) == (said is None or "appl" not in said)


@pytest.mark.parametrize("kind", keys.KINDS)
@pytest.mark.parametrize("key", sorted(keys.OF_KIND))
def test_what_belongs_to_a_kind_is_what_the_loader_says(
    judge: Draft202012Validator, kind: str, key: str
) -> None:
    of_kind = {"evaluate": ["x"], "gradient": ["x"], "update": {"step": 1}, "shapes": ["dL/dx"]}
    of_key = {
        "dims": {"n": 2}, "digits": 3, "exact": True, "then": ["x"], "conventions": ["row"],
        "layouts": ["numerator"], "definition": True,
    }  # fmt: skip
    of_key["cases"] = ["i = j"]
    data = question(**{kind: of_kind.get(kind, "dL/dx"), key: of_key.get(key, "v")})
    said = refusal(data)
    assert judge.is_valid(data) == (said is None or "does not belong" not in said)


@pytest.mark.parametrize(
    "text", ["W", "W2", "z_hat", "θ", "ñ1", "2W", "_W", "W-1", "W.1", "W 1", "W'", "", "\\W", "{W}"]
)
def test_a_name_is_what_the_loader_calls_one(text: str) -> None:
    judge = Draft202012Validator(schema.problem_schema()["$defs"]["name"])
    assert judge.is_valid(text) == fields.is_name(text)


@pytest.mark.parametrize(
    "text",
    ["3", "-.5", "1.", "1e-5", "1/3", "-1 / 3", "1/-3", "1e5000", "", "one", "1/2/3", "0x1", "1,5", "nan"],
)
def test_a_number_is_what_the_loader_calls_one(text: str) -> None:
    judge = Draft202012Validator(schema.problem_schema()["$defs"]["number"])
    assert judge.is_valid(text) == (fields.parse_number(text) is not None)


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == schema.problem_schema()
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert err == ""
