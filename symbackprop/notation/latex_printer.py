"""``Printer``: what prints one formula as LaTeX, as the modules for its kinds of nodes see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import IndexValue, LabelValue
from symbackprop.core.tensors import Tensor
from symbackprop.notation.counting import counted
from symbackprop.notation.latex_box import Box
from symbackprop.notation.latex_symbols import Symbol, dim_symbol, name_symbol, tensor_symbol
from symbackprop.notation.letters import Letters
from symbackprop.notation.names import Names


class Printer(ABC):
    """Prints the parts of one formula; holds its names, its index letters, and the manner.

    ``inline``: derivatives and quotients with a slash. ``shapes``: the shape under each factor of a product.
    """

    __slots__ = ("inline", "letters", "names", "shapes")

    def __init__(self, root: Expr, names: Names, *, inline: bool = False, shapes: bool = False) -> None:
        self.names = names
        self.letters = Letters(root, names.reserved)
        self.inline = inline
        self.shapes = shapes

    @abstractmethod
    def box(self, expr: Expr) -> Box:
        """One node as a piece."""

    def one_based(self) -> Printer:
        """The same for what has been counted already."""
        found = copy(self)
        found.names = replace(self.names, first=1)
        return found

    def inside_script(self) -> Printer:
        """The same for what stands in a superscript."""
        found = copy(self)
        found.inline, found.shapes = True, False
        return found

    def symbol(self, tensor: Tensor) -> Symbol:
        """The name of a tensor."""
        return tensor_symbol(tensor, self.names.style)

    def dim(self, dim: Dim) -> Symbol:
        """The name of a dim."""
        return dim_symbol(dim, self.names.dims)

    def position(self, slot: IndexValue) -> Symbol:
        """An affine position, such as ``k`` or ``2i + 1``, as the author counts; a label ``y_n``."""
        return self.affine(counted(slot, self.names.first))

    def affine(self, slot: IndexValue) -> Symbol:
        """The same as it stands."""
        tex, width = "", 0.0
        if isinstance(slot, LabelValue) and slot.label is not None:
            box = self.box(slot.label)
            return Symbol(box.tex, box.width)
        for index, coefficient in slot.indices:
            letter = name_symbol(self.letters.of(index))
            sign = "-" if coefficient < 0 else "+" if tex else ""
            size = "" if abs(coefficient) == 1 else str(abs(coefficient))
            tex += f"{sign}{size}{letter.tex}"
            width += letter.width + 0.6 * len(sign) + 0.5 * len(size)
        if slot.offset != Dim(0) or not tex:
            offset = self.dim(slot.offset)
            tex += ("" if offset.tex.startswith("-") or not tex else "+") + offset.tex
            width += offset.width + 0.6
        return Symbol(tex, width)
