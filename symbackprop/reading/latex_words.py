r"""Which function a LaTeX word is: ``\operatorname{ReLU}``, ``\mathrm{softmax}``, ``\ln``, ``\sigma``.

A word is compared without case, spaces, hyphens and underscores with the names of the table of
operations and with what those operations print as; a few customary words are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symbackprop.ops.registry import all_operations
from symbackprop.reading.latex_syntax import parse_spelling
from symbackprop.reading.latex_tree import Accent, Scripted, Sym, Tree, Word, spell

_CUSTOMARY = MappingProxyType(
    {
        "ln": "log", "sgn": "sign", "trace": "trace", "tr": "trace", "swish": "silu", "lse": "logsumexp",
        "logistic": "sigmoid", "sigm": "sigmoid", "xent": "cross_entropy", "ce": "cross_entropy",
        "leakyrelu": "leaky_relu", "lrelu": "leaky_relu", "binarycrossentropy": "bce",
        "negativeloglikelihood": "nll", "rectifier": "relu", "avg": "mean", "sm": "softmax",
        "softmaxcrossentropy": "cross_entropy_logits", "det": "det", "logdet": "logdet", "vec": "vec",
    }
)  # fmt: skip


def normal(word: str) -> str:
    """A word without case, spaces, hyphens, underscores."""
    return "".join(character for character in word.lower() if character.isalnum())


@cache
def function_words() -> Mapping[str, str]:
    """Normal form of a word -> name of the operation."""
    found = {normal(op.name): op.name for op in all_operations()}
    return MappingProxyType({**_CUSTOMARY, **found})


@cache
def function_symbols() -> Mapping[str, str]:
    r"""Spelling of what an operation prints as -> its name, where that is no plain word (``\sigma``)."""
    found: dict[str, str] = {}
    for op in all_operations():
        tree = parse_spelling(op.latex) if op.latex else None
        if isinstance(tree, Scripted) or (isinstance(tree, Sym) and tree.name.startswith("\\")):
            found[spell(tree)] = op.name
        elif isinstance(tree, Word):
            found.setdefault(spell(tree), op.name)
    return MappingProxyType(found)


def function_of(tree: Tree) -> str | None:
    """The operation that a word or symbol stands for when nothing of that name is declared."""
    if isinstance(tree, Accent):
        tree = tree.arg
    if isinstance(tree, Word):
        return function_words().get(normal(tree.name))
    return function_symbols().get(spell(tree))
