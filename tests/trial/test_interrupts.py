"""A stop by the operator: the first signal ends the trial, every later one is told what is going on and what is left to do."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from closeshave.trial import cleanup
from closeshave.trial.display import Display
from closeshave.trial.interrupts import Interrupted, hangup, interrupts
from closeshave.trial.state import Trial


def test_the_first_signal_raises_once_and_later_ones_are_answered() -> None:
    """Where nothing is known of what is left, it is said that order comes first."""
    said: list[str] = []
    with interrupts(said.append) as state:
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert state.received == "SIGINT"
    assert said == ["already stopping; faults are healed and everything is cleaned up first"]


def test_a_second_signal_in_a_clean_up_is_told_the_step_and_those_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal arrives while an environment that stays is put in order."""
    (tmp_path / "logs").mkdir()
    nothing: Any = None
    trial = Trial(nothing, tmp_path, nothing, Display(Console(quiet=True)), tmp_path / "root", lost=True)
    monkeypatch.setattr(Trial, "driver", SimpleNamespace(ours=True))
    said: list[str] = []
    monkeypatch.setattr(cleanup, "_collect_signals", lambda _trial: os.kill(os.getpid(), signal.SIGINT))
    with interrupts(said.append, trial.outlook) as state:
        state.shield()
        cleanup.clean_up(trial, early=True)
    assert state.received == "SIGINT"
    assert said == [
        "already stopping; now: reading the platform's own signals; left to do: forgetting passwords and tokens, leaving the environment as it was"
    ]


@pytest.mark.parametrize("attach", [None, Path("/root-of-another")], ids=["owned", "attached"])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("people", [False, True], ids=["trial", "game day"])
def test_every_step_is_announced_in_the_order_in_which_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attach: Path | None, lost: bool, early: bool, people: bool
) -> None:
    """What was left to do is what comes next, and in the end nothing is. In a game day faults are healed also where the environment goes."""
    nothing: Any = None
    prepared: Any = SimpleNamespace(gameday=object() if people else None)
    trial = Trial(prepared, tmp_path, nothing, Display(Console(quiet=True)), attach, lost=lost)
    monkeypatch.setattr(Trial, "driver", SimpleNamespace(ours=True))
    seen: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(cleanup, "_step", lambda told, *_: seen.append((told.doing, told.to_do)))
    cleanup.clean_up(trial, early=early)
    order = [doing for doing, _ in seen]
    assert [left for _, left in seen] == [tuple(order[at:]) for at in range(1, len(order) + 1)]
    assert order[0] == "stopping the load"
    assert ("reading the final state" in order) is not lost
    assert ("ending the faults" in order) is (early and attach is None and (lost or not people))
    assert ("healing the faults" in order) is not ("ending the faults" in order)
    assert order[-1] == ("removing the environment" if attach is None else "leaving the environment as it was")


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGHUP is handled as usual, whatever whoever started the tests does with it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard")
def test_a_terminal_that_goes_away_ends_the_command_before_a_trial_and_nothing_after_it() -> None:
    """Also between the end of a trial and the beginning of its judging."""
    with hangup() as gone:
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGHUP)
        with interrupts(print, shielded=gone.trial_is_over) as stop:
            stop.shield()
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.usefixtures("heard")
def test_who_ignores_the_end_of_the_terminal_goes_on() -> None:
    """That is how ``nohup`` starts a command."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with hangup(), interrupts(print) as stop:
        os.kill(os.getpid(), signal.SIGHUP)
    assert stop.received is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
