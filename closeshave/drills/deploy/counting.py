"""The requests of a new release and of the one that runs, second by second, as the balancers tell of them. Pure: requests and instants are arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from closeshave.clients.balancer_log import BalancedRequest
from closeshave.drills.deploy.comparison import NOTHING, Block, BlockCounts

ERRORS = "not answered well"
"""The measure that is always compared."""
NO_FAULT_OF_THE_RELEASE = frozenset({409, 429})
"""Refusals that are promised: a slot that somebody else took, and too many requests."""
LAG_S = 1.0
"""A second's requests are complete this long after it."""
SETTLE_S = 5.0
"""A process that was just started answers its first requests slowly, whatever its release: until then only errors are compared."""


def slower_than(bound_s: float) -> str:
    """The measure of a bound on response times."""
    return f"slower than {bound_s * 1000:g} ms"


def measures_of(bounds_s: Iterable[float]) -> tuple[str, ...]:
    """All that is compared."""
    return (ERRORS, *(slower_than(bound) for bound in bounds_s))


def answered_well(request: BalancedRequest) -> bool:
    """Whether the customer got an answer that is no error."""
    return not request.given_up and (200 <= request.status < 400 or request.status in NO_FAULT_OF_THE_RELEASE)


@dataclass(frozen=True, slots=True)
class Releases:
    """How the two releases are told apart: by the version that an answer names, where they have different ones, else by the instance."""

    new: str = ""
    old: str = ""

    def is_new(self, request: BalancedRequest, joined: Mapping[str, float]) -> bool:
        """Whether the new release answered it. ``joined``: instances that have it, and since when."""
        if request.release and self.new != self.old and request.release in {self.new, self.old}:
            return request.release == self.new
        return request.ended_s >= joined.get(request.instance, float("inf"))


@dataclass(slots=True)
class Counting:
    """Counts what comes in. Seconds are of the monotonic clock."""

    bounds_s: tuple[float, ...]
    releases: Releases
    joined: dict[str, float] = field(default_factory=dict)
    """Instance → since when it serves in the new release."""
    regions: set[str] = field(default_factory=set)
    """Where the new release serves: elsewhere nothing can be compared."""
    got: int = 0
    """Requests that the new release answered, or should have."""
    hurt: int = 0
    """Those of them that are bad by any measure."""
    shares: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Region → requests of the new release, and of both."""
    _blocks: dict[int, dict[str, dict[str, BlockCounts]]] = field(default_factory=dict)
    """Second → measure → endpoint."""

    def join(self, region: str, instance: str, now_s: float) -> None:
        """This instance serves in the new release now."""
        self.joined[instance] = now_s
        self.regions.add(region)

    def take(self, requests: Iterable[BalancedRequest]) -> None:
        """Count these."""
        for request in requests:
            if request.region in self.regions:
                self._count(request)

    def over(self, now_s: float) -> list[tuple[int, Mapping[str, Block]]]:
        """The seconds that are complete, each with its counts by measure; they are forgotten."""
        done = sorted(second for second in self._blocks if second + 1 + LAG_S <= now_s)
        return [(second, self._blocks.pop(second)) for second in done]

    def forget_shares(self) -> None:
        """Count the shares of requests from now on."""
        self.shares.clear()

    def _count(self, request: BalancedRequest) -> None:
        new = self.releases.is_new(request, self.joined)
        got, all_of_them = self.shares.get(request.region, (0, 0))
        self.shares[request.region] = (got + new, all_of_them + 1)
        bad = {ERRORS: not answered_well(request)}
        if not new or request.ended_s >= self.joined.get(request.instance, 0.0) + SETTLE_S:
            bad |= {slower_than(bound): request.took_s > bound for bound in self.bounds_s}
        self.got += new
        self.hurt += new and any(bad.values())
        block = self._blocks.setdefault(int(request.ended_s), {})
        for measure, is_bad in bad.items():
            endpoints = block.setdefault(measure, {})
            one = BlockCounts(new, new and is_bad, not new, not new and is_bad)
            endpoints[request.endpoint] = endpoints.get(request.endpoint, NOTHING) + one
