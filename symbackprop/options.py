"""Options whose values have a form of their own: ``--as key,tex``, ``--wrt W,b``, ``--shape W=m,n``.

In comes the text as typed, out come tuples and mappings; a value of the wrong form is an
InputError that shows the right one. Dims of ``--shape`` come back as text: what a dim may be is
decided where problem files are read. Checked here is what only the option can get wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from symbackprop.errors import InputError, UnsupportedError, did_you_mean

LEVELS = ("index", "entries", "jacobian", "vector")
CONVENTIONS = ("row", "column", "column-transposed")
FORMS = ("key", "tex")
LATER_FORMS = ("blank", "rubric", "handout", "slides", "html", "markdown", "notebook", "fragments")
ENGINE_HELP = "TeX engine: auto, embedded, latexmk, pdflatex, lualatex or tectonic."

_NAME = re.compile(r"[^\W\d]\w*")
_TERM = r"(?:\d+|[^\W\d]\w*)"
_DIM = re.compile(rf"{_TERM}(?:\s*[-+*]\s*{_TERM})*")
_HINT = "write W=m,n for a matrix, b=m for a vector, s= for a scalar"


def parse_forms(text: str) -> tuple[str, ...]:
    """The names of ``--as key,tex``, each once, in order; InputError for one that is not known."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name in LATER_FORMS:
            raise UnsupportedError(f"--as {name} is not supported yet", hint=f"supported: {', '.join(FORMS)}")
        if name not in FORMS:
            known = f"the forms are {', '.join(FORMS + LATER_FORMS)}"
            hint = did_you_mean(name, FORMS + LATER_FORMS) or known
            raise InputError(f"--as: unknown form {name!r}", code="schema", hint=hint)
    return names


def parse_names(given: Sequence[str], option: str) -> tuple[str, ...]:
    """The names of a repeatable ``NAME,NAME`` option, each once; InputError for an empty one."""
    names = tuple(dict.fromkeys(part.strip() for text in given for part in text.split(",")))
    if "" in names:
        raise InputError(f"{option}: a name is missing", code="schema", hint=f"write {option} W,b")
    return names


def parse_shapes(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name -> dims as text: ``W=m,n`` a matrix, ``b=m`` a vector, ``s=`` a scalar (no dims).

    InputError with the option as it should be written.
    """
    shapes: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, equals, right = (part.strip() for part in text.partition("="))
        if not equals or _NAME.fullmatch(name) is None:
            raise InputError(f"--shape {text!r} is not of the form NAME=DIM,DIM", code="schema", hint=_HINT)
        dims = tuple(part.strip() for part in right.split(",")) if right else ()
        for dim in dims:
            _check_dim(text, name, dim)
        if shapes.setdefault(name, dims) != dims:
            raise InputError(f"--shape: two shapes for {name}", code="redefined", hint="keep one of them")
    return shapes


def _check_dim(text: str, name: str, dim: str) -> None:
    if _DIM.fullmatch(dim) is not None:
        return
    said = f"dim {dim!r} cannot be read" if dim else "a dim is missing"
    # What people write instead of a comma: m x n, 3x4, m;n, (m, n), m n.
    parts = [p for p in re.split(r"\W+|(?<=\d)x(?=\d)", text.partition("=")[2]) if p not in {"", "x"}]
    hint = f"separate dims by commas: --shape {name}={','.join(parts)}" if parts else _HINT
    raise InputError(f"--shape {text!r}: {said}", code="schema", hint=hint)
