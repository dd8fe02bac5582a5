"""The way in: a document and what its names mean, in; a ``Work``, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.core.graph import Graph
from symbackprop.notation.names import PLAIN, Names
from symbackprop.reading.notation_entries import NotationEntry
from symbackprop.reading.works.work import Work

MAX_CHARACTERS = 10_000_000


@dataclass(frozen=True, slots=True)
class WorkScope:
    """What the names of a work may mean: a problem's graph, its ``notation:``, and how it prints.

    Of a ``ProblemSpec``: ``WorkScope(spec.graph, spec.notation, spec.names, spec.layout)``.
    """

    graph: Graph
    notation: Sequence[NotationEntry] = ()
    names: Names = PLAIN
    layout: str = "gradient"
    values: Mapping[str, object] = field(default_factory=dict)


def read_work(text: str, scope: WorkScope, kind: str = "tex", file: str | None = None) -> Work:
    """Read a document. ``kind`` is "tex", "md", "ipynb" or "formula" (one formula without dollar signs).

    Never raises on what stands in the text: what cannot be read is an unread claim with its place.
    Only a text that is too large or no text at all is an ``InputError`` (code "limit" or "io").
    """
    raise NotImplementedError


def kind_of(file: str) -> str:
    """The kind of a file by its suffix; anything unknown (``.txt``, stdin) is read as Markdown with LaTeX."""
    suffix = file.rsplit(".", 1)[-1].lower() if "." in file else ""
    return {"tex": "tex", "latex": "tex", "ipynb": "ipynb"}.get(suffix, "md")
