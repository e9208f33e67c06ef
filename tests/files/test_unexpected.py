"""Errors that nobody foresaw: one sentence for people, the traceback in a file, whatever the disk says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from closeshave.files import unexpected
from closeshave.trial import bytecode, preparation, running
from closeshave.trial.display import Display


def raised(message: str) -> Exception:
    """An error with a traceback."""
    with pytest.raises(ZeroDivisionError) as found:
        raise ZeroDivisionError(message)
    return found.value


def test_each_traceback_is_added_with_what_failed(tmp_path: Path) -> None:
    """The first one is not lost by the second; the directory for it is made."""
    log = tmp_path / "logs" / "harness-error.log"
    assert unexpected.keep(raised("first"), tmp_path, "healing a") == str(log)
    assert unexpected.keep(raised("second \udcff"), tmp_path) == str(log)
    kept = log.read_text(encoding="utf-8")
    assert " healing a\nTraceback" in kept
    assert kept.index("first") < kept.index("second \\udcff")
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("run", [None, "missing", "a file"])
def test_what_cannot_be_kept_in_a_run_is_kept_elsewhere(run: str | None, tmp_path: Path) -> None:
    """A run that is gone gets no new directory."""
    if run == "a file":
        (tmp_path / run).write_text("")
    place = Path(unexpected.keep(raised("somewhere"), None if run is None else tmp_path / run))
    try:
        assert "ZeroDivisionError: somewhere" in place.read_text(encoding="utf-8")
        assert tmp_path not in place.parents
    finally:
        place.unlink()
    assert not (tmp_path / "missing").exists()


def test_an_error_of_the_operating_system_that_ends_a_trial_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its message names a file at best; who looked for that file is in the logs, and not on the terminal."""
    monkeypatch.setattr(bytecode, "make", lambda _say: None)
    # An environment that is not there is refused before anything starts; here it goes away between the check and its use.
    monkeypatch.setattr(running, "_find_it", lambda *_: None)
    nowhere = tmp_path / "no-environment"
    nowhere.mkdir()
    shown = io.StringIO()
    run = running.run(preparation.prepare("smoke"), tmp_path / "runs", Display(Console(file=shown, width=400)), attach=nowhere)
    assert (run / "ending").read_text() == "environment"
    kept = (run / "logs" / "harness-error.log").read_text()
    assert "FileNotFoundError" in kept
    assert "in bring_up" in kept
    assert "deployment.json" in shown.getvalue()
    assert "Traceback" not in shown.getvalue()
