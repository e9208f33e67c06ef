"""The one list of operations holds all that are sent, and everything that is said of them elsewhere follows from it."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from closeshave.api import offered
from closeshave.api.profile import ApiOperations
from closeshave.api.spoken import shipped
from closeshave.environments.remote import doctor, meaning, visiting
from closeshave.operations import CANARY, OPERATIONS, PAYING, PERSONAL
from closeshave.traffic import conventions, dialect, limits

SENT = set(re.findall(r"_request\(\"(\w+)\"", Path(dialect.__file__).read_text()))
"""What the client of the API calls its requests."""
ASKING = "".join(path.read_text() for path in Path(visiting.__file__).parent.glob("*.py") if path.stem not in {"doctor", "meaning"})
"""What examines a platform, without what tells of it."""
LISTS = {"my_bookings", "all_bookings", "payments"}
"""Read back after the load."""
BY_LOCUST_ALONE = {"register"}
"""Under the harness every customer is registered before the load."""


def test_every_request_of_the_client_is_an_operation() -> None:
    """And there is no operation that nobody can send."""
    assert set(OPERATIONS) == SENT - BY_LOCUST_ALONE
    assert {*SENT, *LISTS} == {each.name for each in fields(ApiOperations)} == set(offered.OFFERED)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_the_doctor_calls_an_operation_it_asks(name: str) -> None:
    """A question that is asked nowhere would never find that the platform lacks it."""
    question = OPERATIONS[name].question
    if question:
        assert question in visiting.READ or f'"{question}"' in ASKING
        assert question in (*doctor.routes(shipped()), "slots")


def test_what_follows_from_the_list() -> None:
    """Limits, what journeys may leave out, who needs a session, what canaries' requests are called."""
    assert limits.shipped()["book"] == (50, 3600.0)
    assert set(limits.shipped()) <= set(OPERATIONS)
    assert set(OPERATIONS) - conventions.OPERATIONS == {"check_barber"}
    assert PAYING == ("pay_intent", "pay_confirm")
    assert {"profile", "book", "canary_write", "canary_read", "pay_confirm"} <= set(PERSONAL)
    assert not {"slots", "login", "canary_slots", ""} & set(PERSONAL)
    assert len(set(CANARY.values())) == len(CANARY)
    assert meaning.STEPS["public services"] == "services"
    assert meaning.OPERATION["same key"] == "book"


def test_a_request_that_needs_a_session_carries_one() -> None:
    """What is personal is sent with the customer's token."""
    caller = dialect.Caller("a@example.com", "p", "TOKEN", "c", 1, "10.0.0.1")
    slot = dialect.Slot(1, date(2026, 12, 1), "09:00", "UTC")
    made = [
        dialect.me(caller), dialect.book(caller, slot, "Haircut", "n", "k"), dialect.read_booking(caller, 1), dialect.reschedule(caller, 1, slot),
        dialect.cancel(caller, 1), dialect.create_intent(caller, 1, "k"), dialect.confirm(caller, 1, "pi", "k"),
    ]  # fmt: skip
    assert {request.kind for request in made} == {name for name, each in OPERATIONS.items() if each.personal}
    assert all("TOKEN" in request.headers["Authorization"] for request in made)
