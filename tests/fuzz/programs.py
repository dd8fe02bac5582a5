"""Random well-typed forward passes over every function of the grammar.

``draw(rng)`` gives a ``Program``: a problem file as text, and what was drawn in it. A formula is drawn
from its shape downwards, so that every program has a meaning: what needs a positive or a bounded
argument (log, sqrt, exp, a divisor) is given one. Shapes are pairs of dims, "1" where a side has
extent 1; a vector of the file is a row or a column by the convention.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz.indexed import NUMBERS, VECTORS

Shape = tuple[str, str]
SCALAR: Shape = ("1", "1")
SMOOTH = "sigmoid tanh gelu gelu_tanh silu softplus sin cos erf square".split()
KINKED = "relu leaky_relu elu abs".split()
BOUNDED = "sigmoid tanh sin cos erf".split()
DIMS = ("m", "n", "p")
LOSSES = (
    "cross_entropy cross_entropy_logits nll bce bce_logits sse mse hinge multi_hinge kl focal huber".split()
)


@dataclass(frozen=True, slots=True)
class Program:
    """A problem file, the names to differentiate by, how often each function stands in it."""

    text: str
    wrt: tuple[str, ...]
    drawn: Counter[str]
    depth: int


@dataclass(slots=True)
class Maker:
    """Draws one program; ``symbols`` maps a name to the text of its declaration."""

    rng: random.Random
    rows: bool
    symbols: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    drawn: Counter[str] = field(default_factory=Counter)
    parameters: list[str] = field(default_factory=list)
    functions: dict[str, str] = field(default_factory=dict)

    # Symbols

    def vector(self, dim: str) -> Shape:
        """The shape of a vector of the file."""
        return ("1", dim) if self.rows else (dim, "1")

    def feature_axis(self, shape: Shape) -> str:
        """The default axis of softmax and labels, as a word; empty where it need not be said."""
        if "1" in shape:
            return ""
        return self.rng.choice(["", "", ", rows", ", columns"])

    def declare(self, kind: str, shape: Shape, facts: str = "", role: str = "parameter") -> str:
        """A new symbol lying as ``shape``; gives the text of a formula for it."""
        name = f"{kind}{sum(other.startswith(kind) for other in self.symbols) + 1}"
        native = shape in (SCALAR, self.vector(shape[0]), self.vector(shape[1])) or "1" not in shape
        dims = [dim for dim in shape if dim != "1"]
        quoted = ", ".join(f"'{dim}'" if "+" in dim or "*" in dim else dim for dim in dims)
        shaped = f"shape: [{quoted}], " if dims else ""
        self.symbols[name] = f"{{{shaped}role: {role}{facts}}}"
        self.shapes[name] = shape
        if role == "parameter":
            self.parameters.append(name)
        return name if native else f"({name}^T)"

    def symbol(self, shape: Shape, role: str = "parameter") -> str:
        """A symbol of that shape: mostly an old one where there is one, so that nodes are shared."""
        names = [name for name, own in self.shapes.items() if own == shape and name in self.plain]
        if names and self.rng.random() < 0.5:
            name = self.rng.choice(names)
            native = "1" not in shape or shape == SCALAR or shape in map(self.vector, shape)
            return name if native else f"({name}^T)"
        letter = {0: "c", 1: "x", 2: "A"}[sum(dim != "1" for dim in shape)]
        return self.declare(letter, shape, role=role)

    @property
    def plain(self) -> set[str]:
        """The symbols without declared facts, and named intermediates."""
        return {name for name in self.shapes if name[0] in "cxAUvs"}

    def dim(self, but: str = "") -> str:
        """A symbolic dim, another one than ``but``."""
        return self.rng.choice([dim for dim in DIMS if dim != but])

    def use(self, name: str) -> str:
        """Count a function."""
        self.drawn[name] += 1
        return name

    # Formulas

    def formula(self, shape: Shape, depth: int) -> str:
        """A formula of that shape, as an atom of the grammar."""
        if depth <= 0:
            return self.symbol(shape)
        if self.rng.random() < 0.15:
            return self.named(shape, depth)
        options = [self.unary, self.unary, self.arithmetic, self.arithmetic, self.power, self.two]
        ranks = sum(dim != "1" for dim in shape)
        options += [(self.scalar,) * 5, (self.column,) * 6, (self.matrix,) * 6][ranks]
        return self.rng.choice(options)(shape, depth - 1)

    def named(self, shape: Shape, depth: int) -> str:
        """An intermediate of its own, given a name."""
        text = self.formula(shape, depth)
        if text in self.shapes or text.strip("()").removesuffix("^T") in self.shapes:
            return text
        kind = {0: "s", 1: "v", 2: "U"}[sum(dim != "1" for dim in shape)]
        name = f"{kind}{sum(other.startswith(kind) for other in self.shapes) + 1}"
        native = "1" not in shape or shape == SCALAR or shape in map(self.vector, shape)
        own = shape if native else (shape[1], shape[0])
        self.lines.append(f"{name} = {text if native else f'({text})^T'}")
        self.shapes[name] = own
        return name if native else f"({name}^T)"

    def unary(self, shape: Shape, depth: int) -> str:
        """An elementwise function."""
        roll = self.rng.random()
        if roll < 0.12:
            return f"{self.use('exp')}({self.bounded(shape, depth)})"
        if roll < 0.24:
            return f"{self.use(self.rng.choice(['log', 'sqrt']))}({self.positive(shape, depth)})"
        if roll < 0.30:
            self.functions.setdefault("g", "{role: function}")
            return f"{self.use('g')}({self.formula(shape, depth)})"
        if roll < 0.33:
            return f"{self.use('sign')}({self.formula(shape, depth)})"
        name = self.use(self.rng.choice(SMOOTH + KINKED))
        option = self.rng.choice(["", ", 0.2"]) if name in ("leaky_relu", "elu") else ""
        return f"{name}({self.formula(shape, depth)}{option})"

    def bounded(self, shape: Shape, depth: int) -> str:
        """Something of moderate size."""
        if depth <= 0:
            return self.symbol(shape)
        if self.rng.random() < 0.2 and shape != SCALAR:
            return f"{self.use('softmax')}({self.formula(shape, depth - 1)}{self.feature_axis(shape)})"
        return f"{self.use(self.rng.choice(BOUNDED))}({self.formula(shape, depth - 1)})"

    def positive(self, shape: Shape, depth: int) -> str:
        """Something positive."""
        roll = self.rng.random()
        if depth <= 0 or roll < 0.2:
            return self.declare("q", shape, ", positive: true")
        if roll < 0.4:
            return f"{self.use('exp')}({self.bounded(shape, depth - 1)})"
        if roll < 0.6:
            return f"({self.use('square')}({self.formula(shape, depth - 1)}) + 1)"
        if roll < 0.8:
            return f"{self.use('softplus')}({self.formula(shape, depth - 1)})"
        return f"({self.positive(shape, depth - 1)} + {self.positive(shape, depth - 1)})"

    def arithmetic(self, shape: Shape, depth: int) -> str:
        """Sums, elementwise products and quotients; a scalar or a vector may be stretched."""
        left, op = self.formula(shape, depth), self.rng.choice(["+", "-", "*", "/"])
        self.use(op)
        other = self.stretched(shape)
        if op == "/":
            return f"({left} / {self.positive(other, depth)})"
        right = self.formula(other, self.rng.randint(0, depth))
        if op != "*" and self.rng.random() < 0.2:
            right = f"{self.rng.choice(['2', '1/2', '0.3', '3'])} {right}"
        pair = (left, right) if self.rng.random() < 0.7 else (right, left)
        return f"({pair[0]} {op} {pair[1]})"

    def stretched(self, shape: Shape) -> Shape:
        """That shape, or one that is stretched to it."""
        roll = self.rng.random()
        if roll < 0.1:
            return SCALAR
        if "1" not in shape and roll < 0.25:
            return ("1", shape[1]) if self.rows else (shape[0], "1")
        return shape

    def power(self, shape: Shape, depth: int) -> str:
        """A power; of something positive any one."""
        self.use("^")
        if self.rng.random() < 0.6:
            inner = self.formula if self.rng.random() < 0.3 else self.bounded
            return f"({inner(shape, depth)})^{self.rng.choice(['2', '3'])}"
        exponent = self.rng.choice(["(1/2)", "(3/2)", "(-1/2)", "0.7", self.symbol(SCALAR)])
        return f"({self.positive(shape, depth)})^{exponent}"

    def two(self, shape: Shape, depth: int) -> str:
        """The larger or the smaller of two."""
        name = self.use(self.rng.choice(["max", "min"]))
        left = self.formula(shape, depth)
        right = self.rng.choice(["0", "1/2"]) if self.rng.random() < 0.3 else self.formula(shape, depth)
        if right == left:
            right = "0"
        return f"{name}({left}, {right})"

    # Scalars

    def scalar(self, shape: Shape, depth: int) -> str:
        """A number: of an array, or of two."""
        if self.rng.random() < 0.25:
            return self.rng.choice(NUMBERS)(self, depth)
        return self.rng.choice([
            self.total, self.total, self.pair, self.square_scalar, self.loss, self.loss, self.entry,
            self.binder, self.quadratic, self.logsumexp,
        ])(depth)

    def array(self) -> Shape:
        """Some shape that is no scalar."""
        first = self.dim()
        if self.rng.random() < 0.4:
            return self.vector(first)
        return (first, self.dim(first) if self.rng.random() < 0.8 else first)

    def total(self, depth: int) -> str:
        """A sum, a mean, a norm, an extreme."""
        name = self.use(self.rng.choice("sum sum mean norm sumsq norm1 max min".split()))
        shape = self.array()
        inner = self.formula(shape, depth)
        if name == "norm":  # what was drawn may be zero for all values, where a norm has no slope
            inner = f"{inner} + {self.declare('q', shape, ', positive: true', 'input')}"
        return f"{name}({inner})"

    def logsumexp(self, depth: int) -> str:
        """Of a vector."""
        return f"{self.use('logsumexp')}({self.formula(self.vector(self.dim()), depth)})"

    def pair(self, depth: int) -> str:
        """An inner product."""
        self.use("dot")
        shape = self.array()
        return f"dot({self.formula(shape, depth)}, {self.formula(shape, self.rng.randint(0, depth))})"

    def quadratic(self, depth: int) -> str:
        """x^T A x, a^T B c."""
        self.use("quadratic")
        m, n = self.dim(), self.dim()
        left = self.formula((m, "1"), self.rng.randint(0, depth))
        right = left if m == n and self.rng.random() < 0.5 else self.formula((n, "1"), depth)
        return f"(({left})^T ({self.formula((m, n), self.rng.randint(0, depth))}) ({right}))"

    def square_scalar(self, depth: int) -> str:
        """Of a square matrix."""
        name = self.use(self.rng.choice(["trace", "trace", "det", "logdet"]))
        dim = self.dim()
        inner = self.formula((dim, dim), depth)
        if name != "trace":  # what was drawn may be singular for all values
            inner = f"{inner} + {self.declare('S', (dim, dim), ', posdef: true', 'input')}"
        return f"{name}({inner})"

    def entry(self, depth: int) -> str:
        """One entry of a symbol or of a formula."""
        self.use("entry")
        if self.rng.random() < 0.5:
            return f"({self.formula((self.dim(), self.dim()), depth)})[{self.rng.randint(1, 2)},1]"
        return f"({self.formula(self.vector(self.dim()), depth)})[{self.rng.randint(1, 2)}]"

    def binder(self, depth: int) -> str:
        """A sum or a mean over indices, with indicators."""
        name = self.use(self.rng.choice(["sum[]", "mean[]"])).removesuffix("[]")
        dim = self.dim()
        vector, matrix = self.symbol(self.vector(dim)), self.symbol((dim, dim))
        vector = vector.strip("()").removesuffix("^T")
        first, second = self.rng.choice(BOUNDED), self.use(self.rng.choice(["ind", "kron", "square", "tanh"]))
        weight = {
            "ind": f"ind({vector}[i] > 0)", "kron": "kron(i, j)", "square": f"square({vector}[j])",
            "tanh": f"tanh({vector}[i] - {vector}[j])",
        }[second]  # fmt: skip
        return f"{name}[i, j]({first}({matrix}[i,j]) * {vector}[i] * {weight})"

    def loss(self, depth: int) -> str:
        """A loss, its target a symbol or a formula."""
        name = self.use(self.rng.choice(LOSSES))
        first = self.dim()
        shape = self.vector(first) if self.rng.random() < 0.4 else (first, self.dim(first))
        score = self.formula(shape, depth)
        if name in ("sse", "mse"):
            return f"{name}({score}, {self.formula(shape, self.rng.randint(0, depth))})"
        if name == "huber":
            target = self.declare("t", shape, role="target")
            return f"huber({score}, {target}{self.rng.choice(['', ', 0.7'])})"
        if name in ("bce", "bce_logits"):
            target = self.declare("t", shape, ", between: [0, 1]", "target")
            # log(1 - p) has no digits left where p rounds to 1
            return f"{name}({target}, {f'sigmoid({self.bounded(shape, depth)})' if name == 'bce' else score})"
        if name == "hinge":
            return f"hinge({self.declare('t', shape, ', one_of: [-1, 1]', 'target')}, {score})"
        if name == "kl":
            other = self.declare("t", shape, ", positive: true", "target")
            pair = (other, f"softmax({score})") if self.rng.random() < 0.7 else (f"softmax({score})", other)
            return f"kl({pair[0]}, {pair[1]})"
        fact = self.rng.choice([", one_hot: true", ", sums_to_one: true", ""])
        if name == "multi_hinge":
            fact = ", one_hot: true"
        wide = sum(dim != "1" for dim in shape) == 2
        if name in ("cross_entropy", "cross_entropy_logits", "nll") and self.rng.random() < 0.3:
            classes, others = (shape[1], shape[0]) if self.rows or not wide else shape
            classes = next(dim for dim in shape if dim != "1") if not wide else classes
            fact = f", classes: {classes}"
            target = self.declare("y", self.vector(others) if wide else SCALAR, fact, "target")
        else:
            target = self.declare("t", shape, fact, "target")
        if name in ("cross_entropy", "focal"):
            score = f"softmax({score})"
            self.use("softmax")
        if name == "nll":
            score = f"log_softmax({score})"
            self.use("log_softmax")
        option = {"focal": self.rng.choice(["", ", 3"]), "multi_hinge": self.rng.choice(["", ", 2"])}
        return f"{name}({target}, {score}{option.get(name, '')})"

    # Vectors, lying either way

    def column(self, shape: Shape, depth: int) -> str:
        """A vector-like array."""
        dim = shape[0] if shape[1] == "1" else shape[1]
        down = shape[1] == "1"
        if self.rng.random() < 0.3:
            return self.laid(self.rng.choice(VECTORS)(self, dim, depth), down)
        ways: list[Callable[[str, bool, int], str]] = [
            self.applied, self.applied, self.line, self.line, self.along, self.line_of, self.repiled,
        ]  # fmt: skip
        return self.rng.choice(ways)(dim, down, depth)

    def applied(self, dim: str, down: bool, depth: int) -> str:
        """A matrix times a vector."""
        self.use("matmul")
        inner = self.dim(dim)
        matrix = self.formula((dim, inner) if down else (inner, dim), self.rng.randint(0, depth))
        vector = self.formula((inner, "1") if down else ("1", inner), depth)
        return f"(({matrix}) ({vector}))" if down else f"(({vector}) ({matrix}))"

    def line(self, dim: str, down: bool, depth: int) -> str:
        """A number for every row or column."""
        name = self.rng.choice(["sum", "sum", "mean", "max", "lse"])
        other = self.dim(dim)
        inner = self.formula((dim, other) if down else (other, dim), depth)
        if name == "lse":
            self.use("logsumexp")
            return f"logsumexp({inner}, {'rows' if down else 'columns'})"
        return f"{self.use(('row' if down else 'col') + name)}({inner})"

    def laid(self, text: str, down: bool) -> str:
        """A vector of the file turned so that it lies as wanted."""
        return text if down != self.rows else f"({text})^T"

    def along(self, dim: str, down: bool, depth: int) -> str:
        """softmax of a vector, the diagonal of a matrix."""
        name = self.use(self.rng.choice(["softmax", "log_softmax", "diagonal"]))
        if name == "diagonal":
            return self.laid(f"diagonal({self.formula((dim, dim), depth)})", down)
        return f"{name}({self.formula((dim, '1') if down else ('1', dim), depth)})"

    def line_of(self, dim: str, down: bool, depth: int) -> str:
        """A row or a column of a matrix."""
        self.use("slice")
        other = self.dim(dim)
        at = self.rng.randint(1, 2)
        if self.rng.random() < 0.5:
            return self.laid(f"({self.formula((dim, other), depth)})[:,{at}]", down)
        return self.laid(f"({self.formula((other, dim), depth)})[{at},:]", down)

    def repiled(self, dim: str, down: bool, depth: int) -> str:
        """A piece of what was put end to end."""
        self.use("stack")
        other = self.dim(dim)
        first, second = self.formula(self.vector(dim), depth), self.formula(self.vector(other), depth)
        whole = f"stack({first}, {second})"
        return self.laid(f"({whole})[1..{dim}]", down)

    # Matrices

    def matrix(self, shape: Shape, depth: int) -> str:
        """A matrix."""
        rows, columns = shape
        ways: list[Callable[[str, str, int], str]] = [
            self.matmul, self.matmul, self.matmul, self.outer, self.soft, self.turned, self.piled,
            self.padded, self.reshaped, self.constant, self.hot, self.three, self.filled,
        ]  # fmt: skip
        if rows == columns:
            ways += [self.diag, self.inverse, self.gram]
        return self.rng.choice(ways)(rows, columns, depth)

    def matmul(self, rows: str, columns: str, depth: int) -> str:
        """A product."""
        self.use("matmul")
        inner = self.dim()
        first, second = depth, self.rng.randint(0, depth)
        if self.rng.random() < 0.5:
            first, second = second, first
        return f"(({self.formula((rows, inner), first)}) ({self.formula((inner, columns), second)}))"

    def three(self, rows: str, columns: str, depth: int) -> str:
        """A product of three."""
        self.use("matmul")
        one, two = self.dim(), self.dim()
        shapes = ((rows, one, 0), (one, two, depth), (two, columns, 0))
        parts = [self.formula((left, right), level) for left, right, level in shapes]
        return f"({parts[0]} ({parts[1]}) {parts[2]})"

    def outer(self, rows: str, columns: str, depth: int) -> str:
        """The outer product."""
        self.use("outer")
        left, right = self.formula(self.vector(rows), depth), self.formula(self.vector(columns), depth)
        return f"outer({left}, {right})"

    def soft(self, rows: str, columns: str, depth: int) -> str:
        """softmax by row or by column."""
        name = self.use(self.rng.choice(["softmax", "log_softmax"]))
        return f"{name}({self.formula((rows, columns), depth)}{self.feature_axis((rows, columns))})"

    def turned(self, rows: str, columns: str, depth: int) -> str:
        """A transpose."""
        self.use("transpose")
        return f"({self.formula((columns, rows), depth)})^T"

    def piled(self, rows: str, columns: str, depth: int) -> str:
        """A piece of two matrices put together."""
        self.use("stack")
        if self.rng.random() < 0.5:
            other = self.dim()
            pieces = f"stack({self.formula((rows, columns), depth)}, {self.formula((rows, other), 0)}, rows)"
            return f"({pieces})[:,1..{columns}]"
        other = self.dim()
        above, below = self.formula((other, columns), 0), self.formula((rows, columns), depth)
        pieces = f"stack({above}, {below}, columns)"
        return f"({pieces})[{other}+1..{other}+{rows},:]"

    def padded(self, rows: str, columns: str, depth: int) -> str:
        """A piece of a padded matrix."""
        self.use("pad")
        start = self.rng.choice(["1", "2", "3"])
        ends = {"1": ("{0}", "{1}"), "2": ("{0}+1", "{1}+1"), "3": ("{0}+2", "{1}+2")}[start]
        low, high = (end.format(rows, columns) for end in ends)
        return f"(pad({self.formula((rows, columns), depth)}, 1))[{start}..{low},{start}..{high}]"

    def reshaped(self, rows: str, columns: str, depth: int) -> str:
        """A matrix of other sides, in this shape."""
        self.use("reshape")
        return f"reshape({self.formula((columns, rows), depth)}, {rows}, {columns})"

    def constant(self, rows: str, columns: str, depth: int) -> str:
        """Ones, zeros or the identity, added to something."""
        name = self.rng.choice(["ones", "zeros"] + ["eye"] * 3 * (rows == columns))
        self.use(name)
        text = f"eye({rows})" if name == "eye" else f"{name}({rows}, {columns})"
        return f"({self.formula((rows, columns), depth)} {self.rng.choice(['+', '*'])} {text})"

    def hot(self, rows: str, columns: str, depth: int) -> str:
        """Rows looked up by labels, with repeats: a product with a one-hot matrix."""
        self.use("onehot")
        labels = self.declare("y", self.vector(rows), f", classes: {self.dim(rows)}", "input")
        labels = labels.strip("()").removesuffix("^T")
        classes = self.symbols[labels].split("classes: ")[1].rstrip("}")
        return f"(onehot({labels}, rows) {self.formula((classes, columns), depth)})"

    def filled(self, rows: str, columns: str, depth: int) -> str:
        """Entry by entry."""
        self.use("entries")
        matrix, other = self.symbol((rows, columns)), self.symbol((columns, columns))
        name = f"U{sum(one.startswith('U') for one in self.shapes) + 1}"
        function = self.use(self.rng.choice([*BOUNDED, "square"]))
        self.lines.append(f"{name}[i,j] = {function}({matrix}[i,j]) * sum[k]({matrix}[i,k] * {other}[k,j])")
        self.shapes[name] = (rows, columns)
        return name

    def diag(self, rows: str, columns: str, depth: int) -> str:
        """A diagonal matrix."""
        self.use("diag")
        return f"diag({self.formula(self.vector(rows), depth)})"

    def inverse(self, rows: str, columns: str, depth: int) -> str:
        """The inverse of a matrix that is well away from singular."""
        self.use("inv")
        fact = self.rng.choice([", symmetric: true", ", posdef: true", ""])
        matrix = self.declare("S", (rows, rows), fact)
        if self.rng.random() < 0.5:
            return f"inv({matrix})"
        return f"inv({matrix} + {self.bounded((rows, rows), depth)})"

    def gram(self, rows: str, columns: str, depth: int) -> str:
        """A^T A."""
        self.use("gram")
        inner = self.formula((self.dim(), rows), depth)
        return f"(({inner})^T ({inner}))"


def draw(rng: random.Random) -> Program:
    """One program."""
    maker = Maker(rng, rng.random() < 0.5)
    depth = rng.randint(2, 6)
    loss = maker.scalar(SCALAR, depth - 1)
    while not maker.parameters:
        loss = f"{loss} + {maker.total(1)}"
    matrices = [name for name in maker.parameters if not name.startswith("B")]
    if matrices and rng.random() < 0.2:
        loss = f"{loss}/{rng.choice(['3', 'lam'])} + lam/2 * sumsq({rng.choice(matrices)})"
        maker.symbols["lam"] = "{role: constant}"
    convention = "row" if maker.rows else rng.choice(["column", "column-transposed"])
    symbols = {**maker.symbols, **{name: body for name, body in maker.functions.items() if body}}
    declared = (f"  {name}: {body}" for name, body in symbols.items())
    lines = [f"convention: {convention}", "symbols:", *declared]
    forward = [*maker.lines, f"L = {loss}"]
    text = "\n".join([*lines, "forward: |", *(f"  {line}" for line in forward)]) + "\n"
    wrt = tuple(rng.sample(maker.parameters, min(2, len(maker.parameters))))
    return Program(text, wrt, maker.drawn, depth)
