"""What must be carried out before a ledger can be complete: plans and rounds of probes without a run that counts, and how long they take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from closeshave.plurals import counted
from closeshave.probes import record
from closeshave.readiness.evidence import RunEvidence
from closeshave.readiness.standing import RunStanding, RunWorth

ENVIRONMENT_S = 20.0
"""Seconds to start an environment and to remove it."""
AROUND_S = 75.0
"""Seconds of a trial beside its phases: log-ins, the way back from faults and drills, reading everything back, judging, and the pages."""
CALIBRATION_S = 60.0
"""Seconds to find the rate that a machine sustains."""
ROUND_S = 120.0
"""Seconds of a round of probes, which waits for limits to be free again."""

NEVER = "no run of it was found"


@dataclass(frozen=True, slots=True)
class TargetWork:
    """A plan of a target, or a round of its probes, on an environment."""

    called: str
    """How it is named on a command line; for a round of probes, the name that its record has."""
    plan: str
    """The name of the plan, as its runs have it."""
    environment: str
    """The name of the environment, as runs have it."""
    file: str
    """The name or path of the environment's file."""
    lasts_s: float
    """An estimate, without the environment."""

    @property
    def is_round(self) -> bool:
        """Whether it is a round of probes."""
        return self.plan == record.NAME


@dataclass(frozen=True, slots=True)
class DueWork:
    """What must be carried out, and why."""

    work: TargetWork
    why: str


Known = Sequence[tuple[RunEvidence, RunStanding]]


def due(listed: Iterable[TargetWork], known: Known) -> tuple[DueWork, ...]:
    """Those without a run that counts, by environment in the order in which these are first named; a round of probes is the last one of its environment.

    A round breaks into accounts and uses up limits, as far as it is allowed, so that no trial should follow it.
    """
    found = [DueWork(work, why) for work in listed if (why := missing(work, known))]
    places = list(dict.fromkeys(one.work.environment for one in found))
    return tuple(sorted(found, key=lambda one: (places.index(one.work.environment), one.work.is_round)))


def missing(work: TargetWork, known: Known) -> str:
    """Why it must be carried out; empty if a run of it counts."""
    mine = [(run, how) for run, how in known if run.plan == work.plan and run.environment == work.environment]
    if any(how.standing in {RunWorth.COUNTS, RunWorth.REFUTES} for _, how in mine):
        return ""
    newest = max(mine, key=lambda one: one[0].started.timestamp() if one[0].started else 0.0, default=None)
    return NEVER if newest is None else f"of {newest[0].id}: {newest[1].why}"


def lasts_s(found: Sequence[DueWork]) -> float:
    """How long all of it takes, in seconds: an estimate."""
    return sum(one.work.lasts_s for one in found) + ENVIRONMENT_S * len({one.work.environment for one in found})


def fitting(found: Sequence[DueWork], within_s: float) -> tuple[DueWork, ...]:
    """Of what is due as much as its estimates fit into this time: rounds of probes before plans, because they test the most in the shortest time; then in
    the order in which it is due. What is too long is passed over, and a shorter one that comes later is taken.
    """
    chosen: list[DueWork] = []
    for one in sorted(found, key=lambda one: not one.work.is_round):
        if lasts_s([*chosen, one]) <= within_s:
            chosen.append(one)
    return tuple(one for one in found if one in chosen)


def left_out(found: Sequence[DueWork], chosen: Sequence[DueWork], within_s: float) -> Iterator[str]:
    """What does not fit into the time, in lines; none if everything does."""
    left = [one for one in found if one not in chosen]
    if left:
        names = ", ".join(f"{one.work.called} on {one.work.environment}" for one in left)
        yield f"not carried out, because {minutes(within_s)} are given: {names}, {minutes(lasts_s(left))}; without --within they are"


def minutes(seconds: float) -> str:
    """``about 3 min``: at least one."""
    return f"about {max(1, round(seconds / 60)):,} min"


def told(found: Sequence[DueWork]) -> Iterator[str]:
    """What is due in lines: how much and for how long, then each."""
    if not found:
        yield "nothing is missing or stale: every plan of the target has a run that counts"
        return
    trials = sum(not one.work.is_round for one in found)
    rounds = len(found) - trials
    several = [counted(trials, "plan")] if trials else []
    several += [counted(rounds, "round of probes", "rounds of probes")] if rounds else []
    yield f"missing or stale: {' and '.join(several)}, {minutes(lasts_s(found))}"
    for one in found:
        yield f"  {one.work.called} on {one.work.environment}, {minutes(one.work.lasts_s)}: {one.why}"
