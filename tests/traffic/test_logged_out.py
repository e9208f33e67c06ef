"""A customer whose session is lost logs in again, as an app does: once, and then later each time; the loss itself is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.history import LOGGED_OUT, Effect, age_s
from closeshave.operations import CANARY
from closeshave.traffic.accounts import LoggedIn, Wallet
from closeshave.traffic.session import Session
from closeshave.traffic.steps import Appointment, Intent, SessionSteps
from tests.traffic.test_session import BOOKED, SLOT, Kept, Scripted, session

OPENED_NS = 1_000_000
REFUSED = (401, {"error": {"type": "http", "message": "Session has ended"}})
ADMITTED = (200, {"access_token": "T2", "refresh_token": "R2", "csrf_token": "C2"})
ME = (200, {"client_id": 9})
BOOKING = Appointment(3, SLOT, "Haircut")


def wallet() -> Wallet:
    """The account of the customer, logged in before the load."""
    return Wallet([LoggedIn("a@example.com", "pw", "us-east-1", "T", "R", "C", "9")], ("us-east-1",), OPENED_NS)


def visit(shared: Wallet, *script: object) -> tuple[SessionSteps, Kept, Scripted]:
    """A visit with the newest token of the account."""
    customer, kept = session(*script)  # type: ignore[arg-type]
    known = shared.account("a@example.com")
    customer.caller = customer.caller.admitted(known.token, known.csrf)
    customer.wallet, customer.opened_ns = shared, shared.opened_ns(known.email)
    transport = customer.transport
    assert isinstance(transport, Scripted)
    return SessionSteps(customer), kept, transport


def kinds(kept: Kept) -> list[str]:
    """What was sent, in order."""
    return [row.kind for row in kept.operations]


def out(kept: Kept) -> list[Effect]:
    """What is kept of lost sessions."""
    return [effect for effect in kept.effects if effect.action == LOGGED_OUT]


def opened_ns(kept: Kept) -> list[int | None]:
    """When each lost session was opened, as it is kept."""
    ages = [(effect.operation, age_s(effect.read_values)) for effect in out(kept)]
    return [None if age is None else kept.operations[operation].started_ns - round(age * 1e9) for operation, age in ages]


def test_a_customer_who_is_refused_logs_in_again_and_goes_on_with_the_new_token() -> None:
    """One request more, with a name of its own; what was refused is not repeated. The refusal says whose session it was, and how old."""
    shared = wallet()
    steps, kept, transport = visit(shared, REFUSED, ADMITTED, ME)
    steps.profile()
    steps.profile()
    assert kinds(kept) == ["profile", "login_again", "profile"]
    assert kept.counters.sent == kept.counters.intended == kept.counters.requests == 3
    assert transport.asked[1].kind == "login"
    assert transport.asked[0].headers["Authorization"] == "Bearer T"
    assert transport.asked[2].headers["Authorization"] == "Bearer T2"
    (lost,) = out(kept)
    assert (lost.operation, lost.session, lost.client) == (0, "s", "9")
    assert opened_ns(kept) == [pytest.approx(OPENED_NS, abs=1000)]
    assert (shared.account("a@example.com").token, shared.refresh_token("a@example.com")) == ("T2", "R2")
    assert shared.opened_ns("a@example.com") > OPENED_NS


def test_another_visit_of_the_account_uses_the_new_token_without_a_log_in() -> None:
    """It had begun with the old one. Its own refusal is a loss of the old session, not of the new one."""
    shared = wallet()
    first, _, _ = visit(shared, REFUSED, ADMITTED)
    second, kept, transport = visit(shared, REFUSED, ME)
    first.profile()
    second.profile()
    second.profile()
    assert kinds(kept) == ["profile", "profile"]
    assert transport.asked[1].headers["Authorization"] == "Bearer T2"
    assert opened_ns(kept) == [pytest.approx(OPENED_NS, abs=1000)]


def test_a_log_in_that_fails_is_not_repeated_at_once() -> None:
    """The platform is not ready yet: the customer stays logged out, and each further refusal is kept."""
    steps, kept, _ = visit(wallet(), REFUSED, (503, {}), REFUSED, REFUSED)
    for _ in range(3):
        steps.profile()
    assert kinds(kept) == ["profile", "login_again", "profile", "profile"]
    assert len(out(kept)) == 3


def test_a_session_that_is_lost_soon_after_the_log_in_is_young() -> None:
    """A platform that forgets each session at once is asked for a log-in once, and not with every request."""
    shared = wallet()
    steps, kept, _ = visit(shared, REFUSED, ADMITTED, REFUSED, REFUSED)
    for _ in range(3):
        steps.profile()
    assert kinds(kept) == ["profile", "login_again", "profile", "profile"]
    old, *young = opened_ns(kept)
    assert old == pytest.approx(OPENED_NS, abs=1000)
    assert young == [pytest.approx(shared.opened_ns("a@example.com"), abs=1000)] * 2
    assert shared.opened_ns("a@example.com") >= kept.operations[0].ended_ns - 1000


def test_a_form_that_is_sent_twice_has_the_new_token_the_second_time() -> None:
    """Otherwise a session that is fresh would seem to be lost."""
    steps, kept, transport = visit(wallet(), REFUSED, ADMITTED, (200, {}))
    steps.confirm(BOOKING, Intent("pi", 3000), submissions=2)
    assert kinds(kept) == ["pay_confirm", "login_again", "pay_confirm"]
    assert transport.asked[2].headers["Authorization"] == "Bearer T2"
    steps, kept, transport = visit(wallet(), (503, {}), REFUSED, ADMITTED, ME)
    assert steps.book(SLOT, "Haircut") is None
    assert kinds(kept) == ["book", "book", "login_again"]


def test_every_request_that_needs_a_session_leads_to_a_log_in() -> None:
    """Also those that change something: their own effect is kept beside the loss."""
    acts = (
        lambda steps: steps.book(SLOT, "Haircut"),
        lambda steps: steps.read_booking(BOOKING),
        lambda steps: steps.reschedule(BOOKING, SLOT),
        lambda steps: steps.cancel(BOOKING),
        lambda steps: steps.create_intent(BOOKING),
        lambda steps: steps.confirm(BOOKING, Intent("pi", 3000)),
    )
    for act in acts:
        steps, kept, _ = visit(wallet(), REFUSED, ADMITTED)
        act(steps)
        assert kinds(kept)[1:] == ["login_again"]
        assert {effect.action for effect in kept.effects} >= {LOGGED_OUT}


def test_nobody_logs_in_again_after_a_refusal_that_says_nothing_of_a_session() -> None:
    """A page that anybody may read, a wrong password, a customer without an account of the generator."""
    steps, kept, _ = visit(wallet(), REFUSED, REFUSED)
    steps.franchise_page()
    steps.log_in()
    assert (kinds(kept), out(kept)) == (["franchise", "login"], [])
    customer, kept = session(REFUSED)
    SessionSteps(customer).profile()
    assert kinds(kept) == ["profile"]
    (lost,) = out(kept)
    assert lost.read_values is None


def test_a_log_in_of_a_canary_has_its_own_name() -> None:
    """It is no customer's request."""
    shared = wallet()
    steps, kept, _ = visit(shared, REFUSED, ADMITTED)
    mine: Session = replace(steps.session, names=CANARY)
    SessionSteps(mine, retries=False).book(SLOT, "Haircut")
    assert kinds(kept) == ["canary_write", "canary_login"]


def test_a_booking_after_the_log_in_is_the_customers() -> None:
    """The next visit begins with the new token."""
    shared = wallet()
    first, _, _ = visit(shared, REFUSED, ADMITTED)
    first.profile()
    steps, kept, transport = visit(shared, (200, BOOKED))
    assert steps.book(SLOT, "Haircut") is not None
    assert transport.asked[0].headers["Authorization"] == "Bearer T2"
    assert kinds(kept) == ["book"]
