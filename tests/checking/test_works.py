"""Whole works with words between the formulas: nothing right is called wrong, most of it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import symbackprop as sbp

WORKS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).parent / "works.yaml").read_text())


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work["name"])
def test_a_right_work_is_right(work: dict[str, Any]) -> None:
    kind = "tex" if "documentclass" in work["work"] else "md"
    report = sbp.check(sbp.loads(work["problem"]), work["work"], kind=kind)
    bad = [
        (one.latex, one.verdict, one.message)
        for one in report.findings
        if one.verdict in ("wrong", "follows")
    ]
    assert bad == []
    assert report.summary["correct"] >= 0.7 * len(report.findings)
