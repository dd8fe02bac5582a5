r"""Factors joined to one expression: ``\odot`` and ``*`` bind less tightly than juxtaposition and dots."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, DimValue, Divide, Expr, Hadamard, MatMul, Number, Shape, Transpose
from symbackprop.core.written import Ones, shape_of
from symbackprop.reading.works.brackets import BracketReader
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import Node

_LOOSE_OPS = frozenset(
    r"\odot \circ \otimes * \times \ast \oslash \star \bullet \circledast \boxdot .* ./".split()
)
_ELEMENTWISE = frozenset((r"\odot", r"\circ", r"\boxdot", r"\bullet", r"\star", ".*"))


class FoldingReader(BracketReader):
    """What operators between factors mean."""

    def divided(self, num: Expr, den: Expr, node: Node) -> Expr:
        """A quotient; of two whole numbers a number."""
        if isinstance(den, Number) and den.value == 0:
            raise Refused("division by zero", node.start)
        if isinstance(num, Number) and isinstance(den, Number):
            return Number(num.value / den.value)
        return Divide(num, den)

    def folded(self, units: list[tuple[str, Expr, Node]], node: Node) -> Expr:
        r"""Factors as one expression; ``\odot`` and ``*`` bind less tightly than juxtaposition."""
        chains: list[tuple[str, list[tuple[str, Expr, Node]]]] = [("", [])]
        for op, value, item in units:
            if op in _LOOSE_OPS:
                chains.append((op, [("", value, item)]))
            else:
                chains[-1][1].append((op, value, item))
        if not chains[0][1]:
            raise Refused("an operator with nothing before it", node.start)
        result = self.tight(chains[0][1], node)
        for op, chain in chains[1:]:
            right = self.tight(chain, node)
            result = self.combined(op, result, right, node)
        return result

    def tight(self, chain: list[tuple[str, Expr, Node]], node: Node) -> Expr:
        """Juxtaposed factors, dots between them, and what is divided."""
        factors: list[Expr] = []
        for place, (op, value, item) in enumerate(chain):
            if op in ("/", r"\div"):
                num = self.multiplied(factors)
                if (rest := self.beside(chain, place)) and not isinstance(value, Number):
                    return self.choices.pick(
                        f"/ in {spell(node)[:60]}", self.divisions(num, chain, place, rest, node)
                    )
                factors = [self.divided(num, value, item)]
            elif op == r"\cdot" and factors and self.is_dot(factors[-1], value):
                factors[-1] = self.call("dot", (factors[-1], value), item)
            elif op in ("", r"\cdot", ".", r"\cdotp", r"\centerdot", "@"):
                factors.append(value)
            else:
                raise Refused(f"the operator {op}", item.start, "unknown")
        return self.multiplied(factors)

    def beside(self, chain: list[tuple[str, Expr, Node]], place: int) -> int:
        """How many factors stand right beside the divisor at ``place``, behind it."""
        count = 0
        while place + count + 1 < len(chain) and not chain[place + count + 1][0]:
            count += 1
        return count

    def divisions(
        self, num: Expr, chain: list[tuple[str, Expr, Node]], place: int, rest: int, node: Node
    ) -> list[tuple[str, str, Callable[[], Expr]]]:
        """``a / b c`` as (a/b) c and as a / (b c); the second first where b is an array."""
        end = place + rest + 1
        _, value, item = chain[place]

        def one() -> Expr:
            return self.tight([("", self.divided(num, value, item), item), *chain[place + 1 :]], node)

        def all_of_them() -> Expr:
            below = self.multiplied([factor for _, factor, _ in chain[place:end]])
            return self.tight([("", self.divided(num, below, item), item), *chain[end:]], node)

        options: list[tuple[str, str, Callable[[], Expr]]] = [
            ("one factor divides", "a / b c", one), ("all factors divide", "a / b c", all_of_them)
        ]  # fmt: skip
        return options if shape_of(value) == (ONE, ONE) else options[::-1]

    def is_dot(self, left: Expr, right: Expr) -> bool:
        """Whether a dot between two vectors of one shape is the inner product."""
        shape = shape_of(left)
        if shape is None or shape != shape_of(right) or shape == (ONE, ONE):
            return False
        return shape[0].is_one or shape[1].is_one

    def multiplied(self, factors: list[Expr]) -> Expr:
        if not factors:
            raise Refused("a factor is missing", 0)
        factors = [self.counted(factors, place) for place in range(len(factors))]
        return factors[0] if len(factors) == 1 else MatMul(tuple(factors))

    def counted(self, factors: list[Expr], place: int) -> Expr:
        """Ones as many as the factor beside them asks: ``1^T A`` has the rows of A, ``A 1`` its columns."""
        factor = factors[place]
        turned = isinstance(factor, Transpose)
        inner = factor.arg if isinstance(factor, Transpose) else factor
        if not isinstance(inner, Ones):
            return factor
        neighbour = place + 1 if turned else place - 1
        shape = shape_of(factors[neighbour]) if 0 <= neighbour < len(factors) else None
        if shape is None or shape == (ONE, ONE):
            return factor
        ones = self.of_extent(shape[0] if turned else shape[1])
        if ones is None:
            return factor
        return Transpose(ones) if turned else ones

    def of_extent(self, dim: Dim) -> Expr | None:
        """That many ones, as a column."""
        op = self.scope.operation("ones")
        assert op is not None
        size: Expr = Number(Fraction(dim.constant)) if dim.is_number else DimValue(dim)
        return Call(op, (size,), (dim, ONE))

    def combined(self, op: str, left: Expr, right: Expr, node: Node) -> Expr:
        """Two operands of a loose operator."""
        shapes = (shape_of(left), shape_of(right))
        scalar = (ONE, ONE) in shapes
        left, right = (Number(Fraction(1)) if isinstance(one, Ones) else one for one in (left, right))
        if op in _ELEMENTWISE:
            return self.elementwise(left, right)
        if op in (r"\oslash", "./"):
            return Divide(left, right)
        if op == r"\otimes":
            return self.tensor_product(left, right, node)
        if scalar or None in shapes:
            return self.multiplied([*_factors(left), *_factors(right)])
        options: list[tuple[str, str, Callable[[], Expr]]] = []
        if shapes[0] == shapes[1]:
            options.append(("elementwise", "the shapes are equal", lambda: self.elementwise(left, right)))
        if _joins(shapes[0], shapes[1]):
            options.append(
                ("a product", "the shapes fit", lambda: self.multiplied([*_factors(left), *_factors(right)]))
            )
        if not options:
            return self.multiplied([*_factors(left), *_factors(right)])
        return self.choices.pick(f"{op} in {spell(node)[:60]}", options)

    def elementwise(self, left: Expr, right: Expr) -> Expr:
        parts = (left.factors if isinstance(left, Hadamard) else (left,)) + (right,)
        return Hadamard(parts)

    def tensor_product(self, left: Expr, right: Expr, node: Node) -> Expr:
        shapes = (shape_of(left), shape_of(right))
        vectors = all(shape is not None and (shape[0].is_one or shape[1].is_one) for shape in shapes)
        if None in shapes or vectors:
            return self.call("outer", (left, right), node)
        if shapes[0] == shapes[1]:
            self.note(r"\otimes between equal shapes is the elementwise product")
            return self.elementwise(left, right)
        raise Refused(r"\otimes of matrices", node.start, "unknown")


def _factors(expr: Expr) -> tuple[Expr, ...]:
    return expr.factors if isinstance(expr, MatMul) else (expr,)


def _joins(left: Shape | None, right: Shape | None) -> bool:
    return left is None or right is None or (ONE, ONE) in (left, right) or left[1] == right[0]
