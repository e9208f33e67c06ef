"""The doctor's visit as a customer: every route of the profile is called, and afterwards every booking is cancelled."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import available_timezones

from closeshave.api.answers import is_slot_list, offered
from closeshave.api.spoken import ApiRequest
from closeshave.deployment import Account
from closeshave.environments.remote import listing
from closeshave.environments.remote.asking import NOBODY, Asker, Heard
from closeshave.environments.remote.listing import Listed
from closeshave.environments.remote.preflight import Booked
from closeshave.environments.remote.rows import epoch_s
from closeshave.files import foreign

TAG = "closeshave:doctor"
DAYS = (20, 6, 13, 27, 9)
"""How many days ahead are searched for free times."""
BARBERS_MAX = 8
"""At most so many of the listed barbers are tried."""
TRIES = 3
"""After so many refused times a barber counts as one who accepts no bookings."""
GUESSES = ("10:00", "11:00", "14:00", "15:30")
"""Times that are tried if no list shows a free time."""
READ = ("profile", "franchise", "barbers")
"""Operations that change nothing, in the order in which they are called."""
FAR = 100_001
"""A franchise that does not exist."""
CANCELLED = frozenset({"cancelled", "canceled"})


@dataclass(frozen=True, slots=True)
class Noticed:
    """Findings that need several answers together."""

    looked: bool = False
    """Whether free times were requested at all."""
    day: date | None = None
    """The day on which free times were found."""
    merged: int = 0
    """The number of free times on this day in the list merged over barbers."""
    barbers: tuple[Any, ...] = ()
    """IDs as listed."""
    listed: Mapping[Any, int] = field(default_factory=dict)
    """Barber → number of free times in its own list on that day, for the requested lists."""
    took: tuple[Any, ...] = ()
    """Barbers with whom a booking was accepted."""
    refused: Mapping[Any, str] = field(default_factory=dict)
    """Barbers who refused every time that was tried → the last refusal."""
    booked: Booked | None = None
    zone: str | None = None
    """The time zone as a list of free times names it."""
    at_once: tuple[int, ...] = ()
    """The sorted statuses of two bookings of one slot at the same instant (their order is random).

    Of several tries, the one with the most accepted bookings.
    """
    mine: Listed | None = None
    """The customer's own list."""
    paged: bool | None = None
    """Whether ``skip`` and ``limit`` work for the list; ``None`` if unknown."""
    cancelled: int = 0
    """The number of bookings that remained at the end and were cancelled."""
    left: tuple[str, ...] = ()
    """Bookings that could not be cancelled."""


def visit(asker: Asker, account: Account, *, register: bool) -> Noticed:
    """Register if wanted, log in, send all requests, and cancel all bookings. Failures are among the kept answers."""
    nobody = {**NOBODY, "csrf": secrets.token_hex(8), "email": account.email, "password": account.password}
    if register and "register" in asker.api.offers:
        asker.ask("register", asker.api.request("register", nobody), "register")
    told = asker.ask("login", asker.api.request("login", nobody), "login")
    if not isinstance(told, dict) or not foreign.sendable(told.get("access_token")):
        return Noticed()
    return _Visit(asker, told).whole()


class _Visit:
    """The visit of one customer at one platform."""

    def __init__(self, asker: Asker, logged_in: Mapping[str, Any]) -> None:
        self._asker, self._renewal = asker, logged_in.get("refresh_token", "")
        csrf = logged_in["csrf_token"] if foreign.sendable(logged_in.get("csrf_token")) else secrets.token_hex(8)
        self._api = asker.api
        self._caller = {
            "token": logged_in["access_token"],
            "csrf": csrf,
            "address": None,
            "client": logged_in.get("client_id"),
            "franchise": 1,
        }
        self._known: set[Any] = set()
        """IDs of bookings that existed before."""
        self._booked: set[Any] = set()
        """IDs of bookings in answers."""
        self._found: dict[str, Any] = {}

    def whole(self) -> Noticed:
        """The whole visit; all bookings are cancelled whatever happens."""
        self._call("refresh", refresh_token=self._renewal)
        for name in READ:
            told = self._call(name)
            if name == "profile" and isinstance(told, dict):
                self._caller["client"] = told.get("client_id", self._caller["client"])
        for name, path in self._api.profile.examined.reads.items():
            self._asker.ask(name, self._api.reading(path, self._caller))
        if "public services" not in self._asker.heard:
            self._call("services", "public services")
        if "franchise" in self._api.offers:
            self._asker.ask("far franchise", self._request("franchise", franchise=FAR), "franchise")
        self._known = {row.get("id") for row in self._mine() if _is_booking(row)}
        try:
            self._look()
            self._book()
        finally:
            self._tidy()
        return Noticed(**self._found)

    def _request(self, operation: str, **values: Any) -> ApiRequest:
        return self._api.request(operation, {**self._caller, **values})

    def _call(self, operation: str, name: str = "", **values: Any) -> Any:
        """Send an operation and keep the answer, unless the API lacks it."""
        if operation not in self._api.offers:
            return None
        return self._asker.ask(name or operation, self._request(operation, **values), operation)

    # -- looking ---------------------------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Search for free times, merged over barbers and of each barber, on one day after the other."""
        told = self._asker.heard["barbers"].body
        barbers = (
            [one["id"] for one in told if isinstance(one, dict) and isinstance(one.get("id"), int | str)] if isinstance(told, list) else []
        )
        self._found |= {"looked": True, "barbers": tuple(barbers)}
        self._merged: list[str] = []
        self._own: dict[Any, list[str]] = {}
        for ahead in DAYS:
            self._day = datetime.now(UTC).date() + timedelta(days=ahead)
            self._merged = self._times("slots", None)
            self._own = {barber: self._times("slots of a barber", barber) for barber in barbers[:BARBERS_MAX]}
            if self._merged or any(self._own.values()):
                self._found |= {
                    "day": self._day,
                    "merged": len(self._merged),
                    "listed": {who: len(times) for who, times in self._own.items()},
                }
                break
        else:
            self._found["listed"] = dict.fromkeys(self._own, 0)
        if barbers:
            self._call("check_barber", "availability check", **self._slot(self._day, "10:00", barbers[0]), end_time="10:30")

    def _slot(self, day: date, at: str, barber: Any) -> dict[str, Any]:
        zone = self._found.get("zone") or self._api.profile.zone
        return {"day": day, "time": at, "zone": zone, "service": self._api.usual, "barber": barber}

    def _times(self, name: str, barber: Any) -> list[str]:
        told = self._call("slots", name, **self._slot(self._day, "", barber))
        if not isinstance(told, dict):
            return []
        if foreign.is_one_of(told.get("timezone"), available_timezones()):
            self._found["zone"] = told["timezone"]
        slots, zone = told.get("slots"), self._found.get("zone") or self._api.profile.zone
        if self._api.lists_instants:
            return [at for day, at in offered(told, self._day, zone) if day == self._day] if is_slot_list(told) else []
        return [str(slot["time"]) for slot in slots if isinstance(slot, dict) and "time" in slot] if isinstance(slots, list) else []

    # -- booking ---------------------------------------------------------------------------------------------------------------------------

    def _book(self) -> None:
        """Book with each barber to find out who accepts bookings; with the first who does, also try everything else that a customer can do."""
        took, refused = [], {}
        first: tuple[Any, dict[str, Any]] | None = None
        for barber in self._found["barbers"][:BARBERS_MAX] or (None,):
            if first is not None and self._own.get(barber):
                # Its own list shows free times: that is proof enough, and saves one booking.
                continue
            for at in self._to_try(barber):
                key = f"doctor_{uuid.uuid4()}"
                wish = self._wish(at, barber)
                answer = self._ask_to_book("book" if first is None else "book another", wish, key)
                if answer.good:
                    took.append(barber)
                    if first is None:
                        first = (barber, wish)
                        self._everything(wish, key, answer.body if isinstance(answer.body, dict) else {})
                        # What was asked about it comes after; a later refusal is not the answer to the first.
                        kept = answer
                    break
                refused[barber] = answer.said
            if barber in took:
                refused.pop(barber, None)
        self._found |= {"took": tuple(took), "refused": refused}
        if first is not None:
            self._asker.heard["book"] = kept
        if (guest := self._api.profile.examined.guest) is not None:
            book = self._request("book", **self._wish(GUESSES[0], None), key=None)
            self._asker.ask("guest", replace(book, path=guest, body=b"{}"))

    def _to_try(self, barber: Any) -> Iterator[str]:
        """Times spread over the day, because neighbouring times are often refused for the same reason."""
        yield from _spread(self._own.get(barber) or self._merged or list(GUESSES))

    def _wish(self, at: str, barber: Any) -> dict[str, Any]:
        return {**self._slot(self._day, at, barber), "tag": TAG}

    def _ask_to_book(self, name: str, wish: Mapping[str, Any], key: str | None) -> Heard:
        self._call("book", name, **wish, key=key)
        return self._noted(self._asker.heard[name])

    def _noted(self, answer: Heard) -> Heard:
        if isinstance(answer.body, dict) and answer.good and isinstance(answer.body.get("id"), int | str):
            self._booked.add(answer.body["id"])
        return answer

    def _everything(self, wish: Mapping[str, Any], key: str, booked: Mapping[str, Any]) -> None:
        """Everything that a customer can do with a booking; and two bookings of one slot, one after the other and at once."""
        with suppress(ValueError):
            asked = datetime.combine(self._day, time.fromisoformat(wish["time"]))
            self._found["booked"] = Booked(asked, datetime.fromtimestamp(epoch_s(booked.get("start_time")), UTC))
        self._ask_to_book("same key", wish, key)
        self._ask_to_book("conflict", wish, None)
        booking = booked.get("id")
        self._call("read_booking", booking=booking)
        others = [
            at
            for at in (self._own.get(wish["barber"]) or self._merged or list(GUESSES))
            if abs(_minutes(at) - _minutes(wish["time"])) >= 60
        ]
        self._contest(wish, others[:-1] or others)
        self._list_mine()
        if len(others) > 1:
            # The last one is far from the contested one.
            self._call("reschedule", booking=booking, **self._slot(self._day, others[-1], wish["barber"]))
        self._pay(booking)
        spare = next((one for one in self._booked if one != booking), booking)
        self._call("cancel", booking=spare)
        if self._api.profile.operations.cancel.method != "DELETE":
            self._asker.ask("delete", self._deletion(booking))

    def _contest(self, wish: Mapping[str, Any], times: Sequence[str]) -> None:
        """Request one slot twice at once, at several times of the day: in one try the requests may happen to be served in turn, or no barber may work."""
        most = -1
        for at in _spread(times):
            request = self._request("book", **{**wish, "time": at}, key=None)
            answers = [self._noted(one) for one in self._asker.ask_at_once("at once", 2, request, "book")]
            if (taken := sum(one.good for one in answers)) > most:
                most, self._found["at_once"] = taken, tuple(sorted(one.status for one in answers))
            if taken > 1:
                break

    def _pay(self, booking: Any) -> None:
        self._call("pay_intent", "key format", booking=booking, key="a_b_c")
        told = self._call("pay_intent", booking=booking, key=f"intent_{uuid.uuid4()}")
        if isinstance(told, dict) and told.get("payment_intent_id"):
            # The guard has looked for keys that move real money before anything was written.
            self._call("pay_confirm", booking=booking, intent=told["payment_intent_id"], key=f"pay_{uuid.uuid4()}")

    # -- the customer's own list, and tidying up -------------------------------------------------------------------------------------------

    def _mine(self) -> tuple[Any, ...]:
        if "my_bookings" not in self._api.offers:
            return ()
        request, form = self._request("my_bookings"), listing.form_of(self._api, "my_bookings")
        with suppress(RuntimeError, ValueError):
            self._found["mine"] = listing.read(partial(self._asker.page, request), self._asker.url, request.path, form)
            return self._found["mine"].rows  # type: ignore[no-any-return]  # what was just put there
        return ()

    def _list_mine(self) -> None:
        if "my_bookings" not in self._api.offers:
            return
        request = self._request("my_bookings")
        self._asker.ask("my bookings", request)
        rows = self._mine()
        if len(rows) > 1 and "?" not in request.path and listing.form_of(self._api, "my_bookings").rows is None:
            with suppress(RuntimeError, ValueError):
                self._found["paged"] = len(listing.rows_of(self._asker.page(request, f"{request.path}?skip=0&limit=1").body)) == 1

    def _tidy(self) -> None:
        """Cancel the bookings that answers named and those in the customer's list: a refused request or a 500 may have booked too."""
        standing = self._standing()
        left = {}
        for booking in standing:
            answer = self._asker.insist(self._request("cancel", booking=booking), "cancel")
            if not answer.good:
                answer = self._asker.insist(self._deletion(booking))
            if not answer.good:
                left[booking] = answer.said
        if standing:
            # Only the platform's list counts.
            left |= {booking: left.get(booking, "still exists after its cancel") for booking in self._standing() if booking in standing}
        self._found["cancelled"] = len(standing) - len(left)
        self._found["left"] = tuple(f"booking {booking}: {why}" for booking, why in left.items())

    def _standing(self) -> list[Any]:
        """IDs of the visit's bookings that are not cancelled; if no list can be read, of all that answers named."""
        rows = [row for row in self._mine() if _is_booking(row)]
        # Some platforms hide notes from customers; a new booking belongs to the harness.
        ours = [
            row
            for row in rows
            if row.get("notes") == TAG or row["id"] in self._booked or (row["id"] not in self._known and not row.get("notes"))
        ]
        shown = {row["id"] for row in ours}
        unseen = [booking for booking in self._booked - shown if self._stands(booking)]
        return [row["id"] for row in ours if not foreign.is_one_of(row.get("status"), CANCELLED)] + unseen

    def _deletion(self, booking: Any) -> ApiRequest:
        """A DELETE of the booking itself, which not every platform has."""
        cancel = self._request("cancel", booking=booking)
        return replace(cancel, method="DELETE", path=self._request("read_booking", booking=booking).path, body=None)

    def _stands(self, booking: Any) -> bool:
        """Whether a booking that no list shows still exists."""
        answer = self._asker.insist(self._request("read_booking", booking=booking), "read_booking")
        status = answer.body.get("status") if isinstance(answer.body, dict) else None
        return answer.good and not foreign.is_one_of(status, CANCELLED)


def _is_booking(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), int | str)


def _spread(times: Sequence[str]) -> Sequence[str]:
    step = max(1, len(times) // TRIES)
    return times[::step][:TRIES]


def _minutes(at: str) -> int:
    with suppress(ValueError):
        told = time.fromisoformat(at)
        return told.hour * 60 + told.minute
    return 0
