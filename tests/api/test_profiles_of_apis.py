"""An API profile is refused with its file, its line, its key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from closeshave.api.known import named, read_api, shipped
from closeshave.api.profile import ApiProfile
from closeshave.api.spoken import SpokenApi, spoken
from closeshave.files.yamlfile import InvalidFile
from tests.yamls import loaded, written

SALON = Path(__file__).parents[2] / "docs" / "examples" / "salon-api.yaml"
WHO = {"token": "T", "csrf": "C", "franchise": 3, "address": "10.0.0.1", "client": "c-1"}
SLOT = {"day": date(2026, 12, 1), "time": "09:30", "zone": "Europe/Berlin", "service": "Cut", "barber": "st-ada"}


def changed(directory: Path, *keys: str, to: Any) -> Path:
    """The salon's profile with one key changed; ``...`` leaves it out."""
    whole = loaded(SALON)
    held = whole
    for key in keys[:-1]:
        held = held.setdefault(key, {})
    if to is ...:
        del held[keys[-1]]
    else:
        held[keys[-1]] = to
    return written(directory / "api.yaml", whole)


@pytest.fixture
def salon() -> SpokenApi:
    """The salon's API."""
    return spoken(read_api(SALON))


@pytest.mark.parametrize(
    ("keys", "to", "at", "said"),
    [
        (("operations", "book", "body", "begins"), "{begin}", "operations.book.body.begins", r"no placeholder \{begin\} here"),
        (("operations", "slots", "query", "from"), "{booking}", "operations.slots.query.from", r"there are \{address\}, \{barber\}"),
        (("operations", "login", "path"), "/s/{token}", "operations.login.path", r"no placeholder \{token\}"),
        (("operations", "book", "body", "memo"), "{", "operations.book.body.memo", r"write \{\{ and \}\}"),
        (("operations", "book", "body", "memo"), "x", "operations.book", r"\{tag\} is missing"),
        (("operations", "book", "body", "begins"), "x", "operations.book", r"send \{start\}, or \{date\} and \{time\}"),
        (("operations", "cancel", "path"), "/reservations", "operations.cancel", r"\{booking\} is missing"),
        (("operations", "cancel", "path"), "/x?ref={booking}", "operations.cancel.path", "query names the parameters"),
        (("operations", "cancel", "path"), "/x/{client?}/{booking}", "operations.cancel.path", "a path needs one"),
        (("operations", "read_booking", "body"), {}, "operations.read_booking.body", "a GET has no body"),
        (("operations", "book"), ..., "operations.book", r"is missing; it means: book a slot"),
        (("operations", "login", "answer", "client_id"), ..., "operations.login.answer", "client_id is missing"),
        (("operations", "pay_confirm"), ..., "operations", "pay_intent and pay_confirm go together"),
        (("operations", "slots", "answer", "time"), "begins", "operations.slots.answer", "either time"),
        (("operations", "slots", "answer", "rows"), "$.openings", "operations.slots.answer.rows", "no JMESPath expression"),
        (("operations", "my_bookings", "pages", "parameter"), ..., "operations.my_bookings.pages", "give both or neither"),
        (("operations", "bok"), {}, "operations.bok", r"unknown key \(did you mean book\?\)"),
        (("booking", "id"), ..., "booking.id", "is missing; it means: its ID"),
        (("booking", "price"), "nett(x)", "booking.price", "JMESPath has only"),
        (("refusals", "registered"), "(", "refusals.registered", "no regular expression"),
        (("headers", "always", "X"), "{barber}", "headers.always.X", r"no placeholder \{barber\}"),
        (("statuses", "BOOKED"), "booked", "statuses.BOOKED", "scheduled"),
        (("limits", "bok"), "3 per 1h", "limits.bok", r"no operation \(did you mean book\?\)"),
        (("limits", "book"), "3 per hour", "limits.book", "write it like 30 per 1h"),
        (("zone",), "Berlin", "zone", "is not a time zone"),
        (("services",), {}, "services", "name at least one service"),
        (("instants",), "seconds", "instants", "iso"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_refused(tmp_path: Path, keys: tuple[str, ...], to: Any, at: str, said: str) -> None:
    """One problem for each mistake; every line is the one of its key, or of the mapping that lacks it."""
    path = changed(tmp_path, *keys, to=to)
    with pytest.raises(InvalidFile) as refused:
        read_api(path)
    problem = next((each for each in refused.value.problems if each.key == at), None)
    assert problem is not None, refused.value
    assert re.search(said, problem.message), problem
    assert problem.file == str(path)
    assert problem.line > 0
    held = path.read_text().splitlines()[problem.line - 1]
    assert held.strip().startswith((f'"{at.rpartition(".")[2]}":', f'"{keys[-2] if len(keys) > 1 else keys[0]}":')), held


def test_a_profile_that_does_not_exist_is_named() -> None:
    """With those that do."""
    with pytest.raises(InvalidFile, match=r"no such file in scenarios/apis/.*available: bookedbarber-v2"):
        named("bookedbarber-v3")


def test_the_shipped_profile_has_everything() -> None:
    """Otherwise a run of the stand-in would leave something out."""
    assert spoken(shipped()).lacking == frozenset()


def test_requests_of_the_salon(salon: SpokenApi) -> None:
    """Instants in UTC, codes of treatments, text IDs, its own headers."""
    made = salon.request("book", {**WHO, **SLOT, "tag": "closeshave:r", "key": "book_1"})
    assert (made.method, made.path, made.writes) == ("POST", "/reservations", True)
    assert made.body == b'{"stylist":"st-ada","begins":"2026-12-01T08:30:00Z","treatment":"cut","memo":"closeshave:r"}'
    assert made.headers == {"Accept": "application/json", "X-Session": "T", "Content-Type": "application/json", "Request-Id": "book_1"}
    asked = salon.request("slots", {**WHO, **SLOT, "barber": None})
    assert asked.path == "/openings?from=2026-11-30T23:00:00Z&to=2026-12-01T23:00:00Z"
    assert asked.headers == {"Accept": "application/json"}
    assert salon.request("cancel", {**WHO, "booking": "r/1"}).path == "/reservations/r%2F1"
    assert salon.withheld(franchises=False, forwarded_for=False) == frozenset()


def test_answers_of_the_salon(salon: SpokenApi) -> None:
    """In the harness's form: amounts in units, words of states, days and times in the zone."""
    shown = {
        "ref": "r-1",
        "begins": "2026-12-01T08:30:00Z",
        "memo": "m",
        "state": "VOID",
        "stylist": "st-ada",
        "cents": 1850,
        "minutes": 20,
    }
    told = {
        "id": "r-1", "start_time": "2026-12-01T08:30:00Z", "notes": "m", "status": "cancelled", "barber_id": "st-ada", "price": 18.5,
        "duration_minutes": 20,
    }  # fmt: skip
    assert salon.told("book", {"reservation": shown}) == told
    assert salon.booking(shown) == told
    assert salon.told("book", None) is None
    assert salon.told("book", {"reservation": []}) == {}
    assert salon.told("cancel", None) == {}
    assert salon.told("barbers", {"stylists": [{"ref": "st-bo"}, 3]}) == [{"id": "st-bo"}, {"id": None}]
    assert salon.is_id("r-1")
    assert salon.is_taken(409, {})
    assert not salon.is_taken(400, {"problem": {"text": "already booked"}})
    assert salon.is_throttled(503, {"problem": {"text": "Slow down!"}})
    assert not salon.is_throttled(503, {"problem": {"text": "out of order"}})


@pytest.mark.parametrize("form", ["iso", "epoch_s", "epoch_ms"])
def test_instants_are_read_as_they_are_written(tmp_path: Path, form: str, salon: SpokenApi) -> None:
    """In each of the three forms."""
    api = spoken(read_api(changed(tmp_path, "instants", to=form)))
    body = api.request("book", {**WHO, **SLOT, "tag": "t", "key": "k"}).body or b""
    sent = {"iso": b'"2026-12-01T08:30:00Z"', "epoch_s": b"1796113800", "epoch_ms": b"1796113800000"}[form]
    assert b'"begins":' + sent in body
    value: Callable[[bytes], Any] = lambda text: text.decode().strip('"') if form == "iso" else int(text)  # noqa: E731 -- read once
    assert salon.profile.instants == "iso"
    told = api.told("slots", {"openings": [{"begins": value(sent), "free": True}], "salon": {"tz": "Europe/Berlin"}})
    assert told["slots"] == [{"starts_at": 1796113800, "available": True}]


def test_profiles_of_one_content_are_one(salon: SpokenApi) -> None:
    """Compiled once in each process, however often the file is read."""
    assert spoken(read_api(SALON)) is salon
    assert isinstance(salon.profile, ApiProfile)
