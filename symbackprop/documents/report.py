"""The report of a check as a page: the work beside what is said about it, in LaTeX, HTML or Markdown.

``ReportData`` is plain data; ``render_report`` makes every text safe for its format (what a student wrote is
shown as source, never set or run) and fills ``templates/report/report.<format>.j2``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape as html_escape

from symbackprop.documents.escape import Text, code_line, escape
from symbackprop.documents.templates import environment
from symbackprop.errors import UnsupportedError

FORMATS = ("tex", "html", "md")


@dataclass(frozen=True, slots=True)
class Comment:
    """What is said about one claim."""

    place: str
    verdict: str
    cause: str
    source: str
    message: str
    repair: str
    read_as: str
    evidence: str
    points: str
    line: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a work with the worst verdict on it."""

    number: int
    text: str
    verdict: str


@dataclass(frozen=True, slots=True)
class WorkPage:
    """One work."""

    name: str
    summary: str
    points: str
    lines: tuple[SourceLine, ...]
    comments: tuple[Comment, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells as texts."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportData:
    """All works of a call; ``table`` and ``causes`` where there are several."""

    title: str
    build: str
    works: tuple[WorkPage, ...]
    table: tuple[Row, ...] = ()
    causes: tuple[Row, ...] = ()


def render_report(data: ReportData, form: str) -> str:
    """The text of the report in a format."""
    words, code = _SAFE[form]
    page = environment().get_template(f"report/report.{form}.j2")
    made = page.render(report=data, words=words, code=code, class_of=_class_of)
    return made if form != "html" else "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def _tex_words(text: str) -> Text:
    try:
        return escape(text)
    except UnsupportedError:
        return escape(text.encode("ascii", "replace").decode())


def _tex_code(text: str) -> Text:
    try:
        return code_line(text)
    except UnsupportedError:
        return code_line(text.encode("ascii", "replace").decode())


def _html_words(text: str) -> Text:
    return Text(html_escape(text))


def _html_code(text: str) -> Text:
    return Text(f"<code>{html_escape(text)}</code>")


def _md_words(text: str) -> Text:
    special = "\\`*_[]<>|#$"
    return Text("".join(f"\\{c}" if c in special else c for c in " ".join(text.split())))


def _md_code(text: str) -> Text:
    line = " ".join(text.split())
    fence = "`"
    while fence in line:
        fence += "`"
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    line = line.replace("|", "\\|")
    return Text(f"{fence}{pad}{line}{pad}{fence}")


def _class_of(verdict: str) -> Text:
    return Text(verdict if verdict.isalpha() else "none")


_SAFE: dict[str, tuple[Callable[[str], Text], Callable[[str], Text]]] = {
    "tex": (_tex_words, _tex_code),
    "html": (_html_words, _html_code),
    "md": (_md_words, _md_code),
}
