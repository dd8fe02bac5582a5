"""Wrong works: right lines damaged in one place of their LaTeX tokens.

Nothing here comes from the checker, its list of repairs least of all. A mutant says what was done to the
text; whether that changed anything is decided by ``liveness`` from the forward pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from symbackprop.core.expr import Leaf
from tests.checking.keys import Line, problem_of

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&']|[A-Za-z]|\d+|\S")
BRACKETS = (r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\biggl", r"\biggr", r"\left", r"\right")
Mutation = Callable[[Line, list[str]], Iterator[list[str]]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged line; ``kind`` is what was done, ``causes`` the names that are fair for it."""

    line: Line
    right: str
    kind: str
    causes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The line as a display."""
        return self.line.with_right(self.right)

    @property
    def work(self) -> str:
        """The line as it stands in its derivation, after the right lines before it."""
        return "\n\n".join((*self.line.earlier, self.text))


def tokens_of(text: str) -> list[str]:
    """The tokens of a formula."""
    return TOKEN.findall(text)


def spelled(tokens: list[str]) -> str:
    """A formula of tokens; a space between them changes nothing."""
    return " ".join(tokens)


def group_end(tokens: list[str], start: int) -> int:
    """Just behind the group or the single token at ``start``."""
    if start >= len(tokens):
        return start
    if tokens[start] != "{":
        return start + 1
    depth = 0
    for at in range(start, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        if depth == 0:
            return at + 1
    return len(tokens)


def depths(tokens: list[str]) -> list[int]:
    """How deep inside braces and brackets each token stands."""
    found, depth = [], 0
    for token in tokens:
        if token in ("}", ")", "]", r"\right", r"\bigr", r"\Bigr", r"\biggr"):
            depth -= token in ("}", ")", "]")
        found.append(depth)
        depth += token in ("{", "(", "[")
    return found


# -- what may be done to a line


def without_transpose(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``W^{\top}`` -> ``W``."""
    for at, token in enumerate(tokens):
        if token == r"\top":
            start = at - 2 if at >= 2 and tokens[at - 1] == "{" else at - 1
            yield tokens[:start] + tokens[at + 2 if tokens[at - 1] == "{" else at + 1 :]


def extra_transpose(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``W`` -> ``W^{\top}``, for a matrix of one letter."""
    tensors = problem_of(line.network).spec.graph.tensors
    for at, token in enumerate(tokens):
        tensor = tensors.get(token)
        plain = at + 1 == len(tokens) or tokens[at + 1] not in ("_", "^", "'", "{")
        if (
            tensor is not None
            and tensor.rank == 2
            and plain
            and not _in_script(tokens, at)
            and not _below(tokens, at)
        ):
            yield [*tokens[: at + 1], *tokens_of(r"^{\top}"), *tokens[at + 1 :]]


def _below(tokens: list[str], at: int) -> bool:
    """Whether a token belongs to a derivative."""
    return at > 0 and tokens[at - 1] == r"\partial"


def swapped_factors(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``A \, B`` -> ``B \, A``, for the factors around one thin space."""
    level = depths(tokens)
    for at, token in enumerate(tokens):
        if token != r"\,":
            continue
        start = _factor_start(tokens, level, at)
        end = _factor_end(tokens, level, at)
        left, right = tokens[start:at], tokens[at + 1 : end]
        if left and right and left[0] not in ("-", "+") and r"\sum" not in left + right:
            yield tokens[:start] + right + [r"\,"] + left + tokens[end:]


_ENDS = ("+", "-", "=", r"\,", r"\odot", "&")


def _factor_start(tokens: list[str], level: list[int], at: int) -> int:
    here = level[at]
    start = at
    while (
        start > 0
        and level[start - 1] >= here
        and not (level[start - 1] == here and tokens[start - 1] in _ENDS)
    ):
        start -= 1
    return start


def _factor_end(tokens: list[str], level: list[int], at: int) -> int:
    here = level[at]
    end = at + 1
    while end < len(tokens) and level[end] >= here and not (level[end] == here and tokens[end] in _ENDS):
        end += 1
    return end


def product_for_hadamard(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\odot`` -> a product."""
    for at, token in enumerate(tokens):
        if token == r"\odot" and not _in_script(tokens, at):
            yield [*tokens[:at], r"\,", *tokens[at + 1 :]]


def value_for_slope(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``sigma'(z)`` -> ``sigma(z)``."""
    for at, token in enumerate(tokens):
        if token == "'":
            yield tokens[:at] + tokens[at + 1 :]


def turned_sign(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``+`` -> ``-`` and the other way; a leading minus lost."""
    level = depths(tokens)
    for at, token in enumerate(tokens):
        if token == "+" and level[at] >= 0:
            yield [*tokens[:at], "-", *tokens[at + 1 :]]
        if token == "-":
            before = tokens[at - 1] if at else None
            binary = before is not None and before not in ("{", "(", "[", "=", r"\,", "-", "+")
            if not _in_script(tokens, at):
                yield tokens[:at] + (["+"] if binary else []) + tokens[at + 1 :]
    if tokens and tokens[0] != "-":
        yield ["-", *_bracketed(tokens)]


def _bracketed(tokens: list[str]) -> list[str]:
    level = depths(tokens)
    if any(token in ("+", "-") and level[at] == 0 for at, token in enumerate(tokens)):
        return ["(", *tokens, ")"]
    return tokens


def _in_script(tokens: list[str], at: int) -> bool:
    """Whether a token stands in a sub- or superscript."""
    depth = 0
    for back in range(at - 1, -1, -1):
        if tokens[back] == "}":
            depth += 1
        elif tokens[back] == "{":
            if depth == 0:
                return back > 0 and tokens[back - 1] in ("^", "_")
            depth -= 1
    return False


def other_layer(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``W_{1}`` -> ``W_{2}``: the number of a layer."""
    names = set(problem_of(line.network).spec.graph.tensors)
    for at in range(len(tokens) - 2):
        if tokens[at + 1] != "_":
            continue
        spot = at + 3 if tokens[at + 2] == "{" else at + 2
        if spot < len(tokens) and tokens[spot].isdigit():
            for number in "1234":
                if (
                    number != tokens[spot]
                    and f"{tokens[at]}{number}" in names
                    and tokens[at] + tokens[spot] in names
                ):
                    yield [*tokens[:spot], number, *tokens[spot + 1 :]]


def other_symbol(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``W`` -> ``w``, or another name of one letter with as many indices."""
    tensors = problem_of(line.network).spec.graph.tensors
    single = {name: tensor for name, tensor in tensors.items() if len(name) == 1}
    for at, token in enumerate(tokens):
        if token not in single or (at + 1 < len(tokens) and tokens[at + 1].isdigit()):
            continue
        if _in_script(tokens, at) or (at and tokens[at - 1] in (r"\partial", "_")) or _numbered(tokens, at):
            continue
        for name, tensor in single.items():
            if name != token and tensor.rank == single[token].rank and tensor.rank:
                yield [*tokens[:at], name, *tokens[at + 1 :]]


def _numbered(tokens: list[str], at: int) -> bool:
    spot = at + 3 if at + 2 < len(tokens) and tokens[at + 2] == "{" else at + 2
    return at + 1 < len(tokens) and tokens[at + 1] == "_" and spot < len(tokens) and tokens[spot].isdigit()


def other_case(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``W`` -> ``w``, where both are names."""
    names = set(problem_of(line.network).spec.graph.tensors)
    for at, token in enumerate(tokens):
        other = token.swapcase()
        both = len(token) == 1 and token in names and other in names and other != token
        if both and not (_in_script(tokens, at) or _below(tokens, at) or _numbered(tokens, at)):
            yield [*tokens[:at], other, *tokens[at + 1 :]]


def next_index(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``x_{i}`` -> ``x_{i+1}``, ``A_{ij}`` -> ``A_{i,j-1}``; a sum that leaves out its first term."""
    for at, token in enumerate(tokens):
        if not (len(token) == 1 and token.isalpha() and _is_index(tokens, at)):
            continue
        own = tokens[at - 1] == "{" and tokens[at + 1 : at + 2] == ["}"]
        last = tokens[at + 1 : at + 2] == ["}"]
        for step in ("+1", "-1"):
            sized = "I" in tokens[max(0, at - 3) : at]  # the size of an identity is no index
            if (own or last) and not sized:
                yield [*tokens[:at], *([] if own else [","]), token, *tokens_of(step), *tokens[at + 1 :]]
    text = spelled(tokens)
    sizes = {"n": "N"} if "N" in problem_of(line.network).spec.graph.dims else {}
    for letter, size in sizes.items():
        for found in re.finditer(rf"\\sum _ {{ {letter} }}", text):
            new = rf"\sum _ {{ {letter} = 2 }} ^ {{ {size} }}"
            yield tokens_of(text[: found.start()] + new + text[found.end() :])


def numeric_factor(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """A 2 or 1/2 too many, a 2 too few."""
    yield ["2", *_bracketed(tokens)] if not tokens[0].isdigit() else ["4", *tokens[1:]]
    yield [*tokens_of(r"\frac{1}{2}"), *_bracketed(tokens)]
    if tokens[0] == "2":
        yield tokens[1:]


def without_term(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """A term of a difference lost: ``P - Y`` -> ``P``, also in brackets."""
    level = depths(tokens)
    for at, token in enumerate(tokens):
        if token != "-" or not at or _in_script(tokens, at) or tokens[at - 1] in ("{", "(", "[", "=", r"\,"):
            continue
        end = at + 1
        while (
            end < len(tokens)
            and level[end] >= level[at]
            and not (level[end] == level[at] and tokens[end] in ("+", "-", ")", *BRACKETS))
        ):
            end += 1
        if tokens[end - 1] in BRACKETS:
            end -= 1
        yield tokens[:at] + tokens[end:]


def further_term(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``+ Y``: another array of the same shape, by its declared axes."""
    problem = problem_of(line.network)
    tensors = problem.spec.graph.tensors
    match = re.fullmatch(r"\\frac\{\\partial [A-Za-z]\}\{\\partial ([A-Za-z])\}", line.left)
    own = tensors.get(match[1]) if match else None
    if own is None or problem.spec.layout == "numerator" or own.rank == 0:
        return
    for name, other in tensors.items():
        if len(name) == 1 and other.shape == own.shape and not other.is_label:
            if own in problem.spec.graph.parameters and other in problem.spec.graph.parameters:
                continue
            yield [*tokens, "+", name]


def without_delta(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``[i = k]`` lost."""
    text = spelled(tokens)
    for found in re.finditer(r"\[ [a-z] = [a-z] \]", text):
        rest = text[: found.start()] + text[found.end() :]
        if rest.strip() and not re.search(r"(?:^|[-+(]) *$", text[: found.start()]):
            yield tokens_of(rest)
        elif re.match(r" *[-+]", text[found.end() :]) and "(" in text[: found.start()]:
            yield tokens_of(text[: found.start()] + "1" + text[found.end() :])


def without_brackets(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """``a (b - c)`` -> ``a b - c``."""
    for at, token in enumerate(tokens):
        if token != "(":
            continue
        depth, end = 0, at
        while end < len(tokens):
            depth += {"(": 1, ")": -1}.get(tokens[end], 0)
            if depth == 0:
                break
            end += 1
        inside = tokens[at + 1 : end]
        level = depths(inside)
        sums = any(t in ("+", "-") and k and level[k] == 0 for k, t in enumerate(inside))
        sized = at > 0 and tokens[at - 1] in BRACKETS
        start = at - 1 if sized else at
        called = (
            start > 0
            and (tokens[start - 1] in ("}", "'") or tokens[start - 1][:1] == "\\")
            and (tokens[start - 1] not in (r"\,", r"\odot", r"\;"))
        )
        if sums and not (called and not sized) and end < len(tokens):
            if sized and inside and inside[-1] in BRACKETS:
                inside = inside[:-1]
            if tokens[end + 1 : end + 2] not in (["^"], ["_"]) and tokens[start - 1 : start] != ["}"]:
                yield tokens[:start] + inside + tokens[end + 1 :]


def without_diag(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\operatorname{diag}(v)`` -> ``v``."""
    text = spelled(tokens)
    for found in re.finditer(r"\\operatorname \{ d i a g \} ", text):
        yield tokens_of(text[: found.start()] + text[found.end() :])


def without_factor(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """One of several entries that are multiplied is lost."""
    if line.level != "index":
        return
    level = depths(tokens)
    for at, token in enumerate(tokens):
        if token == r"\," and level[at] == 0:
            end = _factor_end(tokens, level, at)
            if not any(t in tokens[at:end] for t in ("'", "[", "(", r"\sum")):
                yield tokens[:at] + tokens[end:]


def without_sum(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\sum_{k}`` lost, where the index stays."""
    text = spelled(tokens)
    for found in re.finditer(r"\\sum _ \{ ([a-z]) \} ", text):
        rest = text[: found.start()] + text[found.end() :]
        if " : " not in rest and f"{found[1]} =" not in rest and f"= {found[1]} " not in rest:
            yield tokens_of(rest)


def other_index(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """One index letter of an entry replaced by another of the line, or two exchanged."""
    letters = _index_letters(line, tokens)
    for at, token in enumerate(tokens):
        if token in letters and _is_index(tokens, at):
            for other in letters:
                if other != token:
                    yield [*tokens[:at], other, *tokens[at + 1 :]]
            if at + 1 < len(tokens) and tokens[at + 1] in letters and tokens[at + 1] != token:
                yield [*tokens[:at], tokens[at + 1], token, *tokens[at + 2 :]]


def _index_letters(line: Line, tokens: list[str]) -> list[str]:
    """Letters that stand as indices on either side."""
    found: dict[str, None] = {}
    for side in (tokens_of(line.left), tokens):
        for at, token in enumerate(side):
            if len(token) == 1 and token.isalpha() and _is_index(side, at):
                found[token] = None
    return list(found)


def _is_index(tokens: list[str], at: int) -> bool:
    """Whether a letter stands in a subscript that is no sum's range."""
    return not (not (len(tokens[at]) == 1 and tokens[at].isalpha()) or not _in_subscript(tokens, at))


def _in_subscript(tokens: list[str], at: int) -> bool:
    depth = 0
    for back in range(at - 1, -1, -1):
        if tokens[back] == "}":
            depth += 1
        elif tokens[back] == "{":
            if depth == 0:
                return back > 1 and tokens[back - 1] == "_" and tokens[back - 2] not in (r"\sum", r"\max")
            depth -= 1
        elif depth == 0 and tokens[back] == "_" and back == at - 1:
            return back > 0 and tokens[back - 1] not in (r"\sum", r"\max")
    return False


def without_mean(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\frac{1}{N}`` lost, or written twice."""
    text = spelled(tokens)
    mean = r"\frac { 1 } { N } \,"
    for found in re.finditer(re.escape(mean), text):
        yield tokens_of(text[: found.start()] + text[found.end() :])
        yield tokens_of(text[: found.start()] + mean + " " + text[found.start() :])


def regulariser(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``+ \lambda W`` lost."""
    level = depths(tokens)
    for at, token in enumerate(tokens):
        if token in (r"\lambda", r"\mu") and at and level[at] == 0:
            start = at - 1
            while start > 0 and tokens[start] not in ("+", "-"):
                start -= 1
            end = at
            while end < len(tokens) and not (tokens[end] in ("+", "-") and level[end] == 0):
                end += 1
            if tokens[start] == "+":
                yield tokens[:start] + tokens[end:]


def extra_regulariser(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``+ \lambda V`` for a V that the loss does not penalise."""
    problem = problem_of(line.network)
    constants = [t for t in problem.spec.graph.symbols if t.is_scalar and t.role.value == "constant"]
    match = re.fullmatch(r"\\frac\{\\partial L\}\{\\partial ([A-Za-z])(?:_\{(\d)\})?\}", line.left)
    if match is None or line.level != "vector":
        return
    name = match[1] + (match[2] or "")
    tensor = problem.spec.graph.tensors.get(name)
    if tensor is None or tensor not in problem.spec.graph.parameters:
        return
    written = match[1] + (f"_{{{match[2]}}}" if match[2] else "")
    factor = constants[0].latex if constants else "2"
    yield [*tokens, "+", *tokens_of(f"{factor} {written}")]


def softmax_as_elementwise(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""The slope of softmax as P (1 - P)."""
    problem = problem_of(line.network)
    for equation in problem.spec.graph.equations:
        call = equation.expr
        if call is None or getattr(getattr(call, "op", None), "name", "") != "softmax":
            continue
        p = equation.target.name
        z = next(iter(equation.inputs)).name
        loss = problem.spec.graph.equations[-1].target.name
        if not isinstance(call.args[0], Leaf):
            continue  # scaled: there is a further factor
        if line.left == rf"\frac{{\partial {loss}}}{{\partial {z}}}" and line.level == "vector":
            gradient = rf"\frac{{\partial {loss}}}{{\partial {p}}}"
            turned = r"^{\top}" if problem.spec.layout == "numerator" else ""
            if turned:
                yield tokens_of(rf"{gradient} \odot {p}{turned} \odot (1 - {p}){turned}")
                yield tokens_of(rf"{gradient} \odot ({p} \odot (1 - {p})){turned}")
                continue
            for text in (
                rf"{gradient} \odot {p} \odot (1 - {p})",
                rf"{p} \odot (1 - {p}) \odot {gradient}",
                rf"{p} \odot {gradient} \odot (1 - {p})",
                rf"(1 - {p}) \odot {p} \odot {gradient}",
                rf"{gradient} \odot ({p} \odot (1 - {p}))",
                rf"{gradient} \odot (1 - {p}) \odot {p}",
            ):
                yield tokens_of(text)


def forgotten_path(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    """One of several terms of a gradient lost."""
    if not line.left.startswith(r"\frac{\partial") or line.level != "vector" or len(tokens) < 5:
        return
    level = depths(tokens)
    cuts = [at for at, token in enumerate(tokens) if token == "+" and level[at] == 0]
    if any(token == "-" and level[at] == 0 for at, token in enumerate(tokens)) or not cuts:
        return
    if r"\lambda" in tokens or r"\mu" in tokens:
        return
    parts, start = [], 0
    for cut in [*cuts, len(tokens)]:
        parts.append(tokens[start:cut])
        start = cut + 1
    for skip in range(len(parts)):
        kept = [part for at, part in enumerate(parts) if at != skip]
        yield [token for at, part in enumerate(kept) for token in (["+"] if at else []) + part]


def without_slope(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\odot sigma'(z)`` lost."""
    text = spelled(tokens)
    for found in re.finditer(r"\\odot (\\operatorname \{ [^}]*\}|\\sigma) ' \( [^()]* \)", text):
        yield tokens_of(text[: found.start()] + text[found.end() :])


def without_batch_sum(line: Line, tokens: list[str]) -> Iterator[list[str]]:
    r"""``\sum_{n} G_{n:}`` -> ``G``."""
    text = spelled(tokens)
    for found in re.finditer(r"\\sum _ \{ n \} ", text):
        rest = text[found.end() :]
        if " n :" in rest or " : n" in rest:
            yield tokens_of(text[: found.start()] + re.sub(r" _ \{ (n :|: n) \}", "", rest))


KINDS: dict[str, tuple[Mutation, tuple[str, ...]]] = {
    "transpose": (without_transpose, ("transpose",)),
    "extra-transpose": (extra_transpose, ("transpose",)),
    "order": (swapped_factors, ("order",)),
    "case": (other_case, ("symbol", "layer")),
    "symbol": (other_symbol, ("symbol", "layer")),
    "layer": (other_layer, ("layer", "symbol")),
    "slope": (value_for_slope, ("activation-not-derivative",)),
    "no-slope": (without_slope, ("missing-activation-derivative",)),
    "sign": (turned_sign, ("sign",)),
    "index": (other_index, ("index", "kronecker")),
    "off-by-one": (next_index, ("index",)),
    "factor": (numeric_factor, ("factor",)),
    "no-term": (
        without_term,
        ("missing-term", "softmax-diagonal", "single-path", "missing-activation-derivative"),
    ),
    "more-term": (further_term, ("extra-term", "extra-regulariser")),
    "delta": (without_delta, ("kronecker", "index")),
    "bracket": (without_brackets, ("parenthesis",)),
    "diag": (without_diag, ("diag",)),
    "no-factor": (without_factor, ("missing-factor", "kronecker")),
    "no-sum": (without_sum, ("missing-sum", "missing-batch-sum")),
    "mean": (without_mean, ("mean",)),
    "no-penalty": (regulariser, ("missing-regulariser",)),
    "penalty": (extra_regulariser, ("extra-regulariser",)),
    "hadamard": (product_for_hadamard, ("hadamard",)),
    "softmax": (softmax_as_elementwise, ("softmax-diagonal",)),
    "path": (forgotten_path, ("single-path",)),
    "batch-sum": (without_batch_sum, ("missing-batch-sum",)),
}


def mutants_of(line: Line) -> Iterator[Mutant]:
    """All mutants of a line, each text once."""
    tokens = tokens_of(line.right)
    whole = spelled(tokens)
    seen = {whole}
    for kind, (mutation, causes) in KINDS.items():
        for changed in mutation(line, tokens):
            right = spelled(changed)
            if right not in seen and right.strip():
                seen.add(right)
                yield Mutant(line, right, kind, causes)
