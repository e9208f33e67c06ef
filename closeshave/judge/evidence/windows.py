"""Which operations an objective judges: phases, and the windows in which the generator itself was late.

An operation belongs to the phase in which it was *due* (intended), and phases are half-open: due at the very start counts, due at the
end is the next phase's. The other choices would be wrong. By its end: a platform that delays all requests of the calm phase until the
phase is over would have no requests in it. By its start: a generator that is delayed by the platform would move late requests out of the phase in
which customers had to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from closeshave.history import Blind, Manifest
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.plan import Plan, Role
from closeshave.target import Measure, Target

NEVER_NS = np.iinfo(np.int64).max
"""An instant that never came, or a time without end."""

WINDOW_NS = 10_000_000_000
"""The generator's lateness is judged over windows of this length."""

ROLES = {"calm": (Role.CALM,), "fault": (Role.FAULT,), "run": (Role.CALM, Role.FAULT)}
"""What an objective's ``window`` covers. Never the warm-up."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``started_ns`` up to, and without, ``ended_ns``."""

    started_ns: int
    ended_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.ended_ns - self.started_ns) / 1e9


def origin_ns(manifest: Manifest) -> int | None:
    """The start of the first phase: reports count seconds from it."""
    return min((phase.started_ns for phase in manifest.phases), default=None)


def spans(manifest: Manifest, window: str) -> tuple[Span, ...]:
    """The phases that ``window`` (``calm``, ``fault`` or ``run``) covers, in time order."""
    found = [Span(phase.started_ns, phase.ended_ns) for phase in manifest.phases if phase.role in ROLES[window]]
    return tuple(sorted(found, key=lambda span: span.started_ns))


def within(instants_ns: Ints, covered: Iterable[Span]) -> Flags:
    """Which instants lie in any of the spans."""
    wanted = tuple(covered)
    if not wanted:
        return np.zeros(len(instants_ns), dtype=np.bool_)
    return blocks.mask(len(instants_ns), lambda part: _inside(instants_ns[part], wanted))


def _inside(instants_ns: Ints, covered: Iterable[Span]) -> Flags:
    inside = np.zeros(len(instants_ns), dtype=np.bool_)
    for span in covered:
        inside |= (instants_ns >= span.started_ns) & (instants_ns < span.ended_ns)
    return inside


def latency_bounds(plan: Plan, target: Target) -> Mapping[str, float]:
    """By role of a phase, the tightest latency bound in force there, in seconds. The canaries' own bound is always in force."""
    tightest: dict[str, float] = dict.fromkeys(map(str, ROLES["run"]), plan.canaries.latency)
    for objective in target.objectives:
        if objective.measure is Measure.LATENCY and objective.at_most is not None:
            for role in ROLES.get(objective.window, ()):
                tightest[role] = min(tightest[role], objective.at_most)
    return tightest


def blindness(blind: Blind, origin: int | None) -> str:
    """A sentence for the reason of a verdict: the time in which a killed or lost worker recorded nothing, in seconds after the load's start."""
    from_s, to_s = (max(0.0, (at_ns - (origin or 0)) / 1e9) for at_ns in (blind.from_ns, blind.to_ns))
    return f"the worker {blind.worker} {blind.why}: nothing is known of its share of the load from {from_s:.1f} s to {to_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Late:
    """A window in which the generator could not keep its schedule."""

    span: Span
    lateness_ns_p99: int
    limit_ns: int


FEW = 0.1
"""Share of the requests. If other programs held the generator up for more of them, the platform did not get the planned load."""


def few(rows: Flags, held_up: Flags) -> bool:
    """Whether the generator was held up for only a small share of these requests."""
    return bool(np.count_nonzero(rows & held_up) <= FEW * np.count_nonzero(rows))


def late_windows(
    manifest: Manifest, rows: Flags, intended_ns: Ints, started_ns: Ints, bounds_s: Mapping[str, float], uncertainty_ns: int = 0
) -> tuple[Late, ...]:
    """Windows of the judged phases in which the p99 send lateness of ``rows`` exceeds a tenth of the latency bound in force there (``bounds_s``, by role).

    Windows start with their phase, so that none lies in two phases. The rest at a phase's end belongs to its last window, because in a window of some
    ten requests the single latest one would decide. ``uncertainty_ns`` is by how much the clock may be off that said when each was due: it counts as
    lateness, because it is one for all that is known.
    """
    found = []
    for phase in manifest.phases:
        if phase.role not in bounds_s:
            continue
        limit_ns = round(bounds_s[phase.role] * 1e8)
        inside = rows & within(intended_ns, [Span(phase.started_ns, phase.ended_ns)])
        count = max(1, (phase.ended_ns - phase.started_ns) // WINDOW_NS)
        sizes, punctual = _counts(inside, intended_ns, started_ns, phase.started_ns, count, limit_ns - uncertainty_ns)
        # p99 > limit exactly when fewer than ⌈0.99 n⌉ are within it: counting is linear, sorting every window would not be.
        for late in np.flatnonzero(punctual < -(-99 * sizes // 100)):
            start = phase.started_ns + int(late) * WINDOW_NS
            end = phase.ended_ns if late == count - 1 else start + WINDOW_NS
            there = inside & within(intended_ns, [Span(start, end)])
            ordered = np.sort(started_ns[there] - intended_ns[there] + uncertainty_ns)
            found.append(Late(Span(start, end), int(ordered[-(-99 * len(ordered) // 100) - 1]), limit_ns))
    return tuple(found)


def _counts(inside: Flags, intended_ns: Ints, started_ns: Ints, begun_ns: int, count: int, limit_ns: int) -> tuple[Ints, Ints]:
    """By window of a phase: how many requests were due in it, and how many of them were sent within the limit."""

    def twice(part: slice) -> Ints:
        mine = blocks.true(inside, part)
        due = intended_ns[mine]
        window = np.minimum((due - begun_ns) // WINDOW_NS, count - 1)
        found: Ints = 2 * window + (started_ns[mine] - due <= limit_ns)
        return found

    both = blocks.counts(len(inside), twice, 2 * count).reshape(count, 2)
    return both.sum(axis=1), both[:, 1]
