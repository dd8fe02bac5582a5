"""Write the golden keys anew: ``python tests/golden/regenerate.py [NAME ...]``, all of them if none is named.

A deliberate act: the golden files say what people print. Read the difference before it is committed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import symbackprop as sbp
from symbackprop.problems import Problem

FOLDER = Path(__file__).resolve().parent
_BUILD = re.compile(r"(?<=\{build )" + re.escape(sbp.__version__) + r"(?=-[0-9a-f]{8}\})")


def cases() -> list[Path]:
    """The problem files, in order of name."""
    return sorted(FOLDER.glob("*.yaml"))


def printed(problem: Problem) -> bytes:
    """The key as LaTeX, with the word VERSION for the version in the build id: a release changes no page."""
    return _BUILD.sub("VERSION", problem.render("key")).encode()


def main(names: list[str]) -> int:
    """Write the golden files of these cases; 2 if there is no such case."""
    known = {case.stem: case for case in cases()}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.stderr.write(f"no case {', '.join(unknown)}; the cases are {', '.join(known)}\n")
        return 2
    for name in names or known:
        golden, new = known[name].with_suffix(".tex"), printed(sbp.load(known[name]))
        changed = not golden.is_file() or golden.read_bytes() != new
        if changed:
            golden.write_bytes(new)
        sys.stdout.write(f"{'written' if changed else 'the same'}  {golden.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
