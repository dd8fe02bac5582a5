"""Words of authors: blocks, spans, and mathematics that is refused at its place."""

from __future__ import annotations

import pytest

from symbackprop.errors import InputError
from symbackprop.notation.words import (
    Block,
    Code,
    CodeBlock,
    Emphasis,
    Listing,
    Math,
    Paragraph,
    Plain,
    Span,
    Words,
    is_plain,
    read_words,
)


def spans(words: str) -> tuple[Span, ...]:
    """The spans of a single paragraph."""
    (block,) = read_words(words)
    assert isinstance(block, Paragraph)
    return block.parts


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("plain", (Plain("plain"),)),
        ("costs $5 and $7", (Plain("costs $5 and $7"),)),
        ("2 * 3 * 4 and a_b_c", (Plain("2 * 3 * 4 and a_b_c"),)),
        (r"\*no\* \$x\$", (Plain("*no* $x$"),)),
        ("a $x_1$.", (Plain("a "), Math("x_1", False), Plain("."))),
        ("$$ a + b $$", (Math("a + b", True),)),
        ("*a*", (Emphasis((Plain("a"),), False),)),
        ("_a_", (Emphasis((Plain("a"),), False),)),
        ("**a `b`**", (Emphasis((Plain("a "), Code("b")), True),)),
        ("``a ` b``", (Code("a ` b"),)),
        ("`$x$`", (Code("$x$"),)),
        ("*a $x$ b*", (Emphasis((Plain("a "), Math("x", False), Plain(" b")), False),)),
    ],
)
def test_spans(words: str, expected: tuple[Span, ...]) -> None:
    """Marks are read where they make sense, and are letters elsewhere."""
    assert spans(words) == expected


def paragraph(text: str) -> Paragraph:
    return Paragraph((Plain(text),))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a\nb\n\nc", (paragraph("a\nb"), paragraph("c"))),
        ("a\n- b\n- c\n\nd", (
            paragraph("a"), Listing(((paragraph("b"),), (paragraph("c"),)), None), paragraph("d"),
        )),
        ("2. b\n3. c\n   d", (Listing(((paragraph("b"),), (paragraph("c\nd"),)), 2),)),
        ("In\n2. no list", (paragraph("In\n2. no list"),)),
        ("- a\n  1. b", (Listing(((paragraph("a"), Listing(((paragraph("b"),),), 1)),), None),)),
        ("```py\nx =  1\n\ny\n```\nz", (CodeBlock(("x =  1", "", "y")), paragraph("z"))),
        ("~~~\nopen", (CodeBlock(("open",)),)),
    ],
)  # fmt: skip
def test_blocks(words: str, expected: tuple[Block, ...]) -> None:
    """Paragraphs, lists, code."""
    assert read_words(words) == expected


@pytest.mark.parametrize(
    ("words", "line", "column", "message"),
    [
        (r"see $\input{x}$", 1, 6, r"\input is not on the list"),
        ("one\n\n- two\n  $x + \\csname$", 4, 8, r"\csname"),
        ("*a\n$\\def$*", 2, 2, r"\def"),
        ("a $x{$", 1, 4, "braces"),
        ("- a\n  - b\n    - c\n      - d", 4, 7, "nested more than 3"),
        ("a" * 10_001, 1, 1, "the limit is 10000"),
    ],
)
def test_refusals_have_a_place(words: str, line: int, column: int, message: str) -> None:
    """The place is that of the file, shifted as the text is."""
    with pytest.raises(InputError) as caught:
        read_words(Words.at(words, lambda line, column: (line + 10, column + 100), "hw.yaml"))
    error = caught.value
    assert (error.file, error.line, error.column) == ("hw.yaml", line + 10, column + 100)
    assert message in error.message


def test_a_text_without_a_file_has_no_place() -> None:
    """Words from Python data."""
    with pytest.raises(InputError) as caught:
        read_words(r"$\input$")
    assert (caught.value.line, caught.value.column) == (None, None)


def test_plain_words() -> None:
    """One paragraph at most."""
    assert is_plain(read_words("a *b*"))
    assert not is_plain(read_words("a\n\nb"))
