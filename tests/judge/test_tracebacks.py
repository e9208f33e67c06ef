"""No exception of a judge is lost: its traceback is in the logs of the run that was judged, and never on a terminal."""

from pathlib import Path
from typing import Any

import pytest

from closeshave.conclusion import conclude
from closeshave.judge.verdict import Status
from closeshave.judge.verdicts import objectives
from tests import stored


def _raises(*_: Any) -> Any:
    raise ZeroDivisionError("planted")


def test_the_traceback_of_a_judge_that_raises_is_kept_in_the_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A judge writes nothing: it returns the text, and whoever concludes keeps it. Where no judge fails nothing is written."""
    run = stored.made(tmp_path / "run")
    log = run / "logs" / "harness-error.log"
    assert conclude(run).tracebacks == ""
    assert not log.exists()
    monkeypatch.setattr(objectives, "judge", _raises)
    found = conclude(run)
    assert found.assessment.status is Status.INCONCLUSIVE
    assert found.tracebacks == str(log)
    kept = log.read_text()
    assert "the judge of availability" in kept
    assert "in _raises" in kept
    assert "ZeroDivisionError: planted" in kept
