"""What happened in a game day, on one axis: people, harness, platform and customers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from closeshave.gameday.account import TimelineEntry
from closeshave.gameday.chain import ChainFinding
from closeshave.gameday.roles import PressAction
from closeshave.gameday.state import GameDayState
from closeshave.history import DrillEnded, DrillStepped, FaultEdge, History, Sighting, Signal
from closeshave.judge.measures.incidents import Incident
from closeshave.judge.measures.incidents import effective as marks_that_count
from closeshave.plurals import counted
from closeshave.report import words
from closeshave.vocabulary import HumanMark

ALIKE_NS = 10_000_000_000
_FIGURE = re.compile(r"(?<![\w-])\d[\d.]*(?:ms|s)?(?![\w-])")
"""A figure of its own; the digits of a name are not."""
_EDGES = {
    FaultEdge.INJECTED: "is injected",
    FaultEdge.OBSERVED: "is observed in effect",
    FaultEdge.HEALED: "the harness begins to heal it",
    FaultEdge.VERIFIED_HEALED: "is proven healed",
}
_CLOCK = frozenset(PressAction) - {PressAction.MARK, PressAction.CORRECT, PressAction.NOTE, PressAction.TICK}
"""What people pressed that is no mark: those are on the history's own timeline."""


def clock(at_s: float) -> str:
    """``12:05``, minutes and seconds after the exercise began; ``-0:20`` before it."""
    minutes, seconds = divmod(round(abs(at_s)), 60)
    return f"{'-' if at_s < 0 else ''}{minutes}:{seconds:02d}"


def on_one_axis(
    history: History, incidents: Sequence[Incident], state: GameDayState | None, chain: ChainFinding | None
) -> tuple[TimelineEntry, ...]:
    """Everything, in the order of time; at the same instant the platform before people."""
    zero = history.manifest.phases[-1].started_ns if history.manifest.phases else 0
    found = [
        *_of_harness(history, zero),
        *_of_platform(history, zero),
        *_of_customers(incidents, zero),
        *_marks(history, zero),
        *_pressed(chain, zero),
        *_written(state),
    ]
    return tuple(sorted(found, key=lambda each: (each.at_s, each.who == "people")))


def _of_harness(history: History, zero: int) -> Iterator[TimelineEntry]:
    for passed in history.injects:
        told = {"begun": f"begins ({passed.why})"}.get(passed.edge, f"is {passed.edge}{f': {passed.why}' if passed.why else ''}")
        yield TimelineEntry((passed.at_ns - zero) / 1e9, "harness", words.clean(f"inject {passed.inject} {told}"))
    for event in history.faults:
        if event.edge in _EDGES:
            saw = f": {event.evidence.saw}" if isinstance(event.evidence, Sighting) and event.evidence.saw else ""
            yield TimelineEntry(
                (event.began_ns - zero) / 1e9, "harness", words.clean(f"{event.fault} {_EDGES[FaultEdge(event.edge)]}{saw}")
            )

    for each in history.drills:
        if isinstance(each, DrillStepped):
            said = f"drill {each.drill}: {each.step}{'' if each.done else ' could not be done'}"
            yield TimelineEntry((each.ended_ns - zero) / 1e9, "harness", words.clean(said))
        elif isinstance(each, DrillEnded):
            said = f"drill {each.drill} ended: {words.spaced(each.how)}{f', {each.why}' if each.why else ''}"
            yield TimelineEntry((each.ended_ns - zero) / 1e9, "harness", words.clean(said))


def _of_platform(history: History, zero: int) -> Iterator[TimelineEntry]:
    """Each signal once: four proxies that tell the same in the same second would hide what people did."""
    for first, *more in _alike(history.signals):
        told = f"{words.spaced(first.kind)} {words.scope(first.scope)}{f': {first.detail}' if first.detail else ''}"
        again = f" ({counted(len(more) + 1, 'such signal')} in {words.seconds((more[-1].at_ns - first.at_ns) / 1e9)})" if more else ""
        yield TimelineEntry((first.at_ns - zero) / 1e9, "platform", words.clean(f"{told}{again}"))


def _alike(signals: Sequence[Signal]) -> Iterator[list[Signal]]:
    """Signals that differ in nothing but figures, and are at most :data:`ALIKE_NS` after the first of them."""
    open_still: dict[tuple[str, str, str], list[Signal]] = {}
    for signal in sorted(signals, key=lambda one: one.at_ns):
        what = (signal.kind, signal.scope, _FIGURE.sub("", signal.detail))
        before = open_still.get(what)
        if before is not None and signal.at_ns - before[0].at_ns <= ALIKE_NS:
            before.append(signal)
            continue
        if before is not None:
            yield before
        open_still[what] = [signal]
    yield from open_still.values()


def _of_customers(incidents: Sequence[Incident], zero: int) -> Iterator[TimelineEntry]:
    for one in incidents:
        perhaps = "" if one.sure else "perhaps "
        yield TimelineEntry((one.harmed_ns - zero) / 1e9, "customers", f"the first customer is {perhaps}harmed by {one.id}")
        yield TimelineEntry((one.last_harmed_ns - zero) / 1e9, "customers", f"the last customer is {perhaps}harmed by {one.id}")
        if one.restored_ns is not None:
            yield TimelineEntry((one.restored_ns[1] - zero) / 1e9, "customers", f"the scope of {one.id} is served again")


def _marks(history: History, zero: int) -> Iterator[TimelineEntry]:
    effective = {id(mark) for mark in marks_that_count(history.people)}
    for index, mark in enumerate(history.people):
        about = f" ({mark.inject})" if mark.inject else ""
        if mark.corrects is None:
            corrected = any(other.corrects == index for other in history.people)
            told = f"{mark.by}: {words.spaced(mark.mark)}{about}{', corrected later' if corrected else ''}"
        else:
            told = f"{mark.by}: {words.spaced(mark.mark)}{about}, a correction of mark {mark.corrects + 1} made at {clock((mark.said_ns - zero) / 1e9)}"
        counts = HumanMark(mark.mark) if id(mark) in effective else None
        yield TimelineEntry((mark.at_ns - zero) / 1e9, "people", words.clean(told), counts)


def _pressed(chain: ChainFinding | None, zero: int) -> Iterator[TimelineEntry]:
    for link in chain.links if chain else ():
        told = link.told
        if link.kind == "press" and told.get("action") in _CLOCK and told.get("taken") is True:
            at_ns = told.get("pressed_ns")
            at_ns = at_ns if isinstance(at_ns, int) and at_ns <= link.at_ns else link.at_ns
            what = f"{told.get('by')} ({told.get('role')}): {told.get('action')} {told.get('inject') or ''}"
            yield TimelineEntry((at_ns - zero) / 1e9, "people", words.clean(what.strip()))


def _written(state: GameDayState | None) -> Iterator[TimelineEntry]:
    if state is None:
        return
    for note in state.notes:
        yield TimelineEntry(note.at_s, "people", words.clean(f"{note.by} notes: {note.text}{f' [{note.photo}]' if note.photo else ''}"))
    for inject in state.injects:
        for step in inject.runbook.steps if inject.runbook else ():
            if step.done_at_s is not None:
                yield TimelineEntry(step.done_at_s, "people", words.clean(f"{inject.id}: step {step.index + 1} is ticked: {step.text}"))
