"""symbackprop: gradients of neural networks derived step by step, checked by numbers, set in LaTeX.

The public names are imported when they are first asked for: ``import symbackprop`` imports
neither NumPy nor SymPy, so that the command line starts at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symbackprop.core.verdicts import Verdict
    from symbackprop.errors import InputError, OutputError, SymbackpropError, UnsupportedError
    from symbackprop.notation.steps import Step
    from symbackprop.pipeline import Derivation, Problem, derive, load, loads

__version__ = "0.1.0"

__all__ = [
    "Derivation",
    "InputError",
    "OutputError",
    "Problem",
    "Step",
    "SymbackpropError",
    "UnsupportedError",
    "Verdict",
    "__version__",
    "derive",
    "load",
    "loads",
]

_HOMES = {
    "Derivation": "pipeline",
    "InputError": "errors",
    "OutputError": "errors",
    "Problem": "pipeline",
    "Step": "notation.steps",
    "SymbackpropError": "errors",
    "UnsupportedError": "errors",
    "Verdict": "core.verdicts",
    "derive": "pipeline",
    "load": "pipeline",
    "loads": "pipeline",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'symbackprop' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    """The public names and what is loaded already."""
    return sorted({*__all__, *globals()})
