"""Which instances have a new release at which share, and where a deploy in stages cannot begin. Nothing runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.deployment import Balancer, Deployment, Process
from closeshave.drills.catalogue import KINDS
from closeshave.drills.deploy import staged
from tests.faults import toys


def platform(root: Path, here: int, there: int, *, tells: bool = True) -> Deployment:
    """Two regions with so many instances."""
    apps = [
        Process(f"app-{region}-{number}", "app", region, ())
        for region, count in (("here", here), ("there", there))
        for number in range(count)
    ]
    balancers = tuple(Balancer(region, 1, "apps", tells=tells) for region in ("here", "there"))
    told = replace(toys.deployment(root, *apps), balancers=balancers)
    told.save()
    return told


@pytest.mark.parametrize(
    ("instances", "share", "expected"),
    [(2, 0.1, 1), (2, 0.5, 1), (2, 1.0, 2), (3, 0.1, 1), (3, 0.5, 1), (4, 0.5, 2), (20, 0.1, 2), (20, 0.5, 10), (5, 1.0, 5)],
)
def test_each_region_has_the_release_on_as_many_instances_as_its_share(tmp_path: Path, instances: int, share: float, expected: int) -> None:
    """At least one, and below 100 % one less than all: there must be something to compare it with."""
    part = staged.part_of(platform(tmp_path / "root", instances, 2), share)
    assert [name for name in part if "-here-" in name] == [f"app-here-{number}" for number in range(expected)]
    assert len([name for name in part if "-there-" in name]) == (2 if share == 1 else 1)


@pytest.mark.parametrize("kind", ["deploy.canary", "deploy.blue-green"])
@pytest.mark.parametrize(
    ("there", "tells", "why"),
    [
        (1, True, "there has a single instance of the application: there is nothing to compare a release with"),
        (2, False, "the balancers of this environment do not tell of their requests: start the environment again"),
    ],
)
def test_without_somebody_to_compare_with_it_cannot_begin(tmp_path: Path, kind: str, there: int, tells: bool, why: str) -> None:
    """Nor in an environment that an older version started."""
    shop = platform(tmp_path / "root", 2, there, tells=tells)
    assert KINDS[kind].unfit(KINDS[kind].way_back.aim(shop, {}, {})) == why
