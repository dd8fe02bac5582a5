"""``jacobian: dH/dU``, ``dP[n,i]/dZ[n,j]``, ``dY/dW[1,2]``, with ``cases: [i = j, i != j]``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Indicator
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.asked import behind_d
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.members import written_out
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.question import Asking, Body, tidy
from symbackprop.reading.seconds import gradient_of
from symbackprop.reading.sizes import read_sizes
from symbackprop.reading.syntax import Derivative, Name, Node, Num, Sub, Whole, show
from symbackprop.reading.tokens import fail, tokenize
from symbackprop.reading.whole_arrays import named_starts
from symbackprop.reading.yaml_tree import Scalar

Places = tuple[str | int, ...]
SPARE = "ijklmnpqrs"


@dataclass(frozen=True, slots=True)
class Condition:
    """One relation of a case.

    left, right  letters or whole numbers, where the relation is of positions (``=`` or ``!=``).
    relation     where it is of numbers, such as u[i] > 0.
    """

    text: str
    left: str | int | None
    op: str
    right: str | int | None
    relation: Indicator | None = None


@dataclass(frozen=True, slots=True)
class CaseAsked:
    """One case as written, and its relations, all of which hold in it."""

    text: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class JacobianBody(Body):
    """The derivative of an array by an array.

    entry  a letter or a whole number for each axis that carries an index, or None for all entries.
    by_default  whether the letters are ours, for the cases.
    lines  which of the letters were written ``:``, and run over a whole row or column.
    cases  the cases in which the answer is given; their letters stand in ``entry``.
    sizes  those of ``dims:``, at which it is written out.
    definition  whether the answer begins with what a Jacobian is.
    """

    of: Tensor
    by: Tensor
    entry: tuple[Places | None, Places | None] = (None, None)
    lines: tuple[str, ...] = ()
    cases: tuple[CaseAsked, ...] = ()
    by_default: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    definition: bool = False

    @property
    def is_placed(self) -> bool:
        """Whether it is taken by one entry at a fixed place."""
        places = self.entry[1]
        return bool(places) and all(isinstance(place, int) for place in places or ())


def read_jacobian(asking: Asking) -> JacobianBody:
    """What a question of the kind ``jacobian`` asks for."""
    value = asking.target("a derivative such as dH/dU")
    graph = asking.graph
    known = {*graph.tensors, *graph.families, *graph.dims}
    tokens = tokenize(value.text, value.origin)
    node = parse_expression(value.text, known | behind_d(tokens, known), value.origin)
    if not isinstance(node, Derivative):
        message = f"{asking.kind} must be a derivative such as dH/dU, not {show(node)}"
        raise fail(message, node.at, None, "schema")
    node = written_out(node, graph.families)
    assert isinstance(node, Derivative)
    node = named_starts(node, graph.tensors, graph.first)
    (of, inner), by, sides = _arrays(node, asking)
    taken: list[str] = []
    lines: list[str] = []
    entry = tuple(
        _places(side, tensor, (known, graph.first), taken, lines)
        for side, tensor in zip(sides, (inner, by), strict=True)
    )
    _check_ranges(node, (inner, by), (entry[0], entry[1]))
    cases = _cases(asking, (of, by), (entry[0], entry[1]))
    by_default = bool(cases) and entry == (None, None)
    if by_default:
        entry = _letters_for(of, by)
    sizes = read_sizes(asking, of if of.gradient is None else of.gradient[0])
    return JacobianBody(
        tidy(value.text), of, by, (entry[0], entry[1]), tuple(lines), cases, by_default, sizes,
        _definition(asking, of, asked_whole=by_default or entry == (None, None) or bool(lines)),
    )  # fmt: skip


def _arrays(node: Derivative, asking: Asking) -> tuple[tuple[Tensor, Tensor], Tensor, tuple[Node, Node]]:
    """What is differentiated (of d2L/(dA dB) the array dL/dA, whose slots are those of A), and by what."""
    graph = asking.graph
    if len(node.by) == 2:
        loss, inner, by = (_tensor(side, graph) for side in (node.of, *node.by))
        return (gradient_of(loss, inner, node.of.at), inner), by, (node.by[0], node.by[1])
    by = _tensor(node.by[0], graph)
    base = node.of.base if isinstance(node.of, Sub) else node.of
    named = asking.names.get(base.name) if isinstance(base, Name) else None
    if named is not None and isinstance(base, Name) and base.name not in graph.tensors:
        return (gradient_of(named.of, named.by, node.of.at), named.by), by, (node.of, node.by[0])
    of = _tensor(node.of, graph)
    return (of, of), by, (node.of, node.by[0])


def _definition(asking: Asking, of: Tensor, *, asked_whole: bool) -> bool:
    value = asking.body.get("definition")
    if value is None or not fields.flag(value, f"definition of {asking.path}"):
        return False
    if of.is_scalar or not asked_whole:
        raise fields.schema_error(
            f"{asking.path} asks for the definition of a Jacobian, but for a single entry of one"
            if not of.is_scalar
            else f"{asking.path} asks for the definition of a Jacobian, but {of.name} is a scalar",
            value,
            "it belongs to the derivative of a whole array, such as dH/dU",
        )
    return True


def body_of(expr: Expr, text: str) -> JacobianBody | None:
    """The question that a Jacobian in a formula asks; None at positions such as i + 1."""
    if isinstance(expr, Jacobian):
        of, by, given = expr.of, expr.by, (expr.of_slots, expr.by_slots)
    elif isinstance(expr, Element) and isinstance(expr.base, Partial):
        of, by = expr.base.of, expr.base.by
        given = (expr.slots[: of.rank], expr.slots[of.rank :])
    else:
        return None
    slots = [slot for side in given for slot in side if slot is not None]
    places = [_position(slot) for slot in slots]
    if any(place is None for place in places):
        return None
    taken = [place for place in places if isinstance(place, str)]
    lines: list[str] = []
    entry: list[Places | None] = []
    for tensor, side in zip((of, by), given, strict=True):
        found: list[str | int] = []
        for slot, dim in zip(side, tensor.shape, strict=bool(side)):
            place = None if slot is None else _position(slot)
            if place is None:
                place = next(c for c in SPARE if c not in taken)
                taken.append(place)
                lines.append(place)
            if not dim.is_one:
                found.append(place)
        entry.append(tuple(found) if side else None)
    return JacobianBody(text, of, by, (entry[0], entry[1]), tuple(lines))


def _tensor(node: Node, graph: Graph) -> Tensor:
    base = node.base if isinstance(node, Sub) else node
    assert isinstance(base, Name)
    found = graph.tensors.get(base.name)
    if found is None:
        raise fail(
            f"unknown symbol {base.name}", node.at, did_you_mean(base.name, graph.tensors), "unknown-symbol"
        )
    if found.is_label:
        raise fail(f"{base.name} holds labels; labels have no derivative", node.at, None, "shape")
    return found


def _places(
    node: Node, tensor: Tensor, known: tuple[Collection[str], int], taken: list[str], lines: list[str]
) -> Places | None:
    """The slots of one side; ``:`` is a letter of its own. ``known``: names, and the first position."""
    if not isinstance(node, Sub):
        return None
    if len(node.slots) != len(tensor.shape):
        shape = " x ".join(str(dim) for dim in tensor.shape) or "a scalar"
        count = "one index is" if len(node.slots) == 1 else f"{len(node.slots)} indices are"
        raise fail(f"{tensor.name} is {shape}, but {count} given", node.at, None, "shape")
    found: list[str | int] = []
    for slot, dim in zip(node.slots, tensor.shape, strict=True):
        place = _place(slot, dim, tensor, known, taken, lines)
        if not dim.is_one:
            found.append(place)
    return tuple(found)


def _place(
    slot: Node,
    dim: Dim,
    tensor: Tensor,
    known: tuple[Collection[str], int],
    taken: list[str],
    lines: list[str],
) -> str | int:
    names, first = known
    if isinstance(slot, Whole):
        letter = next(c for c in SPARE if c not in taken and c not in names)
        taken.append(letter)
        lines.append(letter)
        return letter
    if isinstance(slot, Num) and slot.value.denominator == 1:
        number = int(slot.value) + 1 - first
        if not _exists(number, dim):
            reach = f"{first}..{dim - (1 - first)}"
            message = f"{tensor.name} has no entry {slot.text}: it runs over {reach}"
            raise fail(message, slot.at, None, "shape")
        return number
    if not isinstance(slot, Name):
        raise fail(f"{show(slot)} is no index", slot.at, "a letter, a whole number, or :", "shape")
    if slot.name in names:
        raise fail(f"{slot.name} is a name of the file and cannot be an index", slot.at, "another letter")
    taken.append(slot.name)
    return slot.name


def _check_ranges(
    node: Derivative, sides: tuple[Tensor, Tensor], entry: tuple[Places | None, Places | None]
) -> None:
    """A letter that stands twice runs over one range: only a square matrix has a diagonal."""
    seen: dict[str, tuple[Dim, Tensor]] = {}
    for tensor, places in zip(sides, entry, strict=True):
        for axis, place in zip(tensor.index_axes, places or (), strict=places is not None):
            dim = tensor.shape[axis]
            if not isinstance(place, str):
                continue
            other, owner = seen.setdefault(place, (dim, tensor))
            if other != dim:
                raise fail(
                    f"the index {place} runs over {other} in {owner.name} and over {dim} in {tensor.name}"
                    if owner is not tensor
                    else f"{tensor.name} is {' x '.join(map(str, tensor.shape))}, not square, and has no "
                    f"diagonal: {place} would run over {other} and over {dim}",
                    node.at,
                    "use two letters",
                    "shape",
                )


def _letters_for(of: Tensor, by: Tensor) -> tuple[Places, Places]:
    """i for what is differentiated, j for what it is differentiated by."""
    return ("i",) * len(of.index_axes), ("j",) * len(by.index_axes)


def _cases(
    asking: Asking, tensors: tuple[Tensor, Tensor], entry: tuple[Places | None, Places | None]
) -> tuple[CaseAsked, ...]:
    value = asking.body.get("cases")
    if value is None:
        return ()
    items = fields.items(value, f"cases of {asking.path}", single=True)
    counts = [len(tensor.index_axes) for tensor in tensors]
    if not any(counts):
        raise fields.schema_error(
            f"{asking.path} asks for cases, but {tensors[0].name} and {tensors[1].name} have no indices",
            value, "leave out cases",
        )  # fmt: skip
    if entry == (None, None):
        if any(count > 1 for count in counts):
            hint = f"name the indices, as in d{tensors[0].name}[n,i]/d{tensors[1].name}[n,j]"
            raise fields.schema_error(f"the cases of {asking.path} need letters", value, hint)
        entry = _letters_for(*tensors)
    dims = {
        place: tensor.shape[axis]
        for tensor, places in zip(tensors, entry, strict=True)
        for axis, place in zip(tensor.index_axes, places or (), strict=bool(places))
        if isinstance(place, str)
    }
    if not items:
        raise fields.schema_error(f"cases of {asking.path} names none", value, "such as [i = j, i != j]")
    return tuple(
        _case(fields.scalar(item, "a case", "a relation such as i = j"), dims, asking) for item in items
    )


def _case(value: Scalar, dims: Mapping[str, Dim], asking: Asking) -> CaseAsked:
    texts = [part for part in value.text.replace(" and ", ",").split(",") if part.strip()]
    if not texts:
        raise fields.schema_error(f"an empty case of {asking.path}", value)
    conditions = tuple(_condition(text.strip(), value, dims, asking) for text in texts)
    return CaseAsked(tidy(value.text), conditions)


def _condition(text: str, value: Scalar, dims: Mapping[str, Dim], asking: Asking) -> Condition:
    indices = {letter: Index(dim, letter) for letter, dim in dims.items()}
    try:
        found = read_formula(f"ind({text})", asking.graph, indices=indices, origin=value.origin)
    except InputError as error:
        hint = error.hint or _example(list(dims))
        raise fields.schema_error(
            f"the case {text!r} of {asking.path} is not read: {error.message}", value, hint
        ) from None
    if not found.is_scalar:
        message = f"the case {text!r} of {asking.path} compares an array, not numbers"
        raise fields.schema_error(message, value, "write entries, such as u[i] > 0")
    if not isinstance(found, Indicator):
        raise fields.schema_error(
            f"the case {text!r} of {asking.path} is no relation", value, "such as i = j"
        )
    sides = [_position(side) for side in (found.left, found.right)]
    if all(side is not None for side in sides):
        if found.op not in ("=", "!="):
            raise fields.schema_error(
                f"the case {text!r} of {asking.path} orders indices", value, "cases are = and != of indices"
            )
        named = [side for side in sides if isinstance(side, str)]
        if len({dims[letter] for letter in named}) > 1:
            raise fields.schema_error(
                f"the case {text!r} compares an index of {dims[named[0]]} with one of {dims[named[1]]}", value
            )
        for letter, place in (sides, sides[::-1]):
            if isinstance(letter, str) and isinstance(place, int) and not _exists(place, dims[letter]):
                first = asking.graph.first
                reach = f"{first}..{dims[letter] - (1 - first)}"
                message = f"the case {text!r} holds nowhere: {letter} runs over {reach}"
                raise fields.schema_error(message, value)
        return Condition(text, sides[0], found.op, sides[1])
    return Condition(text, None, found.op, None, found)


def _exists(place: int, dim: Dim) -> bool:
    return place >= 1 and not (dim.is_number and place > dim.constant)


def _example(letters: list[str]) -> str:
    """What a case of these letters may be."""
    if not letters:
        return "a relation of entries, such as u > 0"
    other = letters[1] if len(letters) > 1 else "1"
    return f"a relation of {', '.join(letters)}, such as {letters[0]} = {other}"


def _position(side: Expr) -> str | int | None:
    """A letter or a whole number, if a side of a relation is one."""
    if isinstance(side, IndexValue):
        if side.single is not None:
            return side.single.letter
        return side.offset.constant if not side.indices and side.offset.is_number else None
    value = getattr(side, "value", None)
    return int(value) if value is not None and not side.children and value.denominator == 1 else None
