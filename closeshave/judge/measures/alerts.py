"""Alerts of the platform's monitoring beside the faults of a run: which began when, which fault they belong to, and whom a fault harmed first. Pure.

* An alert counts from the instant at which the harness learned of it, as a person would, and not from the one that the monitoring states.
* An alert belongs to a fault if it began between the injection and the end of the time that the plan allows for silence after the proven heal, or the
  injection of the next fault in that time.
* The time to alert counts from the first customer whom the fault harmed (:mod:`.harm`): an alert that came before took no time. Where no customer was
  harmed it counts from the injection, which is never later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from closeshave.history import AlertNote, AlertRule
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.measures import harm
from closeshave.vocabulary import SEVERITIES, WATCHDOG

BACKGROUND_MOST = 0.001
"""A larger share of not-good requests in calm may hide which one a fault harmed first."""


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert from its beginning to its end."""

    name: str
    severity: str
    category: str
    labels: Mapping[str, str]
    raised_ns: int
    ended_ns: int | None
    """``None`` if it never ended while the harness listened."""


@dataclass(frozen=True, slots=True)
class Harm:
    """The first customer whom a fault harmed."""

    position: int | None
    """Its place among the history's operations; ``None`` if nobody was harmed."""
    at_ns: int
    """When it was due, but not before the injection; the injection where nobody was harmed."""
    background: float
    """The share of the customers' requests in the same scope that were not good in calm: one of those may have been the first."""


def incidents(notes: Iterable[AlertNote]) -> tuple[RaisedAlert, ...]:
    """Every alert of trouble, in the order in which they began. A note that was told twice counts once."""
    found: list[RaisedAlert] = []
    going: dict[str, int] = {}
    over: dict[str, int] = {}
    for note in sorted(notes, key=lambda note: (note.received_ns, note.state)):
        if not troubles(note.name, note.severity):
            continue
        if note.state == "firing":
            # Told again after its end, because whoever told it did not hear that it had arrived.
            if note.fingerprint not in going and over.get(note.fingerprint) != note.started_wall_ns:
                going[note.fingerprint] = len(found)
                found.append(RaisedAlert(note.name, note.severity, note.category, note.labels, note.received_ns, None))
        elif note.fingerprint in going:
            index = going.pop(note.fingerprint)
            over[note.fingerprint] = note.started_wall_ns
            found[index] = replace(found[index], ended_ns=note.received_ns)
    return tuple(found)


def troubles(name: str, severity: str) -> bool:
    """Whether an alert tells of trouble: the one that always fires does not."""
    return name != WATCHDOG and severity != "none"


def rated(rules: Iterable[AlertRule]) -> tuple[AlertRule, ...]:
    """The rules that tell of trouble and have a severity and a category, each name once."""
    return tuple(
        {rule.name: rule for rule in rules if troubles(rule.name, rule.severity) and rule.severity in SEVERITIES and rule.category}.values()
    )


def beats(notes: Iterable[AlertNote], from_ns: int, to_ns: int) -> int:
    """How often the alert that always fires arrived in this time: alerts could arrive then."""
    return sum(note.name == WATCHDOG and note.state == "firing" and from_ns <= note.received_ns <= to_ns for note in notes)


def window(evidence: Evidence, life: Life, lives: Sequence[Life]) -> tuple[int, int] | None:
    """From when until when an alert that begins belongs to a fault; ``None`` for one that was never injected. ``lives`` are those of all faults."""
    asked = evidence.plan.alerts
    if asked is None or life.injected_ns is None:
        return None
    if life.verified_ns is None:
        return life.injected_ns, NEVER_NS
    healed = life.verified_ns
    later = (other.injected_ns for other in lives if other.injected_ns is not None and other.injected_ns > healed)
    return life.injected_ns, min([healed + round(asked.silent_within * 1e9), *later])


def of_fault(evidence: Evidence, life: Life, lives: Sequence[Life], told: Sequence[RaisedAlert]) -> tuple[RaisedAlert, ...]:
    """The alerts that began while the fault was there, or soon after."""
    within = window(evidence, life, lives)
    return () if within is None else tuple(each for each in told if within[0] <= each.raised_ns <= within[1])


def in_calm(evidence: Evidence, lives: Sequence[Life], told: Sequence[RaisedAlert]) -> tuple[RaisedAlert, ...]:
    """The alerts that began in a calm phase, and belong to no fault."""
    faulty = [within for life in lives if (within := window(evidence, life, lives)) is not None]
    calm = [(phase.started_ns, phase.ended_ns) for phase in evidence.history.manifest.phases if phase.role == "calm"]
    return tuple(
        each
        for each in told
        if any(low <= each.raised_ns < high for low, high in calm) and not any(low <= each.raised_ns <= high for low, high in faulty)
    )


def into_calm(evidence: Evidence, lives: Sequence[Life], told: Sequence[RaisedAlert]) -> tuple[RaisedAlert, ...]:
    """The alerts that had begun before a calm phase, belong to no fault, and still fired when it had lasted longer than the plan allows for silence; or
    to its end."""
    asked = evidence.plan.alerts
    faulty = [within for life in lives if (within := window(evidence, life, lives)) is not None]
    silence_ns = round(asked.silent_within * 1e9) if asked is not None else 0
    calm = [(phase.started_ns, phase.ended_ns) for phase in evidence.history.manifest.phases if phase.role == "calm"]
    return tuple(
        each
        for each in told
        if any(
            each.raised_ns < low and (NEVER_NS if each.ended_ns is None else each.ended_ns) >= min(low + silence_ns, high)
            for low, high in calm
        )
        and not any(low <= each.raised_ns <= high for low, high in faulty)
    )


def harmed(evidence: Evidence, life: Life) -> Harm:
    """The first customer whom a fault harmed. Raises :class:`ValueError` for a fault that was never injected."""
    found, background = harm.first(evidence, life), harm.usual(evidence, life)
    if found is None:
        return Harm(None, life.injected_ns or 0, background)
    return Harm(found.position, found.at_ns, background)
