"""``shapes``: the shapes of arrays, gradients and Jacobians in the three layouts, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Answer, Case, Result
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Evidence, Verdict, not_checked
from symbackprop.documents.model import Grid, Shown
from symbackprop.notation.latex import dim_latex, tensor_latex, to_latex
from symbackprop.notation.names import Names
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import ShapeItem, ShapesBody
from symbackprop.verification.point import Refusal

Shape = tuple[tuple[Dim, ...], ...]  # a product of dims for each side


def shapes(desk: Desk, question: Question) -> Iterator[Answer]:
    """One table."""
    body = question.body
    assert isinstance(body, ShapesBody)
    names, layout = desk.context.names, desk.spec.layout
    cases = tuple(_case(item, layout, names) for item in body.items)
    verdict = _verdict(desk, body)
    rows = tuple(_row(item, names) for item in body.items)
    only = body.items[0] if len(body.items) == 1 else None
    yield Answer(
        question.id, question.kind, question.target, None, verdict,
        shown=Shown(
            (), verdict=verdict, grid=Grid(("", "gradient", "numerator", "denominator", "because"), rows),
            check=_check(verdict),
        ),
        result=Result("; ".join(f"{case.when}: {case.text}" for case in cases)),
        shape=None if only is None else _declared(only, layout),
        cases=cases,
    )  # fmt: skip


def _layouts(item: ShapeItem) -> dict[str, Shape]:
    """The shape in each layout; sides are products of dims."""
    of, by = item.of, item.by
    if by is None:
        return dict.fromkeys(("gradient", "numerator", "denominator"), _sides(of))
    if of.gradient is not None:
        return dict.fromkeys(("gradient", "numerator", "denominator"), (of.shape, by.shape))
    if of.is_scalar:
        own = _sides(by)
        turned = own[::-1] if len(own) == 2 else ((), *own) if own else ()
        return {"gradient": own, "numerator": turned, "denominator": own}
    jacobian = (of.shape, by.shape)
    return {"gradient": jacobian, "numerator": jacobian, "denominator": jacobian[::-1]}


def _sides(tensor: Tensor) -> Shape:
    return tuple((dim,) for dim in tensor.shape)


def _declared(item: ShapeItem, layout: str) -> tuple[str, ...]:
    """The dims as an answer has them: of a Jacobian those of both arrays."""
    if item.of.gradient is not None and item.by is not None:
        return tuple(str(dim) for dim in (*item.of.shape, *item.by.shape))
    if item.by is None or item.of.is_scalar:
        return tuple(str(side[0]) if side else "1" for side in _layouts(item)[layout])
    first, last = (item.by, item.of) if layout == "denominator" else (item.of, item.by)
    return tuple(str(dim) for dim in (*first.shape, *last.shape))


def _case(item: ShapeItem, layout: str, names: Names) -> Case:
    shape = _layouts(item)[layout]
    return Case(item.text, _text(shape), _latex(shape, names))


def _text(shape: Shape) -> str:
    sides = ["*".join(_bracketed(str(dim), len(side)) for dim in side) or "1" for side in shape]
    return " x ".join(f"({side})" if "*" in side and len(sides) > 1 else side for side in sides) or "scalar"


def _bracketed(text: str, count: int) -> str:
    return f"({text})" if count > 1 and " " in text else text


def _latex(shape: Shape, names: Names) -> str:
    sides = [_side(side, names) for side in shape]
    return r" \times ".join(sides) or "1"


def _side(side: tuple[Dim, ...], names: Names) -> str:
    """``N M``: how many entries an array has."""
    parts = [str(dim_latex(dim, names)) for dim in side]
    numbers = all(dim.is_number for dim in side) and len(side) > 1
    joint = r" \cdot " if numbers else r"\, "
    if len(parts) > 1:
        parts = [f"({part})" if "+" in part or "-" in part else part for part in parts]
    return joint.join(parts) or "1"


def _row(item: ShapeItem, names: Names) -> tuple[str, ...]:
    found = _layouts(item)
    cells = [f"${_latex(found[layout], names)}$" for layout in ("gradient", "numerator", "denominator")]
    return (_name(item, names), *cells, _reason(item, names))


def _name(item: ShapeItem, names: Names) -> str:
    if item.of.gradient is not None and item.by is not None:
        return f"${to_latex(Partial(item.of, item.by), names, inline=True)}$"
    of = tensor_latex(item.of, names)
    return f"${of}$" if item.by is None else rf"$\partial {of} / \partial {tensor_latex(item.by, names)}$"


def _reason(item: ShapeItem, names: Names) -> str:
    of, by = item.of, item.by
    if by is None:
        return f"the shape of `{of.name}`"
    if of.gradient is not None:
        tensor = r" \times ".join(str(dim_latex(dim, names)) for dim in (*of.shape, *by.shape))
        whole = f"; as an array with all axes ${tensor}$" if of.rank + by.rank > 2 else ""
        return f"each entry of `{of.gradient[1].name}` by each of `{by.name}`{whole}"
    if by.is_scalar and of.is_scalar:
        return "a scalar by a scalar"
    if of.is_scalar:
        return f"`{of.name}` is a scalar: a number for each entry of `{by.name}`"
    tensor = r" \times ".join(str(dim_latex(dim, names)) for dim in (*of.shape, *by.shape))
    whole = f"; as an array with all axes ${tensor}$" if of.rank + by.rank > 2 else ""
    return f"each entry of `{of.name}` by each of `{by.name}`{whole}"


def _verdict(desk: Desk, body: ShapesBody) -> Verdict:
    """The differences have as many entries as the table says, at a random point."""
    try:
        run = desk.context.verifier.runs[0]
        for item in body.items:
            if item.by is None or item.by.is_label:
                continue
            found = run.jacobian(item.of, item.by)
            expected = 1
            for dim in (*item.of.shape, *item.by.shape):
                expected *= run.point.extent(dim)
            if found.size != expected:
                evidence = Evidence("differences", 1, (run.point.sizes,), None, "the shapes differ")
                return Verdict("fails", evidence)
    except Refusal as refusal:
        return not_checked(str(refusal))
    return Verdict("holds", Evidence("differences", 1, (run.point.sizes,)))


def _check(verdict: Verdict) -> str:
    if verdict.status == "holds":
        return "Checked by counting the entries of differences at a random point."
    return f"Not checked: {verdict.reason}."
