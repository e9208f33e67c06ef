"""What customers were shown: free times that had long been booked, outdated pages, bookings of others, franchises without service after a recovery."""

from __future__ import annotations

import json
from typing import Any

import pytest

from closeshave.history import Effect
from closeshave.judge.verdict import Status, Verdict
from tests.judge.histories import EIGHT, INTEGRITY, KILL, RECOVERY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def found(run: Run, name: str) -> Verdict | None:
    """The verdict of this name, ``None`` when nothing is said."""
    return next((verdict for verdict in run.assess(breaches={name.removeprefix("integrity/")}).verdicts if verdict.id == name), None)


def note(run: Run, at: float, action: str, **fields: Any) -> None:
    """An answered operation that concerns no booking, with its recorded values."""
    operation = run.op(at, kind=action, outcome=fields.pop("outcome", "ok"))
    run.effects.append(Effect(operation.id, action, 1, 1, session="s", **fields))


def offer(run: Run, at: float, *starts: int, barber: int = 11) -> None:
    """A list of one barber's free times."""
    note(run, at, "offer", barber=barber, read_values=json.dumps(starts))


def booked(run: Run, at: float) -> None:
    """An acknowledged booking of barber 11 at eight, as another judge's tests write it."""
    operation = run.op(at, kind="book")
    run.effects.append(Effect(operation.id, "create", 1, 1, "k", 1_000_001, 11, EIGHT, 30, 1, session="t"))


@pytest.mark.parametrize(
    ("asked", "starts", "barber", "status"),
    [
        pytest.param(25, (EIGHT,), 11, FAIL, id="five seconds after the booking"),
        pytest.param(21, (EIGHT,), 11, None, id="a moment after the booking: a replica may be behind"),
        pytest.param(15, (EIGHT,), 11, None, id="before the booking"),
        pytest.param(25, (EIGHT + 1800,), 11, PASS, id="another time"),
        pytest.param(25, (EIGHT + 86_400,), 11, INCONCLUSIVE, id="another day, on which nothing was booked"),
        pytest.param(25, (EIGHT,), 12, None, id="another barber"),
        pytest.param(25, (), 11, INCONCLUSIVE, id="nothing is offered: it may have been another day, or be this platform's habit"),
        pytest.param(150, (EIGHT,), 11, None, id="in a fault phase: replication may stand still"),
    ],
)
def test_a_list_does_not_offer_what_was_booked(asked: float, starts: tuple[int, ...], barber: int, status: Status | None) -> None:
    """Only times of the same barber that were held for a while count, and only in calm; ``None`` if no customer requested a list that could have been
    wrong.
    """
    run = Run((INTEGRITY,))
    booked(run, 20)
    offer(run, asked, *starts, barber=barber)
    verdict = found(run, "integrity/stale_offers")
    assert (verdict.status if verdict else None) == status
    assert status is not FAIL or (verdict is not None and "1000001" in verdict.witnesses[0].facts()["why"])


@pytest.mark.parametrize(("kind", "status"), [("slots", INCONCLUSIVE), ("check_barber", None), ("canary_check", None)])
def test_a_question_about_one_slot_is_not_a_list(kind: str, status: Status | None) -> None:
    """The answer "no" is not an empty list: if only such questions were asked, no list was read."""
    run = Run((INTEGRITY,))
    booked(run, 20)
    operation = run.op(25, kind=kind, outcome="ok")
    run.effects.append(Effect(operation.id, "offer", 1, 1, session="s", barber=11, read_values="[]"))
    verdict = found(run, "integrity/stale_offers")
    assert (verdict.status if verdict else None) == status


def test_a_cancelled_booking_may_be_offered_again() -> None:
    """From the moment at which the cancel is sent it is not certain that the time is held."""
    run = Run((INTEGRITY,))
    booked(run, 20)
    operation = run.op(30, kind="cancel")
    run.effects.append(Effect(operation.id, "cancel", 1, 1, booking=1_000_001, barber=11, starts_at=EIGHT, minutes=30))
    offer(run, 25, EIGHT + 1800)
    offer(run, 40, EIGHT)
    verdict = found(run, "integrity/stale_offers")
    assert verdict is not None
    assert verdict.status is PASS


@pytest.mark.parametrize(
    ("at", "outcome", "shown", "status"),
    [
        (21, "ok", 7, PASS),
        (21, "ok", 8, PASS),
        (21, "ok", 6, FAIL),
        pytest.param(21, "info", 6, INCONCLUSIVE, id="the change may not have happened"),
        pytest.param(150, "ok", 6, INCONCLUSIVE, id="in a fault phase: a replica may answer"),
    ],
)
def test_a_page_shows_what_was_changed(at: float, outcome: str, shown: int, status: Status | None) -> None:
    """The acknowledged version or a later one."""
    run = Run((INTEGRITY,))
    note(run, 20, "change_shop", version=7, outcome=outcome)
    note(run, at, "read_shop", version=shown)
    verdict = found(run, "integrity/stale_pages")
    assert (verdict.status if verdict else None) == status


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ({"booking": 1_000_001, "franchise_id": 1}, PASS),
        ({"booking": 1_000_001}, PASS),
        ({"booking": 1_000_002, "franchise_id": 1}, FAIL),
        ({"booking": 1_000_001, "franchise_id": 2}, FAIL),
    ],
)
@pytest.mark.parametrize("outcome", ["ok", "fail"])
def test_no_customer_sees_anothers_booking(shown: dict[str, int], status: Status, outcome: str) -> None:
    """Neither under another ID nor under the right one; it does not matter how the harness classified the answer."""
    run = Run((INTEGRITY,))
    note(run, 20, "read", booking=1_000_001, read_values=json.dumps(shown), outcome=outcome)
    verdict = found(run, "integrity/leaked")
    assert verdict is not None
    assert verdict.status is status


@pytest.mark.parametrize(
    ("good", "status"),
    [((False, False, False), FAIL), ((False, True, False), PASS), pytest.param((False, False), INCONCLUSIVE, id="too few to accuse")],
)
def test_a_franchise_without_service_after_the_recovery_was_left_behind(good: tuple[bool, ...], status: Status) -> None:
    """All of its requests failed, although the canaries had succeeded for the hold time."""
    run = Run((RECOVERY, INTEGRITY), (KILL,))
    run.life()
    run.probes(100, 190, down=((120.5, 124),))
    for index, well in enumerate(good):
        (run.op if well else run.bad)(135 + index, franchise=3)
    run.op(135, franchise=4)
    verdict = found(run, "left-behind/kill")
    assert verdict is not None
    assert verdict.status is status
    assert status is not FAIL or [witness.facts()["franchise"] for witness in verdict.witnesses] == [3, 3]


@pytest.mark.parametrize(
    ("requests", "status"),
    [
        pytest.param([(135, {}), (138, {}), (141, {})], FAIL, id="lists fail while pages come from a cache"),
        pytest.param([(135, {"status": 0, "error": "timeout"}), (138, {}), (141, {})], FAIL, id="no answer is no service either"),
        pytest.param([(135, {}), (135.2, {}), (135.4, {})], PASS, id="within a moment"),
        pytest.param([(135, {}), (135.2, {"attempt": 2}), (141, {"attempt": 3})], PASS, id="attempts of one request"),
        pytest.param(
            [(135, {"status": 404}), (138, {"status": 404}), (141, {"status": 404})], PASS, id="a lost booking is not found, and rightly"
        ),
        pytest.param([(135, {}), (138, {"kind": "book"}), (141, {})], PASS, id="too few of a kind"),
    ],
)
def test_a_franchise_whose_lists_fail_is_left_behind_although_its_pages_are_served(
    requests: list[tuple[float, dict[str, Any]]], status: Status
) -> None:
    """What a cache serves hides nothing: one kind of request that is never served is enough, over the hold time (5 s)."""
    run = Run((RECOVERY, INTEGRITY), (KILL,))
    run.life()
    run.probes(100, 190, down=((120.5, 124),))
    for at, fields in requests:
        run.bad(at, franchise=3, **fields)
        run.op(at + 0.5, franchise=3, kind="barbers")
    verdict = found(run, "left-behind/kill")
    assert verdict is not None
    assert verdict.status is status
    assert status is not FAIL or {witness.facts()["kind"] for witness in verdict.witnesses} == {"slots"}


def test_without_franchises_that_were_asked_often_enough_nothing_is_said_of_those_left_behind() -> None:
    """Two requests of a franchise can show nothing: inconclusive, and it gates nothing, because no promise asks for it."""
    run = Run((RECOVERY, INTEGRITY), (KILL,))
    run.life()
    run.probes(100, 190, down=((120.5, 124),))
    run.op(135, franchise=3)
    run.op(136, franchise=3)
    verdict = found(run, "left-behind/kill")
    assert verdict is not None
    assert (verdict.status, verdict.gates) == (INCONCLUSIVE, False)
    assert verdict.exposure is not None
    assert verdict.exposure.chances == 0


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [("profile", 200, PASS), ("profile", 401, FAIL), ("canary_write", 401, FAIL), pytest.param("login", 401, None, id="a wrong password")],
)
def test_a_customer_who_is_logged_in_stays_logged_in(kind: str, status: int, expected: Status | None) -> None:
    """A refusal as "not authenticated" is a lost session; a refused log-in is none."""
    run = Run((INTEGRITY,))
    run.op(20, kind=kind, status=status)
    verdict = found(run, "integrity/lost_sessions")
    assert (verdict.status if verdict else None) == expected
