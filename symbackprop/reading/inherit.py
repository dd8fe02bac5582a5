"""``extends: course.yaml``: the keys of another file, under those of the file itself.

The path is relative to the file that names it. A key of the file replaces the one it inherits;
``symbols``, ``style``, ``course`` and ``policy`` are joined entry by entry. Every place in what was inherited
knows its own file, so that an error is shown where it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from symbackprop.errors import InputError
from symbackprop.reading import fields, keys
from symbackprop.reading.yaml_tree import Scalar, Table, Value, in_file, parse_yaml, problem

MAX_FILES = 8
_SUFFIXES = (".yaml", ".yml")


def inherit(root: Table, file: str | None, text_of: Callable[[str], str]) -> Table:
    """``root`` with what it inherits. ``text_of`` reads a file; its errors have the code "io"."""
    seen = [Path(file).resolve()] if file is not None else []
    return _inherit(root, file, text_of, seen)


def _inherit(root: Table, file: str | None, text_of: Callable[[str], str], seen: list[Path]) -> Table:
    value = root.get("extends")
    if value is None or fields.is_null(value):
        return root
    name = fields.scalar(value, "extends", "the path of a problem file")
    if file is None:
        raise problem("extends: has no file to be relative to", name.at, "load the problem from a file", "io")
    path = _path(name, file)
    resolved = path.resolve()
    if resolved in seen:
        chain = " -> ".join(one.name for one in [*seen[seen.index(resolved) :], resolved])
        raise problem(f"extends goes in a circle: {chain}", name.at, "drop one of them", "cycle")
    if len(seen) == MAX_FILES:
        raise problem(f"more than {MAX_FILES} files extend each other", name.at, None, "limit")
    base = _read(path, name, text_of)
    found = _inherit(base, str(path), text_of, [*seen, resolved])
    return _merged(found, root)


def _path(name: Scalar, file: str) -> Path:
    text = name.text.strip()
    path = Path(text)
    if path.is_absolute() or "\\" in text or ":" in text or path.suffix not in _SUFFIXES:
        raise fields.schema_error(
            f"extends: {text!r} is not the relative path of a .yaml file", name, "such as ../course.yaml"
        )
    return Path(file).parent / path


def _read(path: Path, name: Scalar, text_of: Callable[[str], str]) -> Table:
    try:
        text = text_of(str(path))
    except InputError as error:
        if error.code != "io":
            raise error.located(file=str(path)) from None
        message = f"extends: {error.message}: {path}"
        raise problem(message, name.at, "the path is relative to this file", "io") from None
    try:
        tree = in_file(parse_yaml(text), str(path))
    except InputError as error:
        raise error.located(file=str(path)) from None
    if not isinstance(tree, Table):
        kind = fields.kind_of(tree)
        raise problem(f"a problem file is a mapping of keys, not {kind}", tree.at, None, "schema")
    fields.check_keys(tree, keys.TOP, str(path.name))
    return tree


def _merged(base: Table, own: Table) -> Table:
    found: dict[str, tuple[Scalar, Value]] = {
        key.text: (key, value) for key, value in base.entries if key.text != "extends"
    }
    if own.get("forward") is not None or own.get("forward_latex") is not None:
        found = {name: entry for name, entry in found.items() if not name.startswith("forward")}
    for key, value in own.entries:
        before = found.get(key.text)
        if key.text == "extends":
            continue
        if before is not None and key.text in keys.MERGED:
            found[key.text] = (key, _joined(before[1], value, key.text))
        else:
            found[key.text] = (key, value)
    return Table(own.at, tuple(found.values()))


def _joined(base: Value, own: Value, name: str) -> Value:
    """Both mappings as one; entries of ``own`` win."""
    entries = {key.text: (key, value) for key, value in fields.table(base, name).entries}
    entries |= {key.text: (key, value) for key, value in fields.table(own, name).entries}
    return Table(own.at or base.at, tuple(entries.values()))
