"""Mathematics that authors write themselves: let through only if every command is on the list.

The list holds letters, accents, relations, operators and layout inside one formula. Nothing on it
reads a file, writes one, defines a command or changes how characters are read.
"""

from __future__ import annotations

import re
from functools import cache

_TOKEN = re.compile(r"\\([A-Za-z]+|.)|(.)", re.DOTALL)
_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi "
    "varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi "
    "Pi Sigma Upsilon Phi Psi Omega ell hbar imath jmath partial nabla infty emptyset aleph Re Im"
)
_LAYOUT = (
    "frac tfrac dfrac sqrt left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr "
    "middle hat bar tilde vec dot ddot check breve acute grave widehat widetilde overline underline "
    "overbrace underbrace overset underset stackrel mathrm mathbf mathit mathcal mathsf mathtt "
    "boldsymbol bm text textstyle displaystyle scriptstyle operatorname mathop mathbin mathrel quad "
    "qquad prime top bot limits nolimits binom substack"
)
_OPERATORS = (
    "sum prod int max min sup inf lim log ln exp sin cos tan sinh cosh tanh det dim ker arg Pr cdot "
    "times odot oplus ominus otimes oslash circ star ast pm mp div setminus cup cap wedge vee neg le "
    "leq ge geq ne neq equiv approx sim simeq cong propto ll gg in notin ni subset subseteq supset "
    "supseteq to mapsto rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow implies "
    "iff forall exists mid parallel perp lvert rvert lVert rVert Vert vert langle rangle lfloor rfloor "
    "lceil rceil lbrace rbrace dots ldots cdots vdots ddots colon"
)
_ALLOWED = frozenset(f"{_GREEK} {_LAYOUT} {_OPERATORS}".split()) | frozenset(",;:! {}|")
_REFUSED = frozenset('$%#&~"\x00`@')
_LONGEST = 2000


def known_commands() -> frozenset[str]:
    """The commands of the list, without their backslash."""
    return _ALLOWED


@cache
def refusal(source: str) -> str | None:
    """Why ``source`` cannot be set as mathematics (a short phrase), or None if it can."""
    if len(source) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if "^^" in source:
        return "it holds ^^"
    depth = balance = 0
    for match in _TOKEN.finditer(source):
        command, character = match.groups()
        if command is not None:
            if command not in _ALLOWED:
                return f"the command \\{command} is not on the list"
            balance += (command == "left") - (command == "right")
        elif character in _REFUSED or ord(character) > 126 or (ord(character) < 32 and character != "\n"):
            return f"it holds the character {character!r}"
        else:
            depth += (character == "{") - (character == "}")
        if depth < 0 or balance < 0:
            return "its braces do not match"
    if source.endswith("\\") and not source.endswith("\\\\"):
        return "it ends in a backslash"
    if depth or balance:
        return "its braces do not match"
    if not source.strip():
        return "it is empty"
    return None
