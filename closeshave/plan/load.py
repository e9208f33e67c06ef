"""Who the customers are and what they do, and the canaries beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from closeshave.files.yamlfile import STRICT, Count, Flag, Fraction, Lasting, NotNegative, Positive, Share, WholeNumber, stated
from closeshave.operations import OPERATIONS
from closeshave.plan.names import NEITHER_FEW_NOR_ALL
from closeshave.topology import Topology

PER_SESSION: Mapping[str, float] = MappingProxyType(
    {"slots": 6.9, "login": 0.58, "book": 0.33, "reschedule": 0.03, "cancel": 0.1, "pay_intent": 0.15, "pay_confirm": 0.17}
)
"""Means of ``booking.py``, counted by ``python -m closeshave.traffic.means``. Log-ins are counted as if every profile request began with one."""


@dataclass(frozen=True, slots=True)
class LocustFile:
    """A Locust file of your own instead of a scenario: plain users of Locust, no class of this harness."""

    __pydantic_config__ = STRICT

    file: str
    """The file: a path from the plan's own directory, or an absolute one."""
    model: Literal["open", "closed"] = "open"
    """``open``: each arrival of ``sessions_per_s`` is a new user, however many others are not finished. ``closed``: a number of users, each of which does
    one task after the other, so that a slow platform gets fewer requests."""
    users: Annotated[Count, Field(le=100_000)] | None = None
    """Closed model: the users at the plan's highest ``sessions_per_s``; fewer in proportion where that is lower, all of them in a phase with replayed
    arrivals. Left out if the file has a ``LoadTestShape``, which then decides alone."""
    tasks_per_visit: Annotated[Count, Field(le=100_000)] | None = None
    """The tasks that a user does before it leaves. By default, in the open model, as many as the longest ``SequentialTaskSet`` of the file has, else one;
    in the closed model users stay until the end, and one that leaves is replaced by a new one."""
    canary: str | None = None
    """The task whose request is the canary, like ``Shopper.look``: it is sent at the steady rate of ``canaries``, and recovery is measured by it.
    Choose a task that sends one request. Without it recovery is not asked."""
    shard: WholeNumber | None = None
    """The shard to which the file's requests belong; needed where the environment has several."""
    effects: Flag = False
    """Whether the file says what its requests booked, by ``closeshave.traffic.effects.report``. Otherwise integrity and data loss are not asked,
    because nobody said what a booking is."""

    def __post_init__(self) -> None:
        if self.users is not None and self.model == "open":
            raise ValueError("users is for the closed model; in the open model sessions_per_s says how many users arrive")
        if 0 in {self.users, self.tasks_per_visit}:
            raise ValueError("users and tasks_per_visit must be at least 1")

    def shard_in(self, topology: Topology) -> int:
        """The shard to which its requests belong; 0 if there are several and the plan names none."""
        if self.shard is not None:
            return self.shard
        return topology.shards[0].id if len(topology.shards) == 1 else 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The customers of a plan."""

    __pydantic_config__ = STRICT

    scenario: str = "booking.py"
    """What customers do: a Locust file, by its path from the plan's directory or by its name below ``scenarios/``."""
    processes: Annotated[Count, Field(le=256)] = 1
    """Processes that share the customers' load; about one for each processor that the platform does not need."""
    profile: str = "flat"
    """How the rate follows the time of day: the name of a traffic profile of the scenarios."""
    zipf: Annotated[NotNegative, Field(le=10)] = 0.8
    """Exponent of the franchises' popularity: the franchise of rank r is chosen in proportion to 1 / r^zipf. At 0 all are equally popular."""
    popular_ids: Literal["shuffled", "oldest-first"] = "shuffled"
    """Whether popularity is independent of the franchise ID or follows it (older franchises are larger)."""
    roaming: Fraction = 0.02
    """Share of sessions that enter through a region other than the franchise's home, from 0 to 1."""
    think_time_scale: NotNegative = 1.0
    """Multiplies every think time, in which a customer reads and decides: below 1 for short plans."""
    contests_per_s: NotNegative = 1.0
    """Contests per second: pairs of customers who request the same slot at the same time. Without them no double booking can happen."""
    redeal: Flag = False
    """Whether the share of a load machine that is lost is dealt again to those that are left, from an instant on that the run states. Otherwise it is
    sent by nobody. Only arrivals can be dealt again: not in the closed model."""
    locust: LocustFile | None = None
    """A Locust file of your own instead of ``scenario``. Of the other keys only ``processes``, ``profile``, ``redeal`` and ``requests_per_session`` then
    apply."""

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise ValueError("processes must be at least 1")
        if self.redeal and self.locust is not None and self.locust.model == "closed":
            raise ValueError(
                "redeal is for the open model: in the closed one nobody arrives, so there is nothing to deal again; leave it out"
            )

    per_session: Annotated[Mapping[str, NotNegative], stated(propertyNames={"enum": sorted(OPERATIONS)})] = field(
        default_factory=lambda: dict(PER_SESSION)
    )
    """The scenario's mean number of requests of one session, by operation. With it a plan is checked against limits per client address before it
    starts."""
    requests_per_session: Positive = 11.0
    """The scenario's mean number of requests of one session. With it a plan is checked against a platform's caps before it starts. The default was
    measured on ``booking.py``."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Probes at a steady rate that show when a scope works again. A probe is one request: writes and their reads alternate."""

    __pydantic_config__ = STRICT

    home_per_s: Positive = 10.0
    """Probes per second for each shard, from its home region. They set the resolution of recovery times: at 10 it is 0.1 s at best."""
    away_per_s: NotNegative = 1.0
    """Probes per second for each shard, from each other region."""
    latency: Lasting = 1.0
    """A probe slower than this does not count as service restored."""
    hold: Lasting = 5.0
    """How long a scope's objectives must hold before it counts as recovered."""
    restored_share: Annotated[Share, stated(minimum=0.5, exclusiveMaximum=1, **NEITHER_FEW_NOR_ALL)] = 0.95
    """The share of probes that must be good for service to count as restored. Failures below the rest count as noise, not as an outage."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.restored_share < 1.0:
            raise ValueError("restored_share is at least 50% and below 100%: samples cannot show that no request ever fails")
