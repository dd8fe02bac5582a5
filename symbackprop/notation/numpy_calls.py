"""Calls of operations as NumPy: templates of the operations' own, and the shapes around them.

An operation brings its code (``numpy``, ``slope_numpy``) and the helper functions that the code
calls (``numpy_helper``); here the arguments are aligned, the axis is filled in, and a vector is
lifted to two axes for the instant in which an operation works across its literal extent 1.
"""

from __future__ import annotations

import ast
import re

from symbackprop.core.expr import Call, Shape, broadcast_shape
from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py
from symbackprop.notation.building import ELEMENTWISE_KINDS
from symbackprop.notation.labels import labelled_entry
from symbackprop.notation.numpy_base import Writer, align, code, dim_code, held, real
from symbackprop.notation.numpy_index import entries


def call_code(writer: Writer, call: Call) -> ast.expr:
    """The NumPy expression of a call, held as its shape says."""
    if call.op.kind in ELEMENTWISE_KINDS:
        return _elementwise(writer, call)
    rule = getattr(call.op, "shape_rule", None)
    if rule in ("ones", "zeros"):
        return filled(call.call_shape, str(rule))
    if rule == "eye":
        one = held(call.call_shape) == "scalar"
        return py.literal(1.0) if one else py.call("np.eye", dim_code(call.call_shape[0]))
    if rule == "onehot":
        return onehot_code(writer, call)
    if rule in ("stack", "reshape", "pad"):
        return _arranged(writer, call, str(rule))
    chosen = labelled_entry(call) if call.op.name == "cross_entropy" else None
    if chosen is not None:  # log P only where a label points: elsewhere P may be 0
        node = entries(writer, chosen[0], [entry.index for entry in chosen[1]])
        logs = py.call("np.log", node)
        return py.minus(py.call("np.sum", logs) if chosen[1] else logs)
    template = getattr(call.op, "numpy", None)
    if template is None or call.primes:
        return _expanded(writer, call)
    _use_helpers(writer, call)
    return _structural(writer, call, str(template), str(rule))


def _arranged(writer: Writer, call: Call, rule: str) -> ast.expr:
    """stack, reshape and pad, on arrays that are held without their extents of 1."""
    how = held(call.call_shape)
    if rule == "stack":
        parts = [real(code(writer, arg)) for arg in call.args]
        if how == "mat":
            parts = [_lifted(part, held(arg.shape)) for part, arg in zip(parts, call.args, strict=True)]
        name = "np.vstack" if how == "mat" and call.axis == "columns" else "np.hstack"
        return py.call(name, py.sequence(*parts))
    array = real(code(writer, call.args[0]))
    if rule == "pad":
        return py.call("np.pad", array, code(writer, call.args[1]))
    if how == "mat":
        return py.call("np.reshape", array, py.sequence(*map(dim_code, call.call_shape)))
    flat = py.call("np.reshape", array, py.literal(-1))
    return py.subscript(flat, py.literal(0)) if how == "scalar" else flat


def onehot_code(writer: Writer, call: Call) -> ast.expr:
    """``np.eye(K)[y]``, for labels that count from 0; its columns are what stands in columns."""
    rows = call.axis == "rows"
    table = py.call("np.eye", dim_code(call.call_shape[1 if rows else 0]))
    labels = code(writer, call.args[0])
    several = not call.args[0].is_scalar
    return py.subscript(table, py.COLON, labels) if several and not rows else py.subscript(table, labels)


def filled(shape: Shape, kind: str) -> ast.expr:
    """An array of ones or zeros, held as its shape says."""
    how = held(shape)
    if how == "scalar":
        return py.literal(1.0 if kind == "ones" else 0.0)
    if how == "mat":
        return py.call(f"np.{kind}", py.sequence(dim_code(shape[0]), dim_code(shape[1])))
    return py.call(f"np.{kind}", dim_code(shape[0] if how == "col" else shape[1]))


def _use_helpers(writer: Writer, call: Call) -> None:
    source = getattr(call.op, "numpy_helper", None)
    if source:
        writer.helpers.setdefault(source)


def _expanded(writer: Writer, call: Call) -> ast.expr:
    if writer.expand is None:
        marks = "'" * call.primes
        raise UnsupportedError(f"no NumPy code for {call.op.name}{marks}")
    return code(writer, writer.expand(call))


def _arguments(writer: Writer, call: Call) -> dict[str, ast.expr]:
    target = broadcast_shape(call.args)
    return {
        param.name: align(real(code(writer, arg)), arg.shape, target)
        for param, arg in zip(call.op.params, call.args, strict=True)
    }


def _elementwise(writer: Writer, call: Call) -> ast.expr:
    if getattr(call.op, "abstract", False):
        function = writer.name_of((call.op, call.primes))
        return py.call(function, *_arguments(writer, call).values())
    template = {0: "numpy", 1: "slope_numpy"}.get(call.primes)
    source = getattr(call.op, template, None) if template else None
    if source is None:
        return _expanded(writer, call)
    _use_helpers(writer, call)
    return py.fill(source, _arguments(writer, call))


def _structural(writer: Writer, call: Call, template: str, rule: str) -> ast.expr:
    shape = call.args[0].shape
    how = held(shape)
    if rule in ("scalar", "dot") and "{axis}" not in template:
        return py.fill(template, _arguments(writer, call))
    if rule in ("diag", "diagonal", "square", "square-scalar", "same") and how == "scalar" and not call.axis:
        return _on_cell(writer, call, template, rule)
    if rule == "outer":
        first, second = (real(code(writer, arg)) for arg in call.args)
        if held(call.call_shape) != "mat":
            return py.binary(first, "*", second)
        return py.fill(template, {p.name: n for p, n in zip(call.op.params, (first, second), strict=True)})
    if rule in ("rows", "columns"):
        return _reduced(writer, call, template, along="row" if rule == "rows" else "col")
    if call.axis is not None:
        return _along(writer, call, template, rule)
    return py.fill(template, _arguments(writer, call))


def _on_cell(writer: Writer, call: Call, template: str, rule: str) -> ast.expr:
    """A matrix operation on a 1 x 1 matrix."""
    if rule in ("diag", "diagonal"):
        return code(writer, call.args[0])
    param = call.op.params[0].name
    cell = py.call("np.reshape", real(code(writer, call.args[0])), py.sequence(py.literal(1), py.literal(1)))
    node = py.fill(template, {param: cell})
    return node if rule == "square-scalar" else py.subscript(node, py.literal(0), py.literal(0))


def _lifted(node: ast.expr, how: str) -> ast.expr:
    if how == "col":
        return py.subscript(node, py.COLON, py.literal(None))
    if how == "row":
        return py.subscript(node, py.literal(None), py.COLON)
    if how == "scalar":
        return py.call("np.reshape", node, py.sequence(py.literal(1), py.literal(1)))
    return node


def _reduced(writer: Writer, call: Call, template: str, along: str) -> ast.expr:
    """rowsum and the like: a vector that lies along the summed axis loses its only axis."""
    shape = call.args[0].shape
    how = held(shape)
    node = real(code(writer, call.args[0]))
    param = call.op.params[0].name
    if how == along:
        return py.fill(re.sub(r"axis=[01]", "axis=0", template), {param: node})
    lowered = py.fill(template, {param: _lifted(node, how)})
    return py.subscript(lowered, py.literal(0)) if how == "scalar" else lowered


def _along(writer: Writer, call: Call, template: str, rule: str) -> ast.expr:
    """softmax and the like: inside each row or each column."""
    nodes = _arguments(writer, call)
    shape = broadcast_shape(call.args)
    how = held(shape)
    line = {"row": "rows", "col": "columns"}.get(how)
    axis = 0 if call.axis in (line, "columns") else 1
    if line != call.axis and how != "mat":
        single = {param.name: arg.is_scalar for param, arg in zip(call.op.params, call.args, strict=False)}
        nodes = {
            name: _lifted(node, how) if how == "scalar" or not single.get(name) else node
            for name, node in nodes.items()
        }
    filled_in = py.fill(template, {**nodes, "axis": py.literal(axis)})
    if how == "mat" or line == call.axis or rule in ("scalar", "dot"):
        return filled_in
    zero = py.literal(0)
    if rule == "drop":
        return py.subscript(filled_in, zero) if how == "scalar" else filled_in
    slots = {"col": (py.COLON, zero), "row": (zero,), "scalar": (zero, zero)}[how]
    return py.subscript(filled_in, *slots)
