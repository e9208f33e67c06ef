"""What happens to the faults of a running trial, as its timeline tells: injected, observed, healed; and in which state each of them is now.

The children that inject write the timeline; :class:`Tail` reads what is new of it, :class:`Course` makes words of it and is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.files import record_of
from closeshave.history import DrillEnded, DrillEnding, DrillStepped, EdgeEvidence, FaultEdge, FaultEvent, Mark, Sighting, event_of
from closeshave.history.events import fault_event
from closeshave.scope import scope_text
from closeshave.trial.board import FaultState
from closeshave.trial.schedule import Due
from closeshave.vocabulary import TIMELINE, MarkKind


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence about a fault, and how it is shown."""

    fault: str
    sentence: str
    style: str


class Tail:
    """Reads what was appended to a run's timeline since the last look. What cannot be read is for the judges to report."""

    def __init__(self, run: Path) -> None:
        self._path = run / TIMELINE
        self._at = 0

    def new(self) -> Iterator[FaultEvent | Mark | DrillStepped | DrillEnded]:
        """Edges of faults, marks, and what drills did, in the order in which they were written."""
        with suppress(OSError):
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
            whole = data.rfind(b"\n") + 1
            self._at += whole
            for line in data[:whole].splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    told = record_of(line)
                    kind = told.pop("type")
                    if kind == "fault":
                        yield fault_event(told)
                    elif kind in {"mark", "drill-step", "drill-end"}:
                        event = event_of({"type": kind, **told})
                        if isinstance(event, Mark | DrillStepped | DrillEnded):
                            yield event


_MARKED = {
    MarkKind.FAULT_SKIPPED: "skipped",
    MarkKind.FAULT_NOT_OBSERVED: "no probe saw it in effect",
    MarkKind.FAULT_ENDED_EARLY: "ended before it was healed",
}
"""Marks about a fault, and what its state is called from then on."""


@dataclass(slots=True)
class Course:
    """What became of each planned fault so far. Instants are monotonic nanoseconds."""

    due: Sequence[Due]
    by_people: bool = False
    """Whether people say when: then no instant is known before."""
    _passed: dict[str, dict[str, int]] = field(default_factory=dict)
    """Fault → edge → instant."""
    _marked: dict[str, str] = field(default_factory=dict)

    def take(self, event: FaultEvent | Mark | DrillStepped | DrillEnded) -> Said | None:
        """Take an event over; what is to be said of it, if anything."""
        if isinstance(event, DrillStepped | DrillEnded):
            return self._drilled(event)
        if isinstance(event, Mark):
            if event.kind == MarkKind.HEALING_BEGUN:
                # Its edge comes when the repair has been made, which takes some faults six seconds.
                return self._passes(event.fault, FaultEdge.HEALED, event.at_ns, None)
            if event.kind not in _MARKED:
                return None
            self._marked[event.fault] = short = _MARKED[MarkKind(event.kind)]
            # Why a fault is skipped is said by whoever skips it.
            return None if event.kind == MarkKind.FAULT_SKIPPED else Said(event.fault, event.why or short, "yellow")
        if event.edge == FaultEdge.HEALED and self._passed.get(event.fault, {}).get(event.edge) == event.began_ns:
            return None
        return self._passes(event.fault, event.edge, event.began_ns, event.evidence)

    def _drilled(self, event: DrillStepped | DrillEnded) -> Said:
        took = _took(event.ended_ns - event.began_ns)
        if isinstance(event, DrillStepped):
            self._marked[event.drill] = short = f"{event.step}: {'done' if event.done else 'not done'}"
            return Said(event.drill, f"{short} ({took})", "" if event.done else "yellow")
        self._marked[event.drill] = short = event.how.replace("-", " ")
        return Said(
            event.drill,
            f"{short} in {took}{f': {event.why}' if event.why else ''}",
            "" if event.how == DrillEnding.CARRIED_OUT else "yellow",
        )

    def _passes(self, fault: str, edge: str, at_ns: int, evidence: EdgeEvidence | None) -> Said | None:
        passed = self._passed.setdefault(fault, {})
        passed[edge] = at_ns
        sentence, style = _told(edge, at_ns, evidence, passed)
        return Said(fault, sentence, style) if sentence else None

    def edges(self, fault: str) -> Mapping[str, int]:
        """The edges that a fault or drill has passed, and when."""
        return self._passed.get(fault, {})

    def standing(self, now_ns: int) -> tuple[FaultState, ...]:
        """Every fault, in the order of the plan."""
        return tuple(self._standing(one, now_ns) for one in self.due)

    def _standing(self, one: Due, now_ns: int) -> FaultState:
        passed, marked = self._passed.get(one.fault.id, {}), self._marked.get(one.fault.id, "")
        state, in_effect = self._state(one, passed, marked, now_ns)
        over = FaultEdge.VERIFIED_HEALED in passed or marked == _MARKED[MarkKind.FAULT_SKIPPED]
        return FaultState(one.fault.id, f"{one.fault.kind} {scope_text(one.fault.scope)}".strip(), state, in_effect, over)

    def _state(self, one: Due, passed: dict[str, int], marked: str, now_ns: int) -> tuple[str, bool]:
        if FaultEdge.VERIFIED_HEALED in passed:
            return "healed", False
        if FaultEdge.HEALED in passed:
            return f"healing for {_seconds(now_ns - passed[FaultEdge.HEALED])}", True
        if FaultEdge.OBSERVED in passed:
            return marked or f"in effect for {_seconds(now_ns - passed.get(FaultEdge.INJECTED, passed[FaultEdge.OBSERVED]))}", True
        if FaultEdge.INJECTED in passed:
            return marked or f"injected {_seconds(now_ns - passed[FaultEdge.INJECTED])} ago, not observed yet", True
        if marked or self.by_people:
            return marked or "not begun", False
        return (f"in {_seconds(one.at_ns - now_ns)}", False) if one.at_ns > now_ns else ("due", False)


def _told(edge: str, at_ns: int, evidence: EdgeEvidence | None, passed: dict[str, int]) -> tuple[str, str]:
    """What is said of an edge, and how; nothing of one that is no news."""
    since_injection = _since(passed, FaultEdge.INJECTED, at_ns, "its injection")
    match edge:
        case FaultEdge.INJECTED:
            return "injected", "bold red"
        case FaultEdge.OBSERVED:
            saw = evidence.saw if isinstance(evidence, Sighting) else ""
            return f"observed{since_injection}{f': {saw}' if saw else ''}", "red"
        case FaultEdge.HEALED:
            return f"healing begins{since_injection}", "yellow"
        case FaultEdge.VERIFIED_HEALED:
            return f"healed and proven{_since(passed, FaultEdge.HEALED, at_ns, 'healing began')}", "green"
        case _:
            return "", ""


def _since(passed: dict[str, int], edge: FaultEdge, at_ns: int, what: str) -> str:
    return f" {(at_ns - passed[edge]) / 1e9:.1f} s after {what}" if edge in passed else ""


def _took(nanoseconds: int) -> str:
    return f"{max(0, nanoseconds) / 1e9:.1f} s"


def _seconds(nanoseconds: int) -> str:
    return f"{max(0, nanoseconds) / 1e9:.0f} s"
