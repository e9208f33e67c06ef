"""Hot modules run compiled if the compiled files fit the sources and the interpreter, and as plain Python otherwise."""

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
    """Compiled from these sources, for this interpreter."""
    assert compiled.why_plain(made) is None


def test_without_a_compiler_the_engine_is_plain(made: Path) -> None:
    """Nothing was compiled: the reason names the command that compiles."""
    assert "make compiled" in str(compiled.why_plain(made / "absent"))


def test_changed_sources_run_instead_of_old_compiled_files(made: Path) -> None:
    """A developer who edits the engine always runs the edited code."""
    (made / compiled.SEAL).write_text(json.dumps({**compiled.seal(), "parser": "0" * 64}))
    assert "changed" in str(compiled.why_plain(made))


def test_files_for_another_interpreter_are_not_used(made: Path) -> None:
    """All of them, or none."""
    (made / f"parser{EXTENSION_SUFFIXES[0]}").unlink()
    assert "another Python" in str(compiled.why_plain(made))


def test_a_damaged_seal_fits_nothing(made: Path) -> None:
    """As after an installation that was interrupted."""
    (made / compiled.SEAL).write_bytes(b"\xff")
    assert "cannot be read" in str(compiled.why_plain(made))


@pytest.mark.parametrize(("value", "plain"), [("1", True), ("0", False), ("", False)])
def test_plain_python_can_be_requested(made: Path, monkeypatch: pytest.MonkeyPatch, value: str, plain: bool) -> None:
    """To compare, to look for a bug, to measure coverage."""
    monkeypatch.setenv(compiled.PLAIN, value)
    assert (compiled.why_plain(made) is not None) == plain


def test_this_process_runs_what_it_reports() -> None:
    """The loaded modules are the compiled ones, or none of them is."""
    files = [Path(str(module.__file__)) for module in (loop, parser)]
    assert {file.suffix for file in files} == ({".py"} if compiled.why_plain() else {".so"})
    assert (str(compiled.DIRECTORY) in loadgen.__path__) == (compiled.why_plain() is None)


def test_a_process_that_asks_for_plain_python_gets_it() -> None:
    """Also if compiled files exist."""
    code = "from closeshave.loadgen import parser; print(parser.__file__)"
    environ = {**os.environ, compiled.PLAIN: "1"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ).stdout
    assert told.strip() == str(compiled.SOURCES / "parser.py")


def test_every_module_to_be_compiled_exists() -> None:
    """Only the build would notice a module that was renamed."""
    assert [module for module in compiled.MODULES if not (compiled.SOURCES / f"{module}.py").exists()] == []


@pytest.mark.parametrize("module", compiled.MODULES)
def test_no_slice_has_a_bound_with_side_effects(module: str) -> None:
    """mypyc 2.4 evaluates the bounds of some slices twice: a side effect would happen twice."""
    tree = ast.parse((compiled.SOURCES / f"{module}.py").read_text())
    bounds = [bound for each in ast.walk(tree) if isinstance(each, ast.Slice) for bound in (each.lower, each.upper) if bound is not None]
    doing = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield)
    calls = [each for bound in bounds for each in ast.walk(bound) if isinstance(each, doing)]
    assert [call.lineno for call in calls if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "len")] == []
