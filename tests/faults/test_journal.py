"""Chaos Toolkit's journal: its status is not trusted, and it is written while the experiment runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import run_experiment  # type: ignore[import-untyped] # it ships no types

from closeshave.faults.journal import JournalWriter, failed_rollbacks, tracebacks

SETTINGS = {"runtime": {"rollbacks": {"strategy": "always"}}}


def activity(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    """An action that calls a function of the standard library."""
    return {"type": "action", "name": func, "provider": {"type": "python", "module": module, "func": func, "arguments": arguments}}


def journal(path: Path, *rollbacks: dict[str, Any]) -> dict[str, Any]:
    """The journal of a real run of Chaos Toolkit: one action, and these rollbacks."""
    experiment = {"title": "t", "description": "d", "method": [activity("os.path", "basename", p="/tmp/x")], "rollbacks": list(rollbacks)}
    told: dict[str, Any] = run_experiment(experiment, SETTINGS, ({}, {}), event_handlers=[JournalWriter(path, running=lambda: None)])
    return told


GOOD, BAD = activity("os.path", "dirname", p="/tmp/x"), activity("os", "listdir", path="/nowhere/at/all")


@pytest.mark.parametrize(("rollbacks", "failed"), [((), 0), ((GOOD,), 0), ((BAD,), 1), ((GOOD, BAD), 1), ((BAD, BAD), 2)])
def test_failed_rollbacks_are_found_in_a_run_with_the_status_completed(
    tmp_path: Path, rollbacks: tuple[dict[str, Any], ...], failed: int
) -> None:
    """By name, with their errors."""
    told = journal(tmp_path / "journal.json", *rollbacks)
    assert told["status"] == "completed"
    found = failed_rollbacks(told)
    assert len(found) == failed
    assert all(line.startswith("listdir: ") and "/nowhere/at/all" in line for line in found)


def test_the_file_has_the_same_content(tmp_path: Path) -> None:
    """What a killed process leaves can be read in the same way."""
    told = journal(tmp_path / "journal.json", GOOD, BAD)
    assert failed_rollbacks(json.loads((tmp_path / "journal.json").read_text())) == failed_rollbacks(told)


def test_a_journal_without_rollbacks_has_no_failed_ones() -> None:
    """It ended before its rollbacks, and the ledger says that the fault is open."""
    assert failed_rollbacks({}) == ()


def test_the_traceback_of_each_activity_that_raised_is_found(tmp_path: Path) -> None:
    """With the place where it was raised, which is what the last line lacks."""
    told = journal(tmp_path / "journal.json", GOOD, activity("json", "loads", s="{"))
    [(name, text)] = tracebacks(told)
    assert name == "loads"
    assert "decoder.py" in text
    assert "JSONDecodeError" in text
    assert tracebacks(json.loads((tmp_path / "journal.json").read_text())) == ((name, text),)
    assert tracebacks({}) == ()
