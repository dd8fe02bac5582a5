"""Layers and losses of the table of identities, derived and verified: prints seconds as JSON.

    python benchmarks/layers.py

Timed, for every row: reading the problem, the derivative, its text, and the replay of every line by numbers.
The rows hold every backward equation that the tests of nerva-sympy 1.0.0 check at sizes 2 to 4, here in
batch form with symbolic sizes. Its 42 checks took 500 s.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.identities.rows import ROWS
from tests.identities.table import derived, line

SECTIONS = ("Layers", "Losses", "Jacobians")


def main() -> None:
    """Time the rows of the sections."""
    rows = [row for row in ROWS if row.section in SECTIONS]
    begin = time.perf_counter()
    lines = [line(row, derived(row)) for row in rows]
    spent = time.perf_counter() - begin
    assert all("| holds |" in text for text in lines)
    print(json.dumps([len(rows), spent]))


if __name__ == "__main__":
    main()
