"""What a stage takes: told before its first leg from what the warm-up took, and after each block from the blocks. Pure.

A stage is to take at most :data:`STAGE_MOST_S`. If it takes longer on this machine, that is said, with what would shorten it and by how much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from closeshave.gate.rules import BLOCKS_MIN
from closeshave.plurals import counted

STAGE_MOST_S = 12 * 60.0
SAMPLE = 1000
"""Requests of each key operation in a leg: with fewer the figures of legs spread more."""
ROOM = 1.1
"""So many times the sample are planned for: customers arrive at random, and with 1,100 requests on average hardly a leg has fewer than 1,000."""


@dataclass(frozen=True, slots=True)
class LegTimes:
    """What one leg takes, in seconds."""

    rollout_s: float
    """Until its release serves; 0 where the environment has one only."""
    before_s: float
    """Until its first request: customers are logged in, senders are started."""
    load_s: float
    """Its phases."""
    after_s: float
    """Until it is judged: the final state is read, records are collected."""

    @property
    def whole_s(self) -> float:
        """All of it."""
        return self.rollout_s + self.before_s + self.load_s + self.after_s


def leg_times(
    began_s: float,
    served_s: float,
    steps: Sequence[tuple[str, float]],
    load: tuple[float, float],
    judged_s: float,
    aside: Collection[str] = (),
) -> LegTimes:
    """What a leg took, from instants of one clock in seconds: its beginning, when its release served, its ``load`` from the first request to the last,
    and when it was judged. ``steps`` are those of its trial, each with its beginning; the time of those ``aside``, all before the load, does not count.
    """
    ends = [at_s for _, at_s in steps[1:]]
    aside_s = sum(end_s - at_s for (name, at_s), end_s in zip(steps, ends, strict=False) if name in aside)
    first_s, last_s = load
    return LegTimes(served_s - began_s, first_s - served_s - aside_s, last_s - first_s, judged_s - last_s)


@dataclass(frozen=True, slots=True)
class StagePace:
    """What a stage will take, and what the length of its legs comes from."""

    blocks: int
    legs: tuple[LegTimes, ...]
    """Of one block."""
    planned_load_s: float
    """The phases of a leg where the machine sustains the plan's rate; as long as they are if it does."""
    calm_s: float
    """The calm phases of a leg, whose requests are its sample."""
    samples: Mapping[str, float]
    """Key operation → the requests that a leg will bring."""

    @property
    def block_s(self) -> float:
        """One block."""
        return sum(leg.whole_s for leg in self.legs)

    @property
    def stage_s(self) -> float:
        """All blocks, if none must be repeated."""
        return self.blocks * self.block_s


def foreseen(pace: StagePace) -> Iterator[str]:
    """What is said before the first leg. One sentence each."""
    yield f"{counted(pace.blocks, 'block')} of {pace.block_s:.0f} s: a stage takes {_minutes(pace.stage_s)} on this machine ({_parts(pace.legs)})"
    if few := {name: number for name, number in pace.samples.items() if number < SAMPLE}:
        told = ", ".join(f"about {number:,.0f} requests of {name}" for name, number in few.items())
        yield f"a leg brings {told}, fewer than {SAMPLE:,}: so small samples notice only larger changes; a larger limits.duration lets legs last longer"
    if pace.stage_s > STAGE_MOST_S:
        ways = list(_shorter(pace))
        told = f"; shorter would be: {'; '.join(ways)}" if ways else "; only a faster machine would shorten it"
        yield f"a stage takes more than {STAGE_MOST_S / 60:.0f} minutes{told}"


def left(done_s: Sequence[float], to_do: int) -> str:
    """What is said after a block. ``done_s``: what the blocks of this stage took so far, in seconds; ``to_do``: how many it still needs."""
    mean_s = sum(done_s) / len(done_s)
    return f"{done_s[-1]:.0f} s; {f'about {_minutes(mean_s * to_do)} of this stage are left' if to_do else 'the stage is complete'}"


def _shorter(pace: StagePace) -> Iterator[str]:
    """Each way alone, with the length of a stage that it would give."""
    longer_s = pace.legs[0].load_s - pace.planned_load_s
    if longer_s > 0:
        saved_s = pace.blocks * len(pace.legs) * longer_s
        yield f"a machine that sustains the plan's rate, because here each leg lasts {longer_s:.0f} s longer ({_minutes(pace.stage_s - saved_s)})"
    least = min(pace.samples.values(), default=0.0)
    if least > SAMPLE * ROOM:
        needed_s = pace.calm_s * SAMPLE * ROOM / least
        saved_s = pace.blocks * len(pace.legs) * (pace.calm_s - needed_s)
        yield (
            f"a calm phase of {needed_s:.0f} s instead of {pace.calm_s:.0f} s, which brings {SAMPLE:,} requests of every key operation "
            f"({_minutes(pace.stage_s - saved_s)})"
        )
    if pace.blocks > BLOCKS_MIN:
        yield f"gate.blocks: {BLOCKS_MIN}, which notices only larger changes ({_minutes(BLOCKS_MIN * pace.block_s)})"


def _parts(legs: Sequence[LegTimes]) -> str:
    """What a leg takes on average, part by part."""

    def mean(part: str) -> float:
        return float(sum(getattr(leg, part) for leg in legs)) / len(legs)

    rollout = f"{mean('rollout_s'):.0f} s until its release serves, " if mean("rollout_s") else ""
    return (
        f"each of the {len(legs)} legs of a block {mean('whole_s'):.0f} s: {rollout}{mean('before_s'):.0f} s until its load, "
        f"{mean('load_s'):.0f} s of load, {mean('after_s'):.0f} s until it is judged"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"
