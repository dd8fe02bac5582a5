r"""Functions of a work: which they are, and how far their argument reaches."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.tensors import Tensor
from symbackprop.reading.calls import AXES
from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.commands import BARS
from symbackprop.reading.works.derivatives import Items
from symbackprop.reading.works.spelling import partitions, scripts_of, spell
from symbackprop.reading.works.sums import SumReader
from symbackprop.reading.works.tree import Cmd, Group, Listed, Node, Scripts, Sym, Word, bare
from symbackprop.reading.works.vocabulary import Function

_WITH_SIGMOID = frozenset("sigmoid softplus silu bce_logits".split())  # their slopes hold the sigmoid
_ACTIVATIONS = frozenset("relu leaky_relu elu gelu gelu_tanh silu sigmoid tanh softplus".split())


class FunctionReader(SumReader):
    """Calls, with and without brackets."""

    def next_factor(self, items: Items, position: int) -> Node | None:
        if position + 1 < len(items) and not items[position + 1][0]:
            return items[position + 1][1]
        return None

    def arguments(self, bracket: Group) -> tuple[Expr, ...]:
        body = bare(bracket.body)
        if body is None:
            return ()
        run = self.counted_up(body) if isinstance(body, Listed) else None
        if run is not None:  # diag(p_1, ..., p_n)
            return (run,)
        parts = [item for _, item in body.items] if isinstance(body, Listed) else [body]
        return tuple(self.value(part) for part in parts if part is not None)

    def function_of(
        self, node: Node, *, called: bool = False
    ) -> tuple[Function, Node | None, Node | None, int] | None:
        r"""(function, sub, sup, primes left over) if a piece is a function.

        A bare name and a call are different names: ``\sigma`` may be an error signal, ``\sigma(z)`` is then
        still the activation.
        """
        if not isinstance(node, Sym | Word | Cmd | Scripts):
            return None
        if isinstance(node, Scripts) and isinstance(inner := bare(node.base), Scripts):
            return self.along(node, inner)
        cuts = partitions(node) if isinstance(node, Scripts) else iter([(node, None, None, 0, 0)])
        fallback: tuple[Function, Node | None, Node | None, int] | None = None
        for name, sub, sup, primes, _ in cuts:
            if name is None:
                continue
            found = self.vocabulary.lookup(name)
            functions = [one.meaning for one in found if isinstance(one.meaning, Function)]
            if functions:
                function = functions[0]
                return Function(function.name, function.primes + primes), sub, sup, 0
            if found:
                named = any(isinstance(one.meaning, Tensor) for one in found)
                return self.activation(node) if called and not named else None
            if fallback is None:
                table = self.vocabulary.function(name)
                if table is not None:
                    fallback = (Function(table.name, primes), sub, sup, 0)
        if fallback is not None:
            return fallback
        return self.activation(node)

    def along(self, node: Scripts, inner: Scripts) -> tuple[Function, Node | None, Node | None, int] | None:
        r"""``{f_1}_{\text{rows}}``: a name that has a script of its own, and the axis."""
        sub, sup, primes = scripts_of(node)
        found = self.function_of(inner)
        axis = isinstance(sub, Word) and sub.text in AXES and sup is None and not primes
        return (found[0], sub, *found[2:]) if found is not None and axis and found[1] is None else None

    def activation(self, node: Node) -> tuple[Function, Node | None, Node | None, int] | None:
        r"""An undeclared ``\sigma``: the likeliest of ``sigmas``."""
        base = bare(node.base) if isinstance(node, Scripts) else node
        sub, sup, primes = scripts_of(node) if isinstance(node, Scripts) else (None, None, 0)
        if not isinstance(base, Sym) or base.name != r"\sigma" or sub is not None:
            return None
        names = self.sigmas()
        if not names:
            return None
        self.note(rf"\sigma is {names[0]}")
        return Function(names[0], primes), None, sup, 0

    def sigmas(self) -> list[str]:
        r"""What an undeclared ``\sigma`` may be: the sigmoid, relu, the activations of the forward pass."""
        used = [
            part.op.name
            for equation in self.graph.equations
            if equation.expr is not None
            for part in equation.expr.walk()
            if isinstance(part, Call) and part.op.kind in ("elementwise", "function", "loss")
        ]
        names = list(
            dict.fromkeys(name for name in used if name in _ACTIVATIONS or name in self.graph.functions)
        )
        own = [self.graph.functions.get(name) for name in used]
        formulas = [str(getattr(op, key, "")) for op in own for key in ("formula", "slopes")]
        inside = [word for formula in formulas for word in re.findall(r"\w+", formula)]
        likely = ["sigmoid"] if not names or _WITH_SIGMOID.intersection((*names, *used, *inside)) else []
        likely += [name for name in names if name == "relu"]
        return list(dict.fromkeys((*likely, *(names if not likely or "bce_logits" in used else ()))))

    def applied(
        self, function: tuple[Function, Node | None, Node | None, int], items: Items, position: int
    ) -> tuple[Expr, int]:
        """A function and its argument."""
        item = items[position][1]
        assert item is not None
        found, sub, sup, _ = function
        following = self.next_factor(items, position)
        bracket = following.base if isinstance(following, Scripts) else following
        bracket = bare(bracket)
        if isinstance(bracket, Group) and bracket.opener in ("(", "[", r"\{", r"\lbrace"):
            args = self.arguments(bracket)
            end = position + 2
            behind = following if isinstance(following, Scripts) else None
        elif following is not None and self.is_barred(bracket):
            args, end, behind = (self.value(following),), position + 2, None  # log |a| b, log |a|^2
        elif following is None:
            if self.meanings(item):
                return self.symbol(item), position + 1
            return self.unknown(item), position + 1  # the function itself, which has no value
        else:
            end = self.reach(items, position + 1)
            run = items[position + 1 : end]
            args = (self.factors((("", run[0][1]), *run[1:]), item),)
            behind = None
        inner = args[0] if found.name == "log" and not found.primes and len(args) == 1 else None
        if isinstance(inner, Call) and inner.op.name == "abs":
            inner = inner.args[0]
        if isinstance(inner, Call) and inner.op.name == "det" and self.is_barred(bracket):
            found, args = Function("logdet"), inner.args  # log|X|: whatever the sign of the determinant
        axis = sub.text if isinstance(sub, Word) and sub.text in AXES else None
        sub = None if axis is not None else sub
        value = self.called_as(found, args, item, axis)
        value = self.noted(value, item)
        if sub is not None:
            value = self.entry(value, sub, item)
        if sup is not None:
            if spell(sup) == "-1":
                raise Refused("the inverse of a function", sup.start, "unknown")
            value = self.raised(value, sup, item)
        if behind is not None:
            below, above, primes = scripts_of(behind)
            if primes:
                raise Refused("a prime behind a call", behind.start)
            if below is not None:
                value = self.entry_of_call(value, below, behind)
            if above is not None:
                value = self.raised(value, above, behind)
        return value, end

    def entry_of_call(self, value: Expr, sub: Node, node: Node) -> Expr:
        r"""``\log(A)_k``: of a function taken entry by entry the function of the entry."""
        if isinstance(value, Call) and value.op.kind in ("elementwise", "function") and len(value.args) == 1:
            inner = self.entry(value.args[0], sub, node)
            return replace(value, args=(inner,), call_shape=inner.shape)
        return self.entry(value, sub, node)

    def called_as(
        self, function: Function, args: tuple[Expr, ...], item: Node, axis: str | None = None
    ) -> Expr:
        r"""The call; of an undeclared ``\sigma`` also as what the forward pass applies to that very array."""
        base = item.base if isinstance(item, Scripts) else item
        applied = self.applied_to(args)
        named = isinstance(base, Sym) and base.name == r"\sigma"
        undeclared = named and base is not None and not self.vocabulary.lookup(base)
        others = [name for name in self.sigmas() if name != function.name]
        others = [name for name in others if undeclared or name == "sigmoid"]
        if not named or not (others or applied not in (None, function.name)):
            return self.call(function.name, args, item, function.primes, axis)
        known = r"\sigma is not declared" if undeclared else r"\sigma may also be the sigmoid"
        why = dict.fromkeys((function.name, *others), known)
        if applied is not None and undeclared:
            why.setdefault(applied, "the forward pass applies it here")
        options: list[tuple[str, str, Callable[[], Expr]]] = [
            (name, reason, lambda name=name: self.call(name, args, item, function.primes, axis))  # type: ignore[misc]
            for name, reason in why.items()
        ]
        shown = args[0].tensor.name if isinstance(args[0], Leaf) else "this"
        return self.choices.pick(rf"\sigma({shown})", options)

    def applied_to(self, args: tuple[Expr, ...]) -> str | None:
        """The function that the forward pass applies to an array, if that is all an equation does."""
        for equation in self.graph.equations:
            expr = equation.expr
            if isinstance(expr, Call) and len(args) == 1 and expr.args[:1] == args and len(expr.args) == 1:
                return expr.op.name
        return None

    def is_barred(self, node: Node | None) -> bool:
        """Whether a piece stands in bars, perhaps in a bracket of its own."""
        inner = bare(node)
        if isinstance(inner, Group) and inner.opener in ("(", "["):
            inner = bare(inner.body)
        return isinstance(inner, Group) and inner.opener in BARS | {r"\lvert"}

    def is_place(self, node: Node | None) -> bool:
        """Whether a piece is an index in brackets."""
        bracket = bare(node)
        return isinstance(bracket, Group) and bracket.opener == "[" and self.is_index(bracket.body)

    def is_index(self, node: Node | None) -> bool:
        """Whether nothing but indices stands here; given by the reader of products."""
        raise NotImplementedError

    def reach(self, items: Items, start: int) -> int:
        """Where the argument of a function without brackets ends: before an operator, a function, a sum."""
        item = items[start][1]
        assert item is not None
        if self.big(item) is not None:
            return len(items)
        if self.function_of(item) is not None:
            following = self.next_factor(items, start)
            inner = following.base if isinstance(following, Scripts) else following
            if isinstance(bare(inner), Group) or following is None:
                end = min(start + 2, len(items)) if following is not None else start + 1
                while end < len(items) and not items[end][0] and self.is_place(items[end][1]):
                    end += 1  # \cos f(A)[i, j]: the entry that the cosine is of
                return end
            return self.reach(items, start + 1)
        end = start + 1
        while end < len(items):
            op, item = items[end]
            assert item is not None
            if op or self.function_of(item) is not None or self.big(item) is not None:
                break
            if isinstance(item, Cmd) and self.quotient(item) is not None:
                break
            end += 1
        return end
