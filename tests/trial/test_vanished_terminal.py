"""The terminal of a trial goes away: nothing stays broken or running, and what was measured is judged and reported."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from closeshave.control import processes
from tests.trial.conftest import left_by, plan_text

pytestmark = [pytest.mark.trial, pytest.mark.timeout(300)]


@dataclass
class OnTerminal:
    """A command that has a terminal of its own, which can be closed."""

    pid: int
    terminal: int
    heard: bytearray = field(default_factory=bytearray)
    code: int | None = None

    def listen(self) -> None:
        """Keep what it shows, until the terminal is closed or the command has ended."""
        with suppress(OSError):
            while data := os.read(self.terminal, 65536):
                self.heard.extend(data)

    def wait_for(self, what: str, timeout_s: float = 120) -> None:
        """Until it shows this."""
        assert processes.poll_until(lambda: what.encode() in self.heard or self.ended(), timeout_s, 0.01), bytes(self.heard)
        assert self.code is None, bytes(self.heard)

    def close(self) -> None:
        """As a window is closed: the system sends SIGHUP to the command, and every later write fails."""
        os.close(self.terminal)
        self.terminal = -1

    def ended(self) -> bool:
        """Whether it has, with :attr:`code`."""
        if self.code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if found else None
        return self.code is not None


def start(place: Path, *, ignores_hangup: bool) -> OnTerminal:
    """``closeshave run`` in a session of its own, with a terminal of 80 columns."""
    plan = place / "short.yaml"
    plan.write_text(plan_text())
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--runs", str(place / "runs")]
    pid, terminal = pty.fork()
    if not pid:
        # Whoever started the tests may ignore the signal, which is inherited.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores_hangup else signal.SIG_DFL)
        os.execve(sys.executable, command, {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"})
    begun = OnTerminal(pid, terminal)
    threading.Thread(target=begun.listen, daemon=True).start()
    return begun


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory; whatever happens, nothing of a trial in it stays."""
    yield tmp_path
    assert processes.poll_until(lambda: left_by(tmp_path) == [], 60), left_by(tmp_path)


def reported(place: Path) -> dict[str, object]:
    """The summary of the one run; its report is there too."""
    (run,) = (place / "runs").iterdir()
    assert (run / "report.html").exists()
    told: dict[str, object] = json.loads((run / "summary.json").read_text())
    return told


def test_a_terminal_that_goes_away_while_a_stopped_run_is_judged_costs_no_report(place: Path) -> None:
    """Ctrl-C, and then the window is closed: the run ends as one that the operator interrupted."""
    running = start(place, ignores_hangup=False)
    running.wait_for("load starts")
    time.sleep(3)
    os.write(running.terminal, b"\x03")
    running.wait_for("judging what was recorded")
    running.close()
    assert processes.poll_until(running.ended, 60)
    assert running.code == 130
    assert reported(place)["exit_code"] == 130


def test_a_terminal_that_goes_away_under_load_stops_the_trial(place: Path) -> None:
    """It heals, cleans up, and is judged and reported although nobody watches."""
    running = start(place, ignores_hangup=False)
    running.wait_for("load starts")
    time.sleep(3)
    running.close()
    assert processes.poll_until(running.ended, 90)
    assert running.code == 130
    assert "SIGHUP" in str(reported(place)["reasons"])


def test_a_trial_that_was_started_to_outlive_its_terminal_does(place: Path) -> None:
    """With ``nohup``: it runs to its end, and loses nothing but what it would have shown."""
    running = start(place, ignores_hangup=True)
    running.wait_for("load starts")
    running.close()
    assert processes.poll_until(running.ended, 180)
    told = reported(place)
    assert told["exit_code"] == running.code
    assert running.code in {0, 3}, told["reasons"]
    assert "SIGHUP" not in str(told["reasons"])
