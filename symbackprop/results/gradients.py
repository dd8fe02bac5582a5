"""``Gradients``: derivatives of one loss by several arrays, from one backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from symbackprop.notation import display
from symbackprop.notation.numpy_call import NumPyFunction, compile_function
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.programs import program_of


class Gradients(Mapping[str, Derivation]):
    """name -> Derivation, from one backward pass."""

    def __init__(self, context: Context, derivations: Mapping[str, Derivation]) -> None:
        self._context = context
        self._derivations = dict(derivations)
        self._function: NumPyFunction | None = None

    def __getitem__(self, name: str) -> Derivation:
        return self._derivations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._derivations)

    def __len__(self) -> int:
        return len(self._derivations)

    def __repr__(self) -> str:
        return f"<Gradients {', '.join(f'{d.name} = {d.text}' for d in self.values())}>"

    def _repr_latex_(self) -> str:
        return display.below([(d.left_latex, d.latex) for d in self.values()])

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._repr_latex_())}</p>"

    def numpy(self) -> NumPyFunction:
        """A function from a dict of arrays to a dict of gradients."""
        if self._function is None:
            wanted = {name: d.coded for name, d in self._derivations.items()}
            self._function = compile_function(program_of(self._context, "gradients", wanted))
        return self._function

    @property
    def numpy_source(self) -> str:
        """The source of ``numpy()``."""
        return self.numpy().source
