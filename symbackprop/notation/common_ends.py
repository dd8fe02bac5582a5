"""Products that end (or begin) alike are joined: A x + A^T x = (A + A^T) x."""

from __future__ import annotations

from symbackprop.core.expr import Divide, Expr, MatMul, Neg
from symbackprop.notation.building import addition, product


def group_ends(terms: list[Expr]) -> list[Expr]:
    """The terms of a sum with what ends alike joined, then what begins alike."""
    if len(terms) < 2:
        return terms
    for last in (True, False):
        terms = _group(terms, last=last)
    return terms


def _group(terms: list[Expr], *, last: bool) -> list[Expr]:
    result: list[Expr] = []
    done: set[int] = set()
    for i, term in enumerate(terms):
        if i in done:
            continue
        end, prefix = _split(term, last=last)
        mates = (
            []
            if end is None
            else [j for j in range(i + 1, len(terms)) if j not in done and _end(terms[j], last=last) == end]
        )
        others = [term for j, term in enumerate(terms) if j != i and j not in mates]
        arbitrary = _shares_other_end([terms[j] for j in (i, *mates)], others, last=last)
        inside = any(end in other.walk() for other in others) if end is not None else False
        if not mates or end is None or prefix is None or inside or arbitrary:
            result.append(term)
            continue
        parts = [prefix, *(_split(terms[j], last=last)[1] for j in mates)]
        done.update(mates)
        present = [part for part in parts if part is not None]
        present, below = _over_one(present)
        inner = addition(_group(_group(present, last=not last), last=last) if len(present) > 1 else present)
        sign = isinstance(inner, Neg)
        core = inner.arg if isinstance(inner, Neg) else inner
        joined = product(core, end) if last else product(end, core)
        joined = joined if below is None else Divide(joined, below)
        result.append(Neg(joined) if sign else joined)
    return result


def _shares_other_end(group: list[Expr], others: list[Expr], *, last: bool) -> bool:
    """Whether a term of the group could as well be joined with another: a X X + X a X + X X a stays."""
    ends = [_end(term, last=not last) for term in group]
    return any(end is not None and end in ends for end in (_end(other, last=not last) for other in others))


def _over_one(parts: list[Expr]) -> tuple[list[Expr], Expr | None]:
    """A/2 + B/2 is (A + B)/2: the parts over what divides all of them."""
    bodies = [part.arg if isinstance(part, Neg) else part for part in parts]
    dens = [body.den for body in bodies if isinstance(body, Divide) and body.den.is_scalar]
    if len(dens) < len(parts) or any(den != dens[0] for den in dens):
        return parts, None
    tops = [body.num for body in bodies if isinstance(body, Divide)]
    signed = zip(parts, tops, strict=True)
    return [Neg(top) if isinstance(part, Neg) else top for part, top in signed], dens[0]


def _end(term: Expr, *, last: bool) -> Expr | None:
    return _split(term, last=last)[0]


def _split(term: Expr, *, last: bool) -> tuple[Expr | None, Expr | None]:
    """The factor at the end and what stands before it (with the sign), if both are arrays."""
    if isinstance(term, Neg):
        end, rest = _split(term.arg, last=last)
        return end, None if rest is None else Neg(rest)
    if isinstance(term, Divide) and term.den.is_scalar:
        end, rest = _split(term.num, last=last)
        return end, None if rest is None else Divide(rest, term.den)
    if not isinstance(term, MatMul):
        return None, None
    factors = term.factors
    lead = [factor for factor in factors if factor.is_scalar]
    arrays = [factor for factor in factors if not factor.is_scalar]
    if len(arrays) < 2:
        return None, None
    end = arrays.pop() if last else arrays.pop(0)
    return end, product(*lead, *arrays)
