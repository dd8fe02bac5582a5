"""The errors a caller may meet, and nothing else.

Every error carries a stable ``code`` (the list is part of the JSON format), one plain
sentence, the place (file, line, column, all one-based), and a hint that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SymbackpropError(Exception):
    """Base of all errors that symbackprop raises on purpose."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        code: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel between processes."""
        return _again, (type(self), self.message, self.as_dict())

    def located(
        self, *, file: str | None = None, line: int | None = None, column: int | None = None
    ) -> SymbackpropError:
        """Fill in the parts of the place that are not known yet, and return self."""
        self.file = self.file if self.file is not None else file
        if self.line is None:
            self.line, self.column = line, column
        return self

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text

    def as_dict(self) -> dict[str, object]:
        """The ERROR object of the JSON format, keys in its order."""
        return {
            "code": self.code,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "hint": self.hint,
        }


def _again(kind: type[SymbackpropError], message: str, state: dict[str, object]) -> SymbackpropError:
    """An error that came from another process."""
    return kind(message, **{key: value for key, value in state.items() if key != "message"})  # type: ignore[arg-type]


class InputError(SymbackpropError):
    """The input is wrong; exit code 2."""

    exit_code = 2


class UnsupportedError(InputError):
    """The input is well-formed, but not supported yet; exit code 2."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "unsupported",
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, file=file, line=line, column=column, hint=hint)


class OutputError(SymbackpropError):
    """A document could not be made; exit code 3."""

    exit_code = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like ``name``, or None if none is near."""
    candidates = sorted(set(known))
    exact = [c for c in candidates if c.lower() == name.lower()]
    if exact:
        return exact[0]
    found = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """``did you mean X?`` for the nearest known name, or None."""
    found = nearest(name, known)
    return f"did you mean {found}?" if found is not None else None
