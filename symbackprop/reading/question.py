"""What every kind of question has: the entry of the file that asks it, and a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.core.expr import Partial
from symbackprop.core.graph import Graph
from symbackprop.reading import fields
from symbackprop.reading.values import Values
from symbackprop.reading.yaml_tree import Scalar, Table, Value


@dataclass(frozen=True, slots=True)
class Asking:
    """The entry of a question in the file, and the names that may stand in it.

    names   the names of derivatives that ``notation:`` gives.
    path    how messages call the question.
    values  the numbers of the file.
    """

    kind: str
    body: Table
    path: str
    graph: Graph
    names: Mapping[str, Partial]
    values: Values = field(default_factory=Values)

    @property
    def value(self) -> Value:
        """What stands behind the kind."""
        return self.body.get(self.kind) or self.body

    def target(self, what: str) -> Scalar:
        """The one text that stands behind the kind."""
        return fields.scalar(self.value, f"{self.kind} of {self.path}", what)


@dataclass(frozen=True, slots=True)
class Body:
    """What is asked, as written: ``dL/dW``; of an ``ask`` the author's words."""

    target: str

    @property
    def said(self) -> tuple[str, ...]:
        """What else the question says, beside its target and what every question may say."""
        return ()


def tidy(text: str) -> str:
    """The text on one line, white space tidied."""
    return " ".join(text.split())
