"""Words of authors: escaped, mapped or refused; nothing of theirs runs as TeX."""

from __future__ import annotations

import pytest

from symbackprop.documents.escape import author_words, code_line, escape
from symbackprop.errors import UnsupportedError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("100% & more", r"100\% \& more"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b^c ~ #1 $5", r"a\_b\textasciicircum{}c \textasciitilde{} \#1 \$5"),
        ("Gauß, naïve Čapek", r"Gau\ss{}, na\"{\i}ve \v{C}apek"),
        ("N × D ≤ λ", r"N $\times$ D $\leq$ $\lambda$"),
        ("e\u0301", r"\'{e}"),
    ],
)
def test_words_are_escaped(words: str, expected: str) -> None:
    assert escape(words) == expected


@pytest.mark.parametrize(("words", "name"), [("漢", "CJK UNIFIED IDEOGRAPH-6F22"), ("a\x07", "U+0007")])
def test_what_cannot_be_set_is_refused_by_name(words: str, name: str) -> None:
    with pytest.raises(UnsupportedError, match=name.replace("+", r"\+")):
        escape(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("find `dL/dW` now", "find $<dL/dW>$ now"),
        ("*soft* and **strong**", r"\emph{soft} and \textbf{strong}"),
        (r"keep $\lambda > 0$", r"keep $\lambda > 0$"),
        ("one\n\ntwo", "one\n\ntwo"),
    ],
)
def test_author_words(words: str, expected: str) -> None:
    assert author_words(words, lambda formula: f"<{formula}>") == expected


def test_code_keeps_its_spaces_and_quotes() -> None:
    assert code_line("  d['W'] -= 1") == r"\texttt{\ \ d[\textquotesingle{}W\textquotesingle{}]\ {-}=\ 1}"
