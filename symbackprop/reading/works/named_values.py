r"""Names that a work gives to something: from its definition on such a name is an array like any other.

``\delta = P - Y`` and ``\delta_{nk} = P_{nk} - Y_{nk}`` make the same array, whose shape is that of the right
side, or of the letters below the name. What its value is remains a matter of the work (``Definition.value``):
no tensor of the graph is meant. A name for numbers (``\eta = 0.1``) stands for them wherever it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from symbackprop.core.arrays import Grid, Jacobian, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import SCALAR, Add, Expr, Hadamard, MatMul, Number
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Comprehension, IndexValue
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.core.written import Opaque, Rounded, Stepped, shape_of
from symbackprop.notation.numpy_axes import free_indices
from symbackprop.notation.substitution import at
from symbackprop.reading.works.context import UNKNOWN
from symbackprop.reading.works.printer import to_source
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import Cmd, Group, Listed, Node, Product, Scripts, Sym, Word, bare
from symbackprop.reading.works.vocabulary import Template, Vocabulary
from symbackprop.reading.works.work import Definition, Reading

_ANNOUNCING = frozenset(
    "let define defining defined set put denote denoting introduce redefine".split()
)
_NAMING = frozenset("given let denote denoting call calling define defining write writing name".split())
_DEFINING_SIGNS = frozenset((":=", "=:", r"\triangleq", r"\coloneqq", r"\coloneq", r"\defeq"))


def define(
    node: Node, readings: Sequence[Reading], vocabulary: Vocabulary
) -> Definition | Template | None:
    """What the name ``node`` stands for from here on; None where that is no array with a known shape."""
    inner = bare(node)
    if not isinstance(inner, Sym | Scripts | Cmd | Word | Product):
        return None
    for reading in readings:
        expr = reading.expr
        if reading.opaque or reading.example is not None or not _is_plain(expr):
            continue
        free = {index.letter: index for index in free_indices(expr)}
        if any(index.dim == UNKNOWN for index in free.values()):
            continue
        if not free:
            return _whole(inner, expr, vocabulary)
        name, letters = _parted(inner, frozenset(free))
        if name is not None and sorted(letters) == sorted(free):
            return _by_entries(name, expr, [free[letter] for letter in letters], vocabulary)
    return None


def renews(sign: str, words: str) -> bool:
    """Whether a line says that it gives a name a new meaning."""
    last = re.split(r"[.;!?]\s", words)[-1].lower()
    return sign in _DEFINING_SIGNS or not _ANNOUNCING.isdisjoint(re.findall(r"[a-z]+", last))


def names_behind(words: str) -> bool:
    r"""Whether words say that a line gives what it begins with a name: "given dL/dh = \delta h"."""
    last = re.split(r"[.;!?]\s", words)[-1].lower()
    return not _NAMING.isdisjoint(re.findall(r"[a-z]+", last))


def differs_in_shape(tensor: Tensor, readings: Sequence[Reading]) -> bool:
    """Whether no reading of a right side can be the array that a name stood for so far."""
    fitting = [one.expr for one in readings if not free_indices(one.expr) and _fits_together(one.expr)]
    known = [shape for shape in map(shape_of, fitting) if shape is not None]
    return tensor.is_matrix and bool(known) and all(
        shape not in (tensor.oriented, tensor.oriented[::-1]) for shape in known
    )


def _fits_together(expr: Expr) -> bool:
    """Whether the extents of all products agree: else the shape of an expression says nothing."""
    for node in expr.walk():
        if isinstance(node, MatMul | Hadamard | Add):
            shapes = [shape_of(part) for part in node.children]
            arrays = [shape for shape in shapes if shape is not None and shape != SCALAR]
            if None in shapes:
                return False
            if isinstance(node, MatMul) and any(a[1] != b[0] for a, b in pairwise(arrays)):
                return False
            if not isinstance(node, MatMul) and len(set(arrays)) > 1:
                return False
    return True


def _is_plain(expr: Expr) -> bool:
    return not any(isinstance(node, Opaque | Stepped) for node in expr.walk())


def _whole(name: Node, expr: Expr, vocabulary: Vocabulary) -> Definition | Template | None:
    shape = shape_of(expr)
    if shape is None:
        return None
    if any(isinstance(node, Rounded | Grid) for node in expr.walk()) or isinstance(expr, Number):
        found = Template(expr, _plain(name))
        vocabulary.define(name, found)
        return found
    convention = vocabulary.graph.convention
    across = convention.vectors_are_rows
    if shape == SCALAR:
        axes: tuple[Dim, ...] = ()
    elif shape[0 if across else 1].is_one and not any(isinstance(n, Jacobian) for n in expr.walk()):
        axes = (shape[1 if across else 0],)
    else:
        axes = shape
    return _entered(name, axes, expr, vocabulary)


def _by_entries(name: Node, expr: Expr, indices: list[Index], vocabulary: Vocabulary) -> Definition | None:
    if shape_of(expr) != SCALAR:
        return None
    own = {index: Index(index.dim, index.letter) for index in indices}
    body = at(expr, {old: _position(new) for old, new in own.items()})
    fresh = list(own.values())
    if len(fresh) == 1 and vocabulary.graph.convention.vectors_are_rows:
        value: Expr = Comprehension(None, fresh[0], body)
    elif len(fresh) == 1:
        value = Comprehension(fresh[0], None, body)
    elif len(fresh) == 2:
        value = Comprehension(fresh[0], fresh[1], body)
    else:
        value = TensorEntries(tuple(fresh), body)
    return _entered(name, tuple(index.dim for index in fresh), value, vocabulary)


def _position(index: Index) -> IndexValue:
    return IndexValue(((index, 1),))


def _entered(node: Node, axes: tuple[Dim, ...], value: Expr, vocabulary: Vocabulary) -> Definition:
    name, taken = _plain(node), _taken(vocabulary)
    while name in taken:
        name += "'"
    convention: Convention = vocabulary.graph.convention
    tensor = Tensor(name, axes, convention, latex=to_source(node))
    vocabulary.define(node, tensor)
    vocabulary.values.append(value)
    return Definition(tensor, value)


def _taken(vocabulary: Vocabulary) -> set[str]:
    graph: Graph = vocabulary.graph
    return {*graph.tensors, *graph.dims, *(tensor.name for tensor in vocabulary.own)}


def _plain(node: Node) -> str:
    r"""``\delta^{(2)}`` as plain text: delta2."""
    return re.sub(r"[^A-Za-z0-9_]+", "", spell(node, loose=True)) or "own"


def _parted(node: Node, letters: frozenset[str]) -> tuple[Node | None, list[str]]:
    """The name without the letters that are its indices, and those in their order."""
    if not isinstance(node, Scripts) or node.base is None:
        return None, []
    kept: list[tuple[str, Node | None]] = []
    found: list[str] = []
    for sign, script in node.scripts:
        listed = list(_pieces(script)) if script is not None else []
        if listed and all(piece in letters for piece in listed) and (sign == "_" or _is_bracket(script)):
            found[:0 if sign == "^" else len(found)] = listed if sign == "^" else []
            found += listed if sign == "_" else []
        else:
            kept.append((sign, script))
    if not found or len(set(found)) != len(found):
        return None, []
    name = Scripts(node.start, node.stop, node.base, tuple(kept)) if kept else node.base
    return bare(name), found


def _is_bracket(script: Node | None) -> bool:
    return isinstance(bare(script), Group)


def _pieces(script: Node) -> Iterator[str]:
    """The letters that a script lists; "" for anything else."""
    inner = bare(script)
    if isinstance(inner, Group):
        inner = bare(inner.body)
    if isinstance(inner, Listed | Product):
        for sep, item in inner.items:
            piece = bare(item)
            yield piece.name if isinstance(piece, Sym) and sep in ("", ",") else ""
    elif isinstance(inner, Word):
        yield from inner.text
    else:
        yield inner.name if isinstance(inner, Sym) else ""

