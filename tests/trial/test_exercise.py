"""A game day's part of the trial: what it does when a heal could not be proven, with a real process and a real ledger, and without an environment."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.faults.ledger import Ledger, Undo
from closeshave.gameday import presses, state
from closeshave.gameday.planned import GameDayPlan
from closeshave.history import FaultEdge
from closeshave.plan import read_plan
from closeshave.trial import exercise, schedule
from closeshave.trial.exercise import HEAL_WITHIN_NS, Exercise
from tests.live.day import PLAN
from tests.live.made import TOPOLOGY

SECOND_NS = 1_000_000_000


@pytest.fixture
def day(tmp_path, monkeypatch):
    """A game day whose exercise began ten seconds ago; what it begins is a process that ends at once."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    plan = read_plan(tmp_path / "plan.yaml")
    times = schedule.phases(plan, now_ns() - 16 * SECOND_NS)
    children: dict[str, Any] = {}
    trial: Any = SimpleNamespace(
        prepared=SimpleNamespace(plan=plan), manifest=SimpleNamespace(topology=TOPOLOGY, id="r"), run=tmp_path, children=children, say=lambda *_: None,
        mark=lambda *_: None,
    )  # fmt: skip
    presses.directory(tmp_path).mkdir(parents=True)
    (tmp_path / "environment").mkdir()

    def begin(_trial, planned, _at_ns):
        Ledger(tmp_path).plan(planned.id, Undo(planned.kind, {"shard": 1}, {}, str(tmp_path / "environment")), 60.0, 0)
        children[planned.id] = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])

    monkeypatch.setattr(exercise, "begin", begin)
    monitor: Any = SimpleNamespace(reading=None, burnt=None)
    made = Exercise(trial, GameDayPlan(), times, monitor)
    yield made, trial
    for child in children.values():
        child.wait(20)


def press(day, trial, action, inject=None):
    """Press, look, and return what became of it."""
    pressed = presses.made(now_ns(), "facilitator", "Ada", action, inject)
    presses.write(trial.run, pressed)
    day.look(now_ns())
    return next(each for each in state.load(trial.run).answers if each.id == pressed.id)


def test_a_heal_that_nobody_can_prove_any_more_is_said_and_stops_at_once(day):
    """The process has ended and its entry of the ledger is open: the clean-up after the load is what tries again, and must not wait for it."""
    made, trial = day
    assert press(made, trial, "now", "shard-dies").taken
    assert poll_until(lambda: trial.children["primary-lost"].poll() is not None, 20)
    said = press(made, trial, "now", "last-one")
    assert (said.taken, said.why) == (
        False,
        "it could not be proven that primary-lost is healed; stop and heal tries again, nobody else does",
    )
    assert press(made, trial, "stop-and-heal").taken
    now = now_ns()
    made.look(now)
    assert made.ends_ns <= now
    assert made.stopped == "the game day was stopped by a facilitator; not everything is proven healed"


def test_what_still_heals_is_waited_for(day, monkeypatch):
    """And what is proven healed is no obstacle."""
    made, trial = day
    monkeypatch.setattr(exercise, "given_up", lambda *_: False)
    monkeypatch.setattr(exercise, "unhealed", lambda *_: not healed)
    healed: list[FaultEdge] = []
    assert press(made, trial, "now", "shard-dies").taken
    assert press(made, trial, "now", "last-one").why == "primary-lost is not proven healed yet"
    ends_ns = made.ends_ns
    assert press(made, trial, "stop-and-heal").taken
    made.look(now_ns() + HEAL_WITHIN_NS // 2)
    assert made.ends_ns == ends_ns
    healed.append(FaultEdge.VERIFIED_HEALED)
    made.look(now_ns())
    assert made.ends_ns < ends_ns
    assert made.stopped == "the game day was stopped by a facilitator; everything is healed"
