"""What the janitor cannot heal: said once for each error, with its traceback in the run's logs."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from closeshave.faults import watch
from tests.faults.timelines import marks


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


def test_what_was_half_done_is_put_back_in_an_environment_that_stays(run: Path, tmp_path: Path) -> None:
    """Not in one that is removed: a process that is started meanwhile would be left."""
    asked: list[Path] = []

    def put_back(root: Path, _say: watch.Say) -> str:
        asked.append(root)
        return "all instances run current again"

    watch.clean_up(watch.Duty(run, tmp_path / "gone", (sys.executable, "-c", ""), {}, put_back), "planted")
    assert asked == []
    watch.clean_up(watch.Duty(run, tmp_path / "shop", (), {}, put_back), "planted")
    assert asked == [tmp_path / "shop"]
    assert ("note", "all instances run current again") in marks(run)


def test_what_cannot_be_put_back_is_recorded(run: Path, tmp_path: Path) -> None:
    """With its traceback in the logs of the run, and the janitor comes to its end."""

    def put_back(_root: Path, _say: watch.Say) -> str:
        raise RuntimeError("app-here-0 does not end")

    watch.clean_up(watch.Duty(run, tmp_path, (), {}, put_back), "planted")
    assert any(kind == "heal-unproven" and "app-here-0 does not end" in detail for kind, detail in marks(run))
    assert "app-here-0 does not end" in (run / "logs" / "harness-error.log").read_text()
