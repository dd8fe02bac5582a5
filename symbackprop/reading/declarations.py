"""What is declared before the forward pass is read: symbols, dims, functions, the convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Family
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Facts, Role, Tensor
from symbackprop.errors import InputError
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.scope import function_names
from symbackprop.reading.tokens import Place, fail


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared symbol. ``shape`` None: not given (a scalar, unless an equation defines the name)."""

    name: str
    shape: tuple[Dim, ...] | None = None
    role: Role | None = None
    latex: str | None = None
    aliases: tuple[str, ...] = ()
    facts: Facts = Facts()
    bold: bool | None = None
    at: Place | None = None
    over: int | None = None  # the number of members, if this is a family
    family: tuple[str, int] | None = None  # set by ``families.unroll``
    runs: bool = False  # a family whose number of members is a dim, the first of ``shape``

    def tensor(self, convention: Convention, shape: tuple[Dim, ...], role: Role) -> Tensor:
        """The tensor of this declaration."""
        return Tensor(
            self.name,
            shape,
            convention,
            role,
            latex=self.latex,
            aliases=self.aliases,
            facts=self.facts,
            bold=self.bold,
            family=self.family,
            over=self.runs and len(shape) > 1,
        )


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything declared. ``convention`` None: column if all shapes fit under it, else row.

    ``first`` is the number of the first position in what is read, 0 or 1. ``zero``: an entry outside its
    range counts as 0 (``outside: zero``).
    """

    symbols: Mapping[str, Declared] = field(default_factory=dict)
    dims: Mapping[str, str | None] = field(default_factory=dict)
    functions: Mapping[str, Operation] = field(default_factory=dict)
    convention: Convention | None = None
    families: Mapping[str, Family] | None = None  # None: not unrolled yet
    first: int = 1
    zero: bool = False

    @property
    def all_dims(self) -> dict[str, str | None]:
        """The declared dims and those that stand in a shape, in order of appearance."""
        found = dict(self.dims)
        for symbol in self.symbols.values():
            classes = symbol.facts.classes
            for dim in (*(symbol.shape or ()), *((classes,) if classes is not None else ())):
                for name in dim.names:
                    found.setdefault(name, None)
        return found


def check_names(declarations: Declarations) -> None:
    """One name is one thing: dims, symbols, functions do not clash; no symbol looks like a derivative."""
    dims = declarations.all_dims
    for symbol in declarations.symbols.values():
        if symbol.name in RESERVED:
            raise _clash(
                f"{symbol.name} is a reserved word and cannot be a symbol", symbol.at, "use another name"
            )
        if symbol.name in function_names() or symbol.name in declarations.functions:
            raise _clash(f"{symbol.name} is a function and cannot be a symbol", symbol.at, "use another name")
        if symbol.name in dims:
            raise _clash(
                f"{symbol.name} is both a dim and a symbol", symbol.at, "give one of the two another name"
            )
    for dim in dims:
        if dim in function_names() or dim in declarations.functions or dim in RESERVED:
            at = next((s.at for s in declarations.symbols.values() if _uses(s, dim)), None)
            raise _clash(
                f"{dim} is a function or a reserved word and cannot be a dim", at, "use another name"
            )


def check_not_derivative(name: str, others: Mapping[str, object], at: Place | None) -> None:
    """Refuse a symbol called ``d`` + another symbol."""
    if len(name) > 1 and name[0] == "d" and name[1:] in others:
        other = name[1:]
        raise _clash(
            f"the name {name} would be read as the derivative by {other}",
            at,
            f"use another name and `latex: '{name}'`; "
            f"or write L = L({other}) and name dL/d{other} in `notation:`",
        )


def check_function_name(name: str, at: Place | None) -> None:
    """Refuse a declared function with a name of the grammar."""
    if name in function_names() or name in RESERVED:
        raise _clash(f"{name} is a function of the grammar already", at, "use another name")


def _uses(symbol: Declared, dim: str) -> bool:
    return any(dim in extent.names for extent in symbol.shape or ())


def _clash(message: str, at: Place | None, hint: str) -> InputError:
    return fail(message, at, hint, "redefined")
