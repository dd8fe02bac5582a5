"""Tensors and indices: identity objects, never bare names.

Two tensors are the same only if they are the same object, so a cotangent, a user's symbol and
a helper of the engine cannot be confused however they are spelled. A tensor has ``shape``, the
declared dims, and ``oriented``, the same as rows and columns: a vector of n is n x 1 in the column
conventions and 1 x n in the row convention; a scalar is 1 x 1. An array of more than two axes is no
matrix: only its entries and slices stand in formulas, so that nobody asks for its rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from itertools import count

from symbackprop.core.dims import ONE, Dim
from symbackprop.errors import UnsupportedError

_serial = count(1)


class Convention(Enum):
    """How a vector stands in a product."""

    ROW = "row"
    COLUMN = "column"
    COLUMN_TRANSPOSED = "column-transposed"

    @property
    def vectors_are_rows(self) -> bool:
        """Whether a vector is a 1 x n row."""
        return self is Convention.ROW


class Role(Enum):
    """What a symbol is in the network."""

    INPUT = "input"
    PARAMETER = "parameter"
    TARGET = "target"
    CONSTANT = "constant"
    INTERMEDIATE = "intermediate"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is declared about the entries of an input; never about derived quantities."""

    one_hot: bool = False
    sums_to_one: bool = False
    symmetric: bool = False
    posdef: bool = False
    positive: bool = False
    nonzero: bool = False
    one_of: tuple[Fraction, ...] = ()
    between: tuple[Fraction, Fraction] | None = None
    whole_sum_is_one: bool = False  # sum over *all* entries, from `assume: [sum(y) = 1]`
    classes: Dim | None = None  # the entries are labels 1..classes: they select, and have no slope


def orient(shape: tuple[Dim, ...], convention: Convention) -> tuple[Dim, Dim]:
    """Rows and columns of a tensor of this shape in this convention."""
    rank = len(shape)
    if rank == 2:
        return (shape[0], shape[1])
    if rank == 1:
        return (ONE, shape[0]) if convention.vectors_are_rows else (shape[0], ONE)
    if rank > 2:
        shown = " x ".join(map(str, shape))
        raise UnsupportedError(f"an array of {shown} as a whole is not supported: it is no matrix")
    return (ONE, ONE)


@dataclass(eq=False, slots=True)
class Tensor:
    """A named array of the forward pass. Compared by identity.

    ``row_axis`` and ``column_axis`` say which declared axis runs down and which runs across
    (None: that side has extent 1). An axis of literal extent 1 carries no index.
    """

    name: str
    shape: tuple[Dim, ...]
    convention: Convention
    role: Role = Role.INTERMEDIATE
    latex: str | None = None
    aliases: tuple[str, ...] = ()
    facts: Facts = Facts()
    bold: bool | None = None
    value: Fraction | None = None  # a known number, such as pi (then `numpy_value`)
    numpy_value: str | None = None
    mirrored: bool = False  # symmetric by its own equation, such as X^T X
    family: tuple[str, int] | None = None  # (h, 2) for the member h[2]; `latex` is that of the family
    moved: Tensor | None = None  # of W after a step: W itself; `name` is W_new
    gradient: tuple[Tensor, Tensor] | None = None  # (L, W) for the array dL/dW; see ``gradient_by``
    over: bool = False  # a family whose number of members is a dim: its first axis chooses the member
    start: Tensor | None = None  # of a recursion: the array in front of its first member
    serial: int = field(default_factory=lambda: next(_serial))
    _gradients: dict[Tensor, Tensor] = field(default_factory=dict, init=False)

    def gradient_by(self, by: Tensor) -> Tensor:
        """The derivative of this scalar by ``by`` as an array of its own: always the same one.

        It has the shape of ``by``. What is differentiated twice is this array: d2L/(dW dv) is d(dL/dW)/dv.
        """
        if by not in self._gradients:
            name = f"d{self.name}/d{by.name}"
            self._gradients[by] = Tensor(
                name, by.shape, by.convention, gradient=(self, by), over=by.over
            )
        return self._gradients[by]

    @property
    def oriented(self) -> tuple[Dim, Dim]:
        """(rows, columns)."""
        return orient(self.shape, self.convention)

    @property
    def rank(self) -> int:
        """The number of declared axes."""
        return len(self.shape)

    @property
    def is_symmetric(self) -> bool:
        """Whether the value equals its transpose: as declared, or by its equation."""
        return self.facts.symmetric or self.facts.posdef or self.mirrored

    @property
    def is_label(self) -> bool:
        """Whether the entries are labels (whole numbers that choose a class)."""
        return self.facts.classes is not None

    @property
    def is_scalar(self) -> bool:
        """Whether there is just one entry by shape (rank 0, or all extents literally 1)."""
        return all(dim.is_one for dim in self.shape)

    @property
    def index_axes(self) -> tuple[int, ...]:
        """The declared axes that carry an index: those whose extent is not literally 1."""
        return tuple(axis for axis, dim in enumerate(self.shape) if not dim.is_one)

    @property
    def feature_axis(self) -> int | None:
        """The axis of the feature index: of a matrix (each member of a family) the last (row) or first."""
        if self.over:
            return len(self.shape) - 1 if self.convention.vectors_are_rows else 1
        if not self.shape:
            return None
        if len(self.shape) == 1:
            return 0
        return len(self.shape) - 1 if self.convention.vectors_are_rows else 0

    @property
    def is_matrix(self) -> bool:
        """Whether the array is a scalar, a vector or a matrix; one of more axes is none, nor is a family."""
        return len(self.shape) <= 2 and not self.over

    def axis_of_side(self, side: int) -> int | None:
        """The declared axis on side 0 (down) or 1 (across); None where the extent is 1 by layout."""
        if not self.shape:
            return None
        if len(self.shape) == 1:
            return 0 if side == (1 if self.convention.vectors_are_rows else 0) else None
        return side

    def __repr__(self) -> str:
        return f"Tensor({self.name}: {' x '.join(map(str, self.shape)) or 'scalar'})"


@dataclass(eq=False, slots=True)
class Index:
    """One bound or free index: an identity object with a dim and a preferred letter."""

    dim: Dim
    letter: str = "i"
    serial: int = field(default_factory=lambda: next(_serial))

    def __repr__(self) -> str:
        return f"{self.letter}#{self.serial}"
