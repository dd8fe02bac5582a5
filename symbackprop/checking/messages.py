"""What is said about a wrong line: what it must be and why, and a question that points there.

A sentence speaks of the line, not of the person, in the letters of the problem. ``{old}`` is the part that
was wrong, ``{new}`` what belongs there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Words:
    """The sentence of a cause, and the question of the feedback "nudge"."""

    sentence: str
    question: str
    meaning: str


# The words that our sentences begin with; anything else at the beginning is a name or a formula.
_OPENINGS = frozenset(
    """a an and at by every for from how here in instead it its no not nothing only over read right some
    softmax something the there this to two what where which with along entry entries one
    several look""".split()
)


def sentence(words: str) -> str:
    """A sentence: its first letter large where that begins a word, never where it begins mathematics."""
    if not words:
        return words
    first, _, rest = words.partition(" ")
    begins = first.strip(",.:;") in _OPENINGS and not (first == "a" and rest.startswith(("has ", "is ")))
    opened = words[:1].upper() + words[1:] if begins else words
    return opened if opened[-1] in ".?!" else f"{opened}."


def entry_words(entry: Sequence[int], first: int) -> str:
    """``entry (1, 2)`` in the counting of the problem; the places themselves count from 1."""
    return f"entry ({', '.join(str(at - 1 + first) for at in entry)})"


CAUSE_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "transpose": Words(
            "{old} must be {new}: a product sums over the last index of its left factor and the first "
            "of its right one",
            "over which index of {old} does the sum run?",
            "a transpose is missing, or stands where none belongs",
        ),
        "order": Words(
            "the factors of {old} stand in the wrong order: it must be {new}",
            "which indices does each product in {old} join?",
            "the factors of a product are exchanged",
        ),
        "sign": Words(
            "the sign of {old} is wrong: it must be {new}",
            "which sign does {old} get from the chain rule?",
            "a sign was lost or doubled",
        ),
        "factor": Words(
            "a number is wrong: instead of {old} it must be {new}",
            "which number do the powers and sums of the forward pass leave here?",
            "a numerical factor such as 2 or 1/2",
        ),
        "missing-factor": Words(
            "a factor of the chain rule is missing: instead of {old} it must be {new}",
            "which further factor does the chain rule give at {old}?",
            "a factor of the chain rule was left out",
        ),
        "extra-factor": Words(
            "{old} does not belong here: without it the line is right",
            "where does the factor {old} come from?",
            "a factor that the chain rule does not give",
        ),
        "missing-term": Words(
            "a term is missing: instead of {old} it must be {new}",
            "is this the whole sum?",
            "a term of a sum was left out",
        ),
        "extra-term": Words(
            "the term {old} does not belong here",
            "where does the term {old} come from?",
            "a term that should not be there",
        ),
        "missing-activation-derivative": Words(
            "the slope of the activation is missing: instead of {old} it must be {new}",
            "what does the chain rule give on the way through the activation?",
            "the derivative of the activation was forgotten",
        ),
        "activation-not-derivative": Words(
            "what multiplies here is the slope of the activation, {new}, not {old}",
            "is it the value of the activation that multiplies here, or its slope?",
            "the activation stands for its derivative, or the other way",
        ),
        "missing-batch-sum": Words(
            "{what} is shared by all examples, so its derivative adds up what comes from each of them: "
            "it is {new}, not {old}",
            "from how many examples does it collect?",
            "the sum over the examples of a batch is missing",
        ),
        "broadcast": Words(
            "{old} has the wrong shape to be added to each example: it is {new}",
            "along which axis is {old} repeated?",
            "an array is repeated along the wrong axis",
        ),
        "mean": Words(
            "the mean over the examples is not right: instead of {old} it must be {new}",
            "how often does the number of examples divide?",
            "1/N is missing, or stands twice",
        ),
        "missing-regulariser": Words(
            "the penalty on the weights is part of the loss: it is {new}",
            "which terms of the loss hold this array?",
            "the gradient of the regulariser was forgotten",
        ),
        "extra-regulariser": Words(
            "the loss has no penalty on this array, so the term {old} does not arise",
            "which arrays does the penalty of the loss hold?",
            "a regulariser that the loss does not have",
        ),
        "index": Words(
            "an index is wrong: instead of {old} it must be {new}",
            "which index survives the sum?",
            "an index is exchanged, shifted or left out",
        ),
        "kronecker": Words(
            "only some entries are not zero: instead of {old} it must be {new}",
            "for which indices is this derivative not zero?",
            "a Kronecker delta is missing, or some entries are zero",
        ),
        "shape": Words(
            "the shapes do not fit: {reason}",
            "how many entries do both sides have?",
            "the two sides have different shapes",
        ),
        "diag": Words(
            "{old} must be {new}: a vector that multiplies entry by entry is a diagonal matrix",
            "which matrix multiplies entry by entry?",
            "diag is missing, or stands where none belongs",
        ),
        "hadamard": Words(
            "the factors multiply in the other way: instead of {old} it must be {new}",
            "entry by entry, or as matrices?",
            "a matrix product for an elementwise one, or the other way",
        ),
        "softmax-diagonal": Words(
            "every output of softmax depends on all its inputs, and what lies off the diagonal is "
            "missing: it must be {new}",
            "which outputs of softmax does one input change?",
            "softmax was differentiated as if it acted entry by entry",
        ),
        "single-path": Words(
            "{what} acts by more than one path, and the derivative is the sum over all of them; a part "
            "is missing: {missing}",
            "by how many paths does it reach the loss?",
            "one of several paths was forgotten",
        ),
        "inverse": Words(
            "an inverse is wrong: instead of {old} it must be {new}",
            "which factor is inverted?",
            "an inverse is missing, or stands where none belongs",
        ),
        "symbol": Words(
            "{old} is the wrong quantity: it must be {new}",
            "which quantity stands beside it in the forward pass?",
            "one quantity stands for another",
        ),
        "layer": Words(
            "{old} belongs to another layer: it must be {new}",
            "which layer does {old} belong to?",
            "a quantity of another layer",
        ),
        "number": Words(
            "the number is not right: {numbers}",
            "what do you get when you compute it again?",
            "a number that does not follow",
        ),
        "rounding": Words(
            "the last digit is not right: {numbers}",
            "what is the next digit?",
            "rounded wrongly",
        ),
        "step-size": Words(
            "the step size is not right: {numbers}",
            "by how much of the gradient does the update move?",
            "the step of an update was forgotten or is another",
        ),
        "parenthesis": Words(
            "a bracket stands in the wrong place: instead of {old} it must be {new}",
            "what does the bracket hold?",
            "a bracket holds too much or too little",
        ),
        "layout": Words(
            "right in another layout",
            "which shape does the course give this derivative?",
            "right in another layout of derivatives",
        ),
        "form": Words(
            "right, but not in the letters or the form that the question asks for: {reason}",
            "which letters may the answer use?",
            "right, in letters or a form that the question excludes",
        ),
        "missing-sum": Words(
            "a sum is missing: instead of {old} it must be {new}",
            "over which index is {old} summed?",
            "a sum over an index was left out",
        ),
        "extra-sum": Words(
            "there is no sum here: instead of {old} it must be {new}",
            "which terms of the sum are not zero?",
            "a sum that only one term survives, or none",
        ),
        "algebra": Words(
            "the two sides differ: {numbers}",
            "what do both sides give for small numbers?",
            "no small change makes the line true",
        ),
    }
)

# The same where a line was compared with the right value term by term.
TERM_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing-term": "a term is missing, the rest is right: {missing}",
        "missing-regulariser":
            "the penalty on the weights is part of the loss; its term is missing: {missing}",
        "extra-term": "the term {old} does not belong here, the rest is right",
        "sign": "the sign of {old} is wrong: it is {new}",
        "factor": "a number is wrong: instead of {old} it must be {new}",
        "mean": "the mean over the examples is not right: instead of {old} it must be {new}",
        "missing-factor": "the factor {factor} is missing: instead of {old} it must be {new}",
        "extra-factor": "the factor {factor} does not belong here: instead of {old} it must be {new}",
        "missing-activation-derivative":
            "the slope of the activation, {factor}, is missing: instead of {old} it must be {new}",
    }
)
