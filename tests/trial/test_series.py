"""A series of trials on one environment: repaired in between, repeated where a trial was disturbed, continued later."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from closeshave.faults import ledger
from closeshave.files.rundir import NoRun
from closeshave.plan import Expected, Fault
from closeshave.trial import running, series
from closeshave.trial.series import FILE, Series, SeriesStopped
from closeshave.vocabulary import BACKGROUND, LIVE

PREPARED: Any = SimpleNamespace(plan=SimpleNamespace(faults=(), drills=(), alerts=None))
FAILED, INTERRUPTED = 4, 130


class World:
    """An environment and its trials, of which only the exit codes matter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, runs: Path, codes: list[int]) -> None:
        self.said: list[str] = []
        self.codes, self.started, self.open, self.stubborn = codes, 0, False, False
        self.needed: list[Any] = []
        driver = SimpleNamespace(
            place=lambda _: runs / "root",
            up=self._up,
            down=lambda *_: self.said.append("down"),
            narrow=lambda _, kinds, uses: ("narrowed", *kinds, *uses),
        )
        monkeypatch.setattr(series, "drivers", SimpleNamespace(of=lambda _: driver, at=lambda _: driver))
        monkeypatch.setattr(ledger, "unhealed", lambda _: self.open)
        monkeypatch.setattr(series, "heal_environment", self._heal)
        monkeypatch.setattr(running, "run", lambda *_, **__: self._run(runs))
        monkeypatch.setattr(series, "conclude", self._conclude)
        self.series = Series(runs, Console(quiet=True))

    def _up(self, needed: object, _root: object, _say: object, etcd_killed: object) -> None:
        self.needed = [needed, etcd_killed]
        self.said.append("up")

    def _heal(self, *_: object) -> list[str]:
        self.said.append("healed")
        return ["not proven"] if self.stubborn else []

    def _run(self, runs: Path) -> Path:
        self.started += 1
        run = runs / f"run-{self.started}"
        run.mkdir()
        return run

    def _conclude(self, run: Path) -> Any:
        if not run.exists():
            raise NoRun(str(run))
        return SimpleNamespace(run=run, exit_code=self.codes[int(run.name.removeprefix("run-")) - 1])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """All trials pass."""
    made = World(monkeypatch, tmp_path, [0] * 9)
    made.series.up()
    return made


def test_what_was_carried_out_is_not_carried_out_again(world: World) -> None:
    """Another series on the same runs reads it back, and judges it again."""
    first = world.series.once("a", PREPARED)
    again = Series(world.series.runs, world.series.console)
    again.root = world.series.root
    assert again.once("a", PREPARED).run == first.run
    assert (world.started, again.kept()["a"].attempts) == (1, 1)


def test_runs_that_are_gone_are_carried_out_again(world: World) -> None:
    """The record names a directory, and a person may have deleted it."""
    world.series.once("a", PREPARED).run.rmdir()
    assert world.series.once("a", PREPARED).run.name == "run-2"


def test_a_trial_that_failed_is_repeated_on_another_environment(world: World) -> None:
    """So the state after the failure has no influence on the next trial."""
    world.codes[0] = FAILED
    assert world.series.once("a", PREPARED).run.name == "run-2"
    assert (world.said, world.series.kept()["a"].attempts) == (["up", "down", "up"], 2)


def test_a_trial_that_never_ended_is_not_recorded(world: World) -> None:
    """So the next call tries again."""
    world.codes[:2] = [FAILED, FAILED]
    assert world.series.once("a", PREPARED, attempts_max=2).exit_code == FAILED
    assert world.series.kept() == {}
    assert world.series.once("a", PREPARED).exit_code == 0


def test_the_caller_decides_which_trials_count(world: World) -> None:
    """An inconclusive run may be caused by the machine."""
    world.codes[0] = 3
    assert world.series.once("a", PREPARED, sound=lambda found: found.exit_code in {0, 1}).run.name == "run-2"


@pytest.mark.parametrize(("stubborn", "said"), [(False, ["healed"]), (True, ["healed", "down", "up"])])
def test_what_was_left_broken_is_healed_or_the_environment_replaced(world: World, *, stubborn: bool, said: list[str]) -> None:
    """Before the next trial, never after it."""
    world.open, world.stubborn = True, stubborn
    world.series.once("a", PREPARED)
    assert world.said == ["up", *said]


def test_workers_and_live_updates_are_there_only_for_plans_that_need_them(world: World) -> None:
    """The environment is started anew in between."""
    needing: Any = SimpleNamespace(
        plan=SimpleNamespace(faults=(Fault("f", "worker.killed", "storm", 0, 1, Expected.TOLERATES, {}),), drills=(), alerts=None)
    )
    assert not {BACKGROUND, LIVE} & {*world.needed[0]}
    world.series.once("a", needing)
    assert ({BACKGROUND, LIVE} & {*world.needed[0]}, world.said) == ({BACKGROUND}, ["up", "down", "up"])
    world.series.once("b", PREPARED)
    assert not {BACKGROUND, LIVE} & {*world.needed[0]}


def test_trials_that_break_nothing_need_no_parts_for_it(world: World) -> None:
    """Toxiproxy and backup servers cost processor time; etcd that nobody kills may write later."""
    assert world.needed[0] != ("narrowed",)
    assert world.needed[1] is True
    world.series.unbroken = True
    world.series.up()
    assert world.needed == [("narrowed",), False]


def test_the_interpreter_of_rollouts_ends_with_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens to it: the environment is removed."""

    def close() -> None:
        world.said.append("closed")
        raise OSError("broken pipe")

    monkeypatch.setattr(world.series.interpreter, "close", close)
    with pytest.raises(OSError, match="broken pipe"):
        world.series.down()
    assert world.said == ["up", "closed", "down"]


def test_the_operators_stop_ends_the_series(world: World) -> None:
    """The stopped trial is not recorded."""
    world.codes[0] = INTERRUPTED
    with pytest.raises(SeriesStopped):
        world.series.once("a", PREPARED)
    assert world.series.kept() == {}


def test_an_incomplete_line_records_nothing(world: World) -> None:
    """The disk was full, or the machine crashed."""
    world.series.once("a", PREPARED)
    with (world.series.runs / FILE).open("a") as file:
        file.write('{"key": "b", "ru\n{"key": 1}\n')
    assert set(world.series.kept()) == {"a"}
