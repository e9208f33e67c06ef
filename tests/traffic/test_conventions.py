"""Requests follow the platform's capabilities: what it does not know is left out, and its limits apply to one address or to each."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.clock import now_ns
from closeshave.deployment import Capabilities
from closeshave.history import Source
from closeshave.loadgen.transport import Answer, Request
from closeshave.plan import Canaries, Limits, Phase, Plan, Role, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic import conventions, dialect, limits
from closeshave.traffic.dialect import Caller, Slot
from closeshave.traffic.population import populate
from closeshave.traffic.session import Session, Surroundings, Window
from closeshave.traffic.steps import Appointment, SessionSteps
from tests.traffic.loads import FOUR
from tests.traffic.test_session import Kept, Scripted

ONE = Topology(("us-east-1",), (Shard(1, 1, 1, "us-east-1", "us-east-1"),))
"""A platform without franchises."""
SLOT = Slot(5, date(2026, 12, 1), "09:00", "America/New_York")
BOOKED = {"id": 3, "barber_id": 5, "start_time": "2026-12-01T14:00:00", "client_id": 9, "price": 30.0}


def customer(
    able: Capabilities, *script: tuple[int, object], spoken: conventions.Conventions | None = None
) -> tuple[Session, Kept, Scripted]:
    """A customer of a platform that can do this, its book and its connection."""
    kept, transport = Kept(), Scripted(list(script))
    spoken = spoken or conventions.of(able, ONE)
    around = Surroundings(Source.CUSTOMERS, ONE, "closeshave:r", Window(), kept, lambda _due_ns: None, lambda: 1_795_000_000.0, spoken)
    caller = Caller("a@example.com", "pw", "T", "C", 1, "10.1.2.3")
    return Session("s", "customer", "us-east-1", caller, "9", transport, around, random.Random(1), now_ns()), kept, transport


@pytest.mark.parametrize(
    ("able", "absent", "present"),
    [
        (Capabilities(), set(), {"X-Franchise-Id", "X-Forwarded-For", "Authorization"}),
        (Capabilities(franchises=False), {"X-Franchise-Id"}, {"X-Forwarded-For"}),
        (Capabilities(forwarded_for=False), {"X-Forwarded-For"}, {"X-Franchise-Id"}),
        (Capabilities(franchises=False, forwarded_for=False), {"X-Franchise-Id", "X-Forwarded-For"}, {"Authorization"}),
    ],
)
def test_headers_that_a_platform_does_not_know_are_left_out(able: Capabilities, absent: set[str], present: set[str]) -> None:
    """And the others are sent."""
    session, _, transport = customer(able, (200, []))
    SessionSteps(session).barbers()
    (sent,) = transport.asked
    assert absent.isdisjoint(sent.headers)
    assert present <= set(sent.headers)


def test_steps_that_are_off_are_neither_sent_nor_counted() -> None:
    """The journey continues without them, and no customer waits for them."""
    off = Capabilities(steps_off=("pay_intent", "pay_confirm", "cancel", "reschedule", "read_booking", "profile", "login", "refresh"))
    session, kept, transport = customer(off)
    steps, booking = SessionSteps(session), Appointment(3, SLOT, "Haircut")
    due_ns = session.due_ns
    steps.read_booking(booking)
    steps.profile()
    steps.log_in()
    steps.cancel(booking)
    assert steps.create_intent(booking) is None
    assert steps.reschedule(booking, replace(SLOT, time="10:00")) == booking
    assert (transport.asked, kept.operations, kept.counters.sent, kept.counters.intended) == ([], [], 0, 0)
    assert session.due_ns == due_ns


def test_a_form_is_not_sent_twice_where_keys_are_ignored() -> None:
    """Otherwise impatient customers would book twice."""
    session, _, transport = customer(Capabilities(keyed_bookings=False), (200, BOOKED))
    assert SessionSteps(session).book(SLOT, "Haircut", submissions=3) is not None
    assert len(transport.asked) == 1


def test_a_platform_without_franchises_is_one_shop_with_days_for_canaries() -> None:
    """Customers and canaries never request the same slot."""
    spoken = conventions.of(Capabilities(franchises=False), ONE)
    assert set(spoken.days).isdisjoint(spoken.canary_days)
    assert max(spoken.canary_days) <= 28
    session, _, _ = customer(Capabilities(franchises=False))
    today = datetime.fromtimestamp(1_795_000_000, UTC).date()
    assert all(1 <= (SessionSteps(session).some_day() - today).days <= 22 for _ in range(200))


def test_all_customers_use_the_only_shop() -> None:
    """A population of one franchise is one."""
    population = populate(ONE, 0.8, "shuffled", np.random.default_rng(1))
    assert population.franchises(0, 5, np.random.default_rng(1)).tolist() == [1] * 5


@pytest.mark.parametrize(("forwarded", "good"), [(True, [False, False]), (False, [False, True])])
def test_a_refusal_is_good_only_if_the_address_is_over_its_limit(forwarded: bool, good: list[bool]) -> None:
    """With addresses of their own, or with a shared one: the second customer is over the limit that the first used up."""
    able = Capabilities(forwarded_for=forwarded, limits={"slots": "1 per 1m"})
    spoken, found = conventions.of(able, ONE), []
    for _ in range(2):
        session, kept, _ = customer(able, (429, {"detail": "Rate limit exceeded"}), spoken=spoken)
        SessionSteps(session).slots(SLOT.day)
        found.append(kept.operations[0].good)
    assert found == good


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30 per 1h", (30, 3600.0)), ("5 per 90s", (5, 90.0)), ("0 per 1m", (0, 60.0))],
)
def test_limits_are_read_as_people_write_them(text: str, expected: tuple[int, float]) -> None:
    """The others are those that the API states."""
    assert limits.stated({"book": text})["book"] == expected
    assert limits.stated({"book": text})["slots"] == limits.shipped()["slots"]


@pytest.mark.parametrize(
    "text", ["30", "30 per", "thirty per 1h", "30 per 0", "-1 per 1h", "30 per 1h\n", "9" * 400 + " per 1h", "1 per fortnight"]
)
def test_an_invalid_limit_is_refused(text: str) -> None:
    """With the operation."""
    with pytest.raises(ValueError, match=r"book|duration"):
        limits.stated({"book": text})


def plan(*phases: tuple[float, float], contests_per_s: float = 0.0, **canaries: float) -> Plan:
    """Phases of seconds and sessions a second."""
    made = tuple(Phase(f"p{index}", Role.CALM, duration, rate) for index, (duration, rate) in enumerate(phases))
    probing = Canaries(**({"home_per_s": 0.0, "away_per_s": 0.0} | canaries))
    return Plan("p", "e", "t", 1, Limits(600, 1000), made, traffic=Traffic(contests_per_s=contests_per_s), canaries=probing)


@pytest.mark.parametrize(
    ("given_plan", "stated", "says"),
    [
        (plan((60, 0.2)), {"slots": (100, 60.0)}, None),
        (
            plan((60, 0.25)),
            {"slots": (100, 60.0)},
            "about 109 requests of 'slots' would come from one address within 60 s; the platform allows 100",
        ),
        (plan((30, 0.4)), {"slots": (100, 60.0)}, None),
        (plan((600, 0.1), (30, 1.0)), {"slots": (100, 60.0)}, "about 240 requests"),
        # Whoever is refused looks once more: rivals twice each, canaries once a booking.
        (plan((60, 0.001), contests_per_s=0.5), {"slots": (100, 60.0)}, "about 121 requests of 'slots'"),
        (plan((60, 0.001), home_per_s=4.0), {"slots": (100, 60.0)}, "about 121 requests of 'slots'"),
        (plan((100, 1.0)), {"book": (50, 3600.0)}, None),
        (plan((100, 1.0), contests_per_s=0.2), {"book": (50, 3600.0)}, "about 73 requests of 'book'"),
        (plan((100, 1.0), home_per_s=2.0), {"book": (50, 3600.0)}, "about 133 requests of 'book'"),
        (plan((600, 100)), {"login": (60, 60.0)}, None),
        (plan((600, 100)), {"login": (59, 60.0)}, "'login'"),
    ],
)
def test_a_plan_that_one_address_cannot_send_is_refused_with_the_numbers(
    given_plan: Plan, stated: Mapping[str, tuple[int, float]], says: str | None
) -> None:
    """In the fullest window, canaries and contests included."""
    found = list(limits.exceeded(given_plan, ONE, stated, frozenset()))
    assert found == [] if says is None else says in found[0]


def test_operations_that_are_off_have_no_limit() -> None:
    """They are never sent."""
    assert list(limits.exceeded(plan((600, 100)), ONE, {"pay_intent": (1, 60.0)}, frozenset({"pay_intent"}))) == []


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(0.01, 10)), min_size=1, max_size=5), st.floats(1, 200))
def test_no_window_is_fuller_than_the_fullest(phases: list[tuple[float, float]], window_s: float) -> None:
    """Tried at a hundred positions."""
    given_plan = plan(*phases)
    most = limits._most(given_plan, lambda per_s: per_s, window_s)
    total_s = sum(duration for duration, _ in phases)
    for step in range(100):
        at = -window_s + (total_s + window_s) * step / 99
        inside, start = 0.0, 0.0
        for duration, rate in phases:
            inside += rate * max(0.0, min(start + duration, at + window_s) - max(start, at))
            start += duration
        assert inside <= most + 1e-6


def test_every_request_of_the_dialect_is_an_operation_that_can_be_switched_off() -> None:
    """Otherwise a file could not switch it off."""
    caller = Caller("a@example.com", "pw", "T", "C", 1, "10.1.2.3")
    made = [
        dialect.franchise_page(caller), dialect.services(caller), dialect.barbers(caller), dialect.slots(caller, SLOT.day), dialect.log_in(caller),
        dialect.refresh(caller, "r"), dialect.me(caller), dialect.book(caller, SLOT, "Haircut", "n", "k"), dialect.read_booking(caller, 1),
        dialect.reschedule(caller, 1, SLOT), dialect.cancel(caller, 1), dialect.create_intent(caller, 1, "k"), dialect.confirm(caller, 1, "i", "k"),
        dialect.change_shop(caller, "n"),
    ]  # fmt: skip
    assert {request.kind for request in made} == conventions.OPERATIONS


def test_conventions_change_nothing_for_a_platform_that_can_do_everything() -> None:
    """Nothing is even copied."""
    request = Request("slots", "GET", "/", {"X-Franchise-Id": "1"})
    assert conventions.of(Capabilities(), FOUR).apply(request) is request
    assert Answer(0, 0).status == 0


@pytest.mark.parametrize("topology", [ONE, FOUR], ids=["one", "four"])
def test_two_loads_of_one_trial_share_no_day(topology) -> None:
    """Bookings of a calibration would hold slots, and limits of customers, that the run's own records do not contain."""
    every, first, last = (conventions.of(Capabilities(), topology, which) for which in ("all", "first", "last"))
    for days in ("days", "canary_days"):
        of_first, of_last = set(getattr(first, days)), set(getattr(last, days))
        assert of_first
        assert of_last
        assert not of_first & of_last
        assert of_first | of_last == set(getattr(every, days))
    assert not set(first.canary_days) & set(last.days)
