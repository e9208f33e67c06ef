"""What the janitor cannot heal: said once for each error, with its traceback in the run's logs."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from closeshave.faults import watch


def failed(message: str) -> Future[None]:
    """A healing that raised."""
    healing: Future[None] = Future()
    with pytest.raises(ZeroDivisionError) as found:
        raise ZeroDivisionError(message)
    healing.set_exception(found.value)
    return healing


def test_the_traceback_of_a_healing_that_fails_is_kept_once(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The janitor tries again five times a second: the log must not fill the disk."""
    duty, known = watch.Duty(run, run, ()), set[str]()
    well: Future[None] = Future()
    well.set_result(None)
    for healing in (well, failed("planted"), failed("planted"), failed("another")):
        watch._keep_failure(duty, healing, known)
    kept = (run / "logs" / "harness-error.log").read_text()
    assert kept.count("Traceback") == 2
    assert "healing by the janitor" in kept
    assert "in failed" in kept
    said = capsys.readouterr().out
    assert "healing failed (ZeroDivisionError: planted); the traceback is in" in said
    assert "Traceback" not in said
