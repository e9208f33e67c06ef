"""Load that the platform's limits do not allow, and canaries that would find no free slot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.caps import chance
from closeshave.environments import drivers
from closeshave.environments.definition import speaks
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import Problem, document, line_of
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.shapes import Replayed
from closeshave.traffic import canary_room, conventions, limits, probes
from closeshave.traffic.arrivals import replayed
from closeshave.traffic.known_profiles import read_profile
from closeshave.trial import fitting
from closeshave.trial.prepared import Prepared

REPLAY_OVER_S = chance.WINDOW_S
"""The window in seconds for replayed arrivals, the same as that of a live cap."""


def sending_problems(prepared: Prepared) -> list[Problem]:
    """What in the plan exceeds the platform's limits, and the rate scale that would fit."""
    definition, path, written = prepared.definition, prepared.inputs.plan, prepared.written
    driver = drivers.of(definition.kind)

    def troubles(plan: Plan) -> list[str]:
        loudest = _loudest(plan)
        found = list(driver.objections(definition, loudest))
        if not definition.capabilities.forwarded_for and plan.traffic.locust is None:
            spoken = conventions.of(definition.capabilities, definition.topology, api=speaks(definition))
            found += limits.exceeded(loudest, definition.topology, spoken.limits, spoken.steps_off)
        return found

    found = troubles(prepared.plan)
    if not found:
        return []
    # An objection that remains at the lowest rate has nothing to do with rates.
    other = set(troubles(fitting.fitted(written, fitting.LEAST)))
    if set(found) - other and not any(isinstance(phase.shape, Replayed) for phase in written.phases):
        fit = fitting.largest(lambda factor: set(troubles(fitting.fitted(written, factor))) <= other)
        found.append(f"it fits with --rate-scale {fit:g}" if fit else "it fits with no --rate-scale")
    return [Problem(str(path), line_of(document(path), ("phases",)), "phases", message) for message in found]


def canary_problems(prepared: Prepared) -> list[Problem]:
    """Too few slots for the canaries, where the environment file says how many there are."""
    definition, plan, path = prepared.definition, prepared.plan, prepared.inputs.plan
    able, topology = definition.capabilities, definition.topology
    if able.slots_per_day is None or plan.traffic.locust is not None:
        return []
    days = len(conventions.of(able, topology, "first" if prepared.calibrates else "all", speaks(definition)).canary_days)
    found = []
    for shard in topology.shards:
        franchises = len(probes.franchises(topology, shard.id))
        where = f"{counted(franchises, 'franchise')} with {counted(able.slots_per_day, 'slot')} a day, on {counted(days, 'day')}"
        slots = franchises * able.slots_per_day * days
        if said := canary_room.lacking(
            topology, plan.canaries, plan.duration_s, shard.id, slots, where=where, rate_scale=prepared.rate_scale
        ):
            found.append(Problem(str(path), line_of(document(path), canary_room.KEY), ".".join(canary_room.KEY), said))
    return found


def _loudest(plan: Plan) -> Plan:
    """The plan at the highest rates that its traffic profile and its replayed arrivals cause."""
    peak = read_profile(plan.traffic.profile).peak
    return replace(
        plan,
        phases=tuple(
            replace(phase, sessions_per_s=_replayed_per_s(phase.shape, phase.duration))
            if isinstance(phase.shape, Replayed)
            else replace(phase, sessions_per_s=phase.sessions_per_s * peak)
            for phase in plan.phases
        ),
    )


def _replayed_per_s(shape: Replayed, duration_s: float) -> float:
    """The highest mean rate of arrivals in any stretch of :data:`REPLAY_OVER_S` seconds."""
    at_s = replayed(locate("scenarios", shape.file), duration_s)
    within = np.searchsorted(at_s, at_s + REPLAY_OVER_S) - np.arange(len(at_s))
    return float(within.max(initial=0)) / min(REPLAY_OVER_S, duration_s)
