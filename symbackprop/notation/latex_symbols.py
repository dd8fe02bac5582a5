"""How names look: Greek words, accents, subscripts, declared spellings, bold and layer styles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Tensor
from symbackprop.notation.latex_safe import refusal

RELATIONS: Mapping[str, str] = MappingProxyType(
    {"=": "=", "!=": r"\neq", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq"}
)
_GREEK: Mapping[str, str] = MappingProxyType(
    {word: f"\\{word}" for word in (
        "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
        "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
    ).split()}
    | {"epsilon": r"\varepsilon", "eps": r"\varepsilon", "lam": r"\lambda", "phi": r"\varphi", "ell": r"\ell",
       "omicron": "o"}
)  # fmt: skip
_LETTERS: Mapping[str, str] = MappingProxyType(
    {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
     "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
     "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi",
     "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
     "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega"}
)  # fmt: skip
_ACCENTS: Mapping[str, str] = MappingProxyType(
    {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde", "dot": r"\dot", "vec": r"\vec"}
)
_LAYER_STYLES: Mapping[str, str] = MappingProxyType({"superscript": "{}", "paren": "({})", "bracket": "[{}]"})


class Symbol(NamedTuple):
    """A name as LaTeX; ``sub`` and ``sup`` say whether it carries a script already."""

    tex: str
    width: float
    sub: bool = False
    sup: bool = False


@cache
def name_symbol(name: str, layers: str = "subscript", bold: bool = False) -> Symbol:
    r"""The LaTeX of a plain name: W2 -> W_{2}, z_hat -> \hat{z}, delta_2 -> \delta_{2}; words upright."""
    head, *rest = [part for part in name.split("_") if part] or [name]
    stem = head.rstrip("0123456789")
    layer = head[len(stem) :] if stem else ""
    tex, width = _word(stem or head, bold)
    scripts: list[tuple[str, float]] = []
    for part in rest:
        if part in _ACCENTS:
            tex = f"{_ACCENTS[part]}{{{tex}}}"
        elif part.isdigit() and not layer:
            layer = part
        else:
            scripts.append(_word(part, False) if not part.isdigit() else (part, 0.5 * len(part)))
    template = _LAYER_STYLES.get(layers)
    sup = ""
    if layer and template is not None:
        sup = template.format(layer)
    elif layer:
        scripts.insert(0, (layer, 0.5 * len(layer)))
    sub = ",".join(text for text, _ in scripts)
    width += 0.7 * (sum(size for _, size in scripts) + 0.5 * len(sup))
    tex = tex + (f"_{{{sub}}}" if sub else "") + (f"^{{{sup}}}" if sup else "")
    return Symbol(tex, width, bool(sub), bool(sup))


def _word(word: str, bold: bool) -> tuple[str, float]:
    word = _LETTERS.get(word, word)
    if word in _GREEK:
        return (rf"\boldsymbol{{{_GREEK[word]}}}" if bold else _GREEK[word]), 0.62
    # What is left of a name are letters and digits; anything else is refused by the reader.
    safe = "".join(_ascii(letter) for letter in word)
    if len(word) == 1:
        return (
            rf"\mathbf{{{safe}}}" if bold else safe
        ), 0.95 if word in "WMm" else 0.78 if word.isupper() else 0.55
    return rf"{chr(92)}{'mathbf' if bold else 'mathrm'}{{{safe}}}", 0.52 * len(word)


def _ascii(letter: str) -> str:
    if letter in _LETTERS:
        return _GREEK[_LETTERS[letter]] + " "
    return letter if letter.isascii() and letter.isalnum() else "?"


@cache
def declared_symbol(source: str) -> Symbol:
    """A spelling that the author declared; it has passed ``latex_safe.refusal``."""
    depth, sub, sup = 0, False, "'" in source
    for place, character in enumerate(source):
        depth += (character == "{") - (character == "}")
        if depth == 0 and source[place - 1 : place] != "\\":
            sub, sup = sub or character == "_", sup or character == "^"
    letters = sum(1 for c in _without_commands(source) if c.isalnum())
    return Symbol(source, 0.62 * max(1, letters), sub, sup)


def _without_commands(source: str) -> str:
    kept, skipping = [], False
    for character in source:
        if character == "\\":
            skipping = True
            kept.append("a")
        elif not (skipping and character.isalpha()):
            skipping = False
            kept.append(character)
    return "".join(kept)


def tensor_symbol(tensor: Tensor, style: Mapping[str, str]) -> Symbol:
    """The LaTeX of a tensor: as declared, else from its name and the style in force."""
    if tensor.moved is not None:
        return _moved_symbol(tensor_symbol(tensor.moved, style))
    if tensor.family is not None:
        return _member_symbol(tensor, tensor.family[1], style)
    return _plain_symbol(tensor, tensor.name, style)


def _moved_symbol(base: Symbol) -> Symbol:
    r"""After a step: ``W_{\text{new}}``, at a corner that is free."""
    width = base.width + 1.6
    if not base.sub:
        return Symbol(rf"{base.tex}_{{\text{{new}}}}", width, True, base.sup)
    if not base.sup:
        return Symbol(rf"{base.tex}^{{\text{{new}}}}", width, base.sub, True)
    return Symbol(rf"({base.tex})_{{\text{{new}}}}", width + 0.8, True, True)


def _member_symbol(tensor: Tensor, number: int, style: Mapping[str, str]) -> Symbol:
    """The spelling of the family with the number of the member: ``h_{2}``, ``h^{(2)}``."""
    assert tensor.family is not None
    base = _plain_symbol(tensor, tensor.family[0], style)
    template = _LAYER_STYLES.get(style.get("layers", "subscript"))
    if template is None and base.sub:
        template = "({})"  # W_{x} has a subscript already
    script = str(number) if template is None else template.format(number)
    mark = "_" if template is None else "^"
    tex = base.tex if not (base.sup and template is not None) else f"({base.tex})"
    width = base.width + 0.4 * len(script)
    return Symbol(f"{tex}{mark}{{{script}}}", width, base.sub or mark == "_", base.sup or mark == "^")


def _plain_symbol(tensor: Tensor, name: str, style: Mapping[str, str]) -> Symbol:
    if tensor.latex is not None and refusal(tensor.latex) is None:
        return declared_symbol(tensor.latex)
    bold = tensor.bold
    if bold is None:
        wanted = style.get("bold", "none")
        bold = not tensor.is_scalar and (wanted == "all" or (wanted == "vectors" and tensor.rank == 1))
    return name_symbol(name, style.get("layers", "subscript"), bold)


def dim_symbol(dim: Dim, spellings: Mapping[str, str]) -> Symbol:
    """The LaTeX of a dim, such as ``N``, ``2n + 1``."""
    parts: list[str] = []
    width = 0.0
    for name, coefficient in dim.coefficients:
        declared = spellings.get(name)
        symbol = declared_symbol(declared) if declared and refusal(declared) is None else name_symbol(name)
        size = "" if abs(coefficient) == 1 else str(abs(coefficient))
        parts.append(f"{_sign(coefficient, bool(parts))}{size}{symbol.tex}")
        width += symbol.width + 0.5 * len(size) + (1.0 if len(parts) > 1 else 0.0)
    if dim.constant or not parts:
        parts.append(f"{_sign(dim.constant, bool(parts))}{abs(dim.constant)}")
        width += 0.5 * len(str(dim.constant)) + (1.0 if len(parts) > 1 else 0.0)
    return Symbol("".join(parts), width)


def _sign(value: int, later: bool) -> str:
    return "-" if value < 0 else "+" if later else ""
