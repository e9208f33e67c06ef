"""Starting many parts that wait for each other."""

import pytest

from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.milestones import Milestone, reach_all


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    """A clock that starts anywhere."""
    return Clock()


def reach(milestones, clock, check=lambda: None, timeout_s=10):
    """Reach them on the test's clock."""
    return reach_all(milestones, check, timeout_s, clock=clock, sleep=clock.sleep)


def test_what_follows_is_started_once_and_only_after_what_comes_before(clock):
    """Order is kept whatever the order of listing."""
    done = []
    milestones = [
        Milestone("last", lambda: "", ("middle",), lambda: done.append("last")),
        Milestone("middle", lambda: "" if "first" in done else "the first", ("first",), lambda: done.append("middle")),
        Milestone("first", lambda: "" if clock.now > 102 else "time", (), lambda: done.append("first")),
    ]
    reach(milestones, clock)
    assert done == ["first", "middle", "last"]


def test_the_time_of_each_is_recorded(clock):
    """Seconds from the start, so that the slow ones can be found."""
    times = reach([Milestone("now", lambda: ""), Milestone("later", lambda: "" if clock.now >= 103 else "time")], clock)
    assert times["now"] == 0
    assert times["later"] == pytest.approx(3, abs=0.1)


def test_what_is_not_reached_in_time_is_named_with_what_it_lacked_last(clock):
    """Only what is missing; what was never asked says what comes before it."""
    milestones = [
        Milestone("soon", lambda: ""),
        Milestone("never", lambda: "the replica is stopped" if clock.now > 103 else "the replica is starting"),
        Milestone("after never", lambda: "", ("never",)),
    ]
    expected = r"not reached within 5 s: never \(the replica is stopped\); after never \(comes after never\)$"
    with pytest.raises(EnvironmentFailed, match=expected):
        reach(milestones, clock, timeout_s=5)


def test_a_part_that_dies_ends_the_waiting_at_once(clock):
    """A dead server is not waited for."""

    def check():
        if clock.now > 101:
            raise EnvironmentFailed("etcd ended")

    with pytest.raises(EnvironmentFailed, match="etcd ended"):
        reach([Milestone("never", lambda: "everything")], clock, check, timeout_s=60)
    assert clock.now < 102
