"""Probes of edges on the environment whose cities have a cache, every server real: they hold, and say so when an edge or the platform is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.files.shipped import locate
from closeshave.probes.places import EVERYTHING, ProbePlace
from closeshave.probes.values import ProbeOutcome
from tests.probes.test_probes_for_real import asked
from truth import breaking
from truth.breaking import Breaking

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
HOLDS, BROKEN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN
B = locate("environments/targets", "barberpro-argentina")
NEXT = "    http-response set-header X-Edge-Vary"
"""The line after those of a request."""
OTHERS = ("limits.as-stated", "bookings.made-read-cancelled", "regions.serving")
"""What a cache in between could make wrong: they ask the platform itself."""


@pytest.fixture(scope="module")
def place() -> Iterator[ProbePlace]:
    """The environment that ships, without a backup server."""
    read = read_embedded(locate("environments", "embedded-argentina"))
    definition = replace(read, links=(), shards=tuple(replace(shard, backup="") for shard in read.shards))
    deployment = embedded.up(definition, say=print, etcd_killed=False)
    try:
        yield ProbePlace(deployment, definition, EVERYTHING)
    finally:
        embedded.down(Path(deployment.root))


def test_what_edges_promise_holds(place: ProbePlace, tmp_path: Path) -> None:
    """In every city, and what is promised of the platform behind them holds as before."""
    found = asked(place, tmp_path, "edge", *OTHERS, target=B)
    assert {name: told for name, told in found.items() if told[0] is not HOLDS} == {}
    assert len(found) == 9


@pytest.mark.parametrize(
    ("name", "broken", "why"),
    [
        (
            "edge.public-answers-kept",
            breaking.edges_with("cache-store edge-mendoza if", "cache-store edge-mendoza if FALSE"),
            "mendoza: asked",
        ),
        ("edge.private-answers-never", breaking.edges_that_keep_everything(for_s=5), "another customer gets the same answer"),
        ("edge.franchises-apart", breaking.edges_with("/%[req.fhdr(X-Franchise-Id),hex]", ""), "the answer of another one"),
        (
            "edge.others-unaffected",
            # An edge that goes where a header says, which is no part of its key.
            breaking.edges_with(
                "    http-response cache-store",
                '    http-response set-header Cache-Control "public, max-age=9"\n    http-response cache-store',
                (NEXT, f"    http-request set-path %[req.fhdr(X-Original-URL)] if {{ req.fhdr(X-Original-URL) -m found }}\n{NEXT}"),
            ),
            "the next customer gets another answer",
        ),
        (
            "edge.kept-as-long-as-stated",
            breaking.edges_with("max-age 10", "max-age 14"),
            "10 s are stated",
        ),
        (
            "edge.bookings-seen-in-time",
            # An edge that keeps for longer than the answer says, and does not tell.
            breaking.edges_with(
                "    http-response cache-store",
                '    http-response set-var(txn.said) res.fhdr(Cache-Control)\n    http-response set-header Cache-Control "public, max-age=9"\n'
                "    http-response cache-store",
                ("    http-after-response del-header X-Edge-Vary", '    http-after-response set-header Cache-Control "public, s-maxage=1"'),
            ),
            "after it was booked; 1 s are stated",
        ),
    ],
)
def test_a_wrong_edge_is_told(place: ProbePlace, tmp_path: Path, name: str, broken: Breaking, why: str) -> None:
    """With what is wrong of it."""
    with broken(place.deployment):
        found = asked(place, tmp_path, name, target=B)
    assert found[name][0] is BROKEN, found
    assert why in found[name][1]
