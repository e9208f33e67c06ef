"""Residency: rows of a bound region's franchises stay on shards that stand inside it."""

from dataclasses import replace

import pytest

from closeshave.judge.verdict import Status
from closeshave.plan import Measure, Objective
from closeshave.topology import Shard, Topology
from tests.judge.histories import INTEGRITY, Run

BOUND = Topology(("us", "eu"), (Shard(1, 1, 100, "us", "eu"), Shard(2, 101, 200, "eu", "eu"), Shard(3, 201, 300, "eu", "us")), ("eu",))
RESIDENCY = Objective("residency", ("C1",), Measure.INTEGRITY, invariants=("residency_breaches",))


def run(*objectives: Objective) -> Run:
    """Shard 2 stands in eu alone; shard 3's standby is abroad."""
    made = Run(objectives or (INTEGRITY,))
    made.changes["manifest"] = replace(made.history.manifest, topology=BOUND)
    return made


@pytest.mark.parametrize(
    ("franchise", "found_on", "expected"),
    [
        (150, 2, Status.PASS),
        (150, 1, Status.FAIL),  # written abroad
        (150, 3, Status.FAIL),  # in the region, and replicated out of it
        (250, 3, Status.FAIL),  # its own shard is no home for it
        (50, 1, Status.INCONCLUSIVE),  # nobody's data is bound: nothing was looked at
    ],
)
def test_rows_stay_where_they_are_bound_to(franchise: int, found_on: int, expected: Status) -> None:
    """A row stands with its shard's primary and with its standby."""
    made = run()
    made.row(1000, franchise, found_on=found_on)
    verdict = made.verdict("integrity/residency_breaches")
    assert verdict.status is expected
    assert bool(verdict.witnesses) == (expected is Status.FAIL)
    assert made.assess().integrity.residency_breaches == int(expected is Status.FAIL)


def test_an_objective_of_its_own_takes_the_invariant_over() -> None:
    """A breach of residency must not refute the promise that no booking is lost."""
    made = run(INTEGRITY, RESIDENCY)
    made.row(1000, 150, found_on=1)
    ids = {verdict.id for verdict in made.assess().verdicts}
    assert "residency/residency_breaches" in ids
    assert "integrity/residency_breaches" not in ids
    assert "integrity/lost" in ids


def test_without_bound_regions_there_is_nothing_to_judge() -> None:
    """Neither a verdict nor a figure; asked for all the same, nobody can tell."""
    made = Run((INTEGRITY,))
    made.row(1000)
    assert "integrity/residency_breaches" not in {verdict.id for verdict in made.assess().verdicts}
    assert made.assess().integrity.residency_breaches is None
    made.objectives = (RESIDENCY,)
    assert made.verdict("residency/residency_breaches").status is Status.INCONCLUSIVE


def test_an_unknown_invariant_is_inconclusive() -> None:
    """It names what there is not."""
    made = run(replace(RESIDENCY, invariants=("no-such",)))
    assert made.verdict("residency/no-such").status is Status.INCONCLUSIVE
