"""Residency: rows of a bound region's franchises stay on shards inside that region."""

from dataclasses import replace

import pytest

from closeshave.judge.verdict import Status
from closeshave.target import Measure, Objective
from closeshave.topology import Shard, Topology
from tests.judge.histories import INTEGRITY, Run

BOUND = Topology(("us", "eu"), (Shard(1, 1, 100, "us", "eu"), Shard(2, 101, 200, "eu", "eu"), Shard(3, 201, 300, "eu", "us")), ("eu",))
RESIDENCY = Objective("residency", ("C1",), Measure.INTEGRITY, invariants=("residency_breaches",))


def run(*objectives: Objective) -> Run:
    """Shard 2 is in eu only; shard 3's standby is outside."""
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
def test_rows_stay_in_the_region_to_which_they_are_bound(franchise: int, found_on: int, expected: Status) -> None:
    """A row is on its shard's primary and on its standby."""
    made = run()
    made.row(1000, franchise, found_on=found_on)
    verdict = made.verdict("integrity/residency_breaches")
    assert verdict.status is expected
    assert bool(verdict.witnesses) == (expected is Status.FAIL)
    assert made.assess().integrity.breaches["residency_breaches"] == int(expected is Status.FAIL)


def looked_inside(*abroad: str) -> Run:
    """The shops of eu that each shard's members hold were read, and the caches too; one kind of row is outside."""
    made = run()
    made.row(1000, 150, found_on=2)
    for member, shard, region, held in (("a", 1, "us", 0), ("b", 1, "eu", 0), ("c", 2, "eu", 100), ("d", 2, "eu", 100), ("e", 3, "eu", 0)):
        made.place(member, shard, "us" if member in abroad else region, "eu", held)
    made.entry(150, None, region="us" if "entry" in abroad else "eu")
    made.entry(50, None, region="us")
    made.changes["manifest"] = replace(made.changes["manifest"], looked_inside=True)
    return made


def test_rows_inside_their_region_pass() -> None:
    """Shops, bookings and entries are checked wherever the harness can read them."""
    verdict = looked_inside().verdict("integrity/residency_breaches")
    assert (verdict.status, verdict.n) == (Status.PASS, 1 + 200 + 1)


@pytest.mark.parametrize(
    ("abroad", "count", "named"),
    [
        ("d", 1 + 100, {"member": "d", "region": "us", "franchises": 100}),  # a standby abroad: the booking is there too
        ("entry", 1, {"key": "franchise:150", "region": "us"}),
        ("b", 0, {}),  # stands abroad and holds nothing of eu's
    ],
)
def test_what_is_found_outside_its_region_is_a_breach(abroad: str, count: int, named: dict[str, object]) -> None:
    """The real region of a part counts, not the one that the environment's file states for its shard."""
    verdict = looked_inside(abroad).verdict("integrity/residency_breaches")
    assert verdict.status is (Status.FAIL if count else Status.PASS)
    assert verdict.measured == count
    assert not named or any(named.items() <= witness.facts().items() for witness in verdict.witnesses)
    assert looked_inside(abroad).shuffled(1).verdict("integrity/residency_breaches") == verdict


@pytest.mark.parametrize("lost", ["placements", "cache_entries"])
@pytest.mark.parametrize("abroad", ["", "d"])
def test_evidence_of_half_the_parts_is_no_pass(lost: str, abroad: str) -> None:
    """A part that should have been read and was not makes the verdict inconclusive; a breach that was found remains one."""
    made = looked_inside(abroad)
    made.changes[lost] = None
    found = abroad and lost == "cache_entries"
    assert made.verdict("integrity/residency_breaches").status is (Status.FAIL if found else Status.INCONCLUSIVE)


def test_an_objective_of_its_own_judges_the_invariant() -> None:
    """A breach of residency must not refute the promise that no booking is lost."""
    made = run(INTEGRITY, RESIDENCY)
    made.row(1000, 150, found_on=1)
    ids = {verdict.id for verdict in made.assess().verdicts}
    assert "residency/residency_breaches" in ids
    assert "integrity/residency_breaches" not in ids
    assert "integrity/lost" in ids


def test_without_bound_regions_there_is_nothing_to_judge() -> None:
    """Neither a verdict nor a figure; an objective for it is inconclusive."""
    made = Run((INTEGRITY,))
    made.row(1000)
    assert "integrity/residency_breaches" not in {verdict.id for verdict in made.assess().verdicts}
    assert made.assess().integrity.breaches["residency_breaches"] is None
    made.objectives = (RESIDENCY,)
    assert made.verdict("residency/residency_breaches").status is Status.INCONCLUSIVE


def test_an_unknown_invariant_is_inconclusive() -> None:
    """The reason names the unknown invariant."""
    made = run(replace(RESIDENCY, invariants=("no-such",)))
    assert made.verdict("residency/no-such").status is Status.INCONCLUSIVE
