"""One equation with its target: of an array, of entries, of the members of a family, of several pieces."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.graph import Equation, whole_of
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.reading.binders import interval
from symbackprop.reading.declarations import Declared
from symbackprop.reading.elaborate import read
from symbackprop.reading.index_ranges import check_letter, range_of
from symbackprop.reading.intention import likely_hint
from symbackprop.reading.pieces import NotAnEntryError, read_pieces
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import ShapeError, shape_text
from symbackprop.reading.syntax import Apply, Line, Name, Node, Sub, cut, show
from symbackprop.reading.tokens import fail
from symbackprop.reading.whole_arrays import entry_by_entry


def read_line(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """One equation with its target. A shape error says the likely intention."""
    arguments = _abstract_arguments(line, scope, declared)
    if arguments is not None:
        return _equation(line, _target(line, (), declared, scope), None, (), arguments)
    try:
        if line.parts:
            return _pieced_equation(line, scope, declared)
        if line.slots:
            return _entry_equation(line, scope, declared)
        if line.ranges:
            letter = line.ranges[0].index
            raise fail(
                f"for {letter} = ... needs the index {letter} on the left",
                line.ranges[0].at,
                f"write {line.target}[{letter}] = ...",
            )
        expr = read(line.expr, scope)
        return _equation(line, _target(line, _shape_of(line, expr, declared, scope), declared, scope), expr)
    except ShapeError as error:
        error.message = f"in {cut(line.text)}: {error.message}"
        if not line.parts:
            error.hint = error.hint or _intention(line, error, scope, declared)
        raise


def _intention(line: Line, error: ShapeError, scope: Scope, declared: Declared | None) -> str | None:
    def attempt(root: Node) -> object:
        edited = replace(line, expr=root)
        if line.slots:
            return _entry_equation(edited, scope, declared)
        return _shape_of(edited, read(root, scope), declared, scope)

    return likely_hint(
        line.expr, error, attempt, lambda node: scope.unifier.shape(read(node, scope)), scope.convention
    )


def _equation(
    line: Line,
    target: Tensor,
    expr: Expr | None,
    indices: tuple[Index, ...] = (),
    arguments: tuple[Tensor, ...] = (),
) -> Equation:
    return Equation(target, expr, indices, arguments, line.text, line.at.line, line.at.column)


def _target(line: Line, shape: tuple[Dim, ...], declared: Declared | None, scope: Scope) -> Tensor:
    base = declared or Declared(line.target)
    return base.tensor(scope.convention, shape, Role.INTERMEDIATE)


def _shape_of(line: Line, expr: Expr, declared: Declared | None, scope: Scope) -> tuple[Dim, ...]:
    """The declared shape of the target if it agrees, else the shape that follows."""
    rows, columns = scope.unifier.shape(expr)
    if declared is not None and declared.shape is not None:
        if len(declared.shape) > 2:
            raise entry_by_entry(line.target, declared.shape, line.at)
        probe = declared.tensor(scope.convention, declared.shape, Role.INTERMEDIATE).oriented
        if not (scope.unifier.same(probe[0], rows) and scope.unifier.same(probe[1], columns)):
            raise ShapeError(
                f"{line.target} is declared as {shape_text(probe)}, but {show(line.expr)} is "
                f"{shape_text((rows, columns))}",
                line.expr,
            )
        return declared.shape
    if rows.is_one and columns.is_one:
        return ()
    if scope.convention.vectors_are_rows and rows.is_one:
        return (columns,)
    if not scope.convention.vectors_are_rows and columns.is_one:
        return (rows,)
    return (rows, columns)


def _abstract_arguments(line: Line, scope: Scope, declared: Declared | None) -> tuple[Tensor, ...] | None:
    """The arguments of ``J = J(y, W)``; None if the equation is not of that form."""
    call = line.expr
    if not (isinstance(call, Apply) and call.name == line.target and not line.slots):
        return None
    arguments: list[Tensor] = []
    for arg in call.args:
        if not isinstance(arg, Name):
            raise fail(
                f"the arguments of {line.target}(...) are names", arg.at, "give the formula a name of its own"
            )
        if arg.name not in scope.tensors:
            raise scope.unknown(arg.name, arg.at)
        arguments.append(scope.tensors[arg.name])
    if call.primes:
        raise fail("an abstract loss has no prime", call.at)
    if declared is not None and declared.shape:
        raise fail(f"{line.target} = {line.target}(...) is a scalar, but its declared shape is not", line.at)
    return tuple(dict.fromkeys(arguments))


def _entry_equation(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """``p[k] = ...``: the indices of the target are bound for all their values."""
    letters = [slot for slot in line.slots if isinstance(slot, Name)]
    given = {bounds.index: interval(bounds, scope) for bounds in line.ranges}
    indices: dict[str, Index] = {}
    for position, slot in enumerate(letters):
        check_letter(slot.name, slot.at, scope)
        if slot.name in indices or slot.name == line.target:
            raise fail(f"the index {slot.name} stands twice on the left", slot.at, "use two letters")
        dim = _declared_extent(line, declared, position) or given.get(slot.name)
        dim = dim or range_of(slot.name, line.expr, scope, read, slot.at)
        if dim is None:
            raise fail(
                f"the range of {slot.name} is not known",
                slot.at,
                f"write for {slot.name} = 1..n at the end, or declare the shape of {line.target}",
                "shape",
            )
        indices[slot.name] = Index(dim, slot.name)
    for bounds in line.ranges:
        if bounds.index not in indices:
            raise fail(
                f"{bounds.index} does not stand on the left",
                bounds.at,
                f"write {line.target}[{bounds.index}]",
            )
    inner = scope.with_indices(indices)
    expr = read(line.expr, inner)
    shape = scope.unifier.shape(expr)
    if not (shape[0].is_one and shape[1].is_one):
        family = _family_equation(line, scope, declared, expr, tuple(indices.values()))
        if family is None:
            raise NotAnEntryError(line, shape_text(shape))
        return family
    extents = tuple(scope.unifier.resolve(index.dim) for index in indices.values())
    target = scope.tensors.get(line.target) or _target(line, extents, declared, scope)
    if target.shape != extents:
        whole = " x ".join(map(str, target.shape))
        raise ShapeError(f"{line.target} is {whole}, but its equation gives numbers", line.expr)
    return _equation(line, target, expr, tuple(indices.values()))


def _family_equation(
    line: Line, scope: Scope, declared: Declared | None, member: Expr, indices: tuple[Index, ...]
) -> Equation | None:
    """``h[t] = W x[t] for t = 1..T``, an array on the right: a family over a dim; None if it is none."""
    if len(indices) != 1 or scope.unifier.resolve(indices[0].dim).is_number:
        return None
    if not line.ranges and not _chooses_member(line, indices[0].letter, scope):
        return None
    shape = _member_shape(scope.unifier.shape(member), scope)
    own = tuple(Index(dim, letter) for dim, letter in zip(shape, ("i", "j"), strict=False))
    entry = Element(member, tuple(IndexValue(((index, 1),)) for index in own))
    known = declared or Declared(line.target)
    whole = (scope.unifier.resolve(indices[0].dim), *shape)
    target = scope.tensors.get(line.target)  # of a recursion, known from its start
    if target is None:
        target = replace(known, runs=True).tensor(scope.convention, whole, Role.INTERMEDIATE)
    elif not all(scope.unifier.same(a, b) for a, b in zip(target.shape, whole, strict=False)) or len(
        whole
    ) != len(target.shape):
        start, found = (" x ".join(map(str, dims[1:])) or "a scalar" for dims in (target.shape, whole))
        number = scope.first - 1
        raise ShapeError(
            f"{line.target}[{number}] is {start}, but the other members of {line.target} are {found}",
            line.expr,
        )
    return replace(_equation(line, target, entry, (*indices, *own)), member=member)


def _chooses_member(line: Line, letter: str, scope: Scope) -> bool:
    """Whether the letter chooses a member of a family on the right side."""
    for node in line.expr.walk():
        if isinstance(node, Sub) and isinstance(node.base, Name):
            tensor = scope.tensors.get(node.base.name)
            slot = node.slots[0]
            if tensor is not None and tensor.over and isinstance(slot, Name) and slot.name == letter:
                return True
    return False


def _member_shape(shape: tuple[Dim, Dim], scope: Scope) -> tuple[Dim, ...]:
    """The declared dims of an array of this shape: a vector has one."""
    rows, columns = shape
    if scope.convention.vectors_are_rows and rows.is_one:
        return (columns,)
    if not scope.convention.vectors_are_rows and columns.is_one:
        return (rows,)
    return (rows, columns)


def _pieced_equation(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """Several equations that give the entries of one array."""
    found = read_pieces(line, scope, declared, read)
    whole = whole_of(found.pieces, found.indices)
    equation = _equation(line, _target(line, found.shape, declared, scope), whole, found.indices)
    return replace(equation, pieces=found.pieces)


def _declared_extent(line: Line, declared: Declared | None, position: int) -> Dim | None:
    if declared is None or declared.shape is None:
        return None
    if len(declared.shape) != len(line.slots):
        raise fail(
            f"{line.target} is declared with {len(declared.shape)} indices, "
            f"the equation gives {len(line.slots)}",
            line.at,
            None,
            "shape",
        )
    return declared.shape[position]
