"""Hot modules run compiled where that fits the sources and the interpreter, and plain everywhere else."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from closeshave import loadgen
from closeshave.loadgen import compiled, loop, parser


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as the compiler leaves it, for the sources as they are."""
    monkeypatch.delenv(compiled.PLAIN, raising=False)
    for module in compiled.MODULES:
        (tmp_path / f"{module}{EXTENSION_SUFFIXES[0]}").touch()
    (tmp_path / compiled.SEAL).write_text(json.dumps(compiled.seal()))
    return tmp_path


def test_what_fits_is_used(made: Path) -> None:
    """Made of these very sources, for this interpreter."""
    assert compiled.why_plain(made) is None


def test_without_a_compiler_the_engine_is_plain(made: Path) -> None:
    """Nothing was compiled: it says what would do it."""
    assert "make compiled" in str(compiled.why_plain(made / "absent"))


def test_sources_that_were_changed_since_are_run_themselves(made: Path) -> None:
    """Who edits the engine is never misled by what was compiled before."""
    (made / compiled.SEAL).write_text(json.dumps({**compiled.seal(), "parser": "0" * 64}))
    assert "changed" in str(compiled.why_plain(made))


def test_what_is_for_another_interpreter_is_left_alone(made: Path) -> None:
    """All of it, or nothing."""
    (made / f"parser{EXTENSION_SUFFIXES[0]}").unlink()
    assert "another Python" in str(compiled.why_plain(made))


def test_a_damaged_seal_fits_nothing(made: Path) -> None:
    """An installation that was broken off."""
    (made / compiled.SEAL).write_bytes(b"\xff")
    assert "cannot be read" in str(compiled.why_plain(made))


@pytest.mark.parametrize(("value", "plain"), [("1", True), ("0", False), ("", False)])
def test_plain_python_can_be_asked_for(made: Path, monkeypatch: pytest.MonkeyPatch, value: str, plain: bool) -> None:
    """To compare, to look for a bug, to measure coverage."""
    monkeypatch.setenv(compiled.PLAIN, value)
    assert (compiled.why_plain(made) is not None) == plain


def test_this_process_runs_what_it_says() -> None:
    """The modules that are loaded are the compiled ones, or none of them is."""
    files = [Path(str(module.__file__)) for module in (loop, parser)]
    assert {file.suffix for file in files} == ({".py"} if compiled.why_plain() else {".so"})
    assert (str(compiled.DIRECTORY) in loadgen.__path__) == (compiled.why_plain() is None)


def test_a_process_that_asks_for_plain_python_gets_it() -> None:
    """Whatever was compiled."""
    code = "from closeshave.loadgen import parser; print(parser.__file__)"
    environ = {**os.environ, compiled.PLAIN: "1"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ).stdout
    assert told.strip() == str(compiled.SOURCES / "parser.py")


def test_every_module_that_may_be_compiled_is_there() -> None:
    """A module that was renamed would be missed by the build alone."""
    assert [module for module in compiled.MODULES if not (compiled.SOURCES / f"{module}.py").exists()] == []


@pytest.mark.parametrize("module", compiled.MODULES)
def test_no_slice_has_a_bound_that_does_something(module: str) -> None:
    """mypyc 2.4 evaluates the bounds of a slice twice where it knows no quicker way for it: whatever they do would be done twice."""
    tree = ast.parse((compiled.SOURCES / f"{module}.py").read_text())
    bounds = [bound for each in ast.walk(tree) if isinstance(each, ast.Slice) for bound in (each.lower, each.upper) if bound is not None]
    doing = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield)
    calls = [each for bound in bounds for each in ast.walk(bound) if isinstance(each, doing)]
    assert [call.lineno for call in calls if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "len")] == []
