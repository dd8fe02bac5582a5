"""Lines in many notations, and what each is read as; every reading was checked by hand.

``lines.txt`` holds blocks: the network and the kind of text, the line, and below it what each claim was read
as, indented: the first readings of both sides, why it was not read, when it holds, what is opaque. A block is
written again only after it was looked at: ``python -m tests.reading.works.test_lines``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.notation.text import to_text
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim

FILE = Path(__file__).parent / "lines.txt"
NETWORKS = {
    "two layers": """
title: t
convention: column
symbols:
  x: {shape: [d], role: input}
  y: {shape: [k], role: target, one_hot: true}
  W1: {shape: [m, d], role: parameter}
  b1: {shape: [m], role: parameter}
  W2: {shape: [k, m], role: parameter}
  b2: {shape: [k], role: parameter}
  lam: {role: constant}
  eta: {role: constant}
forward: |
  z1 = W1 x + b1
  a1 = sigmoid(z1)
  z2 = W2 a1 + b2
  y_hat = softmax(z2)
  L = cross_entropy(y, y_hat) + lam/2*sumsq(W1)
questions: [{derive: dL/dW1}]
""",
    "batch": """
title: t
convention: row
symbols:
  X: {shape: [N, D], role: input}
  Y: {shape: [N, K], role: target}
  W: {shape: [D, K], role: parameter}
  b: {shape: [K], role: parameter}
  eta: {role: constant}
forward: |
  Z = X W + b
  A = relu(Z)
  J = sumsq(A - Y)/(2*N)
questions: [{derive: dJ/dW}]
""",
    "linear": """
title: t
convention: column
symbols:
  A: {shape: [n, n], role: parameter}
  X: {shape: [n, n], role: parameter}
  x: {shape: [n], role: input}
  w: {shape: [n], role: parameter}
  t: {role: target}
  a: {role: parameter}
forward: |
  u = dot(w, x)
  E = (u - t)^2/2
  F = trace(A X) + logdet(X)
questions: [{derive: dE/dw}]
""",
    "attention": """
title: t
convention: row
symbols:
  X: {shape: [n, d], role: input}
  Wq: {shape: [d, k], role: parameter}
  Wk: {shape: [d, k], role: parameter}
  Wv: {shape: [d, m], role: parameter}
forward: |
  Q = X Wq
  K = X Wk
  S = Q K^T / sqrt(k)
  A = softmax(S)
  O = A X Wv
  L = sumsq(O)
questions: [{derive: dL/dWq}]
""",
}


@cache
def scope(network: str) -> WorkScope:
    spec = sbp.loads(NETWORKS[network]).spec
    return WorkScope(spec.graph, spec.notation, spec.names, spec.layout)


def shown(claim: Claim) -> str:
    if claim.kind == "sizes":
        return f"sizes {claim.latex}"
    pair = next(claim.readings(), None)
    sides = pair or (next(iter(claim.left.readings), None), next(iter(claim.right.readings), None))
    left, right = (to_text(side.expr) if side is not None else "?" for side in sides)
    opaque = sorted({name for side in sides if side is not None for name in side.opaque})
    held = [to_text(one.holds) if one.holds is not None else one.text for one in claim.conditions]
    unread = f"  [{claim.unread.code}: {claim.unread.reason}]" if claim.unread is not None else ""
    kind = "update " if claim.kind == "update" else ""
    return (
        f"{kind}{left} {claim.relation} {right}{unread}"
        + (f"  when {', '.join(held)}" if held else "")
        + (f"  opaque {' '.join(opaque)}" if opaque else "")
    )


def read(head: str, line: str) -> list[str]:
    network, _, kind = head.strip("[]").partition(", ")
    return [shown(claim) for claim in read_work(line, scope(network), kind or "formula").claims]


def blocks() -> list[tuple[str, str, list[str]]]:
    """(network and kind, line, readings) of every block."""
    found: list[tuple[str, str, list[str]]] = []
    head = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            head = line
        elif line.startswith("    "):
            found[-1][2].append(line[4:])
        elif line:
            found.append((head, line, []))
    return found


@pytest.mark.parametrize(("head", "line", "readings"), blocks(), ids=str)
def test_a_line_is_read_as_a_person_reads_it(head: str, line: str, readings: list[str]) -> None:
    assert read(head, line) == readings


if __name__ == "__main__":
    written = []
    last = ""
    for own, source, _ in blocks():
        written += [own] if own != last else []
        written += [source, *(f"    {one}" for one in read(own, source))]
        last = own
    FILE.write_text("\n".join(written) + "\n", encoding="utf-8")
