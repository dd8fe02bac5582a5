"""What is published works: a wheel built from an sdist, in an environment of its own, from another folder.

The environment is a new venv with the wheel and nothing else installed. The dependencies are lent
to it by a .pth file that names this environment's site-packages, which keeps the test quick and off the
network; an editable install found there stays invisible, since .pth files in a lent folder are not read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import symbackprop

EXAMPLE = "two_layer_perceptron"


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the wheel is installed."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    interpreter = scripts / ("python.exe" if os.name == "nt" else "python")
    command = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet"]
    command += ["--no-index", "--no-deps", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([interpreter, "-c", ask], capture_output=True, text=True, check=True)
    purelib = Path(told.stdout.strip())
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (purelib / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return interpreter


def test_the_wheel_holds_the_package_and_its_templates_and_nothing_else(root: Path, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"symbackprop"}
    assert "symbackprop/py.typed" in names
    templates = [path for path in (root / "templates").rglob("*") if path.is_file()]
    assert templates != []
    assert {f"symbackprop/{path.relative_to(root).as_posix()}" for path in templates} <= set(names)


def test_the_sdist_holds_what_its_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "pyproject.toml", "tests/test_wheel.py", f"examples/{EXAMPLE}.yaml"} <= names
    assert not any(name.startswith((".venv", "output", ".git/")) for name in names)


def test_the_installed_wheel_is_what_runs(python: Path, tmp_path: Path) -> None:
    ask = "import symbackprop; print(symbackprop.__version__, symbackprop.__file__)"
    done = subprocess.run([python, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    version, file = done.stdout.strip().split(" ", maxsplit=1)
    assert version == symbackprop.__version__
    assert Path(file).is_relative_to(python.parent.parent)


def test_the_installed_wheel_renders_the_example(root: Path, python: Path, tmp_path: Path) -> None:
    shutil.copy(root / "examples" / f"{EXAMPLE}.yaml", tmp_path)
    program = python.parent / ("symbackprop.exe" if os.name == "nt" else "symbackprop")
    # No PATH: the engine that comes with the wheel's dependencies must do.
    environment = {name: value for name, value in os.environ.items() if name in {"SYSTEMROOT", "TMPDIR"}}
    done = subprocess.run(
        [program, "solve", f"{EXAMPLE}.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"PATH": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    key = tmp_path / "output" / EXAMPLE / f"{EXAMPLE}-key.pdf"
    assert key.read_bytes().startswith(b"%PDF-")
    assert [path.name for path in (tmp_path / "output" / EXAMPLE).iterdir()] == [key.name]
