"""What findings cost: by the policy of the problem, once per cause and derivation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.checking.findings import Finding
from symbackprop.reading.policy import Policy


def priced(findings: Sequence[Finding], policy: Policy) -> list[Finding]:
    """The findings with their points; None everywhere if the problem states no policy."""
    if not policy.given:
        return list(findings)
    mixed = len({one.cause == "layout" for one in findings if one.verdict in ("correct", "convention")}) > 1
    taken: set[tuple[str, int]] = set()
    priced_ones = []
    for one in findings:
        cause = one.cause
        if cause is None or one.verdict not in ("wrong", "convention", "notation"):
            priced_ones.append(one)
            continue
        free = cause == "layout" and (policy.layout == "any" or (policy.layout == "consistent" and not mixed))
        free = free or (cause, one.derivation) in taken
        taken.add((cause, one.derivation))
        cost = 0.0 if free else policy.deduct.get(cause, 0.0)
        priced_ones.append(replace(one, points=int(cost) if cost == int(cost) else cost))
    return priced_ones
