"""Questions of a problem file, answered: a table of answerers by kind, and the record they give.

``ANSWERERS`` maps a kind to a function from a ``Desk`` (the problem at work) and a ``Question`` to
``Answer`` records, one for each level or convention that is asked for. A kind is added by a body in
``reading.bodies``, a module here, and a line in the table of ``kinds``.
"""

from symbackprop.answering.kinds import ANSWERERS, answers_to
from symbackprop.answering.letters import derivation_of, entry_of
from symbackprop.answering.record import Answer, Case, Numbers, Result, Told

__all__ = [
    "ANSWERERS", "Answer", "Case", "Numbers", "Result", "Told", "answers_to", "derivation_of", "entry_of",
]  # fmt: skip
