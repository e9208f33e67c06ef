"""Clocks are compared by the times at which the bookings of both senders were stored; a correct clock is never reported."""

from __future__ import annotations

import pytest

from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Status
from closeshave.judge.verdicts import clocks
from tests.judge.histories import EIGHT, INTEGRITY, WALL_START_S, Run


def run(offset_s: float, count: int = 12, took_s: float = 0.02) -> Run:
    """As many bookings of customers and of canaries; the latter's clock is ``offset_s`` ahead."""
    made = Run((INTEGRITY,))
    for index in range(count):
        for source, ahead in (("customers", 0.0), ("canary", offset_s)):
            booking = 1_000_000 + 10 * index + (source == "canary")
            at = 20 + index
            made.book(at + ahead, booking, took=took_s, source=source, starts_at=EIGHT + 3600 * booking, final=False)
            made.row(booking, created_at=WALL_START_S + at + took_s / 2, starts_at=EIGHT + 3600 * booking)
    return made


@pytest.mark.parametrize(
    ("offset_s", "status"), [(0.0, Status.PASS), (0.03, Status.PASS), (0.2, Status.INCONCLUSIVE), (-0.2, Status.INCONCLUSIVE)]
)
def test_clocks_that_differ_put_every_time_in_doubt(offset_s: float, status: Status) -> None:
    """In both directions; a difference smaller than the resolution of the figures does not count."""
    verdict = clocks.judge(Analysis(run(offset_s).evidence))
    assert verdict.status is status
    assert verdict.gates
    assert status is Status.PASS or "differ by at least 0.1" in verdict.reason


def test_slow_answers_make_the_offset_uncertain() -> None:
    """With answers of half a second an offset of 200 ms cannot be measured, and is not reported."""
    assert clocks.judge(Analysis(run(0.2, took_s=0.5).evidence)).status is Status.PASS


def test_too_few_bookings_are_no_evidence_about_clocks() -> None:
    """They do not make the run inconclusive either."""
    assert not clocks.judge(Analysis(run(0.2, count=3).evidence)).gates
