"""The course of a game day as the state that pages and terminals read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from closeshave.gameday.course import OPEN, Card, Fate, GameClock, Sight
from closeshave.gameday.planned import GameDayPlan, blast_radius, kind_of
from closeshave.gameday.state import (
    Answered,
    ClockShown,
    ConditionShown,
    GameDayState,
    InjectShown,
    InjectStatus,
    MarkShown,
    NoteShown,
    RunbookShown,
    StepShown,
)
from closeshave.plan import Inject, Plan
from closeshave.topology import Topology

ON_YOUR_WORD = "it waits for the facilitator's word"


@dataclass(frozen=True, slots=True)
class Scenery:
    """What does not change during a game day."""

    plan: Plan
    topology: Topology
    planned: GameDayPlan


@dataclass(frozen=True, slots=True)
class GameDayLook:
    """What is so at an instant beside the clock."""

    now_ns: int
    sight: Sight = field(default_factory=Sight)
    conditions: Mapping[str, tuple[ConditionShown, ...]] = field(default_factory=dict)
    """By inject."""
    answers: Sequence[Answered] = ()


def shown(day: GameClock, scenery: Scenery, look: GameDayLook) -> GameDayState:
    """Everything, for whoever looks."""
    first = next((card.id for card in day.cards if day.fates[card.id].status is OPEN), None)
    planned = {each.id: each for each in scenery.plan.inject}
    return GameDayState(
        at_ns=look.now_ns,
        clock=ClockShown(day.shown(look.now_ns), day.elapsed_ns(look.now_ns) / 1e9),
        injects=tuple(_inject(day, card, planned[card.id], scenery, look, is_first=card.id == first) for card in day.cards),
        marks=tuple(MarkShown(each.inject, each.mark, _since(day, each.at_ns), each.by, each.corrects) for each in day.marks),
        notes=tuple(NoteShown(_since(day, each.at_ns), each.by, each.text, each.photo) for each in day.notes),
        stopping=day.stopping,
        rehearsal=scenery.planned.rehearsal,
        exercise_ns=day.begins_ns,
        ends_ns=day.ends_ns,
        answers=tuple(look.answers),
    )


def _since(day: GameClock, at_ns: int) -> float:
    return (at_ns - day.begins_ns) / 1e9


def _inject(day: GameClock, card: Card, inject: Inject, scenery: Scenery, look: GameDayLook, *, is_first: bool) -> InjectShown:
    fate = day.fates[card.id]
    status, why = _status(day, card, look, is_first=is_first)
    due_ns = None if card.when_ns is None or fate.status is not OPEN else max(0, card.when_ns - day.elapsed_ns(look.now_ns))
    return InjectShown(
        id=card.id,
        title=inject.title,
        kind=kind_of(inject),
        status=status,
        planned_at_s=inject.when,
        due_in_s=None if due_ns is None else due_ns / 1e9,
        on_word=inject.when is None,
        hidden=fate.hidden,
        hypothesis=inject.hypothesis,
        blast_radius=blast_radius(inject, scenery.plan, scenery.topology),
        told=tuple(map(str, inject.told)),
        conditions=look.conditions.get(card.id, ()),
        runbook=_runbook(day, card.id, fate, scenery.planned),
        begins=card.begins,
        message=inject.message,
        expected=inject.expected,
        why=why,
        begun_at_s=None if fate.begun_ns is None else _since(day, fate.begun_ns),
        healed_at_s=None if fate.healed_ns is None else _since(day, fate.healed_ns),
    )


def _status(day: GameClock, card: Card, look: GameDayLook, *, is_first: bool) -> tuple[InjectStatus, str]:
    fate = day.fates[card.id]
    if fate.status is not OPEN:
        return fate.status, fate.why
    due = card.when_ns is not None and day.elapsed_ns(look.now_ns) >= card.when_ns
    if day.held and (is_first or due):
        return InjectStatus.HELD, "the clock is held"
    why = day.obstacle(card, look.now_ns, look.sight)
    if due:
        return InjectStatus.WAITING, why
    if is_first and card.when_ns is None and look.now_ns >= day.begins_ns:
        return InjectStatus.WAITING, f"{ON_YOUR_WORD}{f'; {why}' if why else ''}"
    return (InjectStatus.NEXT if is_first else InjectStatus.PLANNED), ""


def _runbook(day: GameClock, inject: str, fate: Fate, planned: GameDayPlan) -> RunbookShown | None:
    book = planned.runbooks.get(inject)
    if book is None:
        return None
    done = {step: _since(day, at_ns) for step, at_ns in fate.ticked_ns.items()}
    return RunbookShown(book.name, tuple(StepShown(index, text, done.get(index)) for index, text in enumerate(book.steps)))
