"""Requests of logged-in customers that were refused as not logged in, and those of them that a drill of the plan may cost.

A refusal says whose session it was and how old (``LOGGED_OUT`` in :mod:`closeshave.history.rows`). A drill can only have cost sessions that were opened
before it was over; one that was opened later and is lost too is nobody's plan. What does not say how old its session was is forgiven to no drill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.history import LOGGED_OUT, age_s
from closeshave.judge.evidence.columns import Flags, Ints, equal, ints, one_of
from closeshave.judge.evidence.drills import DrillLife, drill_lives
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.operations import CANARY, LOGIN_AGAIN, PERSONAL
from closeshave.scope import concerned

UNAUTHENTICATED = 401
LOGINS_AGAIN = (LOGIN_AGAIN, CANARY["login"])
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionsLost:
    """What a drill cost in sessions, as far as it was seen."""

    refused: Flags
    """Over all operations: refused as not logged in, with a session from before the drill was over."""
    customers: int
    """How many customers that were."""
    again: Flags
    """Over all operations: log-ins that followed, until the next drill or the end of the run."""
    busiest: int
    """The most of them in a second."""


def refused(evidence: Evidence) -> Flags:
    """Over all operations: those of logged-in customers that were refused as not logged in."""
    found: Flags = evidence.of_kinds(PERSONAL) & (evidence.status == UNAUTHENTICATED)
    return found


def forgiven(evidence: Evidence) -> Flags:
    """Those of them that the plan's drills may cost (``expected.lost_sessions``), whether these were carried out well or not."""
    found = np.zeros(len(evidence.operations), dtype=np.bool_)
    drills = [life for life in drill_lives(evidence) if life.drill.expected.lost_sessions is not None]
    if not drills or not (guilty := refused(evidence)).any():
        return found
    opened_ns = _opened_ns(evidence)
    for life in drills:
        found |= guilty & _from_before(evidence, life, opened_ns)
    return found


def untold(evidence: Evidence) -> str:
    """A drill that may cost sessions and of which it is unknown when it was over; empty if there is none."""
    lives = (life for life in drill_lives(evidence) if life.drill.expected.lost_sessions is not None)
    return next((life.drill.id for life in lives if life.in_ledger and life.ended is None), "")


def lost_by(evidence: Evidence, life: DrillLife) -> SessionsLost | None:
    """What this drill cost; ``None`` if it was never begun, or the run does not say when it ended."""
    if life.ended is None or life.over_ns is None:
        return None
    guilty = refused(evidence)
    mine = guilty & _from_before(evidence, life, _opened_ns(evidence)) if guilty.any() else guilty
    later = (evidence.started_ns >= life.ended.began_ns) & _here(evidence, life)
    until_ns = min(
        (each.ended.began_ns for each in drill_lives(evidence) if each.ended and each.ended.began_ns > life.ended.began_ns),
        default=NEVER_NS,
    )
    again = evidence.of_kinds(LOGINS_AGAIN) & later & (evidence.started_ns < until_ns)
    seconds = (evidence.started_ns[again] - life.ended.began_ns) // SECOND_NS
    return SessionsLost(
        refused=mine,
        customers=_customers(evidence, mine),
        again=again,
        busiest=int(np.unique(seconds, return_counts=True)[1].max(initial=0)),
    )


def seen_after(evidence: Evidence, life: DrillLife) -> int:
    """How many customers got an answer to something that needs a session, from the drill's begin on; 0 if it was never begun."""
    if life.ended is None:
        return 0
    return _customers(
        evidence, evidence.of_kinds(PERSONAL) & (evidence.started_ns >= life.ended.began_ns) & _here(evidence, life) & (evidence.status > 0)
    )


def _here(evidence: Evidence, life: DrillLife) -> Flags:
    return one_of(evidence.shard, concerned(life.drill, evidence.history.manifest.topology))


def _from_before(evidence: Evidence, life: DrillLife, opened_ns: Ints) -> Flags:
    """Over all operations: sent after the drill began, with a session that had been opened before it was over."""
    if life.ended is None or life.over_ns is None:
        return np.zeros(len(evidence.operations), dtype=np.bool_)
    found: Flags = _here(evidence, life) & (evidence.ended_ns >= life.ended.began_ns) & (opened_ns < life.over_ns)
    return found


def _opened_ns(evidence: Evidence) -> Ints:
    """When the session of each refused operation was opened, at the earliest; ``NEVER_NS`` if that is not known, and for all other operations."""
    found = np.full(len(evidence.operations), NEVER_NS, dtype=np.int64)
    effects = evidence.history.effects
    mine = equal(effects["action"], LOGGED_OUT)[evidence.order.effect]
    rows, positions = evidence.order.effect[mine], evidence.order.position[mine]
    ages = [age_s(told if isinstance(told, str) else None) for told in effects["read_values"].iloc[rows]]
    for position, age in zip(positions.tolist(), ages, strict=True):
        if age is not None and np.isfinite(age):
            found[position] = int(evidence.started_ns[position]) - round(age * SECOND_NS)
    return found


def _customers(evidence: Evidence, operations: Flags) -> int:
    """How many customers had these operations, of those that left an effect."""
    effects = evidence.history.effects
    if not operations.any():
        return 0
    mine = held_in(ints(effects["operation"], -1), evidence.ids[operations])
    return int(effects["client"][mine].nunique())
