"""The keys of the problem file."""

from __future__ import annotations

from types import MappingProxyType

TOP = (
    "title", "convention", "layout", "level", "symbols", "forward", "notation", "questions", "values",
    "assume", "style", "policy", "variants", "course", "extends", "forward_latex", "index_from", "outside",
)  # fmt: skip
CONVENTIONS = ("row", "column", "column-transposed")
LAYOUTS = ("gradient", "numerator", "denominator")
MOST_DIGITS = 12  # that numbers are rounded to
LEVELS = ("index", "entries", "jacobian", "vector")

SYMBOL = (
    "shape", "role", "latex", "aliases", "over", "bold", "one_hot", "classes", "sums_to_one", "symmetric",
    "posdef", "positive", "nonzero", "one_of", "between", "at_least", "of", "is",
)  # fmt: skip
ROLES = ("input", "parameter", "target", "constant", "function", "dim")
FLAGS = ("one_hot", "sums_to_one", "symmetric", "posdef", "positive", "nonzero")

KINDS = (
    "derive", "jacobian", "show", "explicit", "ask", "evaluate", "gradient", "update", "hessian", "hvp",
    "compare", "shapes",
)  # fmt: skip
QUESTION = (
    "id", "text", "hint", "parts", "points", "space", "in_terms_of", "via", "level", "cases", "dims",
    "answer", "digits", "exact", "then", "with", "conventions", "layouts", "definition",
)  # fmt: skip
_OF_NUMBERS = ("evaluate", "gradient", "update")
OF_KIND = MappingProxyType(
    {
        "cases": ("jacobian", "hessian"), "definition": ("jacobian",), "answer": ("ask",),
        "dims": ("explicit", "derive", "jacobian", "hessian", "hvp"),
        "digits": _OF_NUMBERS, "exact": _OF_NUMBERS, "then": ("update",), "with": ("hvp",),
        "conventions": ("compare",), "layouts": ("compare",),
    }
)  # fmt: skip
# Keys that concern a derivation, and the kinds of questions that have none, or none at a level.
OF_DERIVATIVES = MappingProxyType(
    {
        "in_terms_of": ("ask", "evaluate", "gradient", "update", "shapes"),
        "via": ("ask", "evaluate", "shapes"),
        "level": ("ask", "evaluate", "gradient", "update", "shapes"),
    }
)  # fmt: skip
ROADS = ("log", "jacobian")

NOTATION = ("name", "spelling", "is", "latex", "aliases")
STYLE = MappingProxyType(
    {
        "bold": ("none", "vectors", "all"),
        "layers": ("subscript", "superscript", "paren", "bracket"),
        "index": ("subscript", "bracket"),
        "transpose": ("T", "top"),
        "gradient": ("partial", "nabla"),
        "vec": ("row", "column"),
    }
)
COURSE = ("title", "author", "date", "style", "templates")
POLICY = MappingProxyType({"layout": ("strict", "consistent", "any"), "form": ("any", "matrices", "entries")})
VARIANTS = ("dims", "values", "activations", "rename")
# What a file that extends another adds to, key by key; every other key of its own replaces the other's.
MERGED = ("symbols", "style", "course", "policy")

# What a finding of `check` may name, and a policy may price.
CAUSES = (
    "transpose", "order", "sign", "factor", "missing-factor", "extra-factor", "missing-term", "extra-term",
    "missing-activation-derivative", "activation-not-derivative", "missing-batch-sum", "broadcast", "mean",
    "missing-regulariser", "extra-regulariser", "index", "kronecker", "shape", "diag", "hadamard",
    "softmax-diagonal", "single-path", "inverse", "symbol", "layer", "number", "rounding", "step-size",
    "parenthesis", "layout", "form", "missing-sum", "extra-sum", "algebra",
)  # fmt: skip
