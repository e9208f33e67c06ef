"""Waiting with a deadline: whoever gives up can say what was seen last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from closeshave.control.waiting import obstacle


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that starts anywhere."""
    return Clock()


def wait(look: Callable[[], str], clock: Clock, timeout_s: float, interval_s: float = 0.5) -> str:
    """Wait on the test's clock."""
    return obstacle(look, timeout_s, interval_s, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    ("gone_at_s", "timeout_s", "seen", "ended_s"),
    [
        (0, 5, "", 0),
        (2, 5, "", 2),
        # It is asked a last time at the deadline, also when the deadline is no whole number of intervals away.
        (5, 5, "", 5),
        (4.75, 4.75, "", 4.75),
        (9, 5, "starting for 5 s", 5),
        (9, 0, "starting for 0 s", 0),
        (9, -3, "starting for 0 s", 0),
    ],
)
def test_it_ends_when_nothing_is_in_the_way_or_with_what_was_seen_last(
    gone_at_s: float, timeout_s: float, seen: str, ended_s: float, clock: Clock
) -> None:
    """Not with what was seen first, nor with nothing."""

    def look() -> str:
        passed = clock.now - 100
        return "" if passed >= gone_at_s else f"starting for {passed:g} s"

    assert wait(look, clock, timeout_s) == seen
    assert clock.now - 100 == pytest.approx(ended_s)


def test_it_is_asked_at_least_once(clock: Clock) -> None:
    """A deadline that has passed says nothing of what there is."""
    asked: list[float] = []

    def look() -> str:
        asked.append(clock.now)
        return "stopped"

    assert wait(look, clock, 0) == "stopped"
    assert asked == [100.0]
