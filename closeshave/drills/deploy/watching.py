"""Watches a new release under customers' requests, and says as soon as it is worse than the one that runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Self

from closeshave.clients.balancer import Unavailable
from closeshave.clients.balancer_log import BalancedRequest, BalancerLog
from closeshave.deployment import Deployment
from closeshave.drills.deploy.comparison import EVERYWHERE, Block, BlockCounts, SequentialComparison, StrongestEvidence
from closeshave.drills.deploy.counting import ERRORS, Counting, Releases, measures_of
from closeshave.drills.deploy.noticing import noticed_from
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillWork, Facts
from closeshave.faults.kind import Parameter
from closeshave.faults.waiting import left_s
from closeshave.files import write_atomically

LOOK_EVERY_S = 0.1
WATCH = Parameter("watch", float, default=20.0, about="How long the release is watched at each share, in seconds, at least.", at_least=2)
LEAST = Parameter(
    "requests",
    int,
    default=100,
    about="How many requests the release must have got at each share before it gets more.",
    at_least=1,
    at_most=10**6,
)
FALSE_STOP = Parameter(
    "false_stop", float, default=0.01, about="The largest chance that a release which is no worse is stopped.", at_least=1e-6, at_most=0.2
)
PARAMETERS = (WATCH, LEAST, FALSE_STOP)
SEED = 20261130
SHARE_ENOUGH = 30
"""With fewer requests of a region its share is not checked."""
SIGMAS = 4.5
POINTS = 0.02
"""The share that the new release gets may differ from the wanted one by this, and by what chance does."""

Reference = Callable[[int, Mapping[str, Block]], Mapping[str, Block]]
"""From a second and what was counted in it, what is compared: both releases at the same time, or the new one with an earlier second of the old."""


def at_the_same_time(_second: int, counted: Mapping[str, Block]) -> Mapping[str, Block]:
    """Both releases, as they were counted."""
    return counted


@dataclass(slots=True)
class ReleaseWatch:
    """A watch of one step. Used as a context manager: from its begin on the balancers' requests are followed."""

    work: DrillWork
    counting: Counting
    comparison: SequentialComparison
    compared: Reference = at_the_same_time
    worse: str = ""
    """Why the release is stopped, as a clause; empty while it is not."""
    seconds: int = 0
    """How many were compared."""
    _log: BalancerLog | None = None

    def __enter__(self) -> Self:
        try:
            self._log = BalancerLog(self.work.aim.deployment.balancers)
        except Unavailable as error:
            raise DrillDisturbed(str(error)) from error
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._log is not None:
            self._log.__exit__(None, None, None)

    def taken(self) -> list[BalancedRequest]:
        """The requests since the last call."""
        return [] if self._log is None else self._log.taken()

    def look(self) -> str:
        """Take what came in; why the release must be stopped, empty while it need not."""
        self.counting.take(self.taken())
        for second, counted in self.counting.over(time.monotonic()):
            self.seconds += 1
            for measure, block in self.compared(second, counted).items():
                self.comparison.take(measure, block)
        if not self.worse and self.comparison.worse:
            self.worse = told(self.comparison)
        return self.worse

    def until_enough(self) -> None:
        """Watch for as long as the plan says and until enough requests came, or until the release is worse.

        Raises :class:`DrillDisturbed` when too few came.
        """
        watch_s, least = float(self.work.aim.parameters[WATCH.name]), int(self.work.aim.parameters[LEAST.name])
        began_s = time.monotonic()
        self.counting.forget_shares()
        got_before = self.counting.got
        while not self.look():
            got = self.counting.got - got_before
            if time.monotonic() - began_s >= watch_s and got >= least:
                return
            if self.work.stop():
                raise DrillDisturbed("the drill was stopped")
            if left_s(self.work.deadline_ns) <= 0:
                raise DrillDisturbed(f"the new release got only {got:,} of the {least:,} requests that it must have been tried with")
            time.sleep(LOOK_EVERY_S)

    def facts(self, share: float) -> Facts:
        """What was seen, for the timeline; the counts of every endpoint are kept in a file beside it."""
        found, counts = self.comparison.found, self.counting
        return {
            "share": share,
            "share_seen": ", ".join(f"{region} {got / max(1, both):.1%}" for region, (got, both) in sorted(counts.shares.items())),
            "requests": counts.got,
            "hurt": counts.hurt,
            "evidence": round(found.evidence, 3),
            "stopped_from": round(self.comparison.threshold, 3),
            "strongest": f"{found.measure}, {found.endpoint}: {_compared(found.counts)}",
            "losses_of_lines": self._log.losses if self._log is not None else 0,
        }

    def noticed(self) -> Facts:
        """The smallest share of errors that would have stopped the release."""
        counts = self.comparison.counts(ERRORS)
        measures = measures_of(self.counting.bounds_s)
        share = noticed_from(measures, 1 / self.comparison.threshold, counts, self.seconds, Random(SEED))  # noqa: S311 - no secret
        return {"would_have_stopped_errors_from": share}

    def keep(self, name: str) -> None:
        """Write the counts of every measure and endpoint to a file of the drill."""
        told_counts = {
            measure: {endpoint: _counted(self.comparison.counts(measure, endpoint)) for endpoint in self.comparison.endpoints(measure)}
            for measure in measures_of(self.counting.bounds_s)
        }
        self.work.keeps.mkdir(parents=True, exist_ok=True)
        write_atomically(self.work.keeps / f"{name}.json", json.dumps(told_counts, indent=1).encode())

    def refuse_wrong_shares(self, share: float) -> None:
        """The balancers must send the new release its share. Raises :class:`DrillFailed` with what they sent."""
        for region, (got, both) in sorted(self.counting.shares.items()):
            allowed = POINTS + SIGMAS * math.sqrt(share * (1 - share) / max(1, both))
            if both >= SHARE_ENOUGH and abs(got / both - share) > allowed:
                raise DrillFailed(f"the balancer of {region} sent the new release {got / both:.1%} of its requests, not {share:.0%}")


def watch_of(work: DrillWork, releases: Releases, looks: int = 1) -> ReleaseWatch:
    """A watch of the drill by all that its plan promises. ``looks``: how many watches share the chance of a false stop."""
    bounds = tuple(sorted(set(work.bounds_s)))
    chance = float(work.aim.parameters[FALSE_STOP.name]) / looks
    return ReleaseWatch(work, Counting(bounds, releases), SequentialComparison(measures_of(bounds), chance))


def releases_of(deployment: Deployment, new: str, running: str) -> Releases:
    """How the release and the one that runs, whose instances say ``running``, are told apart in answers."""
    application = deployment.application
    if application.version is None or not application.version.header:
        return Releases()
    return Releases(application.releases[new].version or running, running)


def told(comparison: SequentialComparison) -> str:
    """Why a release is stopped, as a clause."""
    found = comparison.found
    where = "" if found.endpoint == EVERYWHERE else f" at {found.endpoint}"
    return (
        f"of its requests{where} {_compared(found.counts, found.measure)}{_most(comparison, found)} "
        f"(a release that is no worse is stopped with a chance of at most {1 / comparison.threshold:.2g})"
    )


def _most(comparison: SequentialComparison, found: StrongestEvidence) -> str:
    """Where to look first, if no single endpoint explains it."""
    if found.endpoint != EVERYWHERE or (worst := comparison.worst(found.measure)) == EVERYWHERE:
        return ""
    counts = comparison.counts(found.measure, worst)
    return f", most of all at {worst}: {counts.new_bad:,} of {counts.new:,}"


def _compared(counts: BlockCounts, measure: str = "bad") -> str:
    return f"{counts.new_bad:,} of {counts.new:,} were {measure}, of those of the release before {counts.old_bad:,} of {counts.old:,}"


def _counted(counts: BlockCounts) -> dict[str, int]:
    return {"new": counts.new, "new_bad": counts.new_bad, "old": counts.old, "old_bad": counts.old_bad}
