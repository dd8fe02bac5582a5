"""Problems whose keys are damaged: written ones, and drawn ones in all conventions and layouts."""

from __future__ import annotations

import random

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
    "cases": """
convention: column
symbols:
  x: {shape: [d], role: input}
  X: {shape: [d], role: input}
  W: {shape: [m, d], role: parameter}
  w: {shape: [m, d], role: parameter}
  B: {shape: [m], role: parameter}
  b: {shape: [m], role: parameter}
  V: {shape: [m, m], role: parameter}
  v: {shape: [m, m], role: parameter}
  t: {shape: [m], role: target}
forward: |
  z = W x + b
  Z = w X + B
  h = tanh(z)
  H = sigmoid(Z)
  y = V h + v H
  L = 1/2 * sumsq(y - t)
""",
    "cases-by-rows": """
convention: row
layout: denominator
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, D], role: parameter}
  w: {shape: [D, D], role: parameter}
  V: {shape: [D, D], role: parameter}
  v: {shape: [D, D], role: parameter}
  Y: {shape: [N, D], role: target, one_hot: true}
forward: |
  A = X W
  a = relu(A)
  B = a w
  b = tanh(B)
  C = b V + a v
  P = softmax(C)
  L = cross_entropy(Y, P)/N
""",
    "attention": """
convention: row
symbols:
  X: {shape: [n, d], role: input}
  A: {shape: [d, h], role: parameter}
  B: {shape: [d, h], role: parameter}
  C: {shape: [d, v], role: parameter}
  T: {shape: [n, v], role: target}
forward: |
  Q = X A
  K = X B
  V = X C
  S = Q K^T / sqrt(h)
  P = softmax(S)
  O = P V
  L = 1/2 * sumsq(O - T)
""",
    "temperature": """
convention: column-transposed
layout: denominator
symbols:
  x: {shape: [d], role: input}
  V: {shape: [d, k], role: parameter}
  v: {shape: [k, k], role: parameter}
  c: {shape: [k], role: parameter}
  tau: {role: constant, latex: '\\tau'}
  y: {shape: [k], role: target, one_hot: true}
forward: |
  s = V^T x + c
  r = v^T s
  q = softmax(r/tau)
  E = cross_entropy(y, q)
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

CONVENTIONS = ("row", "column", "column-transposed")
LAYOUTS = ("gradient", "numerator", "denominator")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "sigma", "softplus", "silu", "elu")
NAMES = (("U", "H", "W", "c"), ("A", "S", "w", "r"), ("Q", "R", "V", "v"))


def drawn(seed: int) -> str:
    """A network of one to three layers, on a batch or one example, with whatever a course may add."""
    rng = random.Random(seed)
    convention, layout = CONVENTIONS[seed % 3], LAYOUTS[seed // 3 % 3]
    batch = rng.random() < 0.6
    rows = convention == "row"
    counted = layout != "numerator" and rng.random() < 0.5  # names W1, W2 instead of W, V
    symbols, lines, penalties = {}, [], []

    def shape(*dims: str) -> str:
        return "[" + ", ".join(dims) + "]"

    def data(dim: str) -> str:
        return shape(dim) if not batch else shape("N", dim) if rows else shape(dim, "N")

    symbols["X" if batch else "x"] = f"{{shape: {data('D')}, role: input}}"
    before, width = ("X" if batch else "x"), "D"
    for layer in range(rng.choice((1, 2, 2, 3))):
        pre, post, weight, bias = NAMES[layer]
        if counted:
            pre, post, weight, bias = (f"{letter}{layer + 1}" for letter in ("Z", "A", "W", "b"))
        if not batch:
            pre, post = pre.lower(), post.lower()
        wide = f"m_{layer + 1}" if layer != 1 or rng.random() < 0.5 else width
        function = rng.choice(ACTIVATIONS)
        matrix = shape(wide, width) if convention == "column" else shape(width, wide)
        symbols[weight] = f"{{shape: {matrix}, role: parameter}}"
        product = {"row": f"{before} {weight}", "column": f"{weight} {before}"}.get(
            convention, f"{weight}^T {before}"
        )
        if rng.random() < 0.7:
            symbols[bias] = f"{{shape: {shape(wide)}, role: parameter}}"
            product += f" + {bias}"
        lines.append(f"{pre} = {product}")
        if function == "sigma":
            symbols["sigma"] = "{role: function, latex: '\\sigma'}"
        residual = f" + {before}" if wide == width and layer else ""
        lines.append(f"{post} = {function}({pre}){residual}")
        if rng.random() < 0.5:
            penalties.append(weight)
        before, width = post, wide
    symbols["K0" if counted else "O"] = (
        f"{{shape: {shape('K', width) if convention == 'column' else shape(width, 'K')}, role: parameter}}"
    )
    out = "K0" if counted else "O"
    score, chance, target = ("Z", "P", "T") if batch else ("z", "p", "t")
    product = {"row": f"{before} {out}", "column": f"{out} {before}"}.get(convention, f"{out}^T {before}")
    lines.append(f"{score} = {product}")
    loss, over = rng.choice(("softmax", "softmax", "square", "abstract")), "/N" if batch else ""
    symbols[target] = f"{{shape: {data('K')}, role: target{', one_hot: true' if loss == 'softmax' else ''}}}"
    if loss == "softmax":
        lines += [f"{chance} = softmax({score})", f"L = cross_entropy({target}, {chance}){over}"]
    elif loss == "square":
        lines.append(f"L = {'' if batch else '1/2 * '}sumsq({score} - {target}){over}")
    else:
        del symbols[target]
        lines.append(f"L = L({score})")
    if penalties and loss != "abstract":
        symbols["lam"] = "{role: constant, latex: '\\lambda'}"
        lines[-1] += "".join(f" + lam/2 * sumsq({weight})" for weight in penalties)
    declared = "\n".join(f"  {name}: {text}" for name, text in symbols.items())
    forward = "\n".join(f"  {line}" for line in lines)
    return f"convention: {convention}\nlayout: {layout}\nsymbols:\n{declared}\nforward: |\n{forward}\n"


DRAWN = {f"drawn-{seed}": drawn(seed) for seed in range(27)}
