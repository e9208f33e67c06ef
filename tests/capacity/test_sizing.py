"""What a load takes: the arithmetic, line by line; where it ends; and that more never takes less."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.capacity.demands import LoadDemand, demands, lateness_ms_max
from closeshave.capacity.interval import Interval
from closeshave.capacity.loadmachine.values import LoadMachine, Memory, Paced, PacedLevel
from closeshave.capacity.sizing import Needed, on_time, size
from closeshave.files.shipped import locate
from closeshave.target import Measure, Objective, read_target
from tests.capacity.machines import MACHINE, machine, paced
from tests.claims.made import target

ENTERPRISE = read_target(locate("environments/targets", "bookedbarber-enterprise"))


def rate(per_s: float, answer_s: float | None = 0.1) -> LoadDemand:
    """A promise of requests per second."""
    return LoadDemand("R", "a rate", None, per_s, "stated by R", answer_s)


def users(count: int, think_s: float = 10.0, answer_s: float | None = 0.1) -> LoadDemand:
    """A promise of users."""
    return LoadDemand("U", "users", count, count / (think_s + (answer_s or 0)), "by thinking", answer_s)


def row(found: tuple[Needed, ...], what: str) -> Needed:
    """One of the rows."""
    return next(each for each in found if each.what == what)


# -- what is asked for -----------------------------------------------------------------------------------------------------------------------


def test_what_the_shipped_target_asks_for_comes_from_its_file() -> None:
    """E01 is a million users, and what they send follows from their think time; E02 is a rate."""
    first, second = demands(ENTERPRISE)
    assert (first.claim, first.users, second.claim, second.users, second.rate_per_s) == ("E01", 1_000_000, "E02", None, 100_000)
    assert first.rate_per_s == pytest.approx(1_000_000 / 7.1)
    assert first.rate_from == "1,000,000 users / (7 s of thinking + 100 ms) = 140,845 requests/s"
    assert {first.response_time_s, second.response_time_s} == {0.1}
    assert lateness_ms_max(ENTERPRISE) == pytest.approx(10)


def test_users_whose_think_time_nobody_states_have_no_rate() -> None:
    """Unknown, because; and not a guess."""
    (found,) = demands(target(A={"users": 100}))
    assert (found.rate_per_s, found.response_time_s) == (None, None)
    sized = size(MACHINE, found, 10)
    assert not sized.supported
    assert sized.because == "the target does not say how long its users think (assumes: think_time)"
    assert sized.needed == ()


def test_a_promise_of_both_has_the_rate_that_it_states() -> None:
    """Also where its think time would give another; and targets without either ask for nothing."""
    (found,) = demands(target(A={"users": 100, "requests_per_s": 7.0}, assumes={"think_time": 10.0}))
    assert (found.users, found.rate_per_s) == (100, 7.0)
    assert [*demands(target(A={"availability": 0.999}))] == []


def test_how_late_is_late_follows_the_tightest_bound_on_response_time() -> None:
    """A tenth of it, and of a second where there is none."""
    bound = Objective("a", (), Measure.LATENCY, at_most=0.05, percentile=0.95)
    other = Objective("b", (), Measure.DATABASE_TIME, at_most=0.001, percentile=0.95)
    assert lateness_ms_max(target(objectives=[bound, other])) == pytest.approx(5)
    assert lateness_ms_max(target()) == pytest.approx(100)


# -- on time ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "rate_per_s", "per_worker"),
    [
        (paced((10, 1), (20, 2), (30, 99)), 20, (20, 20, 30)),
        (paced((10, 1), (20, 2)), 20, (20, 20, 92_000)),
        (paced((10, 1), (20, 99), (30, 1)), 10, (10, 10, 20)),
        (paced((10, 1), (20, 2), (30, 99), workers=2), 20, (10, 10, 15)),
        (Paced(1, (PacedLevel(10, 20, 20, 1), PacedLevel(20, 40, 39, 1)), 0), 10, (10, 10, 20)),
    ],
)
def test_the_largest_rate_on_time(found: Paced, rate_per_s: float, per_worker: tuple[float, float, float]) -> None:
    """Up to the first level that was late, or of which something was not sent; a level after it does not count."""
    kept = on_time(machine(paced=found), 10)
    assert kept is not None
    assert (kept.rate_per_s, kept.per_worker_per_s) == (rate_per_s, Interval(*per_worker))


def test_a_machine_that_was_never_on_time_supports_nothing() -> None:
    """And says how late it was."""
    found = size(machine(paced=paced((1_000, 11))), rate(1), 10)
    assert not found.supported
    assert found.because.startswith(
        "even at its lowest rate this machine was not on time: at 1,000 requests/s 1,000 of 1,000 were sent, with a p99"
    )


# -- the arithmetic --------------------------------------------------------------------------------------------------------------------------


def test_a_rate_takes_what_the_arithmetic_says() -> None:
    """Every line by hand, for a machine that was on time at 40,000/s and late at 60,000/s."""
    found = size(MACHINE, rate(100_000), 10)
    assert found.supported
    assert [str(each) for each in found.supports] == [
        "extrapolated to 100,000/s, claimed 100,000/s, supported",
        "extrapolated to 15,000 connections, claimed 10,000 connections, supported",
    ]
    assert row(found.needed, "cores").amount == Interval(100 / 60, 2.5, 2.5)
    assert row(found.needed, "cores").arithmetic == "100,000 requests/s / 40,000 to 60,000 a worker on time, a core for each"
    assert row(found.needed, "load machines").amount == Interval(1, 1, 1)
    assert row(found.needed, "memory").amount == Interval(2 * 80e6 + 9e7, 3 * 82e6 + 1e8, 3 * 84e6 + 1.1e8)
    assert row(found.needed, "connections").amount == Interval.exact(10_000)
    assert row(found.needed, "open files of a worker").amount == Interval(math.ceil(10_000 / 3), math.ceil(10_000 / 3), 5_000)
    assert row(found.needed, "source addresses").amount == Interval.exact(1)
    assert row(found.needed, "source addresses, if every request had a connection of its own").amount == Interval.exact(213)
    assert row(found.needed, "bandwidth sent").amount == Interval.exact(100_000 * (120 + 90) * 8)
    assert row(found.needed, "bandwidth received").amount == Interval.exact(100_000 * (350 + 90) * 8)


def test_a_long_answer_takes_several_frames() -> None:
    """Each with its headers."""
    found = size(machine(answer_bytes=1449.0), rate(1_000), 10)
    assert row(found.needed, "bandwidth received").amount == Interval.exact(1_000 * (1449 + 2 * 90) * 8)


def test_users_take_their_memory_too() -> None:
    """And their connections, if each keeps one."""
    found = size(MACHINE, users(15_000), 10)
    memory, own = row(found.needed, "memory"), row(found.needed, "memory, if every user keeps a connection")
    assert memory.amount is not None
    assert memory.amount.point == pytest.approx(82e6 + 15_000 * 225 + 10_000 * 15_000 / 10.1 * 0.1)
    assert own.amount == Interval(9_000, 10_000, 11_000) * 15_000
    assert "1 source addresses" in own.arithmetic


def test_machines_follow_memory_where_that_is_what_lacks() -> None:
    """A machine with little memory has idle cores."""
    small = dataclasses.replace(MACHINE.allowed, memory_bytes=100_000_000)
    found = row(size(machine(allowed=small), users(1_000_000), 10).needed, "load machines")
    assert found.amount is not None
    assert found.amount.low >= 1_000_000 * 0.9 * 220 / 1e8


# -- where it ends ---------------------------------------------------------------------------------------------------------------------------


def test_past_two_and_a_half_times_what_was_measured_nothing_is_claimed() -> None:
    """The supported part is sized, and is called a part."""
    found = size(MACHINE, rate(100_001), 10)
    assert not found.supported
    assert str(found.supports[0]) == "extrapolated to 100,000/s, claimed 100,001/s, not supported"
    assert [each.amount for each in found.needed] == [each.amount for each in size(MACHINE, rate(100_000), 10).needed]


def test_the_part_is_that_of_the_figure_that_carries_least() -> None:
    """Few customers were measured: their requests are a part, too."""
    memory = dataclasses.replace(MACHINE.memory, customers_max=10_000)
    found = size(machine(memory=memory), users(100_000), 10)
    assert [each.supported for each in found.supports] == [True, False, True]
    cores = row(found.needed, "cores").amount
    assert cores is not None
    assert cores.point == pytest.approx(25_000 / 10.1 / 40_000)
    assert "25,000 customers" in row(found.needed, "memory").arithmetic


@pytest.mark.parametrize(("connections_max", "supported", "connections"), [(4_000, True, 10_000), (3_998, False, 9_995)])
def test_connections_end_there_too(connections_max: int, supported: bool, connections: int) -> None:
    """And with them what is sent over them."""
    memory = dataclasses.replace(MACHINE.memory, connections_max=connections_max)
    found = size(machine(memory=memory), rate(100_000), 10)
    assert found.supported is supported
    amount = row(found.needed, "connections").amount
    assert amount is not None
    assert amount.point == pytest.approx(connections, abs=1)
    assert f"{connections:,} connections x" in row(found.needed, "memory").arithmetic
    if not supported:
        assert str(found.supports[1]) == "extrapolated to 9,995 connections, claimed 10,000 connections, not supported"
        assert row(found.needed, "cores").arithmetic.startswith("99,950 requests/s")


def test_without_a_promised_response_time_connections_are_unknown() -> None:
    """But those of requests that keep none are not."""
    found = size(MACHINE, rate(100_000, None), 10)
    assert row(found.needed, "connections").amount is None
    assert row(found.needed, "source addresses, if every request had a connection of its own").amount is not None


# -- for any machine -------------------------------------------------------------------------------------------------------------------------

POSITIVE = st.floats(1, 1e6)


@st.composite
def machines(draw: st.DrawFn) -> LoadMachine:
    """Slow ones and quick ones, small ones and large ones."""
    rates = sorted(set(draw(st.lists(st.integers(1, 100_000), min_size=1, max_size=4))))
    levels = tuple(PacedLevel(float(each), each, each, draw(st.floats(0, 20))) for each in rates)
    three = st.lists(POSITIVE, min_size=3, max_size=3).map(lambda ends: Interval(*sorted(ends)))
    memory = Memory(draw(three), draw(three), draw(three), draw(st.integers(0, 10**7)), draw(st.integers(0, 10**5)))
    allowed = dataclasses.replace(
        MACHINE.allowed,
        processors=draw(st.floats(0.5, 64)),
        memory_bytes=draw(st.integers(1 << 20, 1 << 40)),
        ports=draw(st.integers(1, 60_000)),
    )
    return machine(paced=Paced(draw(st.integers(1, 8)), levels, 0.0), memory=memory, allowed=allowed)


@given(machines(), st.lists(st.integers(1, 10**7), min_size=2, max_size=5, unique=True).map(sorted), st.booleans())
def test_more_never_takes_less(found: LoadMachine, demanded: list[int], of_users: bool) -> None:
    """Of no row, at no end; but of what one worker has, where there are more workers."""
    sizings = [size(found, users(each) if of_users else rate(float(each)), 10) for each in demanded]
    for smaller, larger in itertools.pairwise(sizings):
        assert smaller.supported or not larger.supported
        after = {each.what: each.amount for each in larger.needed}
        for each in smaller.needed:
            more = after.get(each.what)
            if each.amount is not None and more is not None and each.what != "open files of a worker":
                for small, large in ((each.amount.low, more.low), (each.amount.point, more.point), (each.amount.high, more.high)):
                    # The supported part of two larger demands is the same, but for rounding.
                    assert small <= large * (1 + 1e-9) + 1


@given(machines(), st.integers(1, 10**7))
def test_intervals_contain_their_point_and_nothing_passes_the_end(found: LoadMachine, demanded: int) -> None:
    """Whatever was measured."""
    sized = size(found, users(demanded), 10)
    for each in sized.needed:
        assert each.amount is None or 0 <= each.amount.low <= each.amount.point <= each.amount.high
    for support in sized.supports:
        assert support.extrapolated <= 2.5 * support.measured
        assert support.supported is (support.claimed <= 2.5 * support.measured)
