"""Judges of the probes of edges: known observations for which they hold, are broken, and are unknown. On servers: ``test_probes_over_edges.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from closeshave.probes.catalogue import PROBES
from closeshave.probes.families import edge
from closeshave.probes.judging import findings
from closeshave.probes.scene import ProbeAnswer
from closeshave.probes.values import Observation, ProbeOutcome
from tests.probes.rounds import BASIS, scene
from tests.probes.shop import REGIONS, Shop

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
CITIES = ("rosario", "mendoza")
EDGES = replace(BASIS, edge_ttls=dict.fromkeys(CITIES, 10.0))
Seen = dict[str, dict[str, Any]]
PUBLIC, PRIVATE = "public, max-age=0, s-maxage=60", "private, no-store"
RIGHT: Mapping[str, Seen] = {
    "edge.public-answers-kept": {
        city: {"status": 200, "cache-control": PUBLIC, "kept": [False, *[True] * (edge.TIMES - 1)], "counted": edge.TIMES - 1, "same": True}
        for city in CITIES
    },
    "edge.private-answers-never": {
        f"{name} at {city}": {"status": 200, "cache-control": PRIVATE, "kept": 0, "to_another": False, "to_nobody": 401}
        for city in CITIES
        for name in ("my_bookings", "profile", "read_booking")
    },
    "edge.franchises-apart": {city: {"status": 404, "own": 200, "differs": True, "right": True} for city in CITIES},
    "edge.others-unaffected": {
        f"{name} at {city}": {"status": 200, "first": 200, "truth": 200, "same": True, "shown": False, "from_edge": name != "another host"}
        for city in CITIES
        for name in edge.POISON
    },
    "edge.kept-as-long-as-stated": {city: {"status": 200, "stated_s": 10.0, "oldest_s": 9.0, "last_s": 9.4, "hits": 24} for city in CITIES},
    "edge.bookings-seen-in-time": {city: {"status": 200, "booked": True, "stated_s": 1.0, "gone": True, "shown_s": 0.9} for city in CITIES},
}
"""Probe → subject → what is seen where the promise is kept."""
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("edge.public-answers-kept", {"kept": [False] * edge.TIMES, "counted": 0}),
    ("edge.public-answers-kept", {"kept": [True, *[False] * (edge.TIMES - 1)]}),
    ("edge.public-answers-kept", {"counted": 2}),
    ("edge.private-answers-never", {"kept": 1}),
    ("edge.private-answers-never", {"to_another": True}),
    ("edge.private-answers-never", {"to_nobody": 200}),
    ("edge.private-answers-never", {"cache-control": "public, max-age=5"}),
    ("edge.private-answers-never", {"cache-control": "s-maxage=5"}),
    ("edge.franchises-apart", {"right": False, "of_another": True, "status": 200}),
    ("edge.others-unaffected", {"shown": True}),
    ("edge.others-unaffected", {"same": False}),
    ("edge.others-unaffected", {"status": 404}),
    ("edge.others-unaffected", {"status": 503, "from_edge": True}),
    ("edge.kept-as-long-as-stated", {"oldest_s": 11.0}),
    ("edge.kept-as-long-as-stated", {"last_s": 11.1}),
    ("edge.kept-as-long-as-stated", {"oldest_s": 3_700.0, "stated_s": 3_600.0, "hits": 1}),
    ("edge.bookings-seen-in-time", {"shown_s": 2.1}),
    ("edge.bookings-seen-in-time", {"gone": False, "shown_s": 6.0}),
    ("edge.bookings-seen-in-time", {"shown_s": 1.1, "stated_s": None}),
]
"""Probe, and what is seen at one place where it is broken."""
UNCLEAR: list[tuple[str, dict[str, Any]]] = [
    ("edge.public-answers-kept", {"cache-control": ""}),
    ("edge.public-answers-kept", {"status": 503}),
    ("edge.public-answers-kept", {"kept": [False, True]}),
    ("edge.public-answers-kept", {"same": False}),
    ("edge.private-answers-never", {"status": 401}),
    ("edge.private-answers-never", {"status": 503}),
    ("edge.private-answers-never", {"kept": None}),
    ("edge.franchises-apart", {"differs": False}),
    ("edge.franchises-apart", {"own": 429}),
    ("edge.franchises-apart", {"right": False}),
    ("edge.franchises-apart", {"status": 429, "right": False}),
    ("edge.others-unaffected", {"truth": 503, "status": 503, "same": False}),
    ("edge.others-unaffected", {"status": 503, "from_edge": False, "same": False}),
    ("edge.kept-as-long-as-stated", {"stated_s": None, "hits": 0}),
    ("edge.kept-as-long-as-stated", {"hits": 0, "last_s": 0.0, "oldest_s": 0.0}),
    ("edge.kept-as-long-as-stated", {"stated_s": 3_600.0}),
    ("edge.bookings-seen-in-time", {"booked": False}),
    ("edge.bookings-seen-in-time", {"status": 0, "gone": False}),
    ("edge.bookings-seen-in-time", {"gone": False}),
    ("edge.bookings-seen-in-time", {"gone": False, "shown_s": 6.0, "by_platform": True}),
]
"""The same where it is not known."""


def outcome(name: str, seen: Seen) -> ProbeOutcome:
    """Of these observations."""
    told = [Observation(name, subject, "a question", saw) for subject, saw in seen.items()]
    return findings([name], told, EDGES)[name].outcome


def with_one(name: str, changed: dict[str, Any]) -> Seen:
    """What is seen where the promise is kept, but for one answer."""
    last = list(RIGHT[name])[-1]
    return {**RIGHT[name], last: {**RIGHT[name][last], **changed}}


@pytest.mark.parametrize("name", RIGHT)
def test_it_holds(name: str) -> None:
    """And every one of its answers is needed."""
    assert outcome(name, RIGHT[name]) is HOLDS
    for subject in RIGHT[name]:
        assert outcome(name, {other: saw for other, saw in RIGHT[name].items() if other != subject}) is UNKNOWN


@pytest.mark.parametrize(("name", "changed"), WRONG)
def test_it_is_broken(name: str, changed: dict[str, Any]) -> None:
    """By a single answer."""
    assert outcome(name, with_one(name, changed)) is BROKEN


@pytest.mark.parametrize(("name", "changed"), UNCLEAR)
def test_it_is_unknown(name: str, changed: dict[str, Any]) -> None:
    """An answer that does not tell never counts as a good one."""
    assert outcome(name, with_one(name, changed)) is UNKNOWN


def test_where_nothing_was_kept_nobody_could_get_a_wrong_answer() -> None:
    """That shows nothing of an edge."""
    seen = {subject: {**saw, "from_edge": False} for subject, saw in RIGHT["edge.others-unaffected"].items()}
    assert outcome("edge.others-unaffected", seen) is UNKNOWN


def test_every_probe_of_edges_is_in_the_tables() -> None:
    """With what breaks it, and with what leaves it unknown."""
    family = {name for name, probe in PROBES.items() if probe.family == "edge"}
    assert family == set(RIGHT) == {name for name, _ in WRONG} == {name for name, _ in UNCLEAR}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"age": "0"}, True),
        ({"cache-status": "edge-rosario; hit"}, True),
        ({"cache-status": "a; fwd=miss, b; hit; ttl=3"}, True),
        ({"cache-status": "edge-rosario; fwd=miss"}, False),
        ({"x-cache": "Hit from cloudfront"}, True),
        ({"x-cache": "Miss from cloudfront"}, False),
        # The stand-in's own: of a page in its store.
        ({"x-cache": "hit"}, False),
    ],
)
def test_a_kept_answer_is_known_by_its_headers(headers: dict[str, str], *, expected: bool) -> None:
    """Of several kinds of caches."""
    assert edge.kept(ProbeAnswer(200, headers)) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (PUBLIC, 10.0),
        ("public, max-age=0, s-maxage=1", 1.0),
        ("max-age=7", 7.0),
        ("max-age=7, s-maxage=3", 3.0),
        ("S-MaxAge=3, public", 3.0),
        ("private, max-age=7", None),
        ("no-store, max-age=7", None),
        ("public", None),
        ("", None),
    ],
)
def test_the_shorter_of_both_times_is_stated(said: str, expected: float | None) -> None:
    """What the environment says is the most."""
    assert edge.stated_s(ProbeAnswer(200, {"cache-control": said}), 10.0) == expected


@pytest.mark.parametrize("cached", [True, False])
def test_other_probes_ask_the_platform_and_not_the_cache(*, cached: bool) -> None:
    """Where edges keep answers, each request says so; elsewhere it is as before. What is asked as customers ask says nothing."""
    with scene(Shop(), edge_ttls=dict.fromkeys(REGIONS, 10.0) if cached else {}) as there:
        request = there.request("services", there.nobody(REGIONS[0]))
        assert request.headers.get("Cache-Control") == ("no-cache" if cached else None)
        assert there.reading("/health", there.nobody(REGIONS[0])).headers.get("Cache-Control") == ("no-cache" if cached else None)
        assert "Cache-Control" not in edge._as_customers_ask(request).headers  # the one place that takes it away
