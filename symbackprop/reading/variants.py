"""``variants:`` of a problem file: what ``--seed N`` changes. One seed always gives the same problem.

    dims         a size from the list, for the explicit questions and for arrays that are drawn anew
    values       random: each array under ``values:`` is drawn anew, with as many digits as it had,
                 and obeying what is declared about its symbol
    activations  a function from the list takes the place of the function that names the list
    rename       symbols get other letters, except those that stand in words of the file

Functions, sizes and letters are changed in the tree of the file, before anything is read from it: a
variant is a problem file like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import did_you_mean
from symbackprop.ops.registry import lookup
from symbackprop.reading import fields, keys
from symbackprop.reading.values import Values, numbers_of
from symbackprop.reading.yaml_tree import Items, Scalar, Table, Value

_WORDS = ("text", "hint", "ask", "answer", "title", "course", "id", "latex", "style", "policy", "extends")
_NAME = re.compile(r"[^\W\d_]\w*")
_CAPITALS = "ABCEFGHKMPQRSUVWXZ"
_SMALL = "abcghpqrsuvwxyz"


@dataclass(slots=True)
class Variant:
    """The choices of one seed; without ``variants:`` or a seed none."""

    seed: int | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    draws: bool = False
    renames: bool = False

    def stream(self, what: str) -> Random:
        """Random numbers of their own for each thing that is drawn."""
        return Random(f"{self.seed}:{what}")  # noqa: S311 (no secret: a seed that anybody may repeat)


def read_variant(root: Table, seed: int | None) -> Variant:
    """The choices of ``seed`` among those that the file allows. The key is checked in any case."""
    value = root.get("variants")
    found = Variant(seed)
    if value is None:
        return found
    body = fields.table(value, "variants")
    fields.check_keys(body, keys.VARIANTS, "variants")
    for key, entry in body.entries:
        if key.text == "dims":
            for name, choices in fields.table(entry, "variants dims").entries:
                sizes = [_size(one, name.text) for one in fields.items(choices, name.text)]
                found.sizes[name.text] = found.stream(f"dim {name.text}").choice(sizes)
        elif key.text == "activations":
            for name, choices in fields.table(entry, "variants activations").entries:
                known = [_function(one) for one in (name, *fields.items(choices, name.text))]
                found.functions[name.text] = found.stream(f"function {name.text}").choice(known[1:])
        elif key.text == "values":
            found.draws = fields.choice(entry, "variants values", ("random",)) == "random"
        else:
            found.renames = fields.flag(entry, "variants rename")
    return Variant() if seed is None else found


def check_sizes(root: Table, graph: Graph) -> None:
    """Every name under ``dims`` is a size of the problem; refused at its place, with or without a seed."""
    value = root.get("variants")
    body = None if value is None else fields.table(value, "variants").get("dims")
    if body is None:
        return
    for name, _ in fields.table(body, "variants dims").entries:
        if name.text not in graph.dims:
            hint = did_you_mean(name.text, graph.dims) or f"the dims are {', '.join(graph.dims)}"
            raise fields.schema_error(f"unknown dim {name.text} in variants", name, hint)


def _size(value: Value, name: str) -> int:
    size = fields.number(value, f"a size of {name}")
    if size.denominator != 1 or size < 1:
        raise fields.schema_error(f"a size of {name} must be a whole number above 0, not {size}", value)
    return int(size)


def _function(value: Value) -> str:
    name = fields.name(value, "variants activations")
    op = lookup(name)
    if op is None or op.kind != "elementwise" or len([p for p in op.params if p.default is None]) != 1:
        raise fields.schema_error(f"{name} is not an activation", value, "such as relu, tanh, sigmoid")
    return name


def varied(root: Table, variant: Variant) -> Table:
    """The file with other functions, sizes and letters."""
    if variant.seed is None:
        return root
    names = _new_names(root, variant) if variant.renames else {}
    changed = _changed(root, variant, names, "")
    assert isinstance(changed, Table)
    return changed


def _changed(value: Value, variant: Variant, names: Mapping[str, str], path: str) -> Value:
    if isinstance(value, Items):
        return Items(value.at, tuple(_changed(item, variant, names, path) for item in value.items))
    if isinstance(value, Scalar):
        if not names and not variant.functions:
            return value
        text = _rewritten(value.text, variant.functions, names)
        return value if text == value.text else replace(value, text=text)
    assert isinstance(value, Table)
    entries: list[tuple[Scalar, Value]] = []
    for key, entry in value.entries:
        if not path and key.text in (*_WORDS, "variants"):
            entries.append((key, entry))
        elif path in ("symbols", "values") and key.text in names:
            kept = entry
            if isinstance(entry, Table):  # its spellings were those of the old letter
                own = tuple(e for e in entry.entries if e[0].text not in ("latex", "aliases"))
                kept = Table(entry.at, own)
            entries.append((replace(key, text=names[key.text]), _changed(kept, variant, names, f"{path}.")))
        elif path.startswith("questions") and key.text == "dims" and isinstance(entry, Table):
            sizes = tuple(
                (name, Scalar(size.at, str(variant.sizes[name.text]), plain=True))
                if name.text in variant.sizes else (name, size)
                for name, size in entry.entries
            )  # fmt: skip
            entries.append((key, Table(entry.at, sizes)))
        elif path and key.text in _WORDS:
            entries.append((key, entry))
        else:
            inner = f"{path}.{key.text}" if path else key.text
            entries.append((key, _changed(entry, variant, names, inner)))
    return Table(value.at, tuple(entries))


def _rewritten(text: str, functions: Mapping[str, str], names: Mapping[str, str]) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        if word in functions and re.match(r"'*\(", text[match.end() :]):
            return functions[word]
        return _renamed(word, names)

    return _NAME.sub(other, text)


def _renamed(word: str, names: Mapping[str, str]) -> str:
    """The new name; of a derivative (dL/dW, d2L/dw2) with what stands behind its d."""
    if word in names:
        return names[word]
    for head in ("d2", "d"):
        base = word.removeprefix(head)
        if base == word:
            continue
        if base in names:
            return head + names[base]
        if base.endswith("2") and base[:-1] in names:
            return head + names[base[:-1]] + "2"
    return word


def _new_names(root: Table, variant: Variant) -> dict[str, str]:
    """Other letters for the symbols and the arrays that equations define, number by number: W2 -> V2."""
    if root.get("forward_latex") is not None:
        return {}
    declared = root.get("symbols")
    known = list(declared.keys) if isinstance(declared, Table) else []
    forward = root.get("forward")
    text = forward.text if isinstance(forward, Scalar) else ""
    known += [name for name in _targets(text) if name not in known]
    used = {*_NAME.findall(" ".join(_texts(root)))}
    spoken = {*_NAME.findall(" ".join(_texts(root, words=True)))}
    by_letter: dict[str, list[str]] = {}
    for name in known:
        if re.fullmatch(r"[^\W\d_]\d*", name):
            by_letter.setdefault(name[0], []).append(name)
    free = [c for c in _CAPITALS + _SMALL if not any(word[:1] == c or word[1:2] == c for word in used)]
    changed: dict[str, str] = {}
    stream = variant.stream("names")
    for letter, group in by_letter.items():
        kept = letter in "LJ" or any(_speaks_of(name, spoken) for name in group)
        choices = [c for c in free if c.isupper() == letter.isupper()]
        if kept or not choices:
            continue
        new = stream.choice([*choices, letter])
        if new != letter:
            free.remove(new)
            changed.update({name: new + name[1:] for name in group})
    return changed


def _speaks_of(name: str, words: set[str]) -> bool:
    return any(word.removeprefix(head) in (name, name[0]) for word in words for head in ("", "d", "d2"))


def _targets(text: str) -> Iterator[str]:
    for line in re.split(r"[\n;]", text):
        match = re.match(r"\s*([^\W\d_]\w*)\s*(?:\[[^\]]*\])?\s*=", line)
        if match:
            yield match.group(1)


def _texts(value: Value, *, words: bool = False, inside: bool = False) -> Iterator[str]:
    """All texts of the file, keys too; with ``words`` only the words of its author."""
    if isinstance(value, Scalar):
        if inside or not words:
            yield value.text
    elif isinstance(value, Items):
        for item in value.items:
            yield from _texts(item, words=words, inside=inside)
    elif isinstance(value, Table):
        for key, entry in value.entries:
            if not words:
                yield key.text
            yield from _texts(entry, words=words, inside=inside or key.text in _WORDS)


def redrawn(given: Values, graph: Graph, variant: Variant) -> Values:
    """The values with arrays drawn anew, in the sizes of the variant."""
    if variant.seed is None or not variant.draws or not given.arrays:
        return given
    sizes = {**given.sizes, **{name: size for name, size in variant.sizes.items() if name in given.sizes}}
    arrays: dict[str, object] = {}
    for name, array in given.arrays.items():
        tensor = graph.tensors[name]
        extents = tuple(dim.evaluate(sizes) for dim in tensor.shape)
        arrays[name] = _Drawing(tensor, array, sizes, variant.stream(f"value {name}")).array(extents)
    return Values(arrays, sizes)


@dataclass(slots=True)
class _Drawing:
    tensor: Tensor
    before: object
    sizes: Mapping[str, int]
    stream: Random

    def array(self, extents: tuple[int, ...]) -> object:
        facts = self.tensor.facts
        if facts.posdef or facts.symmetric:
            return self._symmetric(extents[0])
        if not extents:
            return self._number()
        if facts.one_hot or facts.sums_to_one or facts.whole_sum_is_one:
            return self._lines(extents)
        if len(extents) == 1:
            return tuple(self._number() for _ in range(extents[0]))
        return tuple(self.array(extents[1:]) for _ in range(extents[0]))

    def _number(self) -> Fraction:
        facts = self.tensor.facts
        if facts.classes is not None:
            return Fraction(self.stream.randint(1, facts.classes.evaluate(self.sizes)))
        if facts.one_of:
            return self.stream.choice(list(facts.one_of))
        if facts.between is not None:
            low, high = facts.between
            return low + (high - low) * Fraction(self.stream.randint(1, 9), 10)
        found = list(numbers_of(self.before))
        step = max((one.denominator for one in found), default=1)
        step = min((s for s in (1, 10, 100, 1000) if s % step == 0), default=step)
        most = max(*(abs(one) for one in found), Fraction(3, max(1, step)))
        least = -most if any(one < 0 for one in found) and not facts.positive else Fraction(0)
        smallest = 1 if facts.positive else int(least * step)
        while True:
            number = Fraction(self.stream.randint(smallest, int(most * step)), step)
            if number or not facts.nonzero:
                return number

    def _lines(self, extents: tuple[int, ...]) -> object:
        """Lines along the feature index that are one-hot, or sum to 1."""
        facts = self.tensor.facts
        axis = self.tensor.feature_axis
        length = extents[axis if axis is not None else 0]
        count = 1 if len(extents) == 1 else extents[1 - (axis or 0)]

        def line() -> tuple[Fraction, ...]:
            if facts.one_hot:
                place = self.stream.randrange(length)
                return tuple(Fraction(int(k == place)) for k in range(length))
            parts = [Fraction(self.stream.randint(1, 8)) for _ in range(length)]
            return tuple(part / sum(parts) for part in parts)

        lines = [line() for _ in range(count)]
        if facts.whole_sum_is_one and not facts.one_hot:
            lines = [tuple(number / count for number in one) for one in lines]
        if len(extents) == 1:
            return lines[0]
        return tuple(lines) if axis == 1 else tuple(zip(*lines, strict=True))

    def _symmetric(self, size: int) -> object:
        rows = [[Fraction(self.stream.randint(-2, 3)) for _ in range(size)] for _ in range(size)]
        if self.tensor.facts.posdef:
            for_all = range(size)  # A A^T + I
            return tuple(
                tuple(
                    sum((a * b for a, b in zip(rows[i], rows[j], strict=True)), Fraction(int(i == j)))
                    for j in for_all
                )
                for i in for_all
            )
        return tuple(tuple(rows[min(i, j)][max(i, j)] for j in range(size)) for i in range(size))
