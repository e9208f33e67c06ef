"""Customers at a platform whose file does not describe it: they use other routes, read lists again after a refusal, and no answer breaks them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.clock import now_ns
from closeshave.deployment import Capabilities
from closeshave.history import Source
from closeshave.traffic import answers, conventions
from closeshave.traffic.dialect import Caller, Slot
from closeshave.traffic.learning import EMPTY_LISTS, REFUSALS, Learnt
from closeshave.traffic.session import Session, Surroundings, Window
from closeshave.traffic.steps import LOOK_AGAIN_AFTER_S, Appointment, SessionSteps
from tests.traffic.test_conventions import BOOKED, ONE, SLOT
from tests.traffic.test_session import Kept, Scripted

NINE_UTC = 1796115600
"""2026-12-01 09:00 UTC, seconds since the epoch; in New York it is 04:00."""
FREE = {"slots": [{"time": "09:00", "available": True}], "timezone": "America/New_York"}
NONE_FREE = {"slots": [], "timezone": "America/New_York"}
UNAVAILABLE = {"error": {"type": "http", "message": "Barber is not available at 09:00 on 2026-12-01"}}
TAKEN = {"error": {"type": "http", "message": "This time slot is already booked"}}


def customer(
    *script: tuple[int, object], able: Capabilities | None = None, learnt: Learnt | None = None
) -> tuple[SessionSteps, Kept, Scripted, Learnt]:
    """The steps of a customer, what is kept of them, the connection, and what was learnt."""
    kept, transport, spoken = Kept(), Scripted(list(script)), conventions.of(able or Capabilities(), ONE)
    learnt = learnt or spoken.learnt()
    around = Surroundings(
        Source.CUSTOMERS, ONE, "closeshave:r", Window(), kept, lambda _due_ns: None, lambda: 1_795_000_000.0, spoken, learnt
    )
    caller = Caller("a@example.com", "pw", "T", "C", 1, "10.1.2.3")
    session = Session("s", "customer", "us-east-1", caller, "9", transport, around, random.Random(1), now_ns())
    return SessionSteps(session), kept, transport, learnt


def offers(kept: Kept) -> list[tuple[int | None, list[int]]]:
    """The barber and the starts of every list that was kept."""
    return [(effect.barber, json.loads(str(effect.read_values))) for effect in kept.effects if effect.action == "offer"]


def of_one(transport: Scripted) -> list[bool]:
    """For each requested list, whether it was one barber's."""
    return ["barber_id" in request.path for request in transport.asked if request.kind == "slots"]


# -- lists -----------------------------------------------------------------------------------------------------------------------------------


def test_where_lists_of_one_barber_are_empty_the_merged_one_is_used() -> None:
    """Stated in the file: the others are not requested. The customer requests the time from the wanted barber, and the offer names no barber."""
    steps, kept, transport, _ = customer((200, FREE), able=Capabilities(slots_by_barber=False))
    (slot,) = steps.slots(SLOT.day, 5)
    assert (slot, slot.merged) == (SLOT, True)
    assert of_one(transport) == [False]
    assert offers(kept) == [(None, [SLOT.starts_at])]


def test_lists_that_are_always_empty_are_found_without_the_file() -> None:
    """The empty list is requested as long as it may mean that the barber is booked up, and no longer."""
    learnt = Learnt()
    for _ in range(EMPTY_LISTS):
        steps, kept, transport, _ = customer((200, NONE_FREE), (200, FREE), learnt=learnt)
        assert steps.slots(SLOT.day, 5) == [SLOT]
        assert of_one(transport) == [True, False]
        assert offers(kept) == [(5, []), (None, [SLOT.starts_at])]
    steps, _, transport, _ = customer((200, FREE), learnt=learnt)
    assert steps.slots(SLOT.day, 5) == [SLOT]
    assert of_one(transport) == [False]
    assert learnt.found_out


def test_a_barber_who_is_booked_up_does_not_make_lists_useless() -> None:
    """Once such a list had a time in it, an empty one means booked up."""
    steps, _, transport, learnt = customer((200, FREE), (200, NONE_FREE))
    assert steps.slots(SLOT.day, 5) == [SLOT]
    assert steps.slots(SLOT.day, 6) == []
    assert of_one(transport) == [True, True]
    assert (learnt.lists, learnt.empty, learnt.found_out) == (2, 1, False)


def test_a_list_that_was_not_answered_is_no_evidence() -> None:
    """Neither that it is empty, nor that another one would have entries."""
    limited = Capabilities(limits={"slots": "0 per 1m"})
    for answer, able in (((503, {}), None), ((429, {"detail": "Rate limit exceeded"}), limited)):
        steps, _, transport, learnt = customer(answer, able=able)
        assert steps.slots(SLOT.day, 5) == []
        assert of_one(transport) == [True]
        assert (learnt.lists, learnt.empty) == (0, 0)


def test_searching_leaves_no_offers() -> None:
    """It is most of the traffic, and no booking follows from it."""
    steps, kept, _, learnt = customer((200, FREE))
    assert steps.slots(SLOT.day) == [Slot(None, SLOT.day, "09:00", "America/New_York")]
    assert (offers(kept), learnt.lists) == ([], 0)


# -- refusals --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (SLOT, (True, 5)),
        (Slot(None, SLOT.day, "09:00", SLOT.zone, merged=True), (False, None)),
    ],
)
@pytest.mark.parametrize("refusal", [(409, TAKEN), (400, TAKEN), (400, UNAVAILABLE)])
def test_after_a_conflict_the_customer_reads_the_list_again(
    slot: Slot, expected: tuple[bool, int | None], refusal: tuple[int, object]
) -> None:
    """Once, the list from which the time was chosen, in the same session."""
    steps, kept, transport, _ = customer(refusal, (200, FREE))
    assert steps.book(slot, "Haircut") is None
    assert [operation.kind for operation in kept.operations] == ["book", "slots"]
    assert of_one(transport) == [expected[0]]
    assert offers(kept) == [(expected[1], [SLOT.starts_at])]
    assert {effect.session for effect in kept.effects} == {"s"}
    refused, looked = kept.operations
    assert looked.intended_ns - refused.ended_ns == round(LOOK_AGAIN_AFTER_S * 1e9), "by then no replica is behind"


@pytest.mark.parametrize(("service", "times"), [("Shave", 1), ("Haircut", 1), ("Haircut & Shave", 2)])
@pytest.mark.parametrize("free", [True, False])
def test_where_lists_are_merged_the_one_barber_is_checked(service: str, times: int, free: bool) -> None:
    """A merged list says that one of the barbers is free, not which: the answer is recorded as this barber's own times."""
    steps, kept, _, _ = customer((400, UNAVAILABLE), (200, {"barber_id": 5, "is_available": free}))
    assert steps.book(Slot(5, SLOT.day, "09:00", SLOT.zone, merged=True), service) is None
    assert [operation.kind for operation in kept.operations] == ["book", "check_barber"]
    assert offers(kept) == [(5, [SLOT.starts_at + 1800 * turn for turn in range(times)] if free else [])]


@pytest.mark.parametrize(("status", "kinds"), [(404, ["book", "slots"]), (503, ["book", "check_barber"])])
def test_a_platform_without_that_route_is_asked_once(status: int, kinds: list[str]) -> None:
    """From then on the merged list is read, which at least shows when no barber is free."""
    learnt, slot = Learnt(), Slot(5, SLOT.day, "09:00", SLOT.zone, merged=True)
    steps, kept, _, _ = customer((400, UNAVAILABLE), (status, {}), learnt=learnt)
    assert steps.book(slot, "Haircut") is None
    assert offers(kept) == []
    steps, kept, _, _ = customer((400, UNAVAILABLE), (200, FREE), learnt=learnt)
    assert steps.book(slot, "Haircut") is None
    assert [operation.kind for operation in kept.operations] == kinds


@pytest.mark.parametrize("refusal", [(400, {"detail": "Invalid service"}), (404, {}), (429, {"detail": "Rate limit exceeded"})])
def test_after_another_refusal_the_list_is_not_read_again(refusal: tuple[int, object]) -> None:
    """No list would explain it."""
    steps, kept, _, _ = customer(refusal)
    assert steps.book(SLOT, "Haircut") is None
    assert len(kept.operations) == 1


def test_after_a_refused_move_the_customer_reads_the_list_again() -> None:
    """A reschedule is a booking of another time."""
    steps, kept, _, _ = customer((409, TAKEN), (200, FREE))
    booking = Appointment(3, SLOT, "Haircut")
    assert steps.reschedule(booking, Slot(5, SLOT.day, "10:00", SLOT.zone)) == booking
    assert offers(kept) == [(5, [SLOT.starts_at])]


def refused(learnt: Learnt, body: object, times: int, barber: int = 5) -> list[bool]:
    """Whether each of so many refusals with this body counts as good service."""
    found = []
    for _ in range(times):
        steps, kept, _, _ = customer((400, body), (200, FREE), learnt=learnt)
        steps.book(Slot(barber, SLOT.day, "09:00", SLOT.zone), "Haircut")
        found.append(kept.operations[0].good)
    return found


def test_a_barber_who_never_takes_bookings_is_no_longer_requested() -> None:
    """*Not available* there is no conflict: the slot cannot be held by another customer."""
    learnt = Learnt()
    assert refused(learnt, UNAVAILABLE, REFUSALS + 1) == [True] * REFUSALS + [False]
    steps, _, _, _ = customer((200, [{"id": 5}, {"id": 6}]), learnt=learnt)
    assert steps.barbers() == [6]


@pytest.mark.parametrize("body", [TAKEN, {"detail": "This barber already has an appointment"}])
def test_a_conflict_shows_that_the_barber_takes_bookings(body: object) -> None:
    """Another customer holds the slot."""
    learnt = Learnt()
    assert all(refused(learnt, body, REFUSALS + 2))
    assert not learnt.idle(1, 5)


def test_a_barber_who_took_a_booking_takes_bookings() -> None:
    """Regardless of the number of refusals afterwards or before."""
    learnt = Learnt()
    refused(learnt, UNAVAILABLE, REFUSALS - 1)
    steps, _, _, _ = customer((200, BOOKED), learnt=learnt)
    assert steps.book(SLOT, "Haircut") is not None
    assert all(refused(learnt, UNAVAILABLE, REFUSALS + 2))


@pytest.mark.parametrize(
    ("answer", "idle", "expected"),
    [
        ((200, [{"id": 1}, {"id": 5}]), (1,), [5]),
        ((200, [{"id": 1}]), (1,), [None]),
        ((200, []), (), [None]),
        ((503, []), (), []),
        ((200, {"barbers": []}), (), []),
    ],
)
def test_customers_request_barbers_who_take_bookings(answer: tuple[int, object], idle: Sequence[int], expected: list[int | None]) -> None:
    """Or any barber if none can be named; and they leave if there was no answer."""
    steps, _, _, _ = customer(answer, able=Capabilities(idle_barbers=tuple(idle)))
    assert steps.barbers() == expected


def test_without_a_list_of_barbers_customers_request_any_barber() -> None:
    """The step is off."""
    steps, _, _, _ = customer(able=Capabilities(steps_off=("barbers",)))
    assert steps.barbers() == [None]


# -- the zone ----------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "stated", "zone", "assumed"),
    [
        ("Europe/Dublin", None, "Europe/Dublin", False),
        ("Europe/Dublin", "UTC", "Europe/Dublin", False),
        (None, "UTC", "UTC", False),
        (None, None, "America/New_York", True),
    ],
)
def test_the_answers_zone_has_precedence_over_the_files(told: str | None, stated: str | None, zone: str, assumed: bool) -> None:
    """A zone that neither states is assumed, and this is recorded."""
    body = {"slots": [{"time": "09:00"}], "timezone": told}
    steps, _, _, learnt = customer((200, body), able=Capabilities(zone=stated))
    (slot,) = steps.slots(SLOT.day, 5)
    assert (slot.zone, slot.zone_assumed, learnt.zone_assumed) == (zone, assumed, assumed)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "America", "../UTC", "", 5, ["UTC"]])
def test_an_invalid_zone_is_a_wrong_body(zone: object) -> None:
    """It does not break the customer."""
    steps, kept, _, _ = customer((200, {"slots": [{"time": "09:00"}], "timezone": zone}))
    assert steps.slots(SLOT.day, 5) == []
    assert kept.operations[0].error == "wrong_body"


@pytest.mark.parametrize(
    ("start_time", "assumed", "good"),
    [
        ("2026-12-01T14:00:00", False, True),
        ("2026-12-01T09:00:00", False, False),
        ("2026-12-01T09:00:00", True, True),
        ("2026-12-01T09:10:00", True, False),
        ("2026-12-05T09:00:00", True, False),
        (None, True, False),
    ],
)
def test_a_start_is_compared_as_far_as_the_zone_is_known(start_time: str | None, assumed: bool, good: bool) -> None:
    """If the zone is unknown, a booking of the same minute in another zone counts as the requested one; it is recorded as answered."""
    steps, kept, _, _ = customer((200, {**BOOKED, "start_time": start_time}), (200, {**BOOKED, "start_time": start_time}))
    booking = steps.book(Slot(5, SLOT.day, "09:00", SLOT.zone, zone_assumed=assumed), "Haircut")
    assert (booking is not None) is good
    if good and assumed:
        assert kept.effects[0].starts_at == NINE_UTC


# -- whatever it answers -----------------------------------------------------------------------------------------------------------------------

DEEP: object = json.loads("[" * 200 + "]" * 200)
ODD: list[object] = [None, 5, "x", [], {}, [None], [5], ["5"], {"id": "5"}, {"id": None}, [{"id": "5"}, {"name": 1}], {"slots": None}, {"slots": "09:00"},
       {"slots": ["09:00"]}, {"slots": [{"time": None}]}, {"slots": [{"time": "25:99"}]}, {"slots": [{}]}, {"locations": [None]},
       {"locations": ["x"]}, {"id": 3, "start_time": "0001-01-01T00:00:00+23:00", "barber_id": "5", "price": "inf"},
       {"error": {"message": None}}, {"detail": [{"msg": 1}]}, {"payment_intent_id": None, "amount": "1e999"},
       {"access_token": "a\r\nX-Injected: 1"}, {"access_token": "T", "csrf_token": {"a": 1}}, {"access_token": "\u0394"},
       {"slots": [{"time": "09:00 AM"}]}, {"slots": [{"time": "09:00garbage"}]}, {"detail": DEEP}, {"id": 3, "status": DEEP}, {"id": DEEP},
       {"id": True, "barber_id": 5, "start_time": "2026-12-01T14:00:00"}]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=lambda body: repr(body)[:60])
@pytest.mark.parametrize("status", [200, 400, 409, 500])
def test_no_answer_breaks_a_customer(status: int, body: object) -> None:
    """Every step accepts every body, and says whether it was what was requested."""
    booking = Appointment(3, SLOT, "Haircut")
    for act in (
        lambda steps: steps.barbers(), lambda steps: steps.slots(SLOT.day, 5), lambda steps: steps.slots(SLOT.day),
        lambda steps: steps.read_shop(), lambda steps: steps.book(SLOT, "Haircut"), lambda steps: steps.read_booking(booking),
        lambda steps: steps.reschedule(booking, SLOT), lambda steps: steps.cancel(booking), lambda steps: steps.create_intent(booking),
        lambda steps: steps.log_in(), lambda steps: steps.profile(), lambda steps: steps.change_shop("n", 1),
    ):  # fmt: skip
        steps, kept, _, _ = customer(*[(status, body)] * 4)
        act(steps)
        assert kept.operations


@pytest.mark.parametrize(
    "body", [{"access_token": "a\r\nX-Injected: 1"}, {"access_token": "\u0394"}, {"access_token": "N", "csrf_token": 5}]
)
def test_a_token_that_cannot_be_sent_is_a_wrong_body(body: object) -> None:
    """The customer continues with the old one; the next request would have raised."""
    steps, kept, _, _ = customer((200, body), (200, {"id": 9}))
    steps.log_in()
    steps.profile()
    assert [operation.error for operation in kept.operations] == ["wrong_body", None]
    assert steps.session.caller.token == "T"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=8
)
_member = st.sampled_from(["slots", "time", "available", "timezone", "id", "start_time", "barber_id", "price", "09:00", "UTC"])


@given(st.recursive(_json | _member, lambda each: st.lists(each) | st.dictionaries(_member, each), max_leaves=20))
def test_any_json_is_a_list_of_free_times_or_is_not(body: object) -> None:
    """What is accepted as one can be read."""
    parsed = answers.parse(json.dumps(body).encode())
    times = answers.free_times(parsed, date(2026, 8, 3), "UTC")
    assert not times or answers.a_slot_list(parsed)
    assert all(isinstance(Slot(1, SLOT.day, time, "UTC").starts_at, int) for _, time in times)
    assert all(isinstance(barber, int) for barber in answers.ids(parsed))
