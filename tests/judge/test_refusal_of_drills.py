"""How long a drill refused writes: to the customers of a moved range, or to all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.judge.verdict import Status
from closeshave.plan import Drill, DrillBounds
from tests.judge.drilled import FAIL, INCONCLUSIVE, MOVE, PASS, booked, carried_out
from tests.judge.histories import INTEGRITY, Run, ns


def test_the_longest_refusal_of_writes_lies_between_two_acknowledgements() -> None:
    """A create is refused at 137.2 and 137.7; the last acknowledgement before them is of 137.01, the next of 138.01."""
    run = Run((INTEGRITY,), drills=(MOVE,))
    for index in range(50):
        if not 137 < 120 + index / 2 < 138:
            run.book(120 + index / 2, 1000 + index)
    run.act("create", 137.2, outcome="info", good=False, status=503, key="a")
    run.act("create", 137.7, outcome="info", good=False, status=503, key="b")
    (figures,) = carried_out(run).assess(breaches=False).drills
    assert figures.writes_refused_s == pytest.approx(1.0)


RANGE = Drill("range", "shard.migrate-range", "break", 25, 30, {"shard": 1}, expected=DrillBounds(refusal=2))


def fenced(until: float = 137.3) -> Run:
    """Franchises 1 to 10 are fenced from 137 to an instant. Each has a booking every half second, and so has franchise 50, which does not move."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    for index in range(50):
        at = 120 + index / 2
        run.book(at, 1000 + index, took=until + 0.02 - at if 137 <= at < until else 0.01)
        run.book(at, 2000 + index, franchise=50, barber=2)
    return begun(run, until)


def begun(run: Run, until: float) -> Run:
    """The run with a drill that fenced franchises 1 to 10 from 137 to an instant."""
    carried_out(run)
    begin, act, proof, end = run.changes["drills"]
    facts = {"first": 1, "last": 10, "fenced_ns": ns(137), "opened_ns": ns(until)}
    run.changes["drills"] = (replace(begin, facts=facts), act, proof, end)
    return run


@pytest.mark.parametrize(
    ("until", "status", "measured", "met"),
    [(137.3, PASS, 0.32, 1), (138.9, PASS, 1.92, 4), (139.4, FAIL, 2.42, 5)],
)
def test_a_fence_refuses_for_as_long_as_a_customer_of_the_range_waits(until: float, status: Status, measured: float, met: int) -> None:
    """From when the write was due; customers of other franchises waited for nothing."""
    run = fenced(until)
    verdict = run.verdict("drill-refusal/range")
    assert verdict.status is status
    assert verdict.measured == pytest.approx(measured)
    assert f"{met} write{'' if met == 1 else 's'} met the fence" in verdict.reason
    assert run.assess(breaches=False).drills[0].writes_refused_s == verdict.measured
    if status is FAIL:
        (witness,) = verdict.witnesses
        assert "waited for the move of its franchise" in str(witness.facts())


def test_a_write_that_was_refused_waits_for_the_next_one_that_is_accepted() -> None:
    """503 at 137.1; the next booking of the range is accepted at 138.21 only. That of franchise 50 in between is of another shard's business."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    for number, (at, franchise) in enumerate(((136, 1), (137.4, 50), (138.2, 10), (138.4, 1))):
        run.book(at, 1000 + number, franchise=franchise)
    run.act("create", 137.1, outcome="info", good=False, status=503, key="a")
    begun(run, 137.3)
    verdict = run.verdict("drill-refusal/range")
    assert verdict.status is PASS
    assert verdict.measured == pytest.approx(138.21 - 137.1)


@pytest.mark.parametrize(
    ("after", "status", "said"),
    [
        ((), INCONCLUSIVE, "none was accepted after it: it is unknown how long a customer would have waited"),
        ((138.0,), PASS, "the first one after it was accepted 1.010 s after it began, so nobody would have waited longer"),
        ((139.5,), INCONCLUSIVE, "the first one after it was accepted only 2.510 s after it began"),
    ],
)
def test_a_fence_that_no_write_met_passes_only_by_a_write_soon_after_it(after: tuple[float, ...], status: Status, said: str) -> None:
    """That the fence stood for a quarter of a second is what the drill says of itself: what a customer would have met nobody tried."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    run.book(130, 1000, franchise=50)
    run.book(138, 1001, franchise=50)
    for number, at in enumerate(after):
        run.book(at, 2000 + number, franchise=1)
    begun(run, 137.25)
    verdict = run.verdict("drill-refusal/range")
    assert (verdict.status, verdict.n, verdict.measured) == (status, int(status is PASS), 0.25)
    assert "0 writes met the fence" in verdict.reason
    assert said in verdict.reason


def test_a_fence_that_stood_too_long_fails_without_a_write() -> None:
    """The drill itself says so."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    run.book(130, 1000, franchise=50)
    assert begun(run, 139.5).verdict("drill-refusal/range").status is FAIL


def test_a_refusal_between_two_writes_that_are_far_apart_is_unknown() -> None:
    """A bound of 0.4 s, and from 136 to 138 nobody wrote: two seconds of refusal would look the same."""
    run = Run((INTEGRITY,), drills=(replace(MOVE, expected=DrillBounds(refusal=0.4)),))
    for index in range(200):
        at = 120 + index / 8
        if not 136 < at < 138:
            run.book(at, 1000 + index)
    verdict = carried_out(run).verdict("drill-refusal/move")
    assert verdict.status is INCONCLUSIVE
    assert (
        verdict.reason
        == "no write was accepted for 0.000 s, but no write was due to a shard in its scope for 2.000 s: a longer refusal could not be seen"
    )


def test_a_move_that_was_given_up_says_nothing_of_its_refusal() -> None:
    """It failed already."""
    run = carried_out(booked(RANGE), how="failed", why="compare both shards: bookings 7 is on shard 1 and not on shard 5")
    assert run.verdict("drill/range").status is FAIL
    assert run.verdict("drill-refusal/range").status is INCONCLUSIVE


def test_another_drill_is_bound_by_the_gap_between_acknowledged_writes() -> None:
    """Half a second without one, in which one was refused."""
    drill = replace(MOVE, expected=DrillBounds(refusal=0.4))
    assert carried_out(booked(drill)).verdict("drill-refusal/move").status is INCONCLUSIVE
    for first, last, status in ((137.0, 137.125, PASS), (137.0, 137.5, FAIL)):
        run = Run((INTEGRITY,), drills=(drill,))
        for index in range(200):
            if not first < 120 + index / 8 < last:
                run.book(120 + index / 8, 1000 + index)
        if status is FAIL:
            run.act("create", 137.2, outcome="info", good=False, status=503, key="a")
        verdict = carried_out(run).verdict("drill-refusal/move")
        assert (verdict.status, verdict.n > 30) == (status, True), verdict.reason


EVERYWHERE = Drill("deploy", "deploy.rolling", "break", 25, 30, {}, expected=DrillBounds(refusal=0.4))


@pytest.mark.parametrize(
    ("refused", "status", "measured"),
    [(None, PASS, 0.0), ("refused", FAIL, 2.0), ("not asked", INCONCLUSIVE, 0.0)],
)
def test_writes_that_one_shard_accepts_are_no_help_to_the_customers_of_another(
    refused: str | None, status: Status, measured: float
) -> None:
    """Both shards are in scope. From 136 to 138 shard 2 refuses every write, or nobody asks it for one, and shard 1 accepts eight a second."""
    run = Run((INTEGRITY,), drills=(EVERYWHERE,))
    for index in range(200):
        at = 120 + index / 8
        run.book(at, 1000 + index)
        if refused is None or not 136 < at < 138:
            run.book(at, 2000 + index, franchise=150, shard=2)
        elif refused == "refused":
            run.act("create", at, franchise=150, shard=2, outcome="info", good=False, status=503, key=f"refused-{index}")
    verdict = carried_out(run).verdict("drill-refusal/deploy")
    assert verdict.status is status
    assert verdict.measured == pytest.approx(measured, abs=0.02)
