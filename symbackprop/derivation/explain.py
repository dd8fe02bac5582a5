"""The reasons, in words: why a line follows from the one before. Generated from the forms.

A reason is short, names what the reader sees in the forward pass, and never appeals to shapes
("to make the dimensions match" is a check, not a reason). Formulas stand in backticks.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, MatMul, Partial, Transpose
from symbackprop.core.indexed import Element, IndexValue, Reduce
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.derivation.workshop import Workshop
from symbackprop.notation.atoms import Delta, Entry, Fn
from symbackprop.notation.forms import Atom, Exponent, Form, single
from symbackprop.notation.letters import Letters
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot, parts_of_slot

Print = Callable[[Expr], str]
Called = Callable[[Index], str]


def join(words: list[str]) -> str:
    """a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def chain_reason(shop: Workshop, quantity: Quantity, users: list[Local], loss: Tensor, show: Print) -> str:
    """Why the first line holds: how the tensor enters the forward pass."""
    name = f"`{quantity.tensor.name}`"
    if not users:
        through = [e for e in shop.graph.consumers_of(quantity.tensor) if e.abstract]
        if through:
            return f"{name} enters through `{through[0].target.name}`"
        return f"{name} does not influence `{loss.name}`"
    if len(users) > 1:
        places = [f"`{user.equation.target.name}`" for user in users]
        return f"{name} enters through {join(places)}; the parts add up"
    user = users[0]
    target = user.equation.target
    if user.logs_split:
        return f"the slope of a log of a sum of exponentials is its softmax{_called(quantity)}"
    fn = _elementwise(user.form, quantity.tensor)
    if fn is not None and target is not loss:
        return f"`{fn}` acts entry by entry"
    if target.shape and _is_softmax(user, quantity.tensor):
        return f"every entry of {name} in a line moves every entry of `{target.name}` there"
    found = _meeting(shop, quantity, user, loss, show)
    if found is not None:
        return found
    how = _how(user.form, quantity.tensor)
    if how is not None:
        return how
    return f"{name} enters `{loss.name}` through `{target.name}`"


def _called(quantity: Quantity) -> str:
    return f" `{quantity.bypassed[0].name}`" if quantity.bypassed else ""


def _how(form: Form, tensor: Tensor) -> str | None:
    """The rules of differentiation that the form calls for, outermost first."""
    found: dict[str, None] = {}
    for term in form.terms:
        inside = [(atom, e) for atom, e in term.factors if any(p.mentions(tensor) for p in _forms(atom))]
        if len(inside) > 1:
            found.setdefault(f"product rule: `{tensor.name}` stands in {_count(len(inside))} factors")
        for atom, exponent in inside:
            found.setdefault(_rule(atom, exponent, tensor))
    return "; ".join(list(found)[:2]) or None


def _forms(atom: Atom) -> tuple[Form, ...]:
    return (single(atom),) if isinstance(atom, Entry) else atom.parts


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))


def _rule(atom: Atom, exponent: Exponent, tensor: Tensor) -> str:
    """The rule for one factor in which the tensor stands."""
    inner = "" if _is_bare(atom) else ", times the slope of the inside"
    if isinstance(atom, Fn):
        return f"chain rule: the slope of `{atom.op.name}`{inner}"
    if exponent == 1:
        return f"each term is linear in `{tensor.name}`" if isinstance(atom, Entry) else "each term by itself"
    if exponent == Fraction(1, 2):
        return f"the slope of a square root is one over twice the root{inner}"
    if exponent == -1:
        return f"the slope of `1/u` is `-1/u^2`{inner}"
    return f"power rule: the slope of `u^{exponent}` is `{exponent} u`{inner}" if exponent == 2 else (
        f"power rule for the exponent {exponent}{inner}"
    )


def _is_bare(atom: Atom) -> bool:
    """Whether there is no inner function: an entry, or a function of entries."""
    if isinstance(atom, Entry):
        return True
    return isinstance(atom, Fn) and all(
        len(arg.terms) == 1 and all(isinstance(a, Entry) for a, _ in arg.terms[0].factors)
        for arg in atom.args
    )


def _elementwise(form: Form, tensor: Tensor) -> str | None:
    """The name of the function, if the form is f(entry of tensor)."""
    if len(form.terms) != 1 or len(form.terms[0].factors) != 1:
        return None
    atom, exponent = form.terms[0].factors[0]
    if not isinstance(atom, Fn) or exponent != 1 or not atom.args[0].mentions(tensor):
        return None
    return atom.op.name


def _is_softmax(user: Local, tensor: Tensor) -> bool:
    terms = user.form.terms
    return (
        len(terms) == 1
        and len(terms[0].factors) == 2
        and any(isinstance(a, Fn) and a.op.name == "exp" for a, _ in terms[0].factors)
        and any(e < 0 for _, e in terms[0].factors)
    )


def _meeting(shop: Workshop, quantity: Quantity, user: Local, loss: Tensor, show: Print) -> str | None:
    """For a linear use: what stands beside the entry in the forward pass."""
    slots = quantity.slots
    inner = normal(shop.slopes.differentiate(user.form, quantity.tensor, slots))
    if len(inner.terms) != 1 or inner.mentions(quantity.tensor) or inner.terms[0].bound:
        return None
    term = inner.terms[0]
    deltas = [atom for atom, _ in term.factors if isinstance(atom, Delta)]
    others = [(atom, e) for atom, e in term.factors if not isinstance(atom, Delta)]
    change: dict[Index, Slot] = {}
    for delta in deltas:
        for end, other in ((delta.left, delta.right), (delta.right, delta.left)):
            if isinstance(end, Index) and end in user.indices:
                change[end] = other
                break
    entries = [(atom.rename(change), e) for atom, e in others]
    target = user.equation.target
    out = tuple(change.get(index, index) for index in user.indices)
    rest = [slot for slot in out if isinstance(slot, Index) and slot not in slots]
    name = f"`{quantity.tensor.name}`"
    if not entries:
        return _added(name, target, rest, term.coefficient < 0)
    if len(entries) != 1 or target is loss or entries[0][1] != 1:
        return None
    atom = entries[0][0]
    if not isinstance(atom, Entry) or not slots or not atom.slots:
        return None
    own = _element(shop, quantity.tensor, slots, show)
    beside = _element(shop, atom.tensor, atom.slots, show)
    whole = _element(shop, target, out, show)
    every = f", for every `{join([i.letter for i in rest])}`" if rest else ""
    return f"`{own}` meets `{beside}` in `{whole}`{every}"


def _added(name: str, target: Tensor, rest: list[Index], minus: bool) -> str:
    verb = "is subtracted from" if minus else "is added to"
    if not rest:
        return f"{name} {verb} `{target.name}`" + (" entry by entry" if target.shape else "")
    if len(rest) == 1 and len(target.index_axes) == 2:
        row = target.oriented[0] == rest[0].dim and target.oriented[1] != rest[0].dim
        side = "row" if row or target.convention.vectors_are_rows else "column"
        return f"{name} {verb} every {side} of `{target.name}`"
    return f"{name} {verb} every entry of `{target.name}`"


def _element(shop: Workshop, tensor: Tensor, slots: tuple[Slot, ...], show: Print) -> str:
    base = shop.leaf(tensor)
    values = tuple(IndexValue(*parts_of_slot(slot)) for slot in slots)
    if not values:
        return show(base)
    given = iter(values)
    full = tuple(IndexValue((), Dim(1)) if dim.is_one else next(given) for dim in tensor.shape)
    return show(Element(base, full))


def stage_reason(stage: Stage, show: Print, loss: Tensor) -> str:
    """Why a later line follows."""
    if stage.rule == "insert":
        names = [f"`{show(Partial(loss, tensor))}`" for tensor in stage.inserted]
        return f"put in {join(names)}"
    if stage.rule == "fold":
        return f"put {join([f'`{tensor.name}`' for tensor in stage.inserted])} back in"
    if stage.rule in ("assumption", "one-hot", "vanish"):
        return join([fact.words for fact in stage.uses]) or "the deviations from a mean sum to 0"
    if stage.rule == "symmetric":
        names = [f"`{show(Partial(loss, tensor))}`" for tensor in stage.inserted]
        return f"{join(names)} {'is' if len(names) == 1 else 'are'} symmetric"
    if stage.rule == "quotient":
        return "over a common denominator; terms cancel"
    if stage.rule == "expand":
        return "multiply out; terms cancel"
    if stage.rule == "collect":
        return "collect like terms"
    return "simplify"


def spelling_reason(
    form: Form, after: Expr, *, written_out: bool = False, called: Called | None = None
) -> str:
    """How the sum of one entry is read as matrices, and where a transpose comes from.

    ``written_out`` sums have no letter; ``called`` says which an index has in the line.
    """
    transpose = transpose_reason(form, after, written_out=written_out, called=called)
    if transpose is not None:
        return transpose
    calls = {node.op.name for node in after.walk() if isinstance(node, Call)}
    bound = [index for term in form.terms for index in term.bound]
    if not bound:
        return "as an outer product" if _has_outer(after) else "for all entries at once"
    if not _has_product(after) and calls & {"rowsum", "colsum"}:
        return "for all entries at once"
    sums = "each sum" if written_out else f"the sum over `{_letter(bound[0], called)}`"
    return f"{sums} is a matrix product"


def called_in(shown: Expr, reserved: frozenset[str]) -> Called:
    """The letters that the indices of sums have where ``shown`` is printed."""

    def called(index: Index) -> str:
        letters = Letters(shown, reserved)
        sums = (node for node in shown.walk() if isinstance(node, Reduce))
        ranges = next((node.ranges for node in sums if any(r.index is index for r in node.ranges)), ())
        with letters.bound(ranges):
            return letters.of(index)

    return called


def _letter(index: Index, called: Called | None) -> str:
    return index.letter if called is None else called(index)


def transpose_reason(
    form: Form, after: Expr, *, written_out: bool = False, called: Called | None = None
) -> str | None:
    """Where a transpose comes from: which index of the matrix the sum of one entry runs over."""
    for node in after.walk():
        if isinstance(node, Transpose) and isinstance(node.arg, Leaf):
            found = _turned(form, node.arg.tensor)
            if found is not None:
                place, letter = found[0], _letter(found[1], called)
                name = node.arg.tensor.name
                sums = "each sum" if written_out else f"the sum over `{letter}`"
                return f"{sums} runs over the {place} index of `{name}`, hence `{name}^T`"
    return None


def _turned(form: Form, tensor: Tensor) -> tuple[str, Index] | None:
    """At which of its indices a matrix is summed, and the index of the sum."""
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry) and atom.tensor is tensor and len(atom.slots) == 2:
                for position, slot in enumerate(atom.slots):
                    if isinstance(slot, Index) and slot in term.bound:
                        return ("first" if position == 0 else "last"), slot
    return None


def _has_outer(expr: Expr) -> bool:
    """Whether a column meets a row somewhere."""
    for node in expr.walk():
        if isinstance(node, MatMul):
            arrays = [factor.shape for factor in node.factors if not factor.is_scalar]
            if any(left[1].is_one for left, _ in pairwise(arrays)):
                return True
    return False


def _has_product(expr: Expr) -> bool:
    return any(
        isinstance(node, MatMul) and sum(not factor.is_scalar for factor in node.factors) > 1
        for node in expr.walk()
    )
