"""The resilience score: a gate that cannot be raised by testing less."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from closeshave.judge.verdict import ResilienceFigures, Status
from closeshave.plan import Fault
from closeshave.report import words
from closeshave.target import Measure, Objective
from tests.judge.histories import Run
from tests.judge.test_assess import whole


def score(run: Run) -> ResilienceFigures:
    """What all judges together give."""
    return run.assess().resilience


def nothing(run: Run) -> None:
    """A good run."""


def lost_a_booking(run: Run) -> None:
    """In calm."""
    run.book(30, 5000, final=False)


def unproven_heal(run: Run) -> None:
    """Its heal was not proven."""
    run.events = [event for event in run.events if event.edge != "verified-healed"]


def failed_injection(run: Run) -> None:
    """Its injection was begun and failed; nothing proves that its rest was healed."""
    run.events = [replace(run.events[0], edge="planned", evidence=None)]


def never_bit(run: Run) -> None:
    """Injected, and not observed."""
    run.events = [event for event in run.events if event.edge != "observed"]


def no_final_state(run: Run) -> None:
    """It is unknown whether an invariant broke."""
    run.bookings = None


def no_invariants(run: Run) -> None:
    """The target promises none."""
    run.objectives = tuple(each for each in run.objectives if each.measure is not Measure.INTEGRITY)
    run.signals = []


def too_slow(run: Run) -> None:
    """One of the promises about the fault is broken; the others are kept."""
    run.objectives = tuple(replace(each, at_most=1.0) if each.measure is Measure.RECOVERY else each for each in run.objectives)


@pytest.mark.parametrize(
    ("plant", "at_least", "at_most", "zeroed"),
    [
        (nothing, 1 / 6, 1 / 6, ""),
        (too_slow, 0.01, 0.99 / 6, ""),
        (lost_a_booking, 0, 0, "integrity/lost is broken"),
        (unproven_heal, 0, 0, "kill was healed"),
        (failed_injection, 0, 0, "kill was healed"),
        (never_bit, 0, 0, ""),
        (no_final_state, 0, 0, "could not be judged"),
        (no_invariants, 0, 0, "no invariant was judged"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_score_is_a_gate(plant: Callable[[Run], None], at_least: float, at_most: float, zeroed: str) -> None:
    """One family of six is tested: at most a sixth, and zero if anything essential is broken or unknown."""
    run = whole()
    plant(run)
    found = score(run)
    assert at_least - 1e-9 <= found.score <= at_most + 1e-9
    assert zeroed in found.zeroed


def test_coverage_is_stated_with_the_score() -> None:
    """What was not tested is named."""
    found = score(whole())
    assert (found.coverage, found.tested) == (1 / 6, ("shard",))
    assert found.untested == ("cache", "region", "service", "dependency", "data")


def of_an_installed_package(run: Run, **manifest: object) -> ResilienceFigures:
    """The score where the kill is a kind of a family that is not one of ours."""
    (kill,) = run.faults
    run.faults = (replace(kill, kind="queue.consumer-paused"),)
    run.objectives = tuple(replace(each, faults=("queue.*",)) if each.faults else each for each in run.objectives)
    run.changes["manifest"] = replace(run.history.manifest, **manifest)  # type: ignore[arg-type] # fields of a manifest
    return score(run)


def test_the_family_of_an_installed_package_counts_as_its_own() -> None:
    """By its name, as a seventh: also in a run of an older version, which does not say which kinds there were."""
    for kinds in ((), ("queue.consumer-paused", "shard.primary-killed")):
        found = of_an_installed_package(whole(), kinds=kinds)
        assert found.tested == ("queue",)
        assert found.untested == ("shard", "cache", "region", "service", "dependency", "data")
        assert (found.score, found.coverage) == pytest.approx((1 / 7, 1 / 7))


def test_a_family_that_is_installed_and_not_tried_counts_as_zero() -> None:
    """Otherwise the score would rise when a plan leaves out the fault that is not survived."""
    run = whole()
    run.changes["manifest"] = replace(run.history.manifest, kinds=("queue.consumer-paused", "shard.primary-killed"))
    found = score(run)
    assert (found.tested, found.untested[-1]) == (("shard",), "queue")
    assert found.score == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("manifest", "more"),
    [
        ({}, ()),
        ({"tls": True}, ("certificate",)),
        ({"jobs": True}, ("broker", "worker")),
        ({"followed_within_s": 5.0}, ("websocket",)),
        ({"tls": True, "jobs": True, "followed_within_s": 5.0}, ("broker", "certificate", "websocket", "worker")),
    ],
)
def test_families_of_certificates_workers_and_websockets_count_where_there_were_any(
    manifest: dict[str, object], more: tuple[str, ...]
) -> None:
    """A platform without them cannot fail there; one with them must try."""
    run = whole()
    kinds = ("broker.lost", "certificate.expires", "shard.primary-killed", "websocket.cut", "worker.killed")
    run.changes["manifest"] = replace(run.history.manifest, kinds=kinds, **manifest)  # type: ignore[arg-type] # fields of a manifest
    found = run.assess().resilience
    assert found.untested == ("cache", "region", "service", "dependency", "data", *more)
    assert found.coverage == pytest.approx(1 / (6 + len(more)))


def test_a_fault_that_was_not_injected_lowers_its_family() -> None:
    """Two faults of shards were planned, and one was skipped: half a sixth."""
    run = whole()
    run.faults = (*run.faults, Fault("later", "shard.frozen", "break", 60, 10, run.faults[0].expected, {"shard": 2}))
    assert score(run).score == pytest.approx(1 / 12)


@pytest.mark.parametrize(
    ("bound", "expected"), [(0.1, Status.PASS), (1 / 6, Status.PASS), (0.5, Status.INCONCLUSIVE)], ids=["kept", "exactly", "untested"]
)
def test_an_objective_may_demand_a_score(bound: float, expected: Status) -> None:
    """A score that further tests could still reach is not refuted."""
    run = whole()
    run.objectives = (*run.objectives, Objective("resilience", ("C1",), Measure.RESILIENCE, at_least=bound))
    verdict = run.verdict("resilience")
    assert verdict.status is expected
    assert words.measured(verdict) == "16.7 %, 1 of 6 families tried"
    assert bool(verdict.reason) == (expected is not Status.PASS)
