"""The command line: reads options, hands the work to ``pipeline``, writes what comes back.

Results go to stdout; with ``--json`` that is exactly one JSON document and everything for people
goes to stderr. The exit code is 0 (all well), 1 (something is mathematically wrong), 2 (bad input)
or 3 (a document could not be made, or an error of our own). No traceback is shown unless
SYMBACKPROP_DEBUG is set. ``pipeline`` is imported inside the commands, so that ``--help`` and
``--version`` need neither NumPy nor SymPy.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from symbackprop import __version__
from symbackprop.console import (
    Progress,
    Spans,
    complain,
    guarded,
    has_colours,
    interrupted,
    output_lost,
    to_json,
    unchecked,
    underived,
    unsolved,
    use_utf8,
    write_json,
    write_notes,
    write_result,
    write_spans,
)
from symbackprop.errors import InputError, SymbackpropError, UnsupportedError
from symbackprop.options import CONVENTIONS, ENGINE_HELP, LEVELS, parse_forms, parse_names, parse_shapes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on ``argv`` (default: the process's) and return the exit code."""
    use_utf8()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with cli.make_context("symbackprop", arguments) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _misused(error, arguments)
    except OSError as error:
        return output_lost(error)
    except (KeyboardInterrupt, click.Abort):
        return interrupted()
    return int(code or 0)


def _misused(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Report a command line that cannot be read like any other bad input; returns the exit code."""
    context = getattr(error, "ctx", None)
    if context is None or "NoArgs" in type(error).__name__:  # a command alone: click shows its help
        error.show()
        return error.exit_code
    message = error.format_message().rstrip(".")
    refusal = InputError(
        message[:1].lower() + message[1:], code="schema", hint=f"see {context.command_path} --help"
    )
    document = _refused(context.info_name, arguments, refusal)
    if document is not None:
        write_json(to_json(document))
    complain([refusal])
    return refusal.exit_code


def _refused(command: str | None, arguments: Sequence[str], error: SymbackpropError) -> object | None:
    """The JSON document of a command line that could not be read, if it asks for one."""
    if command == "check" and "--json" in arguments:
        return unchecked(None, error)
    if command == "derive" and ("--format=json" in arguments or ("--format", "json") in pairwise(arguments)):
        return underived(error)
    if command == "solve" and "--json" in arguments:
        return unsolved([word for word in arguments if word.endswith((".yaml", ".yml"))], error)
    return None


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="symbackprop", message="%(prog)s %(version)s")
def cli() -> None:
    """Derive the gradients of a network step by step, check every line by numbers, set the solution."""


def _seconds(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """A time in seconds, as it was given."""
    if value is not None and not 0 < value <= 1e9:  # not a number fails too
        raise click.BadParameter(f"{value:g} is not a number of seconds above 0")
    return value


_engine = click.option("--engine", default="auto", show_default=True, metavar="NAME", help=ENGINE_HELP)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")


def _jobs(what: str) -> Callable[[Any], Any]:
    """``--jobs N``."""
    kind = click.IntRange(min=1)
    return click.option("--jobs", type=kind, default=1, show_default=True, metavar="N", help=what)


def _time_limit(what: str) -> Callable[[Any], Any]:
    """``--time-limit SECONDS``."""
    about = f"Give up a {what} after this time."
    return click.option("--time-limit", type=float, callback=_seconds, metavar="SECONDS", help=about)


@cli.command(epilog="For example: symbackprop solve hw1.yaml hw2.yaml --out keys")
@click.argument("problems", nargs=-1, required=True, metavar="PROBLEM...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("output"), show_default=True,
              metavar="DIR", help="Where the files go: DIR/STEM/STEM-FORM.EXT.")
@click.option("--as", "forms", default="key", show_default=True, metavar="FORM,...", help="key (PDF), tex.")
@click.option("--level", type=click.Choice(LEVELS), help="Level of the questions that name none.")
@click.option("--seed", type=int, metavar="N", help="Which variant of the problem.")
@click.option("--title", metavar="TEXT", help="Set several problems as one document of this title.")
@_engine
@_jobs("Problems worked on at a time.")
@_time_limit("problem")
@click.option("--scheduler", metavar="ADDRESS", help="(coming)")
@click.option("--roster", metavar="FILE.csv", help="(coming)")
@click.option("--summary", metavar="FILE", help="(coming)")
@click.option("--resume", is_flag=True, help="(coming)")
@_json
def solve(
    *,
    problems: tuple[str, ...],
    out: Path,
    forms: str,
    as_json: bool,
    scheduler: str | None,
    roster: str | None,
    summary: str | None,
    resume: bool,
    **options: Any,
) -> int:
    """Derive what each PROBLEM file asks for and write the documents."""

    def work() -> tuple[Any, str | None]:
        _refuse_later("solve", scheduler=scheduler, roster=roster, summary=summary, resume=resume)
        wanted = parse_forms(forms)
        from symbackprop import pipeline

        with Progress(_named(problems), sys.stderr) as progress:
            if "on_progress" in signature(pipeline.solve_files).parameters:
                options["on_progress"] = progress
            run = pipeline.solve_files(problems, out=out, forms=wanted, **options)
        # Made inside the guard: what cannot be printed is an error like any other.
        return run, to_json(run.as_json()) if as_json else None

    done = guarded(work)
    if isinstance(done, SymbackpropError):
        if as_json:
            write_json(to_json(unsolved(problems, done)))
        complain([done])
        return done.exit_code
    run, document = done
    write_notes(run.messages, to_stderr=as_json)
    if document is not None:
        write_json(document)
    complain(run.errors)
    return int(run.exit_code)


@cli.command(
    short_help="Derive one formula and print the steps.",
    epilog="For example: symbackprop derive 'h = tanh(W x + b); L = sum((V h - t)^2)' --wrt W,b",
)
@click.argument("equations", metavar="EQUATIONS")
@click.option("--wrt", required=True, multiple=True, metavar="NAME,...", help="Derive by these names.")
@click.option("--shape", "shapes", multiple=True, metavar="NAME=DIM,...",
              help="W=m,n is a matrix, b=m a vector, s= a scalar. May be repeated.")
@click.option("--level", type=click.Choice(LEVELS), default="vector", show_default=True,
              help="With sums over entries, with small sizes written out, by Jacobians, or in matrix form.")
@click.option("--convention", type=click.Choice(CONVENTIONS),
              help="How a vector stands in a product. Default: column if all shapes fit, else row.")
@click.option("--function", "functions", multiple=True, metavar="NAME,...",
              help="These names are arbitrary elementwise functions.")
@click.option("--format", "form", type=click.Choice(("text", "latex", "numpy", "json")), default="text",
              show_default=True, help="Print the steps as text, LaTeX or JSON, or the gradient as code.")
def derive(
    *,
    equations: str,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    level: str,
    convention: str | None,
    functions: tuple[str, ...],
    form: str,
) -> int:
    """Derive one formula, such as 'L = sum((W x + b - t)^2)', and print the steps."""

    def work() -> tuple[Any, str]:
        declared = parse_shapes(shapes)
        names = parse_names(wrt, "--wrt")
        from symbackprop import pipeline

        with Progress("deriving and checking", sys.stderr):
            answers = pipeline.derive_text(
                equations,
                names,
                shapes=declared,
                level=level,
                convention=convention,
                functions=parse_names(functions, "--function"),
            )
        return answers, _REPORTS[form](answers)

    done = guarded(work)
    if isinstance(done, SymbackpropError):
        if form == "json":
            write_json(to_json(underived(done)))
        complain([done], source=equations)
        return done.exit_code
    answers, report = done
    if form == "json":
        write_json(report)
    elif form == "text" and has_colours(sys.stdout):
        write_spans(_coloured(answers), sys.stdout)
    else:
        write_result(report)
    return max((int(answer.exit_code) for answer in answers), default=0)


_REPORTS: dict[str, Callable[[Sequence[Any]], str]] = {
    "text": lambda answers: "\n\n".join(answer.text_report().rstrip("\n") for answer in answers),
    "latex": lambda answers: "\n\n".join(answer.latex_report().rstrip("\n") for answer in answers),
    "numpy": lambda answers: "\n\n\n".join(answer.numpy_source().rstrip("\n") for answer in answers),
    "json": lambda answers: to_json([answer.as_json() for answer in answers]),
}


def _coloured(answers: Sequence[Any]) -> Iterator[Spans]:
    """The text report line by line, each with what it is."""
    from symbackprop import reports

    for number, answer in enumerate(answers):
        if number:
            yield (("gap", ""),)
        for row in reports.report_rows(answer.context, answer.answer, answer.readback):
            yield ((row.kind, row.text),)


@cli.command(
    short_help="Say line by line what is right and wrong in a derivation.",
    epilog="For example: symbackprop check hw1.yaml work.tex, or "
    "symbackprop check --given 'y = W x + b; J = J(y)' work.md",
)
@click.argument("files", nargs=-1, required=True, metavar="PROBLEM WORK...")
@click.option("--given", metavar="EQUATIONS", help="The forward pass, in the place of PROBLEM.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE",
              help="Write a report: FILE.html, FILE.pdf or FILE.md.")
@click.option("--feedback", type=click.Choice(("locate", "nudge", "repair")), default="repair",
              show_default=True, help="Say which line, ask a question, or say what it must be.")
@_engine
@_jobs("Works checked at a time.")
@_time_limit("work")
@click.option("--scheduler", metavar="ADDRESS", help="(coming)")
@click.option("--summary", metavar="FILE", help="(coming)")
@click.option("--resume", is_flag=True, help="(coming)")
@_json
def check(
    *,
    files: tuple[str, ...],
    given: str | None,
    report: Path | None,
    feedback: str,
    engine: str,
    as_json: bool,
    scheduler: str | None,
    summary: str | None,
    resume: bool,
    **options: Any,
) -> int:
    """Judge each WORK (.tex, .md, .ipynb, - for stdin, or a formula) against PROBLEM, line by line."""
    problem, works = (None, files) if given is not None else (files[0], files[1:])

    def work() -> tuple[Any, list[Any], str | None, list[str]]:
        _refuse_later("check", scheduler=scheduler, summary=summary, resume=resume)
        if not works:
            raise InputError("there is no work to check", code="schema", hint="see symbackprop check --help")
        from symbackprop import pipeline

        with Progress("checking", sys.stderr) as progress:
            run = pipeline.check_files(
                problem, works, given=given, feedback=feedback, on_progress=progress, **options
            )
            notes = pipeline.write_report(run, report, engine=engine) if report is not None else []
        document = to_json(run.as_json()) if as_json else None
        return run, list(pipeline.check_lines(run)), document, notes

    done = guarded(work)
    if isinstance(done, SymbackpropError):
        if as_json:
            write_json(to_json(unchecked(problem, done)))
        complain([done])
        return done.exit_code
    run, lines, document, notes = done
    write_spans(lines, sys.stderr if as_json else sys.stdout)
    write_notes(notes, to_stderr=as_json)
    if document is not None:
        write_json(document)
    complain(run.errors)
    return int(run.exit_code)


@cli.command(
    short_help="Write a commented starter problem.",
    epilog="For example: symbackprop new hw1.yaml",
)
@click.argument("file", metavar="FILE.yaml")
@click.option("--from", "source", metavar="FILE.md", help="(coming)")
def new(*, file: str, source: str | None) -> int:
    """Write a commented starter problem to the new file FILE.yaml."""

    def work() -> Path:
        _refuse_later("new", **{"from": source})
        from symbackprop import starter

        return starter.write_starter(file)

    done = guarded(work)
    if isinstance(done, SymbackpropError):
        complain([done])
        return done.exit_code
    write_notes([f"wrote {done}", f"next: symbackprop solve {shlex.quote(str(done))}"], to_stderr=False)
    return 0


@cli.command(
    short_help="Print the JSON Schema of the problem file.",
    epilog="For example: symbackprop schema > problem.schema.json",
)
def schema() -> int:
    """Print the JSON Schema of the problem file.

    An editor with a YAML language server completes and explains the keys of a file that names the
    schema in a comment: # yaml-language-server: $schema=problem.schema.json
    """
    from symbackprop.schema import problem_schema

    write_json(to_json(problem_schema()))
    return 0


@cli.command(short_help="Say what is installed and what is missing.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("output"), show_default=True,
              metavar="DIR", help="The folder that solve is to write to.")
@_engine
@_json
def doctor(*, out: Path, engine: str, as_json: bool) -> int:
    """Say what is installed, which TeX engine is used, what is missing and how to get it."""
    from symbackprop import doctor as surgery

    with Progress("making a PDF as a proof", sys.stderr):
        report = guarded(lambda: surgery.examine(out, engine))
    if isinstance(report, SymbackpropError):
        complain([report])
        return report.exit_code
    if as_json:
        write_json(to_json(report.as_json()))
    else:
        write_spans(surgery.page(report), sys.stdout)
    return report.exit_code


def _named(problems: Sequence[str]) -> str:
    """What is being worked on, as long as nothing more is known."""
    return f"solving {problems[0]}" if len(problems) == 1 else f"solving {len(problems)} problems"


def _refuse_later(command: str, **options: object) -> None:
    for name, value in options.items():
        if value:
            raise UnsupportedError(f"{command} --{name} is not supported yet")


def _coming(name: str, about: str) -> None:
    """Register a command that has its name already: accepted with any options, refused by name."""

    @cli.command(
        name,
        help=f"{about} (coming)",
        short_help=f"{about} (coming)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="...")
    def refuse(**_: object) -> int:
        error = UnsupportedError(f"symbackprop {name} is not supported yet", hint="see symbackprop --help")
        complain([error])
        return error.exit_code


_coming("pack", "Bundle a problem for a grading site.")
