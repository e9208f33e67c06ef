"""Promises, and the figures that they state for the arithmetic of promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from closeshave.files.yamlfile import STRICT, Count, Flag, Lasting, Name, NotNegative, Positive, Seconds, Share, stated
from closeshave.plan import PROBE, wrong_probes

MONTH_S = 30 * 86400.0
"""The time over which a share is promised, where the promise does not say it."""
_FIGURES = (
    "users", "requests_per_s", "response_time", "error_rate", "availability", "rto", "rpo", "backup_interval", "alert_within", "rebuilt_within",
    "failover", "regions", "resident", "shards", "franchises", "hit_ratio", "ttl", "replicas",
    "pooled_connections",
)  # fmt: skip
_NEEDS = {"over": ["availability"], "sharded_by": ["shards"]}
_STATEMENT_RULES: Mapping[str, Any] = MappingProxyType(
    {"anyOf": [{"required": [key]} for key in _FIGURES], "dependentRequired": _NEEDS},
)


@dataclass(frozen=True, slots=True)
class Statement:
    """The figures of a promise, for the arithmetic of ``closeshave lint-claims``. A promise with figures for several parts has a statement for each."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={**_STATEMENT_RULES})

    of: str = ""
    """The part of the system that the figures are about, like ``database``; the whole system by default. Hit ratios are about ``franchises``."""
    users: Count | None = None
    """Users at the same time, at least."""
    requests_per_s: Positive | None = None
    """Requests per second, at least."""
    response_time: Lasting | None = None
    """The time of an answer, at most: of the share of requests that the promise names."""
    error_rate: Share | None = None
    """Share of requests that end in an error, at most."""
    availability: Share | None = None
    """Share of the time, or of the requests, that is good, at least."""
    over: Lasting | None = None
    """The time over which ``availability`` is promised; 30 days by default."""
    rto: Lasting | None = None
    """The time from a failure to the recovery, at most."""
    rpo: Seconds | None = None
    """The data loss window: the age of the oldest confirmed write that a failure may lose, at most."""
    backup_interval: Lasting | None = None
    """The time from one backup to the next, also of a transaction log that is shipped in pieces."""
    alert_within: Lasting | None = None
    """The time from a fault to its alert, at most."""
    rebuilt_within: Lasting | None = None
    """The time in which the infrastructure is built anew, at most."""
    failover: Literal["node", "zone", "region"] | None = None
    """What may be lost: its work then moves to another one by itself; inside ``rto``, if the same statement has one."""
    regions: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)] | None = None
    """The regions that serve."""
    resident: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)] | None = None
    """Regions that some data must not leave: a copy may be in any of these, and in no other."""
    shards: Count | None = None
    """The number of shards, of about equal size."""
    sharded_by: Literal["range", "hash"] | None = None
    """How a franchise's ID leads to its shard: by ranges of IDs, or by a hash."""
    franchises: Count | None = None
    """Franchises, at least."""
    hit_ratio: Share | None = None
    """Share of the lookups that hit the cache, at least."""
    ttl: Lasting | None = None
    """How long a cache entry lives."""
    replicas: Count | None = None
    """Read replicas of each shard, at least."""
    pooled_connections: Count | None = None
    """Client connections that the pooler of each shard takes at the same time, at least."""

    def __post_init__(self) -> None:
        if all(getattr(self, key) is None for key in _FIGURES):
            raise ValueError(f"a statement has at least one figure: {', '.join(_FIGURES)}")
        for key, (needed,) in _NEEDS.items():
            if getattr(self, key) is not None and getattr(self, needed) is None:
                raise ValueError(f"{key} goes with {needed}")
        for key in ("regions", "resident"):
            names = getattr(self, key)
            if names is not None and (not names or len(set(names)) < len(names)):
                raise ValueError(f"{key} names at least one region, and each of them once")

    @property
    def over_s(self) -> float:
        """The time over which availability is promised, in seconds."""
        return MONTH_S if self.over is None else self.over


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What no promise says, and the arithmetic of ``closeshave lint-claims`` needs. A rule that needs one that is not given says nothing."""

    __pydantic_config__ = STRICT

    think_time: Lasting | None = None
    """The mean time from an answer to the next request of the same user."""
    zipf: Annotated[NotNegative, Field(le=10)] | None = None
    """Exponent of the franchises' popularity, as in a plan: the franchise of rank r is chosen in proportion to 1 / r^zipf."""
    lookups_per_request: Positive = 1.0
    """The mean number of cache lookups of one request."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise of a target system, with its ID in the list of claims."""

    __pydantic_config__ = STRICT

    id: Name
    """The ID of the promise, as objectives and reports refer to it."""
    text: str
    """The promise, in the words of its owner."""
    how: tuple[Literal["load", "fault", "drill", "probe", "capacity", "attest"], ...]
    """Ways in which it can be settled. Plans have ``load`` and ``fault``; a promise that needs another way is listed as not run."""
    owner: str = ""
    """The person or team that attests to it, if the harness cannot measure it."""
    says: tuple[Statement, ...] = ()
    """Its figures, so that ``closeshave lint-claims`` can compare promises with each other. No objective is made of them."""
    probes: Annotated[tuple[Annotated[str, stated(pattern=PROBE)], ...], stated(uniqueItems=True)] = ()
    """Probes that test it, by name or as patterns: ``routing.*``. All of them must hold; ``closeshave probe`` asks them."""
    must_have: Flag | None = None
    """Whether the launch needs it verified: without that ``closeshave readiness`` says *no-go*. By default every promise, but for those that can only be
    attested."""

    def __post_init__(self) -> None:
        if wrong := wrong_probes(self.probes):
            raise ValueError(wrong)

    @property
    def needed(self) -> bool:
        """``must_have``, or its default."""
        return self.must_have if self.must_have is not None else not set(self.how) <= {"attest"}
