"""Sleepers on the shared timer wake in the order of their instants, not before them, and only once."""

from __future__ import annotations

import time

import gevent
import pytest

from closeshave.loadgen.engine import Engine
from closeshave.loadgen.sleep import sleep_until


def test_sleepers_wake_in_order_and_never_early(engine: Engine) -> None:
    """In whatever order they fell asleep."""
    start_ns, woken = time.monotonic_ns(), list[int]()

    def sleeper(after_ns: int) -> None:
        sleep_until(engine.loop, start_ns + after_ns)
        assert time.monotonic_ns() >= start_ns + after_ns
        woken.append(after_ns)

    delays_ns = [30_000_000, 10_000_000, 20_000_000, 0, -5]
    gevent.joinall([gevent.spawn(sleeper, delay_ns) for delay_ns in delays_ns], timeout=20, raise_error=True)
    assert woken == [0, -5, 10_000_000, 20_000_000, 30_000_000]


def test_a_sleeper_that_was_ended_is_not_woken_later(engine: Engine) -> None:
    """Its greenlet may be doing something else by then."""
    slept = list[str]()

    def sleeper() -> None:
        try:
            sleep_until(engine.loop, time.monotonic_ns() + 20_000_000)
        except gevent.GreenletExit:
            gevent.sleep(0.1)
            slept.append("undisturbed")

    asleep = gevent.spawn(sleeper)
    gevent.sleep(0)
    asleep.kill(block=False)
    asleep.join(timeout=20)
    assert slept == ["undisturbed"]


@pytest.mark.parametrize("ago_ns", [0, 10**9])
def test_a_past_instant_yields_once(engine: Engine, ago_ns: int) -> None:
    """So that a late customer lets others run."""
    others = list[int]()
    gevent.spawn(others.append, 1)
    sleep_until(engine.loop, time.monotonic_ns() - ago_ns)
    assert others == [1]
