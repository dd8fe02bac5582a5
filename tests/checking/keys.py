"""Right works: the lines of derivations, as our printer writes them in LaTeX, for a dozen networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from symbackprop.notation.steps import Step
from symbackprop.problems import Problem, loads

NETWORKS: dict[str, str] = {
    "batch-relu": """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W1: {shape: [D, M], role: parameter}
  b1: {shape: [M], role: parameter}
  W2: {shape: [M, K], role: parameter}
  b2: {shape: [K], role: parameter}
  Y: {shape: [N, K], role: target, one_hot: true}
  lam: {role: constant, latex: '\\lambda'}
forward: |
  U = X W1 + b1
  H = relu(U)
  Z = H W2 + b2
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W1)
""",
    "column-sigma": """
convention: column
symbols:
  x: {shape: [d], role: input}
  W1: {shape: [m, d], role: parameter}
  b1: {shape: [m], role: parameter}
  W2: {shape: [m, m], role: parameter}
  b2: {shape: [m], role: parameter}
  W3: {shape: [k, m], role: parameter}
  t: {shape: [k], role: target}
  sigma: {role: function, latex: '\\sigma'}
  lam: {role: constant, latex: '\\lambda'}
forward: |
  z1 = W1 x + b1
  h1 = sigma(z1)
  z2 = W2 h1 + b2
  h2 = sigma(z2)
  y = W3 h2
  L = 1/2 * sumsq(y - t) + lam/2 * (sumsq(W1) + sumsq(W2))
""",
    "transposed-tanh": """
convention: column-transposed
symbols:
  x: {shape: [d], role: input}
  W: {shape: [d, h], role: parameter}
  c: {shape: [h], role: parameter}
  V: {shape: [h, k], role: parameter}
  b: {shape: [k], role: parameter}
  y: {shape: [k], role: target, one_hot: true}
forward: |
  a = W^T x + c
  s = tanh(a)
  z = V^T s + b
  p = softmax(z)
  L = cross_entropy(y, p)
""",
    "residual": """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  A: {shape: [D, D], role: parameter}
  B: {shape: [D, D], role: parameter}
  C: {shape: [D, K], role: parameter}
  T: {shape: [N, K], role: target}
forward: |
  U = X A
  R = tanh(U)
  S = X + R
  Q = S B
  V = S + Q
  O = V C
  L = sumsq(O - T)/N
""",
    "logistic": """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  w: {shape: [D, M], role: parameter}
  W: {shape: [M, M], role: parameter}
  v: {shape: [M, K], role: parameter}
  Y: {shape: [N, K], role: target}
  mu: {role: constant, latex: '\\mu'}
forward: |
  A = X w
  G = sigmoid(A)
  B = G W
  H = sigmoid(B)
  Z = H v
  L = mse(Z, Y) + mu * sumsq(v) + mu * sumsq(W)
""",
    "abstract": """
convention: column
symbols:
  x: {shape: [n], role: input}
  W: {shape: [m, n], role: parameter}
  b: {shape: [m], role: parameter}
  V: {shape: [m, m], role: parameter}
  sigma: {role: function, latex: '\\sigma'}
forward: |
  y = W x + b
  s = sigma(y)
  q = V s + s
  J = J(q)
""",
    "softmax-beta": """
convention: column
symbols:
  x: {shape: [n], role: input}
  W: {shape: [k, n], role: parameter}
  A: {shape: [k, k], role: parameter}
  t: {shape: [k], role: target}
forward: |
  z = W x
  p = softmax(z)
  q = A p
  L = 1/2 * sumsq(q - t)
""",
    "two-branches": """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W1: {shape: [D, M], role: parameter}
  W2: {shape: [D, M], role: parameter}
  V: {shape: [M, K], role: parameter}
  Y: {shape: [N, K], role: target}
forward: |
  A = X W1
  B = X W2
  F = sigmoid(A)
  E = F * B
  Z = E V
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + 1/2 * sumsq(Z)
""",
    "batch-columns": """
convention: column
symbols:
  X: {shape: [D, N], role: input}
  W1: {shape: [M, D], role: parameter}
  b1: {shape: [M], role: parameter}
  W2: {shape: [K, M], role: parameter}
  b2: {shape: [K], role: parameter}
  Y: {shape: [K, N], role: target}
  lam: {role: constant, latex: '\\lambda'}
forward: |
  Z1 = W1 X + b1
  A1 = relu(Z1)
  Z2 = W2 A1 + b2
  A2 = tanh(Z2)
  L = sumsq(A2 - Y)/(2*N) + lam * sumsq(W2)
""",
    "deep": """
convention: column
symbols:
  x: {shape: [d], role: input}
  W1: {shape: [m, d], role: parameter}
  W2: {shape: [p, m], role: parameter}
  W3: {shape: [q, p], role: parameter}
  W4: {shape: [k, q], role: parameter}
  t: {shape: [k], role: target}
forward: |
  z1 = W1 x
  h1 = tanh(z1)
  z2 = W2 h1
  h2 = sigmoid(z2)
  z3 = W3 h2
  h3 = tanh(z3)
  y = W4 h3
  L = sumsq(y - t)
""",
}
LEVELS = ("vector", "index")
ROW = """
convention: row
symbols:
  X: {{shape: [N, D], role: input}}
  W1: {{shape: [D, M], role: parameter}}
  b1: {{shape: [M], role: parameter}}
  W2: {{shape: [M, M], role: parameter}}
  b2: {{shape: [M], role: parameter}}
  W3: {{shape: [M, K], role: parameter}}
  b3: {{shape: [K], role: parameter}}
  Y: {{shape: [N, K], role: target, one_hot: true}}
  lam: {{role: constant, latex: '\\lambda'}}{extra}
forward: |
  U1 = X W1 + b1
  H1 = {first}(U1)
  U2 = H1 W2 + b2
  R = {second}(U2)
  H2 = R + H1
  Z = H2 W3 + b3
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W2) + lam/2 * sumsq(W3)
"""
COLUMN = """
convention: column
symbols:
  X: {{shape: [D, N], role: input}}
  W1: {{shape: [M, D], role: parameter}}
  b1: {{shape: [M], role: parameter}}
  W2: {{shape: [M, M], role: parameter}}
  b2: {{shape: [M], role: parameter}}
  W3: {{shape: [K, M], role: parameter}}
  b3: {{shape: [K], role: parameter}}
  T: {{shape: [K, N], role: target}}
  lam: {{role: constant, latex: '\\lambda'}}{extra}
forward: |
  Z1 = W1 X + b1
  A1 = {first}(Z1)
  Z2 = W2 A1 + b2
  A2 = {second}(Z2)
  S = A1 + A2
  Z3 = W3 S + b3
  Q = softmax(Z3)
  L = sumsq(Q - T)/N + lam * sumsq(W1) + lam * sumsq(W2)
"""
PAIRS = (
    ("relu", "tanh"), ("sigmoid", "relu"), ("tanh", "sigmoid"), ("sigma", "sigma"), ("softplus", "tanh"),
    ("sigma", "relu"), ("silu", "sigma"),
)  # fmt: skip
SIGMA = "\n  sigma: {role: function, latex: '\\sigma'}"
LARGE = {
    f"{name}-{first}-{second}": text.format(
        first=first, second=second, extra=SIGMA if "sigma" in (first, second) else ""
    )
    for name, text in (("row", ROW), ("column", COLUMN)) for first, second in PAIRS
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One right line: its sides in LaTeX, and the derivation and rule it comes from."""

    network: str
    level: str
    left: str
    right: str
    rule: str

    @property
    def text(self) -> str:
        """The line as a display."""
        return f"$$ {self.left} = {self.right} $$"


@cache
def problem_of(network: str) -> Problem:
    """The problem of a network."""
    return loads({**NETWORKS, **LARGE}[network])


@cache
def lines_of(network: str) -> tuple[Line, ...]:
    """Every distinct line of all gradients, at the levels that have lines of their own."""
    problem = problem_of(network)
    loss = problem.spec.graph.equations[-1].target.name
    found: dict[tuple[str, str], Line] = {}
    for level in LEVELS:
        for derivation in problem.gradients(loss, level=level).values():
            for step in derivation.steps:
                for line in _lines(step, network, level):
                    found.setdefault((line.left, line.right), line)
    return tuple(found.values())


def _lines(step: Step, network: str, level: str) -> list[Line]:
    """The line of a step, its left side and its right side."""
    return [Line(network, level, str(step.before.latex), str(step.after.latex), step.rule)]
