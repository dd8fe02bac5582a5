"""symbackprop: gradients of neural networks derived step by step, checked by numbers, set in LaTeX.

The public names are imported when they are first asked for: ``import symbackprop`` imports
neither NumPy nor SymPy, so that the command line starts at once. Every function of the plain-text grammar
(relu, softmax, sum, ...) is one of SymPy matrix expressions under the same name; they are not in ``__all__``,
since some are called like Python's own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symbackprop.api import derive, elementwise, loss, problem
    from symbackprop.checks.run import CheckRun
    from symbackprop.core.verdicts import Verdict
    from symbackprop.errors import InputError, OutputError, SymbackpropError, UnsupportedError
    from symbackprop.notation.steps import Step
    from symbackprop.pipeline import Derivation, Problem, check, load, loads

__version__ = "0.1.0"

__all__ = [
    "CheckRun",
    "Derivation",
    "InputError",
    "OutputError",
    "Problem",
    "Step",
    "SymbackpropError",
    "UnsupportedError",
    "Verdict",
    "__version__",
    "check",
    "derive",
    "elementwise",
    "load",
    "loads",
    "loss",
    "problem",
]

_HOMES = {
    "CheckRun": "checks.run",
    "check": "pipeline",
    "Derivation": "pipeline",
    "InputError": "errors",
    "OutputError": "errors",
    "Problem": "pipeline",
    "Step": "notation.steps",
    "SymbackpropError": "errors",
    "UnsupportedError": "errors",
    "Verdict": "core.verdicts",
    "derive": "api",
    "elementwise": "api",
    "load": "pipeline",
    "loads": "pipeline",
    "loss": "api",
    "problem": "api",
}


def __getattr__(name: str) -> Any:
    """A public name from the module it lives in (PEP 562), or a function of the grammar such as relu."""
    home = _HOMES.get(name)
    if home is not None:
        return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    if not name.startswith("_"):
        found = _functions().get(name)
        if found is not None:
            return found
    raise AttributeError(f"module 'symbackprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, the functions of the grammar, and what is loaded already."""
    return sorted({*__all__, *_functions(), *globals()})


def _functions() -> Any:
    return importlib.import_module(f"{__name__}.symbolic.functions").public_functions()
