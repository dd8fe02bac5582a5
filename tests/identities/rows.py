"""The forward passes of the table of identities; what is derived from them is generated (``table``).

``number`` is the equation of The Matrix Cookbook (Petersen and Pedersen, version of November 15, 2012)
that states the derivative, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One derivative: ``symbols`` as in ``tests.derivation.networks.network``, ``by`` the variable.

    ``of`` is what is differentiated; ``functions`` are declared functions of the author.
    """

    section: str
    symbols: str
    forward: str
    by: str
    convention: str = "column"
    number: str | None = None
    of: str = "L"


def _rows(section: str, convention: str, *lines: str) -> tuple[Row, ...]:
    """Rows of lines ``symbols | forward | by`` and perhaps ``| number``; several names make several rows."""
    found: list[Row] = []
    for line in lines:
        symbols, forward, by, *number = (part.strip() for part in line.split("|"))
        numbers = number[0].split() if number else []
        for place, name in enumerate(by.split()):
            own = numbers[place] if place < len(numbers) and numbers[place] != "-" else None
            found.append(Row(section, symbols, forward, name, convention, own))
    return tuple(found)


COOKBOOK = _rows(
    "Vectors and matrices", "column",
    "x: n parameter; a: n input | L = a^T x | x | 69",
    "X: m n parameter; a: m input; b: n input | L = a^T X b | X | 70",
    "X: m n parameter; a: n input; b: m input | L = a^T X^T b | X | 71",
    "X: n n parameter; a: n input | L = a^T X a | X | 72",
    "X: m n parameter; b: n input; c: n input | L = b^T X^T X c | X | 77",
    "x: n parameter; B: m n input; b: m input; C: m k input; D: k n input; d: k input"
    " | L = (B x + b)^T C (D x + d) | x | 78",
    "x: n parameter; B: n n input | L = x^T B x | x | 81",
    "X: m n parameter; b: n input; c: n input; D: m m input | L = b^T X^T D X c | X | 82",
    "X: m n parameter; b: n input; c: m input; D: m m input | L = (X b + c)^T D (X b + c) | X | 83",
    "x: n parameter; A: n k parameter; s: k parameter; W: n n input symmetric"
    " | L = (x - A s)^T W (x - A s) | s x A | 84 87 88",
    "x: n parameter; s: n parameter; W: n n input symmetric | L = (x - s)^T W (x - s) | x | 85",
    "X: n n parameter; a: n input; b: n input | L = a^T X X X b | X | 91",
    "X: n n parameter; a: n input; b: n input | L = a^T X^T X^T X X b | X | 92",
    "x: n parameter; A: n n input; b: n input | L = x^T A x + b^T x | x | 97",
    "x: n parameter; A: n n input symmetric; b: n input | L = 1/2 x^T A x - b^T x | x",
    "A: m n parameter; x: n parameter; b: m input | L = sumsq(A x - b) | x A",
    "x: n parameter; A: m n input; B: k n input | L = (A x)^T (A x)/((B x)^T (B x)) | x | 95",
    "x: n parameter; a: n input | L = norm(x - a) | x | 129",
    "X: m n parameter | L = sumsq(X) | X | 132",
    "X: m n parameter | L = norm(X) | X",
    "X: m n parameter | L = norm1(X) | X",
    "X: m n parameter | L = sum(X^3) | X",
    "x: n parameter | L = norm(x)^4 | x",
    "x: m parameter; y: n parameter; G: m n input | L = sum(G * outer(x, y)) | x y",
    "v: n parameter; A: n n input | L = trace(A diag(v)) | v",
    "v: n parameter; A: n n parameter | L = dot(v, diagonal(A)) | A",
    "A: k m parameter; B: m n parameter; C: n p parameter | L = sum(A B C) | A B C",
    "A: m n parameter; B: m n parameter; C: m n parameter | L = sum(A * B * C) | A",
    "x: n parameter | L = logsumexp(x) | x",
    "x: n parameter | L = max(x) | x",
    "X: m n parameter | L = mean(X) | X",
)  # fmt: skip

TRACES = _rows(
    "Traces", "column",
    "X: n n parameter | L = trace(X) | X | 99",
    "X: n m parameter; A: m n input | L = trace(X A) | X | 100",
    "X: m n parameter; A: p m input; B: n p input | L = trace(A X B) | X | 101",
    "X: m n parameter; A: p n input; B: m p input | L = trace(A X^T B) | X | 102",
    "X: m n parameter; A: m n input | L = trace(X^T A) | X | 103",
    "X: m n parameter; A: m n input | L = trace(A X^T) | X | 104",
    "X: n n parameter | L = trace(X X) | X | 106",
    "X: n n parameter; B: n n input | L = trace(X X B) | X | 107",
    "X: m n parameter; B: m m input | L = trace(X^T B X) | X | 108",
    "X: m n parameter; B: m m input | L = trace(B X X^T) | X | 109",
    "X: m n parameter; B: m m input | L = trace(X X^T B) | X | 110",
    "X: m n parameter; B: n n input | L = trace(X B X^T) | X | 111",
    "X: m n parameter; B: n n input | L = trace(B X^T X) | X | 112",
    "X: m n parameter; B: n n input | L = trace(X^T X B) | X | 113",
    "X: m n parameter; A: n m input; B: n m input | L = trace(A X B X) | X | 114",
    "X: m n parameter | L = trace(X^T X) | X | 115",
    "X: m n parameter; B: n p input; C: m m input | L = trace(B^T X^T C X B) | X | 116",
    "X: m n parameter; B: m m input; C: n n input | L = trace(X^T B X C) | X | 117",
    "X: m n parameter; A: p m input; B: n n input; C: m p input | L = trace(A X B X^T C) | X | 118",
    "X: m n parameter; A: p m input; B: n q input; C: p q input"
    " | L = trace((A X B + C) (A X B + C)^T) | X | 119",
    "X: n n parameter | L = trace(X X X) | X | 121",
    "X: n n parameter; A: n n input | L = trace(A X X X) | X | 122",
    "X: m n parameter; B: n p input; C: m m input | L = trace(B^T X^T C X X^T C X B) | X | 123",
)  # fmt: skip

INVERSES = _rows(
    "Inverses and determinants", "column",
    "X: n n parameter | L = det(X) | X | 49",
    "X: n n parameter; A: n n input; B: n n input | L = det(A X B) | X | 51",
    "X: n n parameter; A: n n input | L = det(X^T A X) | X | 52",
    "X: m n parameter; A: m m input symmetric | L = det(X^T A X) | X | 53",
    "X: m n parameter; A: m m input | L = det(X^T A X) | X | 54",
    "X: m n parameter | L = logdet(X^T X) | X | 55",
    "X: n n parameter | L = logdet(X) | X | 57",
    "X: n n parameter | L = det(X X X) | X | 58",
    "X: n n parameter; a: n input; b: n input | L = a^T inv(X) b | X | 61",
    "X: n n parameter | L = det(inv(X)) | X | 62",
    "X: n n parameter; A: m n input; B: n m input | L = trace(A inv(X) B) | X | 63",
    "X: n n parameter; A: n n input | L = trace(inv(X + A)) | X | 64",
    "X: m n parameter; A: n n input; C: m m input symmetric | L = trace(inv(X^T C X) A) | X | 125",
    "X: m n parameter; B: m m input symmetric; C: m m input symmetric"
    " | L = trace(inv(X^T C X) (X^T B X)) | X | 126",
    "X: m n parameter; A: n n input; B: m m input symmetric; C: m m input symmetric"
    " | L = trace(inv(A + X^T C X) (X^T B X)) | X | 127",
    "S: n n parameter posdef; x: n input; mu: n parameter"
    " | L = 1/2 logdet(S) + 1/2 (x - mu)^T inv(S) (x - mu) | S mu",
    "X: n n parameter; T: n n input | Y = inv(X); L = sumsq(Y - T) | X",
    "A: n n parameter; b: n parameter | x = inv(A) b; L = L(x) | b A",
    "x: n parameter; A: n n input symmetric | L = x^T A x/(x^T x) | x",
    "A: m n parameter | L = sumsq(A^T A - eye(n)) | A",
    "X: n d input; W: d k parameter | L = sumsq(X - X W W^T) | W",
    "R: m n input; M: m n input; U: m k parameter; V: n k parameter | L = sumsq(M * (R - U V^T)) | U V",
    "K: n n parameter posdef; y: n target; s: parameter"
    " | C = K + s^2 eye(n); L = 1/2 y^T inv(C) y + 1/2 logdet(C) | C s",
    "K: n n input symmetric; a: n parameter; y: n target; lam: constant"
    " | L = sumsq(K a - y) + lam a^T K a | a",
)  # fmt: skip

LAYERS = _rows(
    "Layers", "row",
    "X: N D parameter; W: K D parameter; b: K parameter | Y = X W^T + b; L = L(Y) | W b X",
    "X: N D parameter; W: K D parameter; b: K parameter | Z = X W^T + b; Y = relu(Z); L = L(Y) | Z W b X",
    "X: N D parameter; W: K D parameter; b: K parameter; alpha: constant"
    " | Z = X W^T + b; Y = leaky_relu(Z, alpha); L = L(Y) | Z",
    "X: N D parameter; W: K D parameter; b: K parameter | Z = X W^T + b; Y = tanh(Z); L = L(Y) | Z",
    "X: N D parameter; W: K D parameter; b: K parameter | Z = X W^T + b; Y = sigmoid(Z); L = L(Y) | Z",
    "Z: N K parameter; a: parameter; s: parameter; c: parameter; t: parameter"
    " | Y = ind(Z <= s) * (s + a (Z - s)) + ind(Z > s) * ind(Z < t) * Z + ind(Z >= t) * (t + c (Z - t));"
    " L = L(Y) | Z a s c t",
    "X: N D parameter; W: K D parameter; R: K D input; b: K parameter"
    " | Y = X (W * R)^T + b; L = L(Y) | W b X",
    "X: N D parameter; W: K D parameter; R: K D input; b: K parameter"
    " | Z = X (W * R)^T + b; Y = sigmoid(Z); L = L(Y) | W X",
    "H: N D parameter; M: N D input | Y = M * H; L = L(Y) | H",
    "Z: N K parameter | Y = softmax(Z); L = L(Y) | Z",
    "Z: N K parameter | Y = log_softmax(Z); L = L(Y) | Z",
    "X: N D parameter; gamma: D parameter; beta: D parameter | Y = gamma * X + beta; L = L(Y) | X gamma beta",
    "X: N D parameter | R = X - colmean(X); S = colmean(R^2); Y = R/sqrt(S); L = L(Y) | R X",
    "X: N D parameter; gamma: D parameter; beta: D parameter; eps: constant"
    " | mu = colmean(X); V = colmean((X - mu)^2); Z = (X - mu)/sqrt(V + eps); Y = gamma * Z + beta; L = L(Y)"
    " | Z gamma beta V mu X",
    "X: N D parameter; gamma: D parameter; beta: D parameter; eps: constant"
    " | mu = rowmean(X); V = rowmean((X - mu)^2); Z = (X - mu)/sqrt(V + eps); Y = gamma * Z + beta; L = L(Y)"
    " | X gamma",
    "X: N D parameter; gamma: D parameter; eps: constant"
    " | r = sqrt(rowmean(X^2) + eps); Y = gamma * X/r; L = L(Y) | X gamma",
    "X: N D parameter | r = sqrt(rowsum(X^2)); Y = X/r; L = L(Y) | X",
    "Q: N d parameter; K: M d parameter; V: M e parameter"
    " | S = Q K^T/sqrt(d); A = softmax(S); O = A V; L = L(O) | V A S Q K",
    "Q: N d parameter; K: M d parameter; V: M e input; B: N M input"
    " | S = Q K^T/sqrt(d) + B; A = softmax(S); O = A V; L = L(O) | B",
    "X: N D parameter; P: D d parameter; R: D d parameter; U: D e parameter"
    " | Q = X P; K = X R; V = X U; S = Q K^T/sqrt(d); A = softmax(S); O = A V; L = L(O) | P R U X",
    "X: N D parameter; W: D M parameter; V: D M parameter; b: M parameter; c: M parameter"
    " | A = X W + b; G = sigmoid(A); Y = G * (X V + c); L = L(Y) | A W V X",
    "X: N D parameter; W: D M parameter; V: D M parameter; U: M D parameter"
    " | A = X W; B = X V; H = silu(A) * B; Y = H U; L = L(Y) | A B U",
    "X: N D input; W: D M input; B: D r parameter; A: r M parameter | Y = X (W + B A); L = L(Y) | A B",
    "H: N D parameter; W: D D parameter | Y = H + relu(H W); L = L(Y) | H W",
    "Z: N K parameter; eps: constant | Y = Z * ind(Z > eps); L = L(Y) | Z",
    "Z: N K parameter | Y = gelu(Z); L = L(Y) | Z",
    "Z: N K parameter | Y = silu(Z); L = L(Y) | Z",
    "Z: N K parameter | Y = softplus(Z); L = L(Y) | Z",
    "Z: N K parameter | Y = elu(Z); L = L(Y) | Z",
    "X: N D parameter | Y = rowmax(X); L = L(Y) | X",
    "Q: N d parameter; K: M d parameter; V: M e input; g: parameter"
    " | U = Q/sqrt(rowsum(Q^2)); R = K/sqrt(rowsum(K^2)); S = g U R^T; A = softmax(S); O = A V; L = L(O)"
    " | S g U Q",
    "Q: N d parameter; K: M d parameter; V: M e parameter; D: N M input; r: constant"
    " | A = softmax(Q K^T/sqrt(d)); B = A * D/(1 - r); O = B V; L = L(O) | A Q K",
    "E: V d parameter; y: N input classes=V; W: d K parameter | X = onehot(y) E; Y = X W; L = L(Y) | E W",
    "X: N D parameter; W: D D parameter; U: D D parameter; gamma: D parameter; beta: D parameter;"
    " eps: constant"
    " | A = X W; mu = colmean(A); V = colmean((A - mu)^2); Z = (A - mu)/sqrt(V + eps); B = gamma * Z + beta;"
    " H = relu(B); Y = X + H U; L = L(Y) | U B A X",
    "X: N d input; C: N k input; W: d k parameter; U: k k parameter; c: k parameter"
    " | F = sigmoid(X W + C U + c); G = tanh(X W); S = F * C + (1 - F) * G; L = L(S) | F G U",
    "x: d input; W: d k parameter; U: d k parameter; e: k input"
    " | m = x W; s = x U; z = m + exp(s/2) * e; L = L(z) | m s W",
)  # fmt: skip

LOSSES = _rows(
    "Losses", "row",
    "Y: N K parameter; T: N K target | L = sumsq(Y - T) | Y",
    "Y: N K parameter; T: N K target | L = mse(Y, T) | Y",
    "Y: N K parameter; T: N K target | L = cross_entropy(T, Y) | Y",
    "Y: N K parameter; T: N K target | L = cross_entropy_logits(T, Y) | Y",
    "Y: N K parameter; T: N K target one_hot | L = cross_entropy_logits(T, Y) | Y",
    "Y: N K parameter; T: N K target | L = -sum(T * log(sigmoid(Y))) | Y",
    "Y: N K parameter; T: N K target | L = -sum(log(rowsum(Y * T))) | Y",
    "Y: N K parameter; T: N K target | L = nll(T, Y) | Y",
    "X: N D input; W: D K parameter; b: K parameter; Y: N K target one_hot"
    " | Z = X W + b; P = softmax(Z); L = cross_entropy(Y, P)/N | Z W b",
    "Z: N K parameter; Y: N K target one_hot; eps: constant"
    " | P = softmax(Z); L = cross_entropy((1 - eps) * Y + eps/K, P)/N | Z",
    "X: N D input; w: D parameter; y: N target | z = X w^T; L = bce_logits(y, z^T)/N | w",
    "Z: N K parameter; Y: N K target | L = bce(Y, sigmoid(Z)) | Z",
    "Z: N K parameter; Y: N K target one_hot | L = multi_hinge(Y, Z) | Z",
    "S: N K parameter; Y: N K target | L = hinge(Y, S) | S",
    "u: K parameter; v: K parameter | p = softmax(u); q = softmax(v); L = kl(p, q) | v p u",
    "Z: N K parameter; Y: N K target | P = softmax(Z); L = focal(Y, P) | P Z",
    "Y: N K parameter; T: N K target; delta: constant | L = huber(Y, T, delta) | Y",
    "Y: N K parameter; T: N K target | L = norm1(Y - T) | Y",
    "X: N D parameter; Y: N D parameter; tau: constant"
    " | S = X Y^T/tau; L = -trace(log_softmax(S))/N | S X Y",
    "X: N D input; Y: N D parameter"
    " | S = X Y^T; P = softmax(S); L = -sum[n](log(P[n,n]))/N | Y",
    "X: N D parameter; Y: N D input; tau: constant"
    " | U = X/sqrt(rowsum(X^2)); S = U Y^T/tau;"
    " L = -(trace(log_softmax(S, rows)) + trace(log_softmax(S, columns)))/(2 N) | S X",
    "X: N D input; W: D K parameter; y: N target classes=K"
    " | Z = X W; L = cross_entropy_logits(y, Z)/N | Z",
    "Z: N K parameter; y: N target classes=K; m: constant | L = multi_hinge(y, Z, m)/N | Z",
    "Z: N K parameter; y: N target classes=K; g: constant"
    " | P = softmax(Z); L = -sum[n]((1 - P[n,y[n]])^g * log(P[n,y[n]]))/N | P",
    "Z: N K parameter; T: N K input; tau: constant"
    " | P = softmax(Z/tau); Q = softmax(T/tau); L = tau^2 kl(Q, P)/N | Z",
    "r: n parameter; f: n parameter | L = -mean(log(sigmoid(r))) - mean(log(1 - sigmoid(f))) | r f",
    "Z: N K parameter; a: N input classes=K; R: N input"
    " | P = softmax(Z); L = -sum[n](R[n] * log(P[n,a[n]]))/N | Z",
    "p: K parameter; m: K parameter; s: K parameter positive; x: input"
    " | w = softmax(p); d = exp(-(x - m)^2/(2 s^2))/s; q = dot(w, d); L = -log(q) | w p d m",
    "m: k parameter; s: k parameter | L = -1/2 sum(1 + s - m^2 - exp(s)) | m s",
    "a: d parameter; b: d parameter; c: d parameter; m: constant"
    " | L = max(0, sumsq(a - b) - sumsq(a - c) + m) | a b",
    "a: d parameter; b: d input; y: target; m: constant"
    " | D = norm(a - b); L = y D^2 + (1 - y) max(0, m - D)^2 | D a",
    "z: K parameter | p = softmax(z); L = -sum(p * log(p)) | z",
    "z: parameter; y: target | p = sigmoid(z); L = -y (1 - p)^2 log(p) - (1 - y) p^2 log(1 - p) | z",
    "g: d parameter | L = (norm(g) - 1)^2 | g",
)  # fmt: skip

WORDS = _rows(
    "Words and similarity", "column",
    "U: V d parameter; v: d parameter; y: V target one_hot | L = cross_entropy_logits(y, U v) | v U",
    "u: d parameter; v: d parameter; N: K d parameter"
    " | L = -log(sigmoid(u^T v)) - sum(log(sigmoid(-N v))) | v u N",
    "U: V d parameter; v: d parameter; o: target classes=V | p = softmax(U v); L = -log(p[o]) | v U",
    "U: V d parameter; v: d parameter; o: target classes=V; k: K target classes=V"
    " | s = U v; L = -log(sigmoid(s[o])) - sum[i](log(sigmoid(-s[k[i]]))) | s U",
    "x: d parameter; y: d parameter | c = x^T y/(norm(x) norm(y)); L = L(c) | x",
    "x: d parameter | y = x/norm(x); L = L(y) | x",
)  # fmt: skip

JACOBIANS = tuple(
    Row("Jacobians", symbols, forward, by, convention, None, of)
    for convention, symbols, forward, of, by in (
        ("column", "z: K parameter", "p = softmax(z)", "p", "z"),
        ("row", "z: K parameter", "y = log_softmax(z)", "y", "z"),
        ("column", "x: n parameter; W: m n parameter; b: m parameter", "h = sigmoid(W x + b)", "h", "x"),
        ("column", "r: n parameter", "s = mean(r^2); z = r/sqrt(s)", "z", "r"),
        ("column", "x: n parameter", "y = x/norm(x)", "y", "x"),
        ("column", "x: m parameter; W: n m parameter", "z = stack(x, W x)", "z", "x"),
        ("column", "x: n parameter", "u = exp(x[2..3])", "u", "x"),
    )
)

ROWS = (*COOKBOOK, *TRACES, *INVERSES, *LAYERS, *LOSSES, *WORDS, *JACOBIANS)
