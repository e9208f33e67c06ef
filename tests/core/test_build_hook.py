"""An installation from the sources succeeds on any machine, compiled or not."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import hatch_build

HOOK = Path(hatch_build.__file__)


def test_without_a_compiler_it_says_once_what_the_machine_lacks():
    """``make compiled``, and so ``make bench``, continue with plain Python."""
    environ = {**os.environ, "CC": "no-such-compiler"}
    done = subprocess.run([sys.executable, str(HOOK)], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == hatch_build.UNAVAILABLE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "stays plain Python" in done.stderr
    assert "a C compiler (no-such-compiler)" in done.stderr


def test_nothing_is_fetched_for_a_build_that_cannot_compile(monkeypatch):
    """A wheel of plain Python needs neither mypy nor setuptools."""
    monkeypatch.setenv("CC", "no-such-compiler")
    assert object.__new__(hatch_build.CompiledEngine).dependencies() == []


def test_a_machine_without_pythons_headers_is_told_so(monkeypatch, tmp_path):
    """A compiler alone is not enough: Debian has the headers in a package of their own."""
    monkeypatch.setenv("CC", sys.executable)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    assert "headers" in hatch_build.lacking()
    (tmp_path / "Python.h").touch()
    assert hatch_build.lacking() == ""


def test_the_hook_needs_the_versions_of_the_checkout():
    """The versions in the hook are those to which the development environment is pinned."""
    listed = (HOOK.parent / "pyproject.toml").read_text()
    assert [each for each in hatch_build.NEEDED if f'"{each}"' not in listed] == []
