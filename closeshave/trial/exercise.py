"""Begins faults and drills as people say: takes their presses, asks the clock, carries out what it decides, and keeps the files of the game day.

A trial that is killed leaves its faults to the janitor like any other. In a dress rehearsal nothing is begun: each inject only lasts as long as it would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass

from closeshave.clock import now_ns
from closeshave.gameday import conditions, presses, state
from closeshave.gameday.chain import END, Chain
from closeshave.gameday.course import BeginInject, Decision, EndInject, GameClock, MarkMade, Ruling, Sight
from closeshave.gameday.planned import GameDayPlan, cards
from closeshave.gameday.presses import Press, WrongPress
from closeshave.gameday.roles import PressAction
from closeshave.gameday.showing import GameDayLook, Scenery, shown
from closeshave.gameday.state import Answered, ConditionShown
from closeshave.history import InjectPassed, PersonMarked, PhaseTime, record
from closeshave.plan import LiveFigure
from closeshave.trial import schedule
from closeshave.trial.begun import begin, given_up, unhealed
from closeshave.trial.monitoring import Monitor
from closeshave.trial.state import Trial
from closeshave.vocabulary import MarkKind

SAVE_EVERY_NS = 500_000_000
ANSWERS_KEPT = 50
AT_ONCE = 50
"""At most so many presses are taken in one step; a flood of them must not keep the trial from looking after its load."""
HEAL_WITHIN_NS = 150_000_000_000
"""How long stop-and-heal waits for proofs before the clean-up tries by itself; not at all when no process is left that heals."""


class Exercise:
    """The game day of one trial, whose phases are these."""

    def __init__(self, trial: Trial, planned: GameDayPlan, times: Sequence[PhaseTime], monitor: Monitor) -> None:
        self._trial, self._planned, self._monitor = trial, planned, monitor
        plan, now = trial.prepared.plan, now_ns()
        self._scenery = Scenery(plan, trial.manifest.topology, planned)
        self._disruptions = {each.id: each for each in plan.disruptions}
        self._conditions = {each.id: each.go_if for each in plan.inject}
        self.clock = GameClock(
            cards(plan, planned.runbooks, schedule.LEAD_NS / 1e9), times[-1].started_ns, times[-1].ended_ns, since_ns=now
        )
        self.ends_ns = times[-1].ended_ns
        """When the load ends: earlier than planned as soon as the game day is over."""
        self.stopped = ""
        """Why the trial has not reached its end, although the load ended in order; empty when it has."""
        self._chain = Chain(trial.run)
        self._taken: set[str] = set()
        self._answers: deque[Answered] = deque(maxlen=ANSWERS_KEPT)
        self._standing: dict[str, int] = {}
        """Faults and drills that have begun and are not proven healed → of a rehearsal, until when they last."""
        self._saved_ns = self._heal_by_ns = 0
        self._over = False
        self._chain.add(
            now, "begin", {"run": trial.manifest.id, "plan": plan.name, "rehearsal": planned.rehearsal, "injects": list(self._conditions)}
        )
        self._save(now, {})

    def look(self, now: int) -> None:
        """Take what was pressed and let time pass. Raises :class:`OSError`."""
        self._see(now)
        looked = {name: tuple(conditions.look(each, self._figure) for each in several) for name, several in self._conditions.items()}
        changed = self._take_presses(now, looked)
        decided = self.clock.advance(now, self._sight(looked))
        self._carry_out(decided, now)
        alone = bool(self._standing) and self._given_up == set(self._standing)
        stuck = bool(self._heal_by_ns) and (now >= self._heal_by_ns or alone)
        if (self.clock.over(now) or stuck) and not self._over:
            self._over, self.ends_ns, changed = True, min(now, self.ends_ns), True
            healed = "not everything is proven healed" if stuck else "everything is healed"
            self.stopped = f"the game day was stopped by a facilitator; {healed}" if self.clock.stopped_early else ""
        if changed or decided or now - self._saved_ns >= SAVE_EVERY_NS:
            self._save(now, looked)

    def finish(self, why: str) -> None:
        """The load is over, ``why`` says if early: nothing more is taken, and the chain ends. Raises :class:`OSError`."""
        now = now_ns()
        self._see(now)
        self._carry_out(self.clock.end(self._sight({}), why), now)
        self._chain.add(now, END, {"why": why, "still_in_effect": sorted(self._standing)})
        self._save(now, {})
        self._trial.say(self._chain.last, "the game day's chain ends with")

    def _take_presses(self, now: int, looked: Mapping[str, tuple[ConditionShown, ...]]) -> bool:
        changed = False
        for count, (name, press) in enumerate(presses.untaken(self._trial.run, self._taken)):
            if count >= AT_ONCE:
                break
            self._taken.add(name)
            changed = True
            if isinstance(press, WrongPress):
                self._chain.add(now, "wrong-press", {"file": name, "why": str(press)})
                continue
            marks = len(self.clock.marks)
            # Each by itself: what one began stands in the way of the next.
            ruling = self.clock.press(press, now, self._sight(looked))
            self._answers.append(Answered(press.id, ruling.taken, ruling.why))
            self._chain.add(now, "press", _told(press, ruling))
            for mark in self.clock.marks[marks:]:
                self._marked(press, mark)
            self._carry_out(ruling.decisions, now)
            self._say(press, ruling)
        return changed

    def _marked(self, press: Press, mark: MarkMade) -> None:
        record(self._trial.run, PersonMarked(mark.at_ns, press.at_ns, mark.mark.value, mark.by, mark.inject, mark.corrects))

    def _say(self, press: Press, ruling: Ruling) -> None:
        what = f"{press.action}{f' {press.inject}' if press.inject else ''}"
        if not ruling.taken:
            self._trial.say(ruling.why, f"{press.name}: {what} is refused", "yellow")
        elif press.action not in {PressAction.NOTE, PressAction.TICK}:
            self._trial.say(what, press.name, "bold")

    def _carry_out(self, decisions: Sequence[Decision], now: int) -> None:
        for decision in decisions:
            match decision:
                case BeginInject(inject, begins, how):
                    self._tell(InjectPassed(now, inject, "begun", begins, how))
                    if begins is not None:
                        self._begin(begins, now)
                case EndInject(inject, status, why):
                    begins = next(card.begins for card in self.clock.cards if card.id == inject)
                    self._tell(InjectPassed(now, inject, status.value, begins, why))
                    if begins is not None and self.clock.fates[inject].begun_ns is None:
                        self._trial.mark(MarkKind.FAULT_SKIPPED, f"{begins}: {why}")
                case _:
                    self._heal_all(now)

    def _begin(self, begins: str, now: int) -> None:
        one = self._disruptions[begins]
        self._standing[begins] = now + round(one.hold * 1e9)
        if self._planned.rehearsal:
            self._trial.mark(MarkKind.FAULT_SKIPPED, f"{begins}: a dress rehearsal breaks nothing")
            return
        begin(self._trial, one, now + schedule.LEAD_NS)

    def _heal_all(self, now: int) -> None:
        self._heal_by_ns = now + HEAL_WITHIN_NS
        self._standing = dict.fromkeys(self._standing, now)
        for child in self._trial.children.values():
            if child.poll() is None:
                child.terminate()

    def _see(self, now: int) -> None:
        """Forget what is healed."""
        over = [
            name
            for name, until_ns in self._standing.items()
            if (now >= until_ns if self._planned.rehearsal else not unhealed(self._trial, name))
        ]
        for name in over:
            del self._standing[name]

    @property
    def _given_up(self) -> set[str]:
        """What is not proven healed, and has no process any more that would heal it."""
        return set() if self._planned.rehearsal else {name for name in self._standing if given_up(self._trial, name)}

    def _sight(self, looked: Mapping[str, tuple[ConditionShown, ...]]) -> Sight:
        unmet = {name: conditions.unmet(several) for name, several in looked.items()}
        return Sight(frozenset(self._standing), frozenset(self._given_up), unmet)

    def _figure(self, which: LiveFigure, region: str | None) -> float | None:
        """A figure of the last seconds; ``None`` before anything was answered."""
        if which is LiveFigure.BUDGET:
            return self._monitor.burnt
        reading = self._monitor.reading
        if reading is None:
            return None
        if which is LiveFigure.OFFERED:
            return reading.offered_per_s
        figures = reading.all if region is None else dict(reading.regions)[region]
        if which is LiveFigure.COMPLETED:
            return figures.completed_per_s
        if which is LiveFigure.NOT_GOOD:
            return figures.bad_share
        milliseconds = figures.p50_ms if which is LiveFigure.P50 else figures.p95_ms
        return None if milliseconds is None else milliseconds / 1000

    def _tell(self, passed: InjectPassed) -> None:
        record(self._trial.run, passed)
        self._chain.add(passed.at_ns, f"inject-{passed.edge}", {"inject": passed.inject, "begins": passed.begins, "why": passed.why})
        why = f" ({passed.why})" if passed.why else ""
        breaks = f": {passed.begins}" if passed.begins and passed.edge == "begun" else ""
        nothing = "; a rehearsal: nothing is broken" if breaks and self._planned.rehearsal else ""
        self._trial.say(f"{passed.edge}{why}{breaks}{nothing}", f"inject {passed.inject}", "bold magenta" if passed.edge == "begun" else "")

    def _save(self, now: int, looked: Mapping[str, tuple[ConditionShown, ...]]) -> None:
        self._saved_ns = now
        told = GameDayLook(now, self._sight(looked), looked, tuple(self._answers))
        state.save(self._trial.run, shown(self.clock, self._scenery, told))


def _told(press: Press, ruling: Ruling) -> dict[str, object]:
    """A press as the chain keeps it."""
    value = asdict(press.value) if is_dataclass(press.value) else press.value
    return {
        "id": press.id, "pressed_ns": press.at_ns, "role": press.role, "by": press.name, "action": press.action, "inject": press.inject,
        "value": value, "taken": ruling.taken, "why": ruling.why,
    }  # fmt: skip
