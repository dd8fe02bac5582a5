"""Which equations a value depends on, found once per graph."""

from __future__ import annotations

from symbackprop.core.expr import Add, Divide, Hadamard
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Tensor


class Dependencies:
    """The equations of a graph with their inputs; answers what has to be recomputed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._both_ways: bool | None = None
        self._inputs = {id(equation): frozenset(equation.inputs) for equation in graph.equations}
        self._between: dict[tuple[Tensor, Tensor], tuple[Equation, ...]] = {}

    @property
    def stretches_both_ways(self) -> bool:
        """Whether a column meets a row entry by entry somewhere, as in x - x^T."""
        if self._both_ways is None:
            nodes = [n for e in self.graph.equations if e.expr is not None for n in e.expr.walk()]
            found = (n for n in nodes if isinstance(n, Add | Hadamard | Divide))
            self._both_ways = any(n.shape not in [part.shape for part in n.children] for n in found)
        return self._both_ways

    def inputs(self, equation: Equation) -> frozenset[Tensor]:
        """The tensors on the right side of an equation."""
        return self._inputs[id(equation)]

    def between(self, of: Tensor, by: Tensor) -> tuple[Equation, ...]:
        """The equations through which ``by`` reaches ``of``, in computable order.

        The equation of ``by`` itself is not among them: ``by`` is cut.
        """
        found = self._between.get((of, by))
        if found is None:
            found = self._between[(of, by)] = self._search(of, by)
        return found

    def _search(self, of: Tensor, by: Tensor) -> tuple[Equation, ...]:
        reached, after = {by}, []
        own = self.graph.loop_of(by)
        inputs = {loop: frozenset().union(*(self._of(t) for t in loop)) for loop in self.graph.loops}
        for equation in self.graph.equations:
            loop = self.graph.loop_of(equation.target)
            feels = not reached.isdisjoint(inputs[loop] if loop else self.inputs(equation))
            if (equation.target is not by or bool(loop)) and (feels or (bool(loop) and loop == own)):
                reached.add(equation.target)
                after.append(equation)
        needed, kept = {of}, []
        for equation in reversed(after):
            loop = self.graph.loop_of(equation.target)
            if equation.target in needed or not needed.isdisjoint(loop):
                needed |= self.inputs(equation)
                kept.append(equation)
        return tuple(reversed(kept))

    def after(self, by: Tensor) -> tuple[Equation, ...]:
        """The equations that ``by`` reaches, in computable order; its own is not among them."""
        reached, found = {by}, []
        for equation in self.graph.equations:
            if equation.target is not by and not reached.isdisjoint(self.inputs(equation)):
                reached.add(equation.target)
                found.append(equation)
        return tuple(found)

    def _of(self, target: Tensor) -> frozenset[Tensor]:
        """The inputs of the equation of a target."""
        return next(self.inputs(e) for e in self.graph.equations if e.target is target)

    def ancestors(self, tensor: Tensor) -> frozenset[Tensor]:
        """The tensors that ``tensor`` is computed from, itself among them."""
        needed = {tensor}
        for equation in reversed(self.graph.equations):
            if equation.target in needed or not needed.isdisjoint(self.graph.loop_of(equation.target)):
                needed |= self.inputs(equation)
        return frozenset(needed)
