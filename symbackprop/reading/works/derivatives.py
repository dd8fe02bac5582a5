r"""Derivatives in a work: ``\frac{\partial L}{\partial W}`` in every spelling, ``\nabla``, ``dW``.

A derivative of an array by an array is a ``Jacobian``, of entries an ``Element`` of a ``Partial``, of a
formula a ``Slope``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symbackprop.core.arrays import Jacobian, Vec
from symbackprop.core.dims import ONE
from symbackprop.core.expr import Expr, Leaf, MatMul, Partial, Transpose
from symbackprop.core.indexed import Element, IndexValue, Run, Slice, named_tensor
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Change, Dummy, Opaque, Slope, shape_of
from symbackprop.notation.layouts import layout_partial
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import FRACTIONS
from symbackprop.reading.works.spelling import scripts_of, spell
from symbackprop.reading.works.tree import Cmd, Group, Listed, Node, Num, Product, Scripts, Sym, Word, bare
from symbackprop.reading.works.values import SymbolReader
from symbackprop.reading.works.vocabulary import DimName

_PAIRS = frozenset(
    (r"\pd", r"\pdv", r"\pderiv", r"\pardiff", r"\partialderiv", r"\dv", r"\deriv", r"\derivative",
     r"\partialderivative", r"\fdv")
)  # fmt: skip
Items = tuple[tuple[str, Node | None], ...]


class DerivativeReader(SymbolReader):
    """What a derivative is of and by."""

    def quotient(self, node: Cmd) -> tuple[Node | None, Node] | None:
        """(what is differentiated, None for an operator; what by), if a quotient is a derivative."""
        if node.name in _PAIRS and len(node.args) == 2:
            return bare(node.args[0]), node.args[1]
        if node.name not in FRACTIONS:
            return None
        top, below = bare(node.args[0]), bare(node.args[1])
        head, of = self.head(top)
        if head is None:
            return None
        other, by = self.head(below)
        if other != head.rstrip("0123456789") or by is None:
            return None
        return of, by

    def is_declared(self, letter: str) -> bool:
        return bool(self.vocabulary.lookup(Sym(0, 0, letter)))

    def head(self, node: Node | None) -> tuple[str | None, Node | None]:
        r"""The ``d`` or ``\partial`` (with the 2 of a second order) at the front, and the rest."""
        if node is None:
            return None, None
        items: Items = node.items if isinstance(node, Product) else (("", node),)
        first = bare(items[0][1])
        order = ""
        if isinstance(first, Scripts) and len(first.scripts) == 1 and first.scripts[0][0] == "^":
            power = bare(first.scripts[0][1])
            if not isinstance(power, Num):
                return None, None
            order, first = power.text, bare(first.base)
        if isinstance(first, Cmd) and first.name == r"\mathrm" and len(first.args) == 1:
            first = bare(first.args[0])
        if not isinstance(first, Sym) or first.name not in ("d", r"\partial"):
            return None, None
        head = first.name + order
        rest = items[1:]
        if not rest:
            return head, None
        if rest[0][0]:
            return None, None
        return head, self.joined(rest)

    def joined(self, items: Items) -> Node:
        """The items as one piece."""
        if len(items) == 1:
            assert items[0][1] is not None
            return items[0][1]
        nodes = [item for _, item in items if item is not None]
        return Product(nodes[0].start, nodes[-1].stop, (("", items[0][1]), *items[1:]))

    def derivative(self, of: Node, by: Node, node: Node) -> Expr:
        """The derivative of one piece by another."""
        flat = self.flattened(of), self.flattened(by)
        if flat != (None, None):
            return self.noted(self.vectorised(flat[0] or of, flat[1] or by, node), node)
        if self.is_second(node):
            return self.second(of, by, node)
        return self.noted(self.slope(self.differentiated(of), self.variable(by), node), node)

    def flattened(self, node: Node | None) -> Node | None:
        r"""W in ``\operatorname{vec} W``."""
        if not isinstance(node, Product) or len(node.items) != 2 or node.items[1][0]:
            return None
        word, operand = node.items[0][1], bare(node.items[1][1])
        if not isinstance(word, Word) or word.text != "vec" or operand is None:
            return None
        return bare(operand.body) if isinstance(operand, Group) else operand

    def vectorised(self, of: Node, by: Node, node: Node) -> Expr:
        """A Jacobian whose matrices are listed entry by entry, in the order of ``style: {vec: ...}``."""
        sides = tuple(self.value(side) for side in (of, by))
        if not isinstance(sides[0], Leaf) or not isinstance(sides[1], Leaf):
            raise Refused("vec of what is no symbol", node.start)
        flipped = self.vocabulary.layout == "denominator"
        return Jacobian(sides[0].tensor, sides[1].tensor, flipped=flipped, vec=self.listing())

    def is_second(self, node: Node) -> bool:
        if not isinstance(node, Cmd) or node.name not in FRACTIONS:
            return False
        head, _ = self.head(bare(node.args[0]))
        return head is not None and head[-1:].isdigit()

    def second(self, of: Node, by: Node, node: Node) -> Expr:
        r"""``\frac{\partial^2 L}{\partial w \partial v}``, ``\frac{\partial^2 L}{\partial w^2}``."""
        pieces = self.below_twice(by)
        if len(pieces) != 2:
            raise Refused("this second derivative", node.start)
        flat = [found for piece in pieces if (found := self.flattened(_opened(piece))) is not None]
        if len(flat) == 2:
            return self.noted(self.listed_twice(self.differentiated(of), flat[0], flat[1], node), node)
        # d2L/(dw dw^T) is how the matrix d2L/dw2 of a vector w is often written.
        first, other = (_unturned(self.variable(piece)) for piece in pieces)
        return self.noted(self.by_two(self.differentiated(of), first, other, node), node)

    def listed_twice(self, whole: Expr, first: Node, other: Node, node: Node) -> Expr:
        r"""``\frac{\partial^2 L}{\partial (\operatorname{vec} W)^2}``: a matrix with a row for each entry."""
        sides = (self.value(first), self.value(other))
        if not isinstance(whole, Leaf) or not whole.is_scalar:
            raise Refused("a second derivative by vec of what is no scalar", node.start)
        if not isinstance(sides[0], Leaf) or not isinstance(sides[1], Leaf):
            raise Refused("vec of what is no symbol", node.start)
        gradient = whole.tensor.gradient_by(sides[0].tensor)
        return Jacobian(gradient, sides[1].tensor, vec=self.listing())

    def listing(self) -> Vec:
        """The order in which vec lists the entries of a matrix."""
        return "column" if self.vocabulary.names.style.get("vec") == "column" else "row"

    def below_twice(self, by: Node) -> list[Node]:
        r"""The two arrays (or entries ``W[i, j]``) of ``\partial w\,\partial v``, ``\partial w^2``."""
        items: Items = by.items if isinstance(by, Product) else (("", by),)
        runs: list[list[tuple[str, Node | None]]] = [[]]
        for op, item in items:
            inner = bare(item)
            if isinstance(inner, Sym) and inner.name in (r"\partial", "d") and not op:
                runs.append([])
            elif inner is not None:
                runs[-1].append((op, item))
        pieces = [self.joined(tuple(run)) for run in runs if run]
        only = bare(pieces[0]) if len(pieces) == 1 else None
        if not isinstance(only, Scripts):
            return pieces
        sup = scripts_of(only)[1]
        if not isinstance(sup, Num) or sup.text != "2":
            return pieces
        scripts = tuple(one for one in only.scripts if one[0] != "^")
        single = Scripts(only.start, only.stop, only.base, scripts) if scripts else only.base
        assert single is not None
        return [single, single]

    def by_two(self, whole: Expr, first: Expr, other: Expr, node: Node) -> Expr:
        """The second derivative of a scalar: that of its gradient, or of an entry of it."""
        array = first.base if isinstance(first, Element | Slice) else first
        named = isinstance(whole, Leaf) and whole.is_scalar
        if named and isinstance(whole, Leaf) and isinstance(array, Leaf) and not array.tensor.is_label:
            gradient = Leaf(whole.tensor.gradient_by(array.tensor))
            entry = replace(first, base=gradient) if isinstance(first, Element | Slice) else gradient
            return self.slope(entry, other, node)
        return Slope(whole, first, other)

    def differentiated(self, of: Node) -> Expr:
        r"""What stands above: a name, ``L(y, \hat y)`` (the name), or a formula."""
        named = self.named_call(of)
        return self.value(named if named is not None else of)

    def named_call(self, of: Node) -> Node | None:
        r"""The name in ``l(\theta)``: followed by nothing but names in brackets, and no function."""
        if not isinstance(of, Product) or len(of.items) != 2 or of.items[1][0]:
            return None
        head, bracket = of.items[0][1], of.items[1][1]
        if head is None or not isinstance(bracket, Group) or bracket.opener != "(":
            return None
        if not self.only_names(bracket.body) or self.function_of(head, called=True) is not None:
            return None
        return head if self.meanings(head) else None

    def function_of(self, node: Node, *, called: bool = False) -> object | None:
        """The function that a piece is, if it is one; given by the reader of products."""
        raise NotImplementedError

    def only_names(self, node: Node | None) -> bool:
        node = bare(node)
        if isinstance(node, Listed):
            return all(item is None or self.only_names(item) for _, item in node.items)
        if isinstance(node, Product):
            return False
        return isinstance(node, Sym | Scripts | Cmd) and not (
            isinstance(node, Scripts) and isinstance(bare(node.base), Num | Group)
        )

    def variable(self, by: Node) -> Expr:
        """What stands below: a name, an entry, a row or column, or a dummy variable."""
        found = self.value(by)
        inner = found
        while isinstance(inner, Transpose):
            inner = inner.arg
        if isinstance(inner, Leaf | Dummy | Opaque):
            return found
        if isinstance(inner, Element | Slice) and isinstance(inner.base, Leaf):
            return found
        raise Refused(f"a derivative by {spell(by).strip()}, which is no symbol", by.start)

    def slope(self, of: Expr, by: Expr, node: Node) -> Expr:
        """The node for d of / d by."""
        for side in (of, by):
            if isinstance(side, Opaque | Dummy | Transpose):
                return Slope(of, by)
        tensors = tuple(named_tensor(side) for side in (of, by))
        if tensors[0] is None or tensors[1] is None:
            return Slope(of, by)
        if tensors[1].is_label or tensors[0].is_label:
            raise Refused("a derivative by labels, which have none", node.start, "shape")
        top, below = tensors[0], tensors[1]
        if top.is_scalar and isinstance(of, Leaf) and isinstance(by, Slice):
            return replace(by, base=Partial(top, below))
        own, other = _slots(of), _slots(by)
        if own is None or other is None:
            return Slope(of, by)
        free = own.count(None) + other.count(None)
        if free == 0 and (own or other):
            slots = tuple(slot for slot in (*own, *other) if slot is not None)
            return Element(Partial(top, below), slots)
        if top.is_scalar and not own:
            return self.gradient(top, below, other)
        return Jacobian(
            top, below,
            of_slots=own if any(slot is not None for slot in own) else (),
            by_slots=other if any(slot is not None for slot in other) else (),
        )  # fmt: skip

    def gradient(self, of: Tensor, by: Tensor, slots: tuple[IndexValue | None, ...]) -> Expr:
        partial = Partial(of, by)
        if all(slot is None for slot in slots):
            return layout_partial(partial, self.vocabulary.layout)
        runs: list[Expr] = [
            Run(IndexValue((), ONE), dim) if slot is None else slot
            for slot, dim in zip(slots, by.shape, strict=True)
        ]
        return Slice(partial, tuple(runs), by.convention.vectors_are_rows)

    # -- nabla and differentials

    def nabla(self, node: Node, items: Items, position: int) -> tuple[Expr, int]:
        r"""``\nabla_W L``, ``\nabla A`` (of the loss by A), and where the next factor begins."""
        by: Node | None = None
        twice = False
        if isinstance(node, Scripts):
            by, sup, primes = scripts_of(node)
            twice = sup is not None and spell(sup) == "2"
            if (sup is not None and not twice) or primes:
                raise Refused(r"this power of \nabla", node.start)
        if position + 1 >= len(items) or items[position + 1][0] or items[position + 1][1] is None:
            raise Refused(r"nothing stands behind \nabla", node.start)
        operand = items[position + 1][1]
        assert operand is not None
        end = position + 2
        if by is None:
            bracket = items[end][1] if end < len(items) and not items[end][0] else None
            if twice:
                named = isinstance(bracket, Group) and self.only_names(bracket.body)
                inner = bracket.body if named and isinstance(bracket, Group) else None
                below = self.variable(inner) if inner is not None else self.only_parameter(node)
                second = self.by_two(self.differentiated(operand), below, below, node)
                return self.noted(second, node), end + named
            if self.is_loss(operand) and isinstance(bracket, Group) and self.only_names(bracket.body):
                assert bracket.body is not None
                found = self.slope(self.value(operand), self.variable(bracket.body), node)
                return self.noted(found, node), end + 1
            return self.of_loss(operand, node), end
        while end < len(items) and not items[end][0] and self.is_arguments(items[end][1]):
            end += 1
        if twice:
            listed = self.flattened(by)
            if listed is not None:
                found = self.listed_twice(self.differentiated(operand), listed, listed, node)
                return self.noted(found, node), end
            below = self.variable(by)
            return self.noted(self.by_two(self.differentiated(operand), below, below, node), node), end
        return self.noted(self.slope(self.differentiated(operand), self.variable(by), node), node), end

    def only_parameter(self, node: Node) -> Expr:
        r"""What ``\nabla^2 L`` differentiates by where it does not say so: the one array that is learned."""
        learned = [one for one in self.graph.parameters if not one.is_label]
        if len(learned) != 1:
            raise Refused(r"\nabla^2 without what by", node.start, "unknown")
        self.note(rf"\nabla^2 differentiates by {learned[0].name}, the only parameter")
        return Leaf(learned[0])

    def is_loss(self, node: Node) -> bool:
        """Whether a piece is the loss, or a scalar that something else is computed into."""
        named = self.meanings(node) if isinstance(node, Sym | Scripts | Cmd) else []
        return bool(named) and isinstance(named[0][0], Tensor) and named[0][0].is_scalar

    def is_arguments(self, node: Node | None) -> bool:
        """Whether a bracket only says what the thing before it depends on."""
        return isinstance(node, Group) and node.opener == "(" and self.only_names(node.body)

    def of_loss(self, operand: Node, node: Node) -> Expr:
        """The derivative of the loss by what is named; a transpose belongs outside."""
        loss = self.context.loss
        if loss is None:
            raise Refused(r"\nabla of a name, and no loss is known", node.start, "unknown")
        found = self.value(operand)
        turned = isinstance(found, Transpose)
        inner = found.arg if isinstance(found, Transpose) else found
        if isinstance(inner, Leaf) and inner.tensor is loss:
            raise Refused(r"\nabla of the loss, without what by", node.start)
        if named_tensor(inner) is None:
            raise Refused(r"\nabla of what is no symbol", operand.start)
        self.note(rf"\nabla {spell(operand).strip()} is d{loss.name}/d{spell(operand).strip()}")
        gradient = self.noted(self.slope(Leaf(loss), inner, node), node)
        return Transpose(gradient) if turned else gradient

    def inline(self, items: Items, position: int) -> tuple[Expr, int] | None:
        r"""``\partial L/\partial W`` on one line, from ``\partial`` on."""
        head = bare(items[position][1])
        name = head.name if isinstance(head, Sym) else ""
        end = position + 1
        while end < len(items) and not items[end][0]:
            end += 1
        if end >= len(items) or items[end][0] != "/" or end == position + 1:
            return None
        below = bare(items[end][1])
        if not (isinstance(below, Sym) and below.name == name) or end + 1 >= len(items) or items[end + 1][0]:
            return None
        of = self.joined((("", items[position + 1][1]), *items[position + 2 : end]))
        by = items[end + 1][1]
        assert by is not None
        whole = Product(head.start if head is not None else by.start, by.stop, ())
        return self.derivative(of, by, whole), end + 2

    def differential(self, items: Items, position: int) -> tuple[Expr, int] | None:
        r"""``dW`` as the gradient of the loss by W, where d is no name: how programs call it."""
        if position + 1 >= len(items) or items[position + 1][0]:
            return None
        first, operand = items[position][1], items[position + 1][1]
        if first is None or operand is None or first.stop != operand.start:
            return None
        named = [one.meaning for one in self.vocabulary.lookup(first)]
        if not all(isinstance(one, DimName) for one in named):
            return None
        meanings = self.meanings(operand) if isinstance(operand, Sym | Scripts | Cmd) else []
        loss = self.context.loss
        if not any(isinstance(one[0], Tensor) for one in meanings) or loss is None:
            return None
        name = f"d{spell(operand).strip()}"

        def gradient() -> Expr:
            found = self.value(operand)
            turned = isinstance(found, Transpose)
            inner = found.arg if isinstance(found, Transpose) else found
            if named_tensor(inner) is None:
                raise Refused(f"{name} is not known", first.start, "unknown")
            self.note(f"{name} is the gradient of {loss.name}, as programs call it")
            expr = self.slope(Leaf(loss), inner, operand)
            return Transpose(expr) if turned else expr

        def opaque() -> Expr:
            whole = Product(first.start, operand.stop, (("", first), ("", operand)))
            return self.change(self.value(operand), whole)

        def product() -> Expr:
            return MatMul((self.symbol(first), self.value(operand)))

        options: list[tuple[str, str, Callable[[], Expr]]] = [
            ("the gradient", "d before a name", gradient), ("a differential", "d before a name", opaque)
        ]  # fmt: skip
        if self.context.differentials:
            return opaque(), position + 2
        if named:
            options[1] = ("a product", "d is a dim", product)
        return self.choices.pick("d before names", options), position + 2


    def change(self, found: Expr, node: Node) -> Expr:
        """A small change of what was read; an unknown name where that has no value."""
        inner = found.arg if isinstance(found, Transpose) else found
        if shape_of(inner) is None or self.choices.opaque:
            return self.unknown(node)
        changed = self.noted(Change(inner), node)
        return Transpose(changed) if isinstance(found, Transpose) else changed


def _unturned(expr: Expr) -> Expr:
    """A vector for its transpose."""
    vector = isinstance(expr, Transpose) and isinstance(expr.arg, Leaf) and expr.arg.tensor.rank == 1
    return expr.arg if vector and isinstance(expr, Transpose) else expr


def _slots(expr: Expr) -> tuple[IndexValue | None, ...] | None:
    """One position for each axis, None where it runs; None if a part of an axis runs."""
    if isinstance(expr, Leaf):
        return (None,) * expr.tensor.rank
    if isinstance(expr, Element):
        return expr.slots
    assert isinstance(expr, Slice)
    found: list[IndexValue | None] = []
    for slot, dim in zip(expr.slots, named_tensor(expr).shape, strict=True):  # type: ignore[union-attr]
        if isinstance(slot, Run):
            if slot.count != dim:
                return None
            found.append(None)
        else:
            assert isinstance(slot, IndexValue)
            found.append(slot)
    return tuple(found)


def _opened(node: Node) -> Node | None:
    """What stands in a bracket, or the piece itself."""
    inner = bare(node)
    return bare(inner.body) if isinstance(inner, Group) and inner.opener == "(" else inner
