"""Incidents of a game day: whom a fault harmed and since when, and what people said of it, each apart from the other.

* Whom a fault harmed first is said in :mod:`.harm`.
* A failure that a doubtful stretch touches may be the doing of other programs. It may move the first harm to an earlier instant, which makes a time longer
  and can cost a pass; it never makes a fail, and an incident of nothing else is not sure to be one.
* Time counts from that customer, not from the injection: a fault that harms nobody for four minutes costs people four minutes less.
* A mark that is missing is unknown. A later mark bounds an earlier one from above: nobody acknowledges what nobody noticed.
* A correction replaces what it corrects for the figures; both are kept. A mark without an inject is about the incident in effect, if there is just one.
* What came back before any person acted was the platform's own doing. What came back after a person acted may have come back without them: that is
  unknown, and is said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from closeshave.history import PersonMarked
from closeshave.judge.evidence.evidence import SECOND_NS, Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.measures import harm
from closeshave.judge.measures.recovery import Recovery
from closeshave.vocabulary import HumanMark, IncidentSeverity

MINUTE_NS = 60 * SECOND_NS
SEVERITIES: Mapping[IncidentSeverity, float] = {
    IncidentSeverity.CRITICAL: 0.1,
    IncidentSeverity.HIGH: 0.01,
    IncidentSeverity.MEDIUM: 0.001,
    IncidentSeverity.LOW: 0.0,
}
"""The least share of all customers' requests that are not good in the worst minute. The bounds are the harness's own: no promise states them."""
_ORDER = tuple(HumanMark)


class Aid(StrEnum):
    """Who brought the service back."""

    NOBODY_NEEDED = "the platform itself"
    UNKNOWN = "unknown"
    HARNESS = "the harness, which healed the fault"


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that harmed customers. Instants are monotonic nanoseconds; ``None`` is unknown."""

    life: Life
    inject: str | None
    """The inject that began it; ``None`` in a run that nobody held."""
    sure: bool
    """Whether the fault harmed anybody: false if other programs may have caused all that failed."""
    perhaps_ns: int
    """The earliest instant at which anybody may have been harmed."""
    harmed_ns: int
    """When the first surely harmed customer's request was due, or the injection, if that was later; the same as ``perhaps_ns`` if nobody was surely."""
    last_harmed_ns: int
    """When the last of these requests was due."""
    harmed: int
    """How many requests in scope were not good from then until the heal was proven."""
    worst_minute: float
    """The largest share of all customers' requests within a minute that were not good."""
    alerted_ns: int | None
    """The platform's first own signal."""
    restored_ns: tuple[int, int] | None
    """Between which instants the scope was served again; ``None``: not seen."""
    aid: Aid
    marks: Mapping[HumanMark, int]
    """What people said, corrections applied: the first of each."""
    ambiguous: int = 0
    """Marks that name no inject and were made while more than one fault was in effect; they count for none."""

    @property
    def id(self) -> str:
        """Of its fault."""
        return self.life.fault.id

    @property
    def severity(self) -> IncidentSeverity | None:
        """By the worst minute; ``None`` is unknown."""
        return None if not self.sure else next(name for name, least in SEVERITIES.items() if self.worst_minute >= least)

    def until_s(self, mark: HumanMark) -> tuple[float, float] | None:
        """Between how many and how many seconds after the first harm a mark lies: the same twice if it was made; from 0 to the first later mark if not.
        ``None``: neither it nor a later one was made."""
        if (made := self.marks.get(mark)) is not None:
            return self._since(made, made)
        later = [self.marks[each] for each in _ORDER[_ORDER.index(mark) + 1 :] if each in self.marks]
        return (0.0, self._since(0, min(later))[1]) if later else None

    def _since(self, low_ns: int, high_ns: int) -> tuple[float, float]:
        """Seconds from the first harm to an instant between the two: the least and the most that it can be."""
        least = (low_ns - self.harmed_ns) / 1e9 if self.sure else 0.0
        return max(0.0, least), max(0.0, (high_ns - self.perhaps_ns) / 1e9)

    @property
    def repaired_s(self) -> tuple[float, float] | None:
        """Seconds from the first harm until people said *resolved* and customers were served again, whichever was later."""
        said = self.marks.get(HumanMark.RESOLVED)
        if said is None or self.restored_ns is None:
            return None
        low, high = (max(said, each) for each in self.restored_ns)
        return self._since(low, high)


def incidents(evidence: Evidence, lives: Sequence[Life], recoveries: Mapping[str, Recovery]) -> tuple[Incident, ...]:
    """Those of the run, in the order of their faults' injections. Faults that harmed nobody are none."""
    begun: dict[str | None, str] = {each.begins: each.inject for each in evidence.history.injects if each.edge == "begun"}
    found = [each for life in lives if (each := _incident(evidence, life, lives, recoveries.get(life.fault.id), begun)) is not None]
    return tuple(sorted(found, key=lambda each: each.life.injected_ns or 0))


def effective(people: Sequence[PersonMarked]) -> tuple[PersonMarked, ...]:
    """The marks that count: of each the last correction, if there is one."""
    last = {each.corrects: each for each in people if each.corrects is not None}
    return tuple(last.get(index, each) for index, each in enumerate(people) if each.corrects is None)


def _incident(
    evidence: Evidence, life: Life, lives: Sequence[Life], recovery: Recovery | None, begun: Mapping[str | None, str]
) -> Incident | None:
    if life.injected_ns is None:
        return None
    inject = begun.get(life.fault.id)
    clear = ~evidence.touched
    perhaps, surely = harm.first(evidence, life), harm.first(evidence, life, clear)
    found = [each.at_ns for each in (perhaps, surely) if each is not None]
    if not found:
        return None
    harmed_ns, during = found[-1], harm.during(evidence, life)
    counted = during if surely is None else during & clear
    bad = counted & ~evidence.good & (np.maximum(evidence.intended_ns, life.injected_ns) >= harmed_ns)
    marks, ambiguous = _marks(evidence.history.people, inject, life, lives)
    return Incident(
        life=life,
        inject=inject,
        sure=surely is not None,
        perhaps_ns=min(found),
        harmed_ns=harmed_ns,
        last_harmed_ns=int(np.max(np.maximum(evidence.intended_ns[bad], life.injected_ns))),
        harmed=int(np.count_nonzero(bad)),
        worst_minute=_worst_minute(evidence, harmed_ns, harm.until_ns(life)),
        alerted_ns=recovery.detected_ns if recovery else None,
        restored_ns=_restored(recovery),
        aid=_aid(evidence, recovery, life, marks),
        marks=marks,
        ambiguous=ambiguous,
    )


def _worst_minute(evidence: Evidence, from_ns: int, until_ns: int) -> float:
    # Whole minutes: half of one with all of its failures would look twice as bad.
    minutes = max(1, -(-(until_ns - from_ns) // MINUTE_NS))
    rows = evidence.customers & (evidence.intended_ns >= from_ns) & (evidence.intended_ns < from_ns + minutes * MINUTE_NS)
    minute = (evidence.intended_ns[rows] - from_ns) // MINUTE_NS
    if not len(minute):
        return 0.0
    asked = np.bincount(minute)
    bad = np.bincount(minute, weights=~evidence.good[rows] & ~evidence.touched[rows])
    return float(np.max(bad[asked > 0] / asked[asked > 0]))


def _restored(recovery: Recovery | None) -> tuple[int, int] | None:
    if recovery is None or recovery.blind or recovery.latest_ns is None:
        return None
    low = recovery.latest_ns if recovery.earliest_ns is None else min(recovery.earliest_ns, recovery.latest_ns)
    return low, recovery.latest_ns


def _aid(evidence: Evidence, recovery: Recovery | None, life: Life, marks: Mapping[HumanMark, int]) -> Aid:
    if recovery is None or recovery.blind or recovery.self_recovered is None:
        return Aid.UNKNOWN
    if not recovery.self_recovered:
        return (
            Aid.HARNESS
            if recovery.latest_ns is not None and life.healed_ns is not None and recovery.latest_ns > life.healed_ns
            else Aid.UNKNOWN
        )
    if not evidence.history.manifest.game_day:
        return Aid.NOBODY_NEEDED
    acted = marks.get(HumanMark.MITIGATED)
    if acted is None or recovery.latest_ns is None:
        return Aid.UNKNOWN
    return Aid.NOBODY_NEEDED if recovery.latest_ns <= acted else Aid.UNKNOWN


def _marks(people: Sequence[PersonMarked], inject: str | None, life: Life, lives: Sequence[Life]) -> tuple[dict[HumanMark, int], int]:
    found: dict[HumanMark, int] = {}
    ambiguous = 0
    for each in effective(people):
        if each.mark not in set(HumanMark):
            continue
        if each.inject is None:
            candidates = _in_effect(each.at_ns, lives)
            if life.fault.id not in candidates:
                continue
            if len(candidates) > 1:
                ambiguous += 1
                continue
        elif each.inject != inject:
            continue
        mark = HumanMark(each.mark)
        found[mark] = min(found.get(mark, each.at_ns), each.at_ns)
    return found, ambiguous


def _in_effect(at_ns: int, lives: Sequence[Life]) -> list[str]:
    """The faults that a mark of this instant can be about: those in effect, or else the one that was injected last before it."""
    begun = [(life.injected_ns, life) for life in lives if life.injected_ns is not None and life.injected_ns <= at_ns]
    standing = [life.fault.id for _, life in begun if life.verified_ns is None or life.verified_ns > at_ns]
    if standing or not begun:
        return standing
    return [max(begun, key=lambda one: one[0])[1].fault.id]
