"""The JSON Schema (draft 2020-12) of the problem file, for editors and for tests.

``problem_schema`` is built from the tables that the loader reads by (``reading.keys``): a key is in the
schema exactly if the loader knows it, and an enumeration holds what the loader accepts. What stands here is
what the loader has no table for: a sentence for each key and the form of its value. Formulas are texts to a
schema; whether one can be read, and whether names exist, only the loader can say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symbackprop.reading import keys
from symbackprop.schema_words import COURSE, KINDS, NOTATION, POLICY, QUESTION, STYLE, SYMBOL, TOP, VARIANTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

# A letter, then letters, digits and _: written as what a name cannot hold, since \w means ASCII letters to
# an editor and all letters to Python.
_PUNCTUATION = r"\s!-/:-@\[-\^`{-~"
_NAME = rf"^[^\d_{_PUNCTUATION}][^{_PUNCTUATION}]*$"
_DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_NUMBER_TEXT = rf"^\s*{_DECIMAL}(\s*/\s*{_DECIMAL})?\s*$"

_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_FORMULA: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_REF_NAME: Schema = {"$ref": "#/$defs/name"}
_REF_NUMBER: Schema = {"$ref": "#/$defs/number"}
_REF_AMOUNT: Schema = {"$ref": "#/$defs/amount"}
_REF_ARRAY: Schema = {"$ref": "#/$defs/array"}
_REF_DIM: Schema = {"$ref": "#/$defs/dim"}


def problem_schema() -> Schema:
    """The schema, as data for ``json.dumps``."""
    return {
        "$schema": DIALECT,
        "title": "A problem file of symbackprop",
        "description": "A network, what is asked about it, and how the answers are printed.",
        **_table(TOP, keys.TOP, _top()),
        "anyOf": [{"required": [key]} for key in ("forward", "forward_latex", "extends")],
        "not": {"required": ["forward", "forward_latex"]},
        "$defs": {
            "name": {"type": "string", "pattern": _NAME},
            "number": {
                "description": "A number, exact where written so: 3, 0.5, .5, 1e-5, 1/3.",
                "anyOf": [{"type": "number"}, {"type": "string", "pattern": _NUMBER_TEXT}],
            },
            "amount": {
                "description": "A number that is not negative.",
                "anyOf": [
                    {"type": "number", "minimum": 0},
                    {"type": "string", "pattern": _NUMBER_TEXT, "not": {"pattern": "^ *-"}},
                ],
            },
            "array": {
                "description": "A number, nested lists of numbers, or a matrix in quotes: '1 2; 3 4'.",
                "anyOf": [
                    {"type": ["number", "string"]},
                    {"type": "array", "minItems": 1, "items": _REF_ARRAY},
                ],
            },
            "dim": {
                "description": "A positive number, a name, or a sum of multiples of names: '2*n + 1'.",
                "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}],
            },
            "symbol": _symbol(),
            "notation": _notation(),
            "question": _question(),
        },
    }


def _table(words: Mapping[str, str], known: Iterable[str], forms: Mapping[str, Schema]) -> Schema:
    """A mapping whose keys are those of the loader's table, each with its words; no other key."""
    properties = {key: {"description": words[key], **forms[key]} for key in known}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _one_of(choices: Iterable[str]) -> Schema:
    return {"enum": list(choices)}


def _list_of(item: Schema, **more: object) -> Schema:
    return {"type": "array", "items": item, **more}


def _some(item: Schema, **more: object) -> Schema:
    """One, or a list of them."""
    return {"anyOf": [item, _list_of(item, **more)]}


def _levels() -> Schema:
    return _some(_one_of(keys.LEVELS), minItems=1, uniqueItems=True)


def _by_name(values: Schema) -> Schema:
    """A mapping from names of the problem."""
    return {"type": ["object", "null"], "propertyNames": _REF_NAME, "additionalProperties": values}


def _or_nothing(schema: Schema) -> Schema:
    """The same, where a key without a value is an empty mapping."""
    return {**schema, "type": [schema["type"], "null"]}


def _top() -> dict[str, Schema]:
    return {
        "title": _TEXT,
        "convention": _one_of(keys.CONVENTIONS),
        "layout": _one_of(keys.LAYOUTS),
        "level": _levels(),
        "symbols": _by_name({"$ref": "#/$defs/symbol"}),
        "forward": _FORMULA,
        "forward_latex": _FORMULA,
        "notation": _or_nothing(_list_of({"$ref": "#/$defs/notation"})),
        "questions": _or_nothing(_list_of({"$ref": "#/$defs/question"})),
        "values": _by_name(_REF_ARRAY),
        "assume": _some(_FORMULA),
        "style": _or_nothing(_style()),
        "policy": _or_nothing(_policy()),
        "variants": _or_nothing(_variants()),
        "course": _or_nothing(_course()),
        "extends": _TEXT,
        "index_from": {"enum": [0, 1]},
        "outside": _one_of(("zero",)),
    }


# What applies to a size and to a function; everything else is about arrays.
_OF_DIM = ("role", "latex", "aliases", "at_least")
_OF_FUNCTION = ("role", "latex", "aliases", "of", "is")


def _symbol() -> Schema:
    forms: dict[str, Schema] = {
        "shape": {"anyOf": [_REF_DIM, _list_of(_REF_DIM), {"type": "null"}]},
        "role": _one_of(keys.ROLES),
        "latex": _TEXT,
        "aliases": _some(_TEXT),
        "over": _REF_DIM,
        "bold": _FLAG,
        "classes": _REF_DIM,
        "one_of": _list_of(_REF_NUMBER, minItems=1),
        "between": _list_of(_REF_NUMBER, minItems=2, maxItems=2),
        "at_least": {"type": "integer", "minimum": 1},
        "of": _REF_NAME,
        "is": _FORMULA,
        **dict.fromkeys(keys.FLAGS, _FLAG),
    }
    found = _or_nothing(_table(SYMBOL, keys.SYMBOL, forms))
    of_array = [key for key in keys.SYMBOL if key not in ("at_least", "of", "is")]
    functions = _by_role("function", _OF_FUNCTION, _only(of_array))
    return found | _by_role("dim", _OF_DIM, functions)


def _only(allowed: Iterable[str]) -> Schema:
    return {"propertyNames": {"enum": list(allowed)}}


def _by_role(role: str, allowed: Iterable[str], otherwise: Schema) -> Schema:
    """Only these keys for symbols of that role."""
    has_role = {"required": ["role"], "properties": {"role": {"const": role}}}
    return {"if": has_role, "then": _only(allowed), "else": otherwise}


def _notation() -> Schema:
    forms: dict[str, Schema] = {
        "name": _REF_NAME,
        "spelling": _TEXT,
        "is": _FORMULA,
        "latex": _TEXT,
        "aliases": _some(_TEXT),
    }
    found = _table(NOTATION, keys.NOTATION, forms)
    found["required"] = ["is"]
    found["anyOf"] = [{"required": ["name"]}, {"required": ["spelling"]}]
    return found


def _kinds() -> dict[str, Schema]:
    names = _some(_REF_NAME, minItems=1)
    step = {
        "type": "object",
        "additionalProperties": False,
        "required": ["step"],
        "properties": {
            "step": {"description": "How far to go against the gradient.", **_REF_NUMBER},
            "of": {"description": "The parameters that move; all if left out.", **names},
        },
    }
    return {
        **dict.fromkeys(("derive", "jacobian", "explicit", "show", "hessian", "hvp", "compare"), _FORMULA),
        "ask": _TEXT,
        "evaluate": names,
        "gradient": names,
        "update": step,
        "shapes": _some(_FORMULA, minItems=1),
    }


def _question() -> Schema:
    forms: dict[str, Schema] = {
        **_kinds(),
        "id": {"type": ["string", "number"]},
        "text": _TEXT,
        "hint": _TEXT,
        "parts": _list_of({"$ref": "#/$defs/question"}),
        "points": _REF_AMOUNT,
        "space": _REF_AMOUNT,
        "in_terms_of": _some(_FORMULA, minItems=1),
        "via": _one_of(keys.ROADS),
        "level": _levels(),
        "cases": _some(_FORMULA, minItems=1),
        "definition": _FLAG,
        "dims": _by_name({"type": "integer", "minimum": 1}),
        "answer": _TEXT,
        "digits": {"type": "integer", "minimum": 0, "maximum": keys.MOST_DIGITS},
        "exact": _FLAG,
        "then": _some(_REF_NAME, minItems=1),
        "with": _FORMULA,
        "conventions": _list_of(_one_of(keys.CONVENTIONS), minItems=1, uniqueItems=True),
        "layouts": _list_of(_one_of(keys.LAYOUTS), minItems=1, uniqueItems=True),
    }
    found = _table(KINDS | QUESTION, (*keys.KINDS, *keys.QUESTION), forms)
    asks = [{"required": [kind]} for kind in keys.KINDS]
    # One kind, or only parts.
    found["oneOf"] = [*asks, {"required": ["parts"], "not": {"anyOf": asks}}]
    # A key of one kind of question only.
    found["dependentSchemas"] = {
        key: {"anyOf": [{"required": [kind]} for kind in kinds]} for key, kinds in keys.OF_KIND.items()
    }
    return found


def _style() -> Schema:
    return _table(STYLE, keys.STYLE, {key: _one_of(choices) for key, choices in keys.STYLE.items()})


def _course() -> Schema:
    forms: dict[str, Schema] = dict.fromkeys(keys.COURSE, _TEXT)
    return _table(COURSE, keys.COURSE, forms | {"style": {"anyOf": [_TEXT, _style()]}})


def _policy() -> Schema:
    forms: dict[str, Schema] = {
        "layout": _one_of(("strict", "consistent", "any")),
        "form": _one_of(("any", "matrices", "entries")),
        "deduct": {
            "type": ["object", "null"],
            "properties": dict.fromkeys(keys.CAUSES, _REF_AMOUNT),
            "additionalProperties": False,
        },
    }
    return _table(POLICY, POLICY, forms)


def _variants() -> Schema:
    forms: dict[str, Schema] = {
        "dims": _by_name(_list_of({"type": "integer", "minimum": 1}, minItems=1)),
        "values": _one_of(("random",)),
        "activations": _by_name(_list_of(_REF_NAME, minItems=1)),
        "rename": _FLAG,
    }
    return _table(VARIANTS, VARIANTS, forms)
