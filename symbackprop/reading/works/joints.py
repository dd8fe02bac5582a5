r"""Where one formula is parted by a line break or ``&``: how its pieces are put together.

A piece goes on with what stands before it if it begins with an operator (``{} + b``), if what stands before
it ends with one, or if it is the other half of a matrix that was broken between its columns.
"""

from __future__ import annotations

from symbackprop.reading.works.tree import Braces, Chain, Env, Group, Node, Product, Row, Sum, bare


def begins_open(node: Node) -> bool:
    """Whether a piece begins with an operator, so that it goes on with what stands before it."""
    if isinstance(node, Sum):
        return bool(node.terms[0][0]) or (node.terms[0][1] is not None and begins_open(node.terms[0][1]))
    if isinstance(node, Product):
        return bool(node.items[0][0])
    if isinstance(node, Chain):
        first = node.members[0][1]
        return first is not None and begins_open(first)
    return False


def ends_open(node: Node) -> bool:
    """Whether a piece ends with an operator."""
    if isinstance(node, Sum):
        last = node.terms[-1][1]
        return last is None or ends_open(last)
    if isinstance(node, Product):
        return node.items[-1][1] is None
    return False


def joined(left: Node | None, right: Node | None) -> Node | None:
    """Two pieces of one formula, parted by a line break or ``&``, as one."""
    if left is None or right is None:
        return right if left is None else left
    whole_matrix = halves(left, right)
    if whole_matrix is not None:
        return whole_matrix
    start, stop = left.start, right.stop
    terms: list[tuple[str, Node | None]] = list(left.terms) if isinstance(left, Sum) else [("", left)]
    added: list[tuple[str, Node | None]] = list(right.terms) if isinstance(right, Sum) else [("", right)]
    sign, first = added[0]
    if sign:
        if terms[-1][1] is None and len(added) >= 1:
            inner = Sum(right.start, right.stop, ((sign, first),))
            terms[-1] = (terms[-1][0], inner)
            added = added[1:]
    else:
        last_sign, last = terms[-1]
        terms[-1] = (last_sign, _product(last, first))
        added = added[1:]
    whole = [*terms, *added]
    if len(whole) == 1 and not whole[0][0]:
        return whole[0][1]
    return Sum(start, stop, tuple(whole))


def without_braces(node: Node) -> Node:
    """Without the empty braces before a sign at the beginning: ``{} + b`` goes on with what stands before."""
    if isinstance(node, Chain):
        (_, first), *rest = node.members
        members = (("", without_braces(first) if first is not None else None), *rest)
        return Chain(node.start, node.stop, members, node.places, node.over)
    if isinstance(node, Sum) and len(node.terms) > 1 and _is_empty(node.terms[0][1]):
        return Sum(node.start, node.stop, node.terms[1:])
    if isinstance(node, Product) and len(node.items) > 1 and node.items[1][0] and _is_empty(node.items[0][1]):
        return Product(node.start, node.stop, node.items[1:])
    return node


def _is_empty(node: Node | None) -> bool:
    return isinstance(node, Braces) and node.body is None


def halves(left: Node | None, right: Node | None) -> Node | None:
    r"""A matrix that is broken between its columns, put together; None where nothing is broken.

    ``[A B]`` on two lines is ``\left[ A \right.`` and ``\left. B \right]``; A and B have equally many rows.
    """
    if left is None or right is None:
        return None
    start, stop = left.start, right.stop
    if isinstance(right, Sum) and not right.terms[0][0]:
        inner = halves(left, right.terms[0][1])
        return Sum(start, stop, (("", inner), *right.terms[1:])) if inner is not None else None
    if isinstance(left, Sum):
        inner = halves(left.terms[-1][1], right)
        return Sum(start, stop, (*left.terms[:-1], (left.terms[-1][0], inner))) if inner is not None else None
    if isinstance(right, Product) and not right.items[0][0]:
        inner = halves(left, right.items[0][1])
        return Product(start, stop, (("", inner), *right.items[1:])) if inner is not None else None
    if isinstance(left, Product):
        inner = halves(left.items[-1][1], right)
        last = (left.items[-1][0], inner)
        return Product(start, stop, (*left.items[:-1], last)) if inner is not None else None
    if not isinstance(left, Group) or not isinstance(right, Group):
        return None
    if left.closer != "." or right.opener != "." or left.opener in (r"\{", r"\lbrace", "."):
        return None
    one, other = bare(left.body), bare(right.body)
    if not isinstance(one, Env) or not isinstance(other, Env) or len(one.rows) != len(other.rows):
        return None
    rows = tuple(
        Row(a.start, b.stop, (*a.cells, *b.cells)) for a, b in zip(one.rows, other.rows, strict=True)
    )
    body = Env(one.start, other.stop, one.name, rows, one.columns + other.columns)
    return Group(start, stop, left.opener, body, right.closer)


def _product(left: Node | None, right: Node | None) -> Node | None:
    if left is None or right is None:
        return right if left is None else left
    items: list[tuple[str, Node | None]] = list(left.items) if isinstance(left, Product) else [("", left)]
    added: list[tuple[str, Node | None]] = list(right.items) if isinstance(right, Product) else [("", right)]
    if items[-1][1] is None and not added[0][0]:
        items[-1] = (items[-1][0], added[0][1])
        added = added[1:]
    return Product(left.start, right.stop, (*items, *added))
