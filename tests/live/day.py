"""A short game day whose clock is the real one and whose faults are only told: what its pages see, without an environment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from closeshave import history
from closeshave.clock import now_ns
from closeshave.gameday import presses, state
from closeshave.gameday.course import BeginInject, EndInject, GameClock, Sight
from closeshave.gameday.planned import GameDayPlan, cards
from closeshave.gameday.presses import WrongPress
from closeshave.gameday.runbook import Runbook
from closeshave.gameday.showing import GameDayLook, Scenery, shown
from closeshave.gameday.state import Answered
from closeshave.history import FaultEdge, FaultEvent, Planning
from closeshave.plan import read_plan
from tests.live.made import TOPOLOGY, Scripted

SECRET = "zqx"
"""In every text of the hidden inject, and nowhere else."""
STEP_S = 0.05
PLAN = f"""name: short-day
description: A short game day.
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {{duration: 20m, requests: 60000}}
phases:
  - {{name: warm-up, role: warm-up, duration: 6s, sessions_per_s: 3}}
  - {{name: exercise, role: fault, duration: 10m, sessions_per_s: 3}}
faults:
  - {{id: primary-lost, kind: shard.primary-killed, phase: exercise, at: 10s, hold: 20s, expected: recovers, scope: {{shard: 1}}}}
  - {{id: {SECRET}-fault, kind: shard.primary-killed, phase: exercise, at: 200s, hold: 20s, expected: recovers, scope: {{shard: 2}}}}
  - {{id: cut-off, kind: shard.primary-killed, phase: exercise, at: 300s, hold: 20s, expected: recovers, scope: {{shard: 1}}}}
inject:
  - id: owner-calls
    title: A salon owner calls
    when: 0s
    message: "Three of her customers have paid and have no booking."
    told: [responder]
    expected: An answer that promises nothing which is not known.
  - id: shard-dies
    title: The primary of shard 1 dies
    when: on my word
    fault: primary-lost
    hypothesis: The standby is promoted within a minute; franchises of shard 1 see errors until then, all others notice nothing.
    expected: Somebody says which customers suffer.
    go_if: [{{figure: not-good, at_most: 1%}}]
    runbook: shard.md
  - id: {SECRET}
    title: {SECRET} title
    when: on my word
    fault: {SECRET}-fault
    hidden: true
    hypothesis: {SECRET} hypothesis
    expected: {SECRET} expected
    message: {SECRET} message
    told: [responder]
  - id: last-one
    title: Shard 1 once more
    when: on my word
    fault: cut-off
    hypothesis: As before.
"""
RUNBOOK = Runbook("shard.md", ("See which member leads", "Tell the salons", "Watch the backlog"))


@dataclass
class HeldDay:
    """The game day of a scripted run, carried out by a thread: what was begun, and how each press ended."""

    run: Scripted
    clock: GameClock
    scenery: Scenery
    begun: list[str] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    unhealed: set[str] = field(default_factory=set)
    heals: bool = False
    """Whether what has begun is healed at the next step."""
    _taken: set[str] = field(default_factory=set)

    def step(self) -> None:
        """Take what was pressed and let time pass."""
        now = now_ns()
        if self.heals or self.clock.stopping:
            for fault in self.unhealed:
                for edge in (FaultEdge.HEALED, FaultEdge.VERIFIED_HEALED):
                    history.record(self.run.path, FaultEvent(fault, edge, now))
            self.unhealed.clear()
        sight = Sight(frozenset(self.unhealed))
        for name, press in presses.untaken(self.run.path, self._taken):
            self._taken.add(name)
            assert not isinstance(press, WrongPress)
            ruling = self.clock.press(press, now, sight)
            self.answers.append(Answered(press.id, ruling.taken, ruling.why))
            self._carry_out(ruling.decisions, now)
        self._carry_out(self.clock.advance(now, Sight(frozenset(self.unhealed))), now)
        look = GameDayLook(now, Sight(frozenset(self.unhealed)), {}, tuple(self.answers[-50:]))
        state.save(self.run.path, shown(self.clock, self.scenery, look))

    def _carry_out(self, decisions, now: int) -> None:
        for decision in decisions:
            if isinstance(decision, BeginInject):
                self.begun.append(decision.inject)
                if decision.begins is not None:
                    self.unhealed.add(decision.begins)
                    planning = Planning(1, "shard.primary-killed", {"shard": 1}, {})
                    for edge, evidence in ((FaultEdge.PLANNED, planning), (FaultEdge.INJECTED, None), (FaultEdge.OBSERVED, None)):
                        history.record(self.run.path, FaultEvent(decision.begins, edge, now, evidence))
            else:
                assert decision is None or isinstance(decision, EndInject) or self.clock.stopping


@contextmanager
def holding(run: Scripted) -> Iterator[HeldDay]:
    """A game day of this run that goes on while the block runs; its exercise has begun."""
    (run.path / "plan.yaml").write_text(PLAN)
    plan = read_plan(run.path / "plan.yaml")
    manifest = run.manifest(plan=plan.name, game_day="held")
    run.ordinary(min(run.began_s, 20.0))
    presses.directory(run.path).mkdir(parents=True)
    planned = GameDayPlan({"shard-dies": RUNBOOK})
    exercise = manifest.phases[-1]
    clock = GameClock(cards(plan, planned.runbooks, 4.0), exercise.started_ns, exercise.ended_ns, since_ns=exercise.started_ns)
    day, over = HeldDay(run, clock, Scenery(plan, TOPOLOGY, planned)), threading.Event()

    def go_on() -> None:
        while not over.wait(STEP_S):
            day.step()

    day.step()
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield day
    finally:
        over.set()
        thread.join(10)
