"""Judges of the probes that ask databases, stores and instances: known observations for which they hold, are broken, and are unknown.

That they ask real servers is tested in ``test_probes_for_real.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from closeshave.probes.catalogue import PROBES
from closeshave.probes.families import suite
from closeshave.probes.judging import findings
from closeshave.probes.values import Observation, ProbeOutcome
from tests.probes.rounds import BASIS
from tests.probes.shop import REGIONS

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
EAST, EUROPE = REGIONS
MEMBERS = {"a1": (1, EAST), "b1": (1, EUROPE), "a3": (3, EUROPE), "b3": (3, EUROPE)}
POOLERS = ("pooler-1", "pooler-2")
STORES = {
    "c1": ("cache", "cache", EAST), "c2": ("cache", "cache", EAST), "e1": ("cache", "cache-eu", EUROPE), "e2": ("cache", "cache-eu", EUROPE),
    "s1": ("sessions", "sessions", EAST), "s2": ("sessions", "sessions-eu", EUROPE),
    **{f"v{number}": ("ratelimit", "valkey", EAST) for number in range(1, 7)},
}  # fmt: skip
INSIDE = replace(
    BASIS,
    edges=dict.fromkeys(REGIONS, "http://127.0.0.1:1"),
    instances=("app-1", "app-2"),
    members=MEMBERS,
    stores=STORES,
    sentinels=3,
    clusters={"valkey": 3},
    poolers=POOLERS,
    stored=True,
    page_prefix="franchise:",
    rows_counted=True,
    stand_in_tables=True,
)
Seen = dict[str, dict[str, Any]]
OWN = {(member, shard.id): 500 if own == shard.id else 0 for member, (own, _) in MEMBERS.items() for shard in BASIS.topology.shards}
RESIDENT = [("a1", 0, EAST), ("b1", 0, EUROPE), ("a3", 500, EUROPE), ("b3", 500, EUROPE)]
NETWORKS = [f"network {number} of 3 at {region}" for number in (1, 2, 3) for region in REGIONS]
TOTALS = {"status": 200, "reported": [10, 30, 5], "before": [10, 30, 4], "after": [10, 30, 6]}
RIGHT: Mapping[str, Seen] = {
    "routing.rows-in-own-shard": {f"range of shard {shard} in {member}": {"rows": rows} for (member, shard), rows in OWN.items()},
    "regions.instances-ready": {name: {"status": 200, "ready": True} for name in INSIDE.instances},
    "ttl.franchise-pages": {f"page of shard {shard}": {"key": "franchise:7", "ttl_s": 3599.0, "expires": True} for shard in (1, 3)},
    "ttl.sessions": {"a new session": {"key": "session:x", "ttl_s": 86_399.5, "expires": True}},
    "replicas.declared-stream": {f"shard {shard}": {"streaming": 1} for shard in (1, 3)},
    "tiers.one-primary": {
        group: {"stores": size, "primaries": ["c1"], "linked": ["c2"] * (size - 1)}
        for group, size in (("cache", 2), ("cache-eu", 2), ("sessions", 1), ("sessions-eu", 1))
    }
    | {"valkey": {"stores": 6, "primaries": ["v1", "v2", "v3"], "linked": ["v4", "v5", "v6"]}},
    "tiers.slots-served": {
        name: {"serves": True, "slots": 16_384, "primaries": [1, 2, 3], "moving": []} for name in (f"v{number}" for number in range(1, 7))
    },
    "tiers.sentinels-agree": {group: {"watching": 3, "ports": [1], "flags": ["master"]} for group in INSIDE.watched},
    "residency.rows-at-home": {
        f"rows of {EUROPE} in {member}": {"rows": rows, "region": region, "home": EUROPE} for member, rows, region in RESIDENT
    },
    "residency.entries-at-home": {
        f"cache of {EUROPE} in {store}": {"keys": ["franchise:700"] if store == "e1" else []} for store in ("c1", "c2", "e1", "e2")
    },
    "residency.sessions-at-home": {f"sessions of {EUROPE} in s1": {"keys": []}, f"sessions of {EUROPE} in s2": {"keys": ["session:x"]}},
    "reports.as-in-databases": dict.fromkeys(NETWORKS, TOTALS),
    "poolers.clients-taken": {
        name: {"before": 4, "held": 96, "clients": 100, "answered": 96, "refused": "", "unanswered": ""} for name in POOLERS
    },
    "health.checked-often": {name: {"checks": 10, "watched_s": 5.0} for name in INSIDE.instances},
    "health.lost-dependency-told": {
        "with its databases": {"status": 200, "looks": 1, "ready": 1},
        "without its databases": {"status": 503, "looks": 9, "ready": 0},
    },
}
"""Probe → subject → what is seen where the promise is kept."""
WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("routing.rows-in-own-shard", "range of shard 1 in a1", {"rows": 499}),
    ("routing.rows-in-own-shard", "range of shard 1 in a3", {"rows": 1}),
    ("regions.instances-ready", "app-2", {"ready": False, "status": 503}),
    ("ttl.franchise-pages", "page of shard 3", {"ttl_s": 600.0}),
    ("ttl.franchise-pages", "page of shard 3", {"ttl_s": 3601.0}),
    ("ttl.franchise-pages", "page of shard 3", {"ttl_s": None, "expires": False}),
    ("ttl.sessions", "a new session", {"ttl_s": 3599.0}),
    ("replicas.declared-stream", "shard 3", {"streaming": 0}),
    ("tiers.one-primary", "cache", {"primaries": ["c1", "c2"]}),
    ("tiers.one-primary", "cache", {"primaries": []}),
    ("tiers.one-primary", "cache", {"linked": []}),
    ("tiers.one-primary", "valkey", {"primaries": ["v1", "v2"], "linked": ["v3", "v4", "v5", "v6"]}),
    ("tiers.one-primary", "valkey", {"linked": ["v4", "v5"]}),
    ("tiers.slots-served", "v3", {"serves": False}),
    ("tiers.slots-served", "v3", {"slots": 16_383}),
    ("tiers.slots-served", "v3", {"moving": [7]}),
    ("tiers.sentinels-agree", "sessions", {"watching": 2}),
    ("tiers.sentinels-agree", "sessions", {"ports": [1, 2]}),
    ("tiers.sentinels-agree", "sessions", {"flags": ["master,s_down"]}),
    ("residency.rows-at-home", f"rows of {EUROPE} in a1", {"rows": 1}),
    ("residency.entries-at-home", f"cache of {EUROPE} in c1", {"keys": ["franchise:700"]}),
    ("residency.sessions-at-home", f"sessions of {EUROPE} in s1", {"keys": ["session:x"]}),
    ("reports.as-in-databases", NETWORKS[3], {"reported": [9, 30, 5]}),
    ("reports.as-in-databases", NETWORKS[3], {"reported": [10, 30, 7]}),
    (
        "poolers.clients-taken",
        POOLERS[1],
        {"held": 56, "clients": 60, "answered": 56, "refused": "no more connections allowed (max_client_conn)"},
    ),
    ("poolers.clients-taken", POOLERS[1], {"answered": 95, "unanswered": "query_wait_timeout"}),
    ("health.checked-often", "app-1", {"checks": 1, "watched_s": 301.0}),
    ("health.checked-often", "app-1", {"checks": 0, "watched_s": 301.0}),
    ("health.lost-dependency-told", "without its databases", {"ready": 1}),
    ("health.lost-dependency-told", "without its databases", {"ready": 9, "status": 200}),
]
"""Probe, subject, and what is seen there instead where it is broken."""
UNCLEAR: list[tuple[str, str, dict[str, Any]]] = [
    ("routing.rows-in-own-shard", "range of shard 1 in a1", {"rows": None}),
    ("ttl.sessions", "a new session", {"key": None}),
    ("replicas.declared-stream", "shard 3", {"streaming": None}),
    ("tiers.slots-served", "v1", {"slots": None}),
    ("residency.entries-at-home", f"cache of {EUROPE} in e1", {"keys": []}),
    ("residency.sessions-at-home", f"sessions of {EUROPE} in s2", {"keys": []}),
    ("reports.as-in-databases", NETWORKS[0], {"status": 503}),
    ("poolers.clients-taken", POOLERS[0], {"clients": None}),
    ("poolers.clients-taken", POOLERS[0], {"held": 90, "clients": 94, "answered": 90}),
    ("health.checked-often", "app-1", {"checks": 0}),
    ("health.lost-dependency-told", "with its databases", {"ready": 0, "status": 503}),
    ("health.lost-dependency-told", "without its databases", {"status": 0}),
]
"""The same where it is not known."""


def outcome(name: str, seen: Seen, basis: Any = INSIDE) -> ProbeOutcome:
    """Of these observations."""
    told = [Observation(name, subject, "a question", saw) for subject, saw in seen.items()]
    return findings([name], told, basis)[name].outcome


def with_(name: str, subject: str, changed: dict[str, Any]) -> Seen:
    """What is seen where the promise is kept, but for one answer."""
    assert subject in RIGHT[name]
    return {**RIGHT[name], subject: {**RIGHT[name][subject], **changed}}


@pytest.mark.parametrize("name", RIGHT)
def test_it_holds(name: str) -> None:
    """And every one of its answers is needed."""
    assert outcome(name, RIGHT[name]) is HOLDS
    for subject in RIGHT[name]:
        assert outcome(name, {other: saw for other, saw in RIGHT[name].items() if other != subject}) is UNKNOWN


@pytest.mark.parametrize(("name", "subject", "changed"), WRONG)
def test_it_is_broken(name: str, subject: str, changed: dict[str, Any]) -> None:
    """By a single answer."""
    assert outcome(name, with_(name, subject, changed)) is BROKEN


@pytest.mark.parametrize(("name", "subject", "changed"), UNCLEAR)
def test_it_is_unknown(name: str, subject: str, changed: dict[str, Any]) -> None:
    """An answer that does not tell never counts as a good one."""
    assert outcome(name, with_(name, subject, changed)) is UNKNOWN


@pytest.mark.parametrize(("declared", "streaming", "expected"), [(2, 2, HOLDS), (3, 2, HOLDS), (2, 1, BROKEN), (1, 1, UNKNOWN)], ids=str)
def test_replicas_are_counted_against_the_promise(declared: int, streaming: int, expected: ProbeOutcome) -> None:
    """Two are promised; an environment that declares fewer is no copy of the platform in this."""
    members = {f"m{shard}-{number}": (shard, EAST) for shard in (1, 3) for number in range(declared + 1)}
    seen = {f"shard {shard}": {"streaming": streaming} for shard in (1, 3)}
    assert outcome("replicas.as-many-as-promised", seen, replace(INSIDE, members=members)) is expected


def test_without_a_pooler_nothing_is_known_of_its_clients() -> None:
    """Nobody was asked."""
    assert outcome("poolers.clients-taken", {}, replace(INSIDE, poolers=())) is UNKNOWN


@pytest.mark.parametrize("name", ["ttl.rate-limits", "replicas.as-many-as-promised", "ttl.franchise-pages", "poolers.clients-taken"])
def test_what_is_not_promised_cannot_hold(name: str) -> None:
    """A figure of the target is missing."""
    assert (
        outcome(name, RIGHT.get(name, {"a new counter": {"key": "k", "ttl_s": 60.0, "expires": True}}), replace(INSIDE, target=None))
        is UNKNOWN
    )


def test_every_probe_of_the_inside_is_in_the_tables() -> None:
    """With what breaks it."""
    inside = {name for name, probe in PROBES.items() if probe.inside}
    assert inside - {"ttl.rate-limits", "replicas.as-many-as-promised"} == set(RIGHT)
    assert {name for name, _, _ in WRONG} == set(RIGHT)


@pytest.mark.parametrize(("decided", "expected"), [(30, HOLDS), (29, UNKNOWN)])
def test_the_smoke_suite_is_counted(decided: int, expected: ProbeOutcome) -> None:
    """Only checks that came to an answer count."""
    others = {f"family.{number}": BROKEN if number % 2 else HOLDS for number in range(decided)} | {"family.x": UNKNOWN, suite.SIZE: HOLDS}
    assert suite.finding(others).outcome is expected


def test_the_smoke_suite_has_at_least_thirty_checks() -> None:
    """E30."""
    assert sum(probe.smoke for probe in PROBES.values()) >= 31
