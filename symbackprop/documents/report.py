"""The report of a check as a page: the work beside what is said about it, in LaTeX, HTML or Markdown.

``ReportData`` is plain data; ``render_report`` makes every text safe for its format and fills
``templates/report/report.<format>.j2``. A formula is set as mathematics where ``formulas`` lets it through,
the wrong factor underlined; else it is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape as html_escape

from symbackprop.documents.escape import Text, code_line, escape
from symbackprop.documents.formulas import as_mathml, as_tex
from symbackprop.documents.templates import environment
from symbackprop.errors import UnsupportedError

FORMATS = ("tex", "html", "md")
Setter = Callable[[str], Text]


@dataclass(frozen=True, slots=True)
class Comment:
    """What is said about one claim; formulas in ``message`` stand between dollar signs."""

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


def render_report(data: ReportData, form: str, *, as_source: bool = False) -> str:
    """The text of the report in a format; ``as_source`` shows every formula as it is written."""
    words, code, formula = _SAFE[form]
    inline = code if as_source else _INLINE.get(form, formula)
    page = environment().get_template(f"report/report.{form}.j2")
    made = page.render(
        report=data, words=words, code=code, class_of=_class_of, formula=code if as_source else formula,
        mixed=lambda text: _mixed(text, words, inline),
    )
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


def _tex_formula(text: str) -> Text:
    tex = as_tex(text)
    return _tex_code(text) if tex is None else Text(rf"$\displaystyle {tex}$")


def _mixed(text: str, words: Setter, formula: Setter) -> Text:
    """Words with formulas between dollar signs."""
    pieces = text.split("$")
    if len(pieces) % 2 == 0:
        return words(text)
    return Text("".join(formula(piece) if at % 2 else words(piece) for at, piece in enumerate(pieces)))


def _tex_inline(text: str) -> Text:
    tex = as_tex(text)
    return _tex_code(text) if tex is None else Text(f"${tex}$")


def _html_formula(text: str) -> Text:
    made = as_mathml(text)
    return _html_code(text) if made is None else Text(made)


def _md_formula(text: str) -> Text:
    tex = as_tex(text)
    return _md_code(text) if tex is None or "`" in tex else Text(rf"$\displaystyle {tex}$")


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


_INLINE: dict[str, Setter] = {"tex": _tex_inline}
_SAFE: dict[str, tuple[Setter, Setter, Setter]] = {
    "tex": (_tex_words, _tex_code, _tex_formula),
    "html": (_html_words, _html_code, _html_formula),
    "md": (_md_words, _md_code, _md_formula),
}
