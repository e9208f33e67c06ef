"""Whatever JSON a platform answers, reading it by a profile gives a value and raises nothing."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from closeshave.api import known
from closeshave.api.answers import is_slot_list, offered
from closeshave.api.spoken import SpokenApi, spoken
from closeshave.environments.remote import listing
from closeshave.environments.remote.listing import NoList, Page
from closeshave.environments.remote.rows import Odd, row

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@cache
def apis() -> list[SpokenApi]:
    """Local times and dollars; instants and cents; seconds since the epoch."""
    return [spoken(known.shipped()), *(spoken(known.read_api(EXAMPLES / name)) for name in ("salon-api.yaml", "every-key/api.yaml"))]


_names = st.sampled_from(
    ["slots", "time", "available", "timezone", "openings", "begins", "at", "free", "salon", "tz", "hours", "reservation", "reservations", "ref", "id",
     "state", "status", "stylist", "cents", "price", "page", "after", "of", "data", "session", "customer", "problem", "text", "start_time", "rev"]
)  # fmt: skip
_values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "09:00", "2026-12-01T08:30:00Z", "0001-01-01T00:00:00+14:00", "Europe/Berlin", "BOOKED", "x"])
)  # fmt: skip
_json = st.recursive(_values, lambda each: st.lists(each, max_size=3) | st.dictionaries(_names, each, max_size=5), max_leaves=25)


_bodies = st.lists(_json, max_size=4) | st.dictionaries(_names, _json, max_size=6)
"""Each is read by every profile: to think of one takes far longer than to read it."""


@given(body=_bodies)
def test_any_json_is_read(body: object) -> None:
    """As the answer to each operation, and as a refusal."""
    for api in apis():
        for operation in sorted(api.offers):
            told = api.told(operation, body)
            if operation == "slots" and is_slot_list(told):
                assert all(isinstance(day, date) for day, _ in offered(told, date(2026, 12, 1), "Europe/Berlin"))
        for status in (400, 409, 503):
            assert isinstance(api.is_taken(status, body), bool)
            assert isinstance(api.is_throttled(status, body), bool)
        assert isinstance(api.message(body), str)


@given(body=_bodies)
def test_any_json_is_a_list_or_none(body: object) -> None:
    """Each row is a booking in the form of the history, or is said to be none."""
    for api, operation in itertools.product(apis(), ("my_bookings", "payments")):
        try:
            found = listing.read(lambda _path: Page(body), "http://127.0.0.1", "/list", listing.form_of(api, operation))
        except NoList:
            continue
        for told in found.rows:
            if operation == "my_bookings" and isinstance(told, dict):
                with suppress(Odd):
                    assert row(told)["booking"] is not None
