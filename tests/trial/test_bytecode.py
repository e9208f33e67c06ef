"""Byte code is made before a load begins, wherever it can be stored."""

import compileall
import os
import subprocess
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

import pytest

from closeshave.trial import bytecode


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package of the harness and one of others without byte code, and a cache directory of the user's."""
    for name, files in (("ours", ("__init__.py", "part.py")), ("theirs", ("__init__.py", "used.py", "unused.py"))):
        (tmp_path / "site" / name).mkdir(parents=True)
        for file in files:
            (tmp_path / "site" / name / file).write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Set before it is removed, so that what is set meanwhile is taken back.
    for variable in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(variable, "")
        del os.environ[variable]
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "site"


def make(site):
    """What is said meanwhile."""
    said: list[str] = []
    bytecode.make(said.append, home=site / "ours", packages=["theirs"], imported=["theirs.used"])
    return said


def compiled(site):
    """The files whose byte code Python finds now."""
    return sorted(str(path.relative_to(site)) for path in site.rglob("*.py") if Path(cache_from_source(str(path))).exists())


IMPORTED = ["ours/__init__.py", "ours/part.py", "theirs/__init__.py", "theirs/used.py"]


def test_it_is_made_next_to_the_sources(installed):
    """For all of the harness's own modules, and for the modules of others that are imported."""
    assert len(make(installed)) == 1
    assert compiled(installed) == IMPORTED
    assert "PYTHONPYCACHEPREFIX" not in os.environ


def test_existing_byte_code_is_left_as_it_is(installed, monkeypatch):
    """Nothing is reported or started."""
    make(installed)
    monkeypatch.setattr(bytecode, "_import", None)
    monkeypatch.setattr(compileall, "compile_file", None)
    assert make(installed) == []


def test_byte_code_of_an_older_source_is_made_again(installed):
    """An upgrade that compiles nothing leaves the old byte code behind."""
    make(installed)
    old = Path(cache_from_source(str(installed / "ours" / "part.py"))).read_bytes()
    (installed / "ours" / "part.py").write_text("x = 1 + 1\n")
    make(installed)
    assert Path(cache_from_source(str(installed / "ours" / "part.py"))).read_bytes() != old


@pytest.mark.parametrize("why", ["taken", "forbidden"])
def test_where_sources_are_read_only_it_is_stored_in_the_cache(installed, monkeypatch, tmp_path, why):
    """Processes that start later are told where, and find it."""
    if why == "taken":
        # Who is root may write into any directory, but into none that is a file.
        (installed / "theirs" / "__pycache__").write_text("")
    else:
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    make(installed)
    assert compiled(installed) == IMPORTED
    code = "import theirs.used; print(theirs.used.__cached__)"
    told = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert Path(told).is_relative_to(tmp_path / "cache")
    assert Path(told).exists()
    assert not list((installed / "ours").glob("__pycache__/*"))


def test_a_cache_that_cannot_be_written_stops_nothing(installed, monkeypatch, tmp_path):
    """Byte code saves time; nothing depends on it."""
    (installed / "theirs" / "__pycache__").write_text("")
    (tmp_path / "cache").write_text("")
    assert make(installed) == []
    assert "PYTHONPYCACHEPREFIX" not in os.environ


def test_what_is_imported_exists():
    """A module that was renamed would be left out without a message."""
    assert [name for name in bytecode.IMPORTED if name.startswith("closeshave") and find_spec(name) is None] == []
    assert [name for name in bytecode.PACKAGES if find_spec(name) is None] == []


def test_the_process_that_makes_it_gets_no_secret(installed, monkeypatch, tmp_path):
    """It runs code of others, and needs none."""
    told = tmp_path / "told"
    monkeypatch.setenv("PLANTED", "secret")
    (installed / "theirs" / "used.py").write_text(f"import os\nopen({str(told)!r}, 'w').write(' '.join(os.environ))\n")
    make(installed)
    assert "PATH" in told.read_text().split()
    assert "PLANTED" not in told.read_text().split()
