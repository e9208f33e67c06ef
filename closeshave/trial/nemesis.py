"""Random faults drawn from a seed, within limits. Pure and deterministic: the same plan, candidates and seed give the same faults on any machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.plan import Expected, Fault, Nemesis, Plan
from closeshave.vocabulary import NEMESIS

FILE = NEMESIS
"""In a run directory: the faults that were drawn for it, so that a later judging uses the same ones."""
PREFIX = "nemesis-"
"""The IDs of drawn faults begin with this."""
_CODEC = TypeAdapter(tuple[Fault, ...])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fault that a nemesis may draw."""

    kind: str
    scope: Mapping[str, str | int]
    expected: Expected


@dataclass(frozen=True, slots=True)
class _Window:
    """When a fault is in effect, in seconds after its phase began."""

    begins_s: float
    ends_s: float

    def covers(self, at_s: float) -> bool:
        return self.begins_s <= at_s < self.ends_s

    def overlaps(self, other: _Window) -> bool:
        return self.begins_s < other.ends_s and other.begins_s < self.ends_s


def draw(plan: Plan, candidates: Sequence[Candidate], fits: Callable[[tuple[Fault, ...]], bool]) -> tuple[Fault, ...]:
    """The faults that the plan's nemesis adds to the plan's own, in the order of their instants; none without a nemesis.

    ``fits`` says whether these faults may be in effect at the same time: they stay within the caps, and healing one does not heal another. If nothing
    fits at an instant, no fault is drawn for it. ``candidates`` must come in a fixed order.
    """
    nemesis = plan.nemesis
    if nemesis is None or not candidates:
        return ()
    random = Random(f"nemesis {plan.seed if nemesis.seed is None else nemesis.seed}")  # noqa: S311 - must be repeatable, not secret
    last_s = next(phase.duration for phase in plan.phases if phase.name == nemesis.phase) - nemesis.hold
    drawn: list[Fault] = []
    at_s = random.uniform(0, nemesis.every)
    while (at_s := _rested(nemesis, _windows(plan, nemesis, drawn), at_s)) <= last_s:
        # All candidates in a random order, not one at random: at an instant with many faults the first one that fits is used.
        shuffled = random.sample(candidates, len(candidates))
        if _free(nemesis, _windows(plan, nemesis, drawn), at_s):
            faults = (_fault(nemesis, candidate, len(drawn) + 1, at_s) for candidate in shuffled)
            others = _together(plan, nemesis, drawn, at_s)
            drawn += itertools.islice((fault for fault in faults if fits((*others, fault))), 1)
        at_s += random.uniform(0.5, 1.5) * nemesis.every
    return tuple(drawn)


def save(run: Path, faults: Iterable[Fault]) -> None:
    """Write the drawn faults into a run directory."""
    write_atomically(run / FILE, _CODEC.dump_json(tuple(faults), indent=1))


def load(run: Path) -> tuple[Fault, ...]:
    """The faults that were drawn for a run; none if there was no nemesis. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(run / FILE, _CODEC)
    except FileNotFoundError:
        return ()


def _fault(nemesis: Nemesis, candidate: Candidate, number: int, at_s: float) -> Fault:
    return Fault(f"{PREFIX}{number}", candidate.kind, nemesis.phase, at_s, nemesis.hold, candidate.expected, candidate.scope)


def _rested(nemesis: Nemesis, windows: Sequence[_Window], at_s: float) -> float:
    """The first whole millisecond from ``at_s`` on at which no fault is healing."""
    healing = [_Window(window.ends_s, window.ends_s + nemesis.rest) for window in windows]
    # Rounded before it is compared: half a millisecond is enough to fall out of a fault into its healing.
    at_s = _whole_ms(at_s)
    while busy := [window.ends_s for window in healing if window.covers(at_s)]:
        at_s = _whole_ms(max(busy))
    return at_s


def _whole_ms(at_s: float) -> float:
    """Rounded up to a whole millisecond, never down: otherwise the search for the first instant after an end would not end."""
    whole_s = math.ceil(at_s * 1000) / 1000
    return whole_s if whole_s >= at_s else whole_s + 0.001


def _free(nemesis: Nemesis, windows: Sequence[_Window], at_s: float) -> bool:
    """Whether a further fault from ``at_s`` on stays within ``overlap_max`` and has healed before the plan's own next fault is due."""
    mine = _Window(at_s, at_s + nemesis.hold)
    healing = _Window(mine.ends_s, mine.ends_s + nemesis.rest)
    if any(healing.covers(other.begins_s) for other in windows):
        return False
    together = [other for other in windows if mine.overlaps(other)]
    # The largest number of faults in effect is reached at an instant at which one of them starts.
    joined_s = [at_s, *(other.begins_s for other in together if other.begins_s > at_s)]
    return all(sum(other.covers(instant) for other in together) < nemesis.overlap_max for instant in joined_s)


def _together(plan: Plan, nemesis: Nemesis, drawn: Sequence[Fault], at_s: float) -> list[Fault]:
    """The faults that would be in effect at the same time as one from ``at_s`` on."""
    mine = _Window(at_s, at_s + nemesis.hold)
    timed = zip((*plan.faults, *drawn), _windows(plan, nemesis, drawn), strict=True)
    return [fault for fault, window in timed if window.overlaps(mine)]


def _windows(plan: Plan, nemesis: Nemesis, drawn: Sequence[Fault]) -> list[_Window]:
    """When every fault so far is in effect, in seconds after the nemesis's phase began."""
    origin_s = plan.starts_s(nemesis.phase)
    begun = [(plan.starts_s(fault.phase) - origin_s + fault.at, fault.hold) for fault in (*plan.faults, *drawn)]
    return [_Window(begins_s, begins_s + hold_s) for begins_s, hold_s in begun]
