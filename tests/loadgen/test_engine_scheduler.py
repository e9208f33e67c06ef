"""The open model: every due arrival is begun, in time or late, never dropped; and an error in a journey stops nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gevent
import numpy as np
import pytest

from closeshave.loadgen.loop import Loop
from closeshave.loadgen.scheduler import Arrivals, Scheduler


def carry_out(instants_ms: Sequence[float], serve: Any, crew: int, until_ms: float = 10_000) -> tuple[Arrivals, Scheduler, list[Exception]]:
    """Run a scheduler over arrivals so many milliseconds after now."""
    loop, errors = Loop(), list[Exception]()
    start_ns = time.monotonic_ns()
    agenda = Arrivals((np.array(instants_ms) * 1e6).astype(np.int64), start_ns)
    scheduler = Scheduler(loop, agenda, lambda due_ns, subject: serve(agenda, due_ns - start_ns, subject), crew, errors.append)
    scheduler.run(start_ns + int(until_ms * 1e6))
    loop.close()
    return agenda, scheduler, errors


def test_arrivals_are_begun_with_their_intended_time_and_never_before() -> None:
    """Each due instant comes once, in order, at or after its time."""
    begun: list[int] = []
    begin_ns = time.monotonic_ns()

    def serve(_agenda: Arrivals, due_ns: int, _subject: object) -> None:
        assert time.monotonic_ns() >= begin_ns + due_ns
        begun.append(due_ns)

    carry_out([5, 5, 10, 40], serve, crew=4)
    assert begun == [5_000_000, 5_000_000, 10_000_000, 40_000_000]


def test_too_few_greenlets_make_arrivals_late_and_lose_none() -> None:
    """Twenty arrivals at once for two greenlets that take 5 ms each: all are served, with their due times."""
    begun: list[int] = []

    def serve(_agenda: Arrivals, due_ns: int, _subject: object) -> None:
        begun.append(due_ns)
        gevent.sleep(0.005)

    _, scheduler, _ = carry_out([1] * 20, serve, crew=2)
    assert begun == [1_000_000] * 20
    assert scheduler.size == 2


def test_a_waiting_session_continues_at_its_time() -> None:
    """A session in its think time holds no greenlet; with a single greenlet, others run in between."""
    order: list[str] = []

    def serve(agenda: Arrivals, _due_ns: int, subject: str | None) -> None:
        if subject is None and not order:
            agenda.park("second step", time.monotonic_ns() + 50_000_000)
        order.append(subject or "arrival")

    carry_out([1, 2, 3], serve, crew=1)
    assert order == ["arrival", "arrival", "arrival", "second step"]


def test_a_journey_that_raises_is_reported_and_the_load_goes_on() -> None:
    """Errors are reported, the greenlets stay."""
    begun: list[int] = []

    def serve(_agenda: Arrivals, due_ns: int, _subject: object) -> None:
        begun.append(due_ns)
        raise KeyError("a bug")

    _, _, errors = carry_out([1, 2, 3], serve, crew=1)
    assert len(begun) == len(errors) == 3


def test_what_is_not_begun_by_the_end_is_counted() -> None:
    """Stopped while the only greenlet hangs: one begun, four overdue."""
    agenda, _, _ = carry_out([1] * 5 + [5000], lambda *_: gevent.sleep(60), crew=1, until_ms=100)
    assert (agenda.begun, agenda.overdue(time.monotonic_ns())) == (1, 4)


def test_zero_greenlets_are_refused() -> None:
    """The load would never end."""
    with pytest.raises(ValueError, match="crew"):
        carry_out([1], lambda *_: None, crew=0)
