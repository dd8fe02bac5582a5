"""How much of a file of displays is read whole, why the rest is not, and how fast.

    python benchmarks/reading.py PATH [--reasons N]

PATH is a JSON Lines file with a key ``raw`` (a display each), a table with tabs whose last column is a
formula (the first line names the columns), or any other document (its displays are measured). A formula is
whole if the source printed from its tree alone is the source again; formulas with unknown commands as
symbols are whole too, and are counted apart. Lines a second count reading alone, without printing back.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.definitions import definitions, table_of
from symbackprop.reading.works.documents import open_source, segments
from symbackprop.reading.works.lexer import tokenize
from symbackprop.reading.works.measure import measure
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.reader import kind_of


def displays(path: Path) -> tuple[list[str], dict[str, object]]:
    """The formulas of a file, and the macros of a document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line)["raw"] for line in text.splitlines() if line.strip()], {}
    if path.suffix == ".tsv":
        return [line.split("\t")[-1] for line in text.splitlines()[1:] if line.strip()], {}
    source = open_source(text, kind_of(path.name))
    defined = list(definitions(source.text))
    found = [source.text[one.start : one.stop] for one in segments(source.text, kind_of(path.name), defined)
             if one.kind == "display"]  # fmt: skip
    return found, dict(table_of(defined))


def lines_of(source: str) -> int:
    """The lines of a display: those that it prints."""
    return source.count(r"\\") + 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--reasons", type=int, default=12)
    args = parser.parse_args()
    sources, macros = displays(args.path)
    results = [measure(source, macros) for source in sources]
    whole = [result for result in results if result.whole]
    opaque = sum(bool(result.opaque) for result in whole)
    begun = time.process_time()
    for source in sources:
        try:
            parse_display(tokenize(source))
        except SyntaxFault:
            continue
    taken = time.process_time() - begun
    count = sum(map(lines_of, sources))
    share = 100 * len(whole) / max(1, len(sources))
    print(f"{len(sources)} formulas, {count} lines")
    print(f"read whole    {len(whole)} ({share:.1f} %), {opaque} of them with opaque symbols")
    print(f"speed         {len(sources) / taken:,.0f} formulas, {count / taken:,.0f} lines a second")
    print("not read")
    reasons = Counter(result.reason for result in results if not result.whole)
    for reason, number in reasons.most_common(args.reasons):
        print(f"  {number:5}  {reason}")


if __name__ == "__main__":
    main()
