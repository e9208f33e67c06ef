"""Whether a run counts for a ledger, and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from closeshave.plurals import counted
from closeshave.readiness.evidence import RunEvidence

AGE_MAX_DAYS = 30
"""Evidence that is older has expired: the window of the error budgets."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts."""

    version: str
    """Of Closeshave, whose judge must be the one that the run was recorded for."""
    environment: str | None = None
    """The only environment whose runs count; all if ``None``."""
    age_max_days: int = AGE_MAX_DAYS


class RunWorth(Enum):
    """What a run is good for."""

    COUNTS = "counts"
    REFUTES = "refutes"
    """Only what it refuted counts."""
    STALE = "stale"
    """It counted once: what it tested has expired."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RunStanding:
    """What a run is good for, and why not for more."""

    standing: RunWorth
    why: str = ""


Builds = Mapping[str, str]
"""Environment → the build of the platform that runs there now: :func:`build_key` of its newest run."""


def build_key(run: RunEvidence) -> str:
    """The build of a run. One that the run does not tell may be any: it is like no other one."""
    return run.build if run.build is not None else f"not told by {run.path}"


def builds(runs: Iterable[RunEvidence], target: str, now: datetime) -> Builds:
    """The newest build of each environment, as far as runs of this target tell."""
    newest: dict[str, RunEvidence] = {}
    for run in runs:
        # A run that cannot be judged shows all the same which build was there, if it says so.
        if (run.trouble and run.build is None) or run.target != target or run.started is None or run.started > now:
            continue
        if run.build is None and (run.stopped or run.ended is None):
            continue
        before = newest.get(run.environment)
        if before is None or before.started is None or run.started > before.started:
            newest[run.environment] = run
    return {environment: build_key(run) for environment, run in newest.items()}


def standing(run: RunEvidence, target: str, now: datetime, policy: Policy, current: Builds) -> RunStanding:
    """Whether the run counts for the target, at an instant."""
    if why := _worthless(run, target, now, policy):
        return RunStanding(RunWorth.NOTHING, why)
    if why := _stale(run, now, policy, current):
        return RunStanding(RunWorth.STALE, why)
    if run.for_safety:
        return RunStanding(RunWorth.REFUTES, f"it stopped itself for safety ({run.stopped}): only what it refuted counts")
    return RunStanding(RunWorth.COUNTS)


def age(run: RunEvidence, now: datetime) -> timedelta:
    """From the end of a run to an instant; from its start if its end was not recorded."""
    since = run.ended or run.started
    return timedelta() if since is None else now - since


def _worthless(run: RunEvidence, target: str, now: datetime, policy: Policy) -> str:
    cases = (
        (run.trouble, run.trouble),
        (run.target != target, f"it is a run of the target {run.target}"),
        (policy.environment is not None and run.environment != policy.environment, f"it ran on the environment {run.environment}"),
        (run.started is None, "when it started is not recorded"),
        (run.started is not None and run.started > now, "it started after the instant of this ledger"),
        (run.ended is not None and run.ended > now, "it had not ended at the instant of this ledger"),
        (run.stopped and not run.for_safety, f"it did not run to its end: {run.stopped}"),
        (not run.stopped and run.ended is None, "it did not run to its end: when it ended is not recorded"),
    )
    return next((why for wrong, why in cases if wrong), "")


def _stale(run: RunEvidence, now: datetime, policy: Policy, current: Builds) -> str:
    days = age(run, now) / timedelta(days=1)
    now_there = current.get(run.environment, build_key(run))
    cases = (
        (days > policy.age_max_days, f"it is {counted(int(days), 'day')} old; evidence is good for {policy.age_max_days}"),
        (run.version != policy.version, f"it was recorded for the judge of Closeshave {run.version}; this one is {policy.version}"),
        (build_key(run) != now_there, _other_build(run)),
    )
    return next((why for wrong, why in cases if wrong), "")


def _other_build(run: RunEvidence) -> str:
    if run.build is None:
        return f"which build of the platform ran is not recorded, and there is a newer run on {run.environment}"
    return f"it tested another build of the platform than the newest run on {run.environment}: {run.build}"
