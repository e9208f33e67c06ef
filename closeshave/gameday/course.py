"""The clock that people hold: presses and time in, decisions out. Pure: instants, what is unhealed, and what conditions say are arguments.

Whatever is pressed, in whatever order and by however many people: an inject begins at most once, and never while the clock is held, but for a *now* that
names it. A press that comes too late for what it wants is refused with a reason; nothing pressed is remembered for later, so nothing begins that nobody
expects any more: not what was pressed before the load began, nor what waited while the trial stood still. Instants are monotonic nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from closeshave.gameday.presses import LATE_S, Moved, Noted, Press
from closeshave.gameday.roles import PressAction, may
from closeshave.gameday.state import ClockState, InjectStatus
from closeshave.vocabulary import HumanMark, PersonRole

OPEN = InjectStatus.PLANNED
"""Of an inject that has neither begun nor been decided otherwise."""
STARTED, DONE, SKIPPED, STOPPED = InjectStatus.STARTED, InjectStatus.DONE, InjectStatus.SKIPPED, InjectStatus.STOPPED
TIMELESS = frozenset({PressAction.MARK, PressAction.CORRECT, PressAction.NOTE, PressAction.TICK, PressAction.STOP_AND_HEAL})
"""What counts however late it is found: what people saw and did has its own instant, and a stop is never too late."""
MARKS_MOST = 1000
"""Marks and notes of one game day; a key that is held down must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the clock must know of an inject."""

    id: str
    begins: str | None = None
    """ID of the fault or drill; ``None`` for a message."""
    when_ns: int | None = None
    """After the begin of the exercise, by the clock; ``None``: on the facilitator's word."""
    lasts_ns: int = 0
    """From the decision to begin it until it is healed as planned."""
    together: frozenset[str] = frozenset()
    """Faults and drills with which it may be in effect at the same time."""
    steps: int = 0
    """Of its runbook."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a card so far."""

    status: InjectStatus = OPEN
    why: str = ""
    begun_ns: int | None = None
    healed_ns: int | None = None
    hidden: bool = False
    ticked_ns: Mapping[int, int] = field(default_factory=dict)
    """Step of the runbook → when it was done."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the trial sees at an instant."""

    unhealed: frozenset[str] = frozenset()
    """Faults and drills that have begun and are not proven healed."""
    given_up: frozenset[str] = frozenset()
    """Of these, the ones that no process heals any more: it has ended without a proof."""
    unmet: Mapping[str, str] = field(default_factory=dict)
    """Inject → why its conditions do not hold; no entry or an empty one: they do."""


@dataclass(frozen=True, slots=True)
class BeginInject:
    """The inject begins: its fault or drill is started, those it names are told."""

    inject: str
    begins: str | None
    how: str
    """``clock``, ``go`` or ``now``."""


@dataclass(frozen=True, slots=True)
class EndInject:
    """The inject is over: done, skipped or stopped."""

    inject: str
    status: InjectStatus
    why: str


@dataclass(frozen=True, slots=True)
class HealAll:
    """Everything in effect is healed at once."""


Decision = BeginInject | EndInject | HealAll


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of a press."""

    taken: bool
    why: str = ""
    """Why it was not, as a sentence."""
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkMade:
    """A person's mark. ``corrects`` is the index of the one that it corrects; that one stays."""

    at_ns: int
    by: str
    inject: str | None
    mark: HumanMark
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class NoteMade:
    """A person's note."""

    at_ns: int
    by: str
    text: str
    photo: str | None


TAKEN = Ruling(taken=True)


def refused(why: str) -> Ruling:
    """A press that changes nothing, and why."""
    return Ruling(taken=False, why=why)


@dataclass(slots=True)
class GameClock:
    """The course of one game day; its exercise lasts from ``begins_ns`` to ``ends_ns`` at the latest."""

    cards: Sequence[Card]
    begins_ns: int
    ends_ns: int
    fates: dict[str, Fate] = field(init=False)
    marks: list[MarkMade] = field(default_factory=list)
    notes: list[NoteMade] = field(default_factory=list)
    stopping: bool = False
    stopped_early: bool = False
    """Whether it was stopped while something had not begun yet, or was in effect."""
    since_ns: int = 0
    """Nothing counts from before this instant."""
    _held_ns: int | None = None
    """Since when the clock is held."""
    _pauses_ns: int = 0
    """How long it was held before that."""
    _last_ns: int = field(init=False)
    _ended: bool = False

    def __post_init__(self) -> None:
        self.fates = {card.id: Fate(hidden=card.hidden) for card in self.cards}
        self._last_ns = self.since_ns

    @property
    def held(self) -> bool:
        """Whether the clock is held."""
        return self._held_ns is not None

    def elapsed_ns(self, now_ns: int) -> int:
        """Of the exercise, without pauses; below 0 before it begins."""
        return (now_ns if self._held_ns is None else self._held_ns) - self.begins_ns - self._pauses_ns

    def over(self, now_ns: int) -> bool:
        """Whether nothing more can happen."""
        return self._ended or now_ns >= self.ends_ns or (self.stopping and not any(fate.status is STARTED for fate in self.fates.values()))

    def end(self, sight: Sight, why: str) -> tuple[Decision, ...]:
        """It is over, whatever was planned: what has not begun never does, and what is still in effect is for others to heal. ``why``, if it was early."""
        self._ended = True
        decided: list[Decision] = []
        for card in self.cards:
            status = self.fates[card.id].status
            if status is OPEN:
                decided.append(self._end(card, STOPPED if why else SKIPPED, why or "the exercise was over", None))
            elif status is STARTED:
                healed = card.begins not in sight.unhealed
                decided.append(
                    self._end(card, DONE if healed and not self.stopping else STOPPED, "" if healed else "it was still in effect", None)
                )
        return tuple(decided)

    def shown(self, now_ns: int) -> ClockState:
        """The state of the clock."""
        if self.over(now_ns):
            return ClockState.ENDED
        return ClockState.PAUSED if self.held else ClockState.RUNNING

    def advance(self, now_ns: int, sight: Sight) -> tuple[Decision, ...]:
        """Let time pass: what is healed is done, what cannot begin any more is skipped, and what is due begins."""
        self._last_ns = max(self._last_ns, now_ns)
        decided: list[Decision] = [
            self._end(card, STOPPED if self.stopping else DONE, "", now_ns)
            for card in self.cards
            if self.fates[card.id].status is STARTED and card.begins not in sight.unhealed
        ]
        for card in self.cards:
            if self.fates[card.id].status is not OPEN or self.stopping:
                continue
            if late := self._too_late(card, now_ns):
                decided.append(self._end(card, SKIPPED, late, None))
            elif card.when_ns is not None and self.elapsed_ns(now_ns) >= card.when_ns and not self.obstacle(card, now_ns, sight):
                decided += self._begin(card, now_ns, "clock")
        return tuple(decided)

    def press(self, press: Press, now_ns: int, sight: Sight) -> Ruling:
        """What a press decides. It counts from when it was pressed, but not before anything that has been decided already."""
        at_ns = min(max(press.at_ns, self._last_ns), now_ns)
        card = next((each for each in self.cards if each.id == press.inject), None)
        if why := self._improper(press, card, now_ns):
            return refused(why)
        self._last_ns = at_ns
        match press.action:
            case PressAction.GO | PressAction.NOW | PressAction.SKIP:
                assert card is not None  # a press of these has the ID of an inject
                return self._decide(card, press.action, at_ns, sight)
            case PressAction.HOLD | PressAction.RESUME | PressAction.STOP_AND_HEAL:
                return self._turn(press.action, at_ns)
            case PressAction.REVEAL | PressAction.TICK:
                assert card is not None  # likewise
                return self._note_on(card, press, at_ns)
            case _:
                return self._write_down(press, min(press.at_ns, now_ns))

    def _improper(self, press: Press, card: Card | None, now_ns: int) -> str:
        """Why this person may not press this, now, of this inject; empty when they may."""
        if not may(press.role, press.action):
            return f"{_a(press.role)} may not press {press.action}"
        if self.over(now_ns):
            return "the game day has ended"
        late_s = (now_ns - press.at_ns) / 1e9
        if late_s > LATE_S and press.action not in TIMELESS:
            return f"it was pressed {late_s:.0f} s ago, and nobody expects it any more: press again"
        # The same answer for one that is hidden: it must not tell what there is.
        unknown = press.inject is not None and (card is None or self._out_of_sight(card, press.role))
        return f"there is no inject {press.inject}" if unknown else ""

    def obstacle(self, card: Card, now_ns: int, sight: Sight, how: str = "clock") -> str:
        """Why a card that is due cannot begin now; empty when it can. *Now* overrides the held clock and the conditions, nothing else."""
        if self.stopping:
            return "the game day is being stopped"
        if now_ns < self.begins_ns:
            return "the exercise has not begun"
        if card.begins is not None and (open_still := self._in_the_way(card, sight)):
            return _unproven(open_still, sight.given_up)
        if late := self._too_late(card, now_ns):
            return late
        if how == "now":
            return ""
        return "the clock is held" if self.held else sight.unmet.get(card.id, "")

    def _out_of_sight(self, card: Card, role: PersonRole) -> bool:
        return self.fates[card.id].hidden and role is not PersonRole.FACILITATOR

    def _in_the_way(self, card: Card, sight: Sight) -> list[str]:
        # What has begun in this very step is not in what the trial has seen.
        begun = {each.begins for each in self.cards if each.begins is not None and self.fates[each.id].status is STARTED}
        return sorted((sight.unhealed | begun) - card.together)

    def _too_late(self, card: Card, now_ns: int) -> str:
        if now_ns >= self.ends_ns:
            return "the exercise was over"
        return "too little time was left in the exercise" if now_ns + card.lasts_ns > self.ends_ns else ""

    def _begin(self, card: Card, now_ns: int, how: str) -> list[Decision]:
        self.fates[card.id] = replace(self.fates[card.id], status=STARTED, begun_ns=now_ns)
        begun = BeginInject(card.id, card.begins, how)
        return [begun, self._end(card, DONE, "", None)] if card.begins is None else [begun]

    def _end(self, card: Card, status: InjectStatus, why: str, healed_ns: int | None) -> EndInject:
        self.fates[card.id] = replace(self.fates[card.id], status=status, why=why, healed_ns=healed_ns)
        return EndInject(card.id, status, why)

    def _decide(self, card: Card, action: PressAction, at_ns: int, sight: Sight) -> Ruling:
        status = self.fates[card.id].status
        if status is not OPEN:
            return refused(f"{card.id} is {status} already")
        if action is PressAction.SKIP:
            return Ruling(taken=True, decisions=(self._end(card, SKIPPED, "skipped by a facilitator", None),))
        if action is PressAction.GO and card.when_ns is not None:
            return refused(f"{card.id} begins by the clock; press now to begin it at once")
        if why := self.obstacle(card, at_ns, sight, action.value):
            overridden = action is PressAction.GO and not self.obstacle(card, at_ns, sight, PressAction.NOW)
            return refused(f"{why}; press now to begin it anyway" if overridden else why)
        return Ruling(taken=True, decisions=tuple(self._begin(card, at_ns, action.value)))

    def _turn(self, action: PressAction, at_ns: int) -> Ruling:
        if self.stopping:
            return refused("the game day is being stopped")
        if action is PressAction.STOP_AND_HEAL:
            standing = [card for card in self.cards if self.fates[card.id].status in {OPEN, STARTED}]
            self.stopping, self.stopped_early = True, bool(standing)
            waiting = [card for card in standing if self.fates[card.id].status is OPEN]
            return Ruling(
                taken=True, decisions=(*(self._end(card, STOPPED, "stopped before it began", None) for card in waiting), HealAll())
            )
        if action is PressAction.HOLD:
            if self._held_ns is not None:
                return refused("the clock is held already")
            self._held_ns = at_ns
            return TAKEN
        if self._held_ns is None:
            return refused("the clock is not held")
        self._pauses_ns += at_ns - self._held_ns
        self._held_ns = None
        return TAKEN

    def _note_on(self, card: Card, press: Press, at_ns: int) -> Ruling:
        fate = self.fates[card.id]
        if press.action is PressAction.REVEAL:
            if not fate.hidden:
                return refused(f"{card.id} is not hidden")
            self.fates[card.id] = replace(fate, hidden=False)
            return TAKEN
        assert isinstance(press.value, int)  # the value of a tick
        if press.value >= card.steps:
            return refused(f"the runbook of {card.id} has {card.steps} steps")
        if press.value in fate.ticked_ns:
            return refused("this step is ticked already")
        self.fates[card.id] = replace(fate, ticked_ns={**fate.ticked_ns, press.value: at_ns})
        return TAKEN

    def _write_down(self, press: Press, at_ns: int) -> Ruling:
        if len(self.marks) + len(self.notes) >= MARKS_MOST:
            return refused(f"there are {MARKS_MOST} marks and notes already")
        match press.value:
            case HumanMark():
                self.marks.append(MarkMade(at_ns, press.name, press.inject, press.value))
            case Noted(text, photo):
                self.notes.append(NoteMade(at_ns, press.name, text, photo))
            case Moved(index, at_s, mark):
                if index >= len(self.marks):
                    return refused(f"there is no mark {index + 1}: there are {len(self.marks)}")
                corrected_ns = self.begins_ns + round(at_s * 1e9)
                if corrected_ns > at_ns:
                    return refused("the instant of a mark cannot be in the future")
                before = self.marks[index]
                # What a correction corrects is the mark itself, however often it was corrected before.
                first = index if before.corrects is None else before.corrects
                self.marks.append(MarkMade(corrected_ns, press.name, before.inject, mark or before.mark, first))
        return TAKEN


def _unproven(unhealed: Sequence[str], given_up: frozenset[str]) -> str:
    if lost := [each for each in unhealed if each in given_up]:
        return f"it could not be proven that {', '.join(lost)} is healed; stop and heal tries again, nobody else does"
    return f"{', '.join(unhealed)} is not proven healed yet"


def _a(role: PersonRole) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"
