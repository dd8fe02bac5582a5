"""A check as a document: the data of its page, and the file that is written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from symbackprop import __version__
from symbackprop.checking.findings import Finding, WorkReport, causes_of
from symbackprop.checking.messages import CAUSE_WORDS
from symbackprop.checks.lines import counted, evidence_words
from symbackprop.checks.run import CheckRun
from symbackprop.documents.formulas import as_tex
from symbackprop.documents.pdf import compile_pdf, write_whole
from symbackprop.documents.report import Comment, ReportData, Row, SourceLine, WorkPage, render_report
from symbackprop.errors import InputError, OutputError

SUFFIXES = {".html": "html", ".md": "md", ".pdf": "pdf"}
WEIGHT = ("correct", "unread", "unchecked", "recovered", "follows", "notation", "convention", "wrong")
LONGEST = 5000  # lines of a work that are shown


def form_of(path: Path) -> str:
    """The format of a report by the suffix of its file."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise InputError(
            f"a report cannot be written as {path.name}", code="schema", hint="FILE.html, FILE.pdf or FILE.md"
        )
    return form


def write_report(run: CheckRun, path: Path, *, engine: str = "auto") -> list[str]:
    """Write the report; what was written, in words. InputError for a suffix that is no format."""
    form = form_of(path)
    data = report_data(run)
    if form == "pdf":
        try:
            compile_pdf(render_report(data, "tex"), path, engine=engine)
        except OutputError as error:
            if error.code != "tex":
                raise
            compile_pdf(render_report(data, "tex", as_source=True), path, engine=engine)
    else:
        write_whole(path, render_report(data, form).encode("utf-8"))
    return [f"wrote {path}"]


def report_data(run: CheckRun) -> ReportData:
    """The page of a check."""
    several = len(run.works) > 1
    return ReportData(
        f"Check against {Path(run.problem).name}" if run.problem else "Check",
        f"symbackprop {__version__}",
        tuple(_page(work) for work in run.works),
        tuple(_row(work) for work in run.works) if several else (),
        tuple(
            Row((cause, str(count), CAUSE_WORDS[cause].meaning))
            for cause, count in causes_of(run.works).items()
        ) if several else (),
    )  # fmt: skip


def _row(work: WorkReport) -> Row:
    if work.error is not None:
        return Row((work.file, "", "", "not checked", ""))
    first = work.first_wrong
    line = "" if first is None else str(work.findings[first].line)
    summary = work.summary
    return Row((work.file, str(summary["correct"]), str(summary["wrong"]), line, f"{work.points:g}"))


def _page(work: WorkReport) -> WorkPage:
    if work.error is not None:
        return WorkPage(work.file, f"not checked: {work.error.message}", "", (), (), ())
    cost = f"{work.points:g}" if any(one.points is not None for one in work.findings) else ""
    return WorkPage(
        work.file, counted(work), cost, tuple(_lines(work)), tuple(_comments(work)),
        tuple(one.text for one in work.inferred),
    )  # fmt: skip


def _lines(work: WorkReport) -> Iterator[SourceLine]:
    worst: dict[int, str] = {}
    for one in work.findings:
        for number in range(one.line, max(one.end_line, one.line) + 1):
            worst[number] = max(worst.get(number, "correct"), one.verdict, key=WEIGHT.index)
    for number, text in enumerate(work.text.splitlines()[:LONGEST], 1):
        yield SourceLine(number, text, worst.get(number, ""))


def _comments(work: WorkReport) -> Iterator[Comment]:
    for one in work.findings:
        if one.verdict == "correct":
            continue
        yield Comment(
            str(one.line), one.verdict, one.cause or "", marked(work.text, one), one.typeset or one.message,
            one.repair or "", one.read_as or "",
            evidence_words(one, work.first) if one.verdict == "wrong" else "", _cost(one), one.line,
        )  # fmt: skip


def marked(text: str, one: Finding) -> str:
    """The formula of a claim, with the wrong factor underlined where that can be set."""
    plain = " ".join(one.latex.split())
    mark = one.mark
    if mark is None or as_tex(plain) is None:
        return plain
    offsets = [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]

    def place(line: int, column: int) -> int:
        return offsets[line - 1] + column - 1 if line <= len(offsets) else len(text)

    start, stop = place(one.line, one.column), place(one.end_line, one.end_column)
    low, high = place(mark.line, mark.column), place(mark.end_line, mark.end_column)
    if not start <= low < high <= stop:
        return plain
    written = rf"{text[start:low]}\underline{{{text[low:high]}}}{text[high:stop]}"
    written = " ".join(written.replace("&", " ").split()) if r"\begin" not in written else written
    return written if as_tex(written) is not None else plain


def _cost(one: Finding) -> str:
    return f"{one.points:g}" if one.points else ""
