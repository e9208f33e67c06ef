"""The plan of one level: what a trial carries out to try one rate. Pure.

A level is a whole trial with its own plan file, so that it is recorded, judged and explained like every other run. Its phases: a few seconds nearly
without load (is the platform at rest, and how fast is it alone), a rise to the rate, the level itself; after an overload a light load that shows when
the platform is well again. Under a fault the level is the phase of the fault: it is injected first, the fail-over passes, and what is judged lies
between that and the healing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter

from closeshave.capacity.level import LevelAsk, LevelPurpose
from closeshave.capacity.states import FailureState
from closeshave.faults.catalogue import KINDS
from closeshave.plan import Aborts, Fault, Gate, Limits, Phase, Plan, Role

IDLE, RISE, LEVEL, AFTER = "idle", "rise", "level", "after"
IDLE_S, RISE_S, AFTER_S = 4.0, 3.0, 20.0
IDLE_SHARE, IDLE_MOST_PER_S = 0.05, 0.5
"""Sessions per second before the rise: this share of the level's, and never more than that."""
AFTER_SHARE = 0.3
"""The light load after an overload, as a share of the capacity."""
STRIKE_S = 0.5
"""A fault is injected so long after its phase began."""
SPARE_S = 2.0
"""A fault is held so much longer than the level needs it."""
ROOM = 3.0
"""A level may send so many times the requests that its plan foresees, before it stops itself."""
LEAST_REQUESTS = 5_000

_PLAN = TypeAdapter(Plan)


def before_s(state: FailureState) -> float:
    """Seconds of a level's load before the first judged one."""
    if not state.kind:
        return IDLE_S + RISE_S
    return IDLE_S + RISE_S + STRIKE_S + KINDS[state.kind].observed_within_s + state.settle_s


def level_plan(base: Plan, ask: LevelAsk, state: FailureState, overload: float) -> Plan:
    """The plan of this level. ``base`` is the plan of the search, whose rate is that of its calm phases; ``overload`` the rules' factor."""
    usual = max(phase.sessions_per_s for phase in base.phases if phase.role is Role.CALM)
    phases = [
        Phase(IDLE, Role.WARM_UP, IDLE_S, min(IDLE_MOST_PER_S, ask.rate * IDLE_SHARE)),
        Phase(RISE, Role.WARM_UP, RISE_S, ask.rate),
    ]
    faults: tuple[Fault, ...] = ()
    if state.kind:
        hold_s = KINDS[state.kind].observed_within_s + state.settle_s + ask.length_s + SPARE_S
        phases.append(Phase(LEVEL, Role.FAULT, STRIKE_S + hold_s + 1.0, ask.rate))
        faults = (state.fault(LEVEL, STRIKE_S, hold_s),)
    else:
        phases.append(Phase(LEVEL, Role.CALM, ask.length_s, ask.rate))
    if ask.purpose is LevelPurpose.OVERLOAD:
        phases.append(Phase(AFTER, Role.CALM, AFTER_S, max(ask.rate / overload * AFTER_SHARE, 0.1)))
    duration_s = sum(phase.duration for phase in phases)
    sessions = sum(phase.duration * phase.sessions_per_s for phase in phases)
    foreseen = sessions * base.traffic.requests_per_session + duration_s * ask.rate / usual * base.traffic.contests_per_s * 4
    return replace(
        base,
        phases=tuple(phases),
        faults=faults,
        drills=(),
        nemesis=None,
        rate="fixed",
        limits=Limits(duration_s + 60.0, math.ceil(min(10**10, foreseen * ROOM + LEAST_REQUESTS))),
        traffic=replace(base.traffic, contests_per_s=base.traffic.contests_per_s * ask.rate / usual),
        # An overload breaks what a trial would stop for; the caps of a remote platform hold all the same.
        aborts=Aborts(
            budget=1000.0, leakage=1.0, window=base.aborts.window, integrity=base.aborts.integrity, blind=max(base.aborts.blind, 60.0)
        ),
        probes=(),
        rounds=(),
        gate=Gate(),
        # Objectives of calm phases, which a level under a fault does not have; it is judged by the search all the same.
        tests=() if state.kind else base.tests,
        every=None,
    )


def written(plan: Plan) -> str:
    """The text of a plan file: JSON is YAML."""
    plain: Mapping[str, object] = _PLAN.dump_python(plan, mode="json")
    return json.dumps({key: value for key, value in plain.items() if value is not None}, indent=1, default=str) + "\n"
