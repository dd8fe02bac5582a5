"""Formulas in index notation for the random forward passes: binders, entry equations, families, slices.

Each function takes the maker of a program (``tests.fuzz.programs``) and gives the text of a formula: a
number, or a vector of the file as it is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.programs import Maker

CALM = "sigmoid tanh sin cos".split()


def _vector(maker: Maker, dim: str, role: str = "parameter") -> str:
    """A symbol of one axis."""
    return maker.symbol(maker.vector(dim), role).strip("()").removesuffix("^T")


def _matrix(maker: Maker, rows: str, columns: str) -> str:
    return maker.symbol((rows, columns)).strip("()").removesuffix("^T")


def _calm(maker: Maker) -> str:
    return maker.use(maker.rng.choice(CALM))


# Numbers


def bounded_sum(maker: Maker, depth: int) -> str:
    """Pairs i < j, by bounds or by a condition."""
    maker.use("bounds")
    dim = maker.dim()
    x, a = _vector(maker, dim), _matrix(maker, dim, dim)
    ranges = maker.rng.choice([
        f"i = 1..{dim}-1, j = i+1..{dim}", "i, j > i", "i, j < i", "i, j != i", "i, j <= i",
        f"i = 2..{dim}, j = 1..i-1",
        f"i = 2..{dim}, j",
    ])  # fmt: skip
    name = maker.use(maker.rng.choice(["sum[]", "sum[]", "mean[]"])).removesuffix("[]")
    if name == "mean" and ("1.." in ranges or "i+1" in ranges):
        name = "sum"
    body = maker.rng.choice([
        f"{a}[i,j] * ({x}[i] - {x}[j])^2", f"{_calm(maker)}({a}[i,j] + {x}[i]) * {x}[j]",
        f"square({a}[j,i] - {x}[i])",
    ])  # fmt: skip
    return f"{name}[{ranges}]({body})"


def product_over(maker: Maker, depth: int) -> str:
    """The product of all entries of something."""
    maker.use("prod[]")
    dim = maker.dim()
    x = _vector(maker, dim)
    return maker.rng.choice([
        f"prod[i](1 + {_calm(maker)}({x}[i])/2)",
        f"sum[j](prod[i]({_matrix(maker, dim, maker.dim(dim))}[i,j]))",
        f"log(prod[i](1 + square({x}[i])))",
    ])  # fmt: skip


def largest_over(maker: Maker, depth: int) -> str:
    """The largest of entries, of all or of each line."""
    maker.use("max[]")
    dim, other = maker.dim(), maker.dim()
    a, x = _matrix(maker, dim, other), _vector(maker, other)
    return maker.rng.choice([
        f"max[j]({x}[j]^3 + {x}[j])", f"sum[i](max[j]({a}[i,j] + {x}[j]))",
        f"sum[i]({_calm(maker)}(max[j]({a}[i,j])))",
        f"max[i, j]({a}[i,j] * 2)",
    ])  # fmt: skip


def mean_over(maker: Maker, depth: int) -> str:
    """A mean with a nested sum."""
    maker.use("mean[]")
    dim, other = maker.dim(), maker.dim()
    a, x = _matrix(maker, dim, other), _vector(maker, other)
    return f"mean[i]({_calm(maker)}(sum[j]({a}[i,j] * {x}[j])))"


def recurrence(maker: Maker, depth: int) -> str:
    """A family over time: h[t] = f(W h[t-1] + U x[t] + b)."""
    if maker.functions.get("family"):
        return bounded_sum(maker, depth)
    maker.use("family")
    maker.functions["family"] = ""
    steps = maker.rng.choice(["3", "2", "T"])
    hidden, given = maker.dim(), maker.dim()
    maker.symbols["xs"] = (
        f"{{shape: [{given}], over: {steps}, role: {maker.rng.choice(['input', 'parameter'])}}}"
    )
    down = not maker.rows
    start = maker.declare("x", maker.vector(hidden))
    square = maker.declare("A", (hidden, hidden))
    enter = maker.declare("A", (hidden, given) if down else (given, hidden))
    bias = maker.declare("x", maker.vector(hidden))
    inner = f"{square} hs[t-1] + {enter} xs[t]" if down else f"hs[t-1] {square} + xs[t] {enter}"
    function = maker.use(maker.rng.choice(["tanh", "sigmoid", "relu", "sin"]))
    maker.lines.append(f"hs[0] = {start}")
    maker.lines.append(f"hs[t] = {function}({inner} + {bias}) for t = 1..{steps}")
    return maker.rng.choice([f"sum[t](sumsq(hs[t]))/{steps}", f"sumsq(hs[{steps}])", "sum[t](sum(hs[t]))"])


def arbitrary(maker: Maker, depth: int) -> str:
    """An arbitrary differentiable function of what was computed; one in a program."""
    if maker.functions.get("abstract"):
        return mean_over(maker, depth)
    maker.use("abstract")
    maker.functions["abstract"] = ""
    dim = maker.dim()
    arguments = []
    for shape in [maker.vector(dim), (dim, maker.dim(dim))][: maker.rng.randint(1, 2)]:
        kind = "v" if "1" in shape else "U"
        name = f"{kind}{sum(other.startswith(kind) for other in maker.shapes) + 1}"
        text = maker.formula(shape, depth)
        if name in maker.shapes:
            name += "a"
        maker.lines.append(f"{name} = {text}")
        maker.shapes[name] = shape
        arguments.append(name)
    maker.shapes["J"] = ("1", "1")
    maker.lines.append(f"J = J({', '.join(arguments)})")
    # what comes before J must not use it or its arguments in another way: dJ/dv would mean two things
    for name in arguments:
        del maker.shapes[name]
    return maker.rng.choice(["J", "2 J", "tanh(J)"])


def third_order(maker: Maker, depth: int) -> str:
    """An array of three axes, entry by entry."""
    maker.use("three axes")
    first, second, third = maker.dim(), maker.dim(), maker.dim()
    name = f"B{sum(other.startswith('B') for other in maker.symbols) + 1}"
    maker.symbols[name] = f"{{shape: [{first}, {second}, {third}], role: parameter}}"
    maker.parameters.append(name)
    x, y = _vector(maker, first), _vector(maker, third)
    return maker.rng.choice([
        f"sum[i, j, k]({_calm(maker)}({name}[i,j,k]) * {x}[i] * {y}[k])",
        f"sum[j](square(sum[i, k]({name}[i,j,k] * {x}[i] * {y}[k])))",
        f"sum(({name}[1,:,:])^2) + sum[j]({name}[1,j,2])",
    ])  # fmt: skip


# Vectors of the file


def differences(maker: Maker, dim: str, depth: int) -> str:
    """An entry equation with shifted positions, padded to the whole length."""
    maker.use("shift")
    x = _vector(maker, dim)
    name = f"v{sum(one.startswith('v') for one in maker.shapes) + 1}"
    maker.lines.append(f"{name}[i] = {_calm(maker)}({x}[i+1] - {x}[i]) for i = 1..{dim}-1")
    maker.shapes[name] = ("", "")  # of no shape that is looked for: the name is taken
    return f"stack({name}, {x}[{dim}..{dim}])"


def convolved(maker: Maker, dim: str, depth: int) -> str:
    """A valid convolution, entry by entry."""
    maker.use("convolution")
    other = maker.dim(dim)
    long = maker.declare("z", maker.vector(f"{dim}+{other}-1")).strip("()").removesuffix("^T")
    kernel = _vector(maker, other)
    name = f"v{sum(one.startswith('v') for one in maker.shapes) + 1}"
    maker.lines.append(f"{name}[i] = sum[k]({kernel}[k] * {long}[i+k-1]) for i = 1..{dim}")
    maker.shapes[name] = maker.vector(dim)
    return name


def affine_slice(maker: Maker, dim: str, depth: int) -> str:
    """A piece of a longer vector."""
    maker.use("slice a..b")
    other = maker.dim(dim)
    long = maker.declare("z", maker.vector(f"{dim}+{other}")).strip("()").removesuffix("^T")
    piece = maker.rng.choice([f"1..{dim}", f"{other}+1..{other}+{dim}", f"2..{dim}+1"])
    return f"{long}[{piece}]"


def entrywise(maker: Maker, dim: str, depth: int) -> str:
    """An entry equation with sums, conditions and indicators."""
    maker.use("entries")
    x, a = _vector(maker, dim), _matrix(maker, dim, dim)
    name = f"v{sum(one.startswith('v') for one in maker.shapes) + 1}"
    right = maker.rng.choice([
        f"exp({_calm(maker)}({x}[k]))/sum[j](exp({_calm(maker)}({x}[j])))",
        f"sum[j != k]({a}[k,j] * {x}[j])", f"sum[j <= k]({x}[j])", f"{a}[k,k] * {_calm(maker)}({x}[k])",
        f"sum[j](kron(j, k) * {a}[k,j] + {x}[j])", f"max[j]({a}[k,j])",
        f"prod[j](1 + {_calm(maker)}({a}[k,j])/3)",
        f"max({x}[k], {a}[k,1])", f"sum[j]({a}[k,j] * {a}[j,k])/{dim}",
    ])  # fmt: skip
    maker.lines.append(f"{name}[k] = {right}")
    maker.shapes[name] = maker.vector(dim)
    return name


def signed(maker: Maker, dim: str, depth: int) -> str:
    """A vector of declared values times something."""
    maker.use("declared values")
    fact = maker.rng.choice([", one_of: [-1, 1]", ", one_of: [0, 1]", ", between: [0, 1]", ", nonzero: true"])
    mask = maker.declare("e", maker.vector(dim), fact, "input")
    power = maker.rng.choice(["", "^2"])
    return f"({mask}{power} * {maker.formula(maker.vector(dim), depth)})"


def declared_function(maker: Maker, dim: str, depth: int) -> str:
    """A function of the file: another name, a formula, or an arbitrary one with its slope."""
    kind = maker.rng.choice(["is", "of", "prime"])
    maker.use(f"function {kind}")
    if kind == "is":
        known = maker.rng.choice(["sigmoid", "softplus", "elu"])
        maker.functions.setdefault("phi", f"{{role: function, is: {known}}}")
        return f"phi({maker.formula(maker.vector(dim), depth)})"
    if kind == "of":
        maker.functions.setdefault("swish", "{role: function, of: a, is: 'a * sigmoid(2 a) + a^2/3'}")
        return f"swish({maker.formula(maker.vector(dim), depth)})"
    name = maker.rng.choice(["tanh", "sigmoid", "gelu", "softplus"])
    return f"{name}'({maker.formula(maker.vector(dim), depth)})"


NUMBERS: tuple[Callable[[Maker, int], str], ...] = (
    bounded_sum, product_over, largest_over, mean_over, recurrence, arbitrary, third_order,
)  # fmt: skip
VECTORS: tuple[Callable[[Maker, str, int], str], ...] = (
    differences, convolved, affine_slice, entrywise, signed, declared_function,
)  # fmt: skip
