"""Callers that share a pace never send faster than it, whatever they do and however late they are."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.caps.pace import SHARE, Pace


class Time:
    """A clock that advances only by sleep."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        """And wake late by nothing."""
        self.now_s += seconds


@given(st.floats(0.5, 200), st.lists(st.floats(0, 3), min_size=1, max_size=80))
def test_no_second_holds_more_than_the_cap(per_s: float, busy_s: list[float]) -> None:
    """However long each call takes; a slow one is not made up for."""
    time = Time()
    pace, sent = Pace(per_s, lambda: time.now_s, time.sleep), []
    for took_s in busy_s:
        pace.wait()
        sent.append(time.now_s)
        time.now_s += took_s
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert all(gap >= 1 / per_s for gap in gaps)
    assert all(gap == pytest.approx(max(took_s, 1 / (SHARE * per_s))) for gap, took_s in zip(gaps, busy_s, strict=False))


def test_threads_share_a_pace() -> None:
    """Forty requests of four threads at a hundred a second take 39 gaps."""
    pace, sent, lock = Pace(100.0), [], threading.Lock()

    def send() -> None:
        for _ in range(10):
            pace.wait()
            with lock:
                sent.append(pace._clock())

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 40
    assert max(sent) - min(sent) >= 39 / (SHARE * 100) - 0.02


def test_without_a_cap_no_caller_waits() -> None:
    """A platform of our own."""
    Pace(None, lambda: 0.0, lambda _seconds: pytest.fail("it waits")).wait()
