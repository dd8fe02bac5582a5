"""Parsing of ``dL/dW`` and ``d2L/dw2``: one atom, told from a quotient by the names that are known."""

from __future__ import annotations

from symbackprop.reading.cursor import Cursor
from symbackprop.reading.syntax import Derivative, Name, Node, Sub


class DerivativeParser(Cursor):
    """The rule DERIV; ``slots`` comes from the parser of expressions."""

    def slots(self) -> tuple[Node, ...]:
        """``[slot, ...]`` at the cursor."""
        raise NotImplementedError

    def derivative(self) -> Node | None:
        """A DERIV at the cursor, or None with the cursor where it was."""
        start = self.index
        token = self.token
        head = token.text
        if head in self.names or len(head) < 2 or head[0] != "d":
            return None
        second = len(head) > 2 and head[1] == "2"
        of = head[2:] if second else head[1:]
        self.take()
        top: Node = Name(token.at, of)
        while self.kind == "[" and not second:  # twice in dh[2][k]/dx[1][j]
            top = Sub(token.at, top, self.slots())
        by = self.second_by() if second else self.first_by()
        if by is None or not (of in self.names or any(_plain(b) in self.names for b in by)):
            self.index = start
            return None
        return Derivative(token.at, top, by)

    def first_by(self) -> tuple[Node, ...] | None:
        if self.kind != "/":
            return None
        self.take()
        node = self.variable()
        return None if node is None else (node,)

    def second_by(self) -> tuple[Node, ...] | None:
        if self.kind != "/":
            return None
        self.take()
        if self.kind == "(":
            self.take()
            first, second = self.variable(), None
            if first is not None:
                second = self.variable()
            if first is None or second is None or self.kind != ")":
                return None
            self.take()
            return (first, second)
        token = self.token
        if token.kind != "name" or len(token.text) < 3 or token.text[0] != "d" or token.text[-1] != "2":
            return None
        self.take()
        node = Name(token.at, token.text[1:-1])
        return (node, node)

    def variable(self) -> Node | None:
        """``dW`` or ``dW[p,q]`` below the bar."""
        token = self.token
        if token.kind != "name" or len(token.text) < 2 or token.text[0] != "d":
            return None
        # A name of a derivative may look like one itself: with `dy` for dL/dy both can be written.
        if token.text in self.names and token.text[1:] not in self.names:
            return None
        self.take()
        node: Node = Name(token.at, token.text[1:])
        while self.kind == "[":
            node = Sub(token.at, node, self.slots())
        return node


def _plain(node: Node) -> str:
    base = node
    while isinstance(base, Sub):
        base = base.base
    return base.name if isinstance(base, Name) else ""
