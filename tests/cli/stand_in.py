"""A stand-in for the pipeline that remembers its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from symbackprop.errors import SymbackpropError

FORMULA = "L = sum((W x + b - t)^2)"
MLP_ERROR = {"file": "mlp.yaml", "line": 2, "column": 7}


@dataclass
class Run:
    """What the stand-in pipeline returns from ``solve_files``."""

    exit_code: int = 0
    messages: list[str] = field(default_factory=lambda: ["wrote output/mlp/mlp-key.pdf"])
    errors: list[SymbackpropError] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=lambda: {"format": "symbackprop/solve/1", "λ": "∂"})

    def as_json(self) -> dict[str, object]:
        return self.document


@dataclass
class Answer:
    """One answer of the stand-in ``derive_text``."""

    name: str
    exit_code: int = 0

    def text_report(self) -> str:
        return f"read: {self.name} in R^{{m x n}}\ndL/d{self.name} = 0\n"

    def latex_report(self) -> str:
        return rf"\partial L / \partial {self.name}"

    def numpy_source(self) -> str:
        return f"def gradient_{self.name}():\n    ...\n"

    def as_json(self) -> dict[str, object]:
        return {"format": "symbackprop/derive/1", "id": self.name}


class Pipeline(ModuleType):
    """A stand-in for ``symbackprop.pipeline`` that remembers its calls."""

    def __init__(self) -> None:
        super().__init__("symbackprop.pipeline")
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.run = Run()
        self.answer_codes: dict[str, int] = {}
        self.failure: BaseException | None = None

    def _note(self, *args: Any, **options: Any) -> None:
        self.calls.append((args, options))
        if self.failure is not None:
            raise self.failure

    def solve_files(self, paths: Any, **options: Any) -> Run:
        self._note(paths, **options)
        return self.run

    def derive_text(self, equations: str, wrt: Any, **options: Any) -> list[Answer]:
        self._note(equations, wrt, **options)
        return [Answer(name, self.answer_codes.get(name, 0)) for name in wrt]
