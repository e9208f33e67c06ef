"""Session guarantees: reads never go back, and show what their own session wrote."""

import pytest

from tests.judge.clean import Plant, not_passing
from tests.judge.histories import EIGHT, Run


def read_back_in_time(run: Run) -> None:
    """Version 2 was read, then version 1."""
    run.act("read", 80, booking=1, session="s1", read_values='{"version": 2}')
    run.act("read", 81, booking=1, session="s1", read_values='{"version": 1}')


def own_write_not_read(run: Run) -> None:
    """Moved to version 2, then read as version 1."""
    run.book(30, 50, final=False, session="s50")
    run.act("reschedule", 31, booking=50, barber=1, starts_at=EIGHT, minutes=30, version=2, session="s50")
    run.row(50, starts_at=EIGHT, version=2)
    run.act("read", 32, booking=50, session="s50", version=1)


def own_booking_not_found(run: Run) -> None:
    """Booked, acknowledged, and not found by the same session."""
    run.act("read", 80, booking=1, session="s1", version=1)
    run.act("read", 81, booking=1, session="s1", outcome="fail", status=404)


BREACHES: dict[Plant, set[str]] = {
    read_back_in_time: {"stale_sessions"},
    own_write_not_read: {"stale_sessions"},
    own_booking_not_found: {"stale_sessions"},
}
"""Each defect and the only verdicts that it fails."""


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_each_breach_fails_its_own_verdict(plant: Plant) -> None:
    """And no other: a clean history with one defect."""
    assert not_passing(plant) == BREACHES[plant]


def read_while_writing(run: Run) -> None:
    """A read that was under way when the move was answered may show either."""
    run.book(30, 50, final=False, session="s50")
    run.act("reschedule", 31, booking=50, took=0.5, barber=1, starts_at=EIGHT, minutes=30, version=2, session="s50")
    run.row(50, starts_at=EIGHT, version=2)
    run.act("read", 31.49, booking=50, took=0.1, session="s50", version=1)


def read_by_somebody_else(run: Run) -> None:
    """Another session is promised nothing."""
    run.act("read", 80, booking=1, session="s1", version=2)
    run.act("read", 81, booking=1, session="other", version=1)


INNOCENT = (read_while_writing, read_by_somebody_else)


@pytest.mark.parametrize("plant", INNOCENT, ids=lambda plant: plant.__name__)
def test_what_only_looks_like_a_breach_passes(plant: Plant) -> None:
    """Every one of these is right behaviour."""
    assert not_passing(plant) == set()
