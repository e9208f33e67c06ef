"""The plain platform's routes, with the peculiarities of the real application. Pure except for the shop: a request in, an answer out."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from truth.plain.habits import Habits
from truth.plain.limits import Limits
from truth.plain.passwords import Hasher
from truth.plain.shop import ADMINISTRATOR, MINUTES, PRICES, Booking, Person, Refusal, Shop

COLLECTIONS = {"/api/v2/appointments", "/api/v2/barbers", "/api/v2/locations", "/api/v2/services", "/api/v2/public/services"}
NO_CSRF = ("/api/v2/auth/login", "/api/v2/auth/register", "/api/v2/auth/refresh", "/api/v2/webhooks/")
KEY = re.compile(r"[^_]+_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Asked:
    """A request as the routes see it; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    address: str
    now: datetime

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    def query(self, name: str) -> str | None:
        """One parameter of the query."""
        return parse_qs(urlsplit(self.target).query).get(name, [None])[0]

    def json(self) -> dict[str, Any]:
        """The body, which must be an object."""
        try:
            loaded = json.loads(self.body or b"{}")
        except ValueError:
            raise Refusal(422, "JSON decode error") from None
        if not isinstance(loaded, dict):
            raise Refusal(422, "Input should be a valid dictionary")
        return loaded


@dataclass(frozen=True)
class Answered:
    """An answer; ``drop`` closes the connection afterwards without announcing it."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


Handler = Callable[["Platform", Asked, re.Match[str]], Answered]
PAGE_ROWS_MAX = 100


class Platform:
    """Routes over a shop. ``database_down`` answers as the application does without its database."""

    def __init__(self, shop: Shop, habits: Habits, hasher: Hasher) -> None:
        self.shop, self.habits, self.hasher = shop, habits, hasher
        self.limits = Limits(habits.limits)
        self.database_down = self.live_key = False

    def answer(self, asked: Asked) -> Answered:
        """The application's answer, which may be a refusal."""
        try:
            return self._answer(asked)
        except Refusal as refusal:
            if refusal.status == 422:
                return Answered(422, {"detail": [{"loc": ["body"], "msg": refusal.message, "type": "value_error"}]})
            return Answered(refusal.status, {"error": {"type": "http", "message": refusal.message}})
        except (KeyError, TypeError, ValueError) as error:
            return Answered(422, {"detail": [{"loc": ["body"], "msg": f"{type(error).__name__}: {error}", "type": "value_error"}]})

    def _answer(self, asked: Asked) -> Answered:
        if asked.path in COLLECTIONS:
            return Answered(307, "", {"Location": asked.target.replace(asked.path, f"{asked.path}/", 1)})
        if asked.method not in {"GET", "HEAD"} and not asked.path.startswith(NO_CSRF) and not _csrf_pair(asked):
            return Answered(403, {"error": {"type": "http", "message": "CSRF token missing or incorrect"}}, drop=True)
        if self.database_down and asked.path.startswith("/api/"):
            return Answered(500, {"error": {"type": "database", "message": "A database error occurred"}})
        for method, pattern, handler in ROUTES:
            if method == asked.method and (found := pattern.fullmatch(asked.path)):
                if handler is _login:
                    # It hashes a password between reading and answering, without blocking other requests.
                    return handler(self, asked, found)
                with self.shop.lock:
                    return handler(self, asked, found)
        return Answered(404, {"error": {"type": "http", "message": "Not Found"}})

    def limited(self, what: str, asked: Asked) -> Answered | None:
        """The refusal of an address above its limit."""
        told = self.limits.refusal(what, asked.address, asked.now.timestamp())
        return None if told is None else Answered(429, {"detail": told, "retry_after": 60}, {"Retry-After": "60"})

    def who(self, asked: Asked) -> Person:
        """The user of the request."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "Not authenticated")
        return self.shop.bearer(token, asked.now)

    def own(self, asked: Asked, id: str) -> Booking:
        """A booking of this user."""
        person = self.who(asked)
        booking = self.shop.bookings.get(int(id))
        if booking is None or (booking.client != person.id and person.role != "admin"):
            raise Refusal(404, "Appointment not found")
        return booking


def _csrf_pair(asked: Asked) -> bool:
    cookies = dict(part.strip().partition("=")[::2] for part in asked.headers.get("cookie", "").split(";"))
    told = asked.headers.get("x-csrf-token", "")
    return bool(told) and cookies.get("csrf_token") == told


def _naive(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()


def _told(platform: Platform, booking: Booking) -> dict[str, object]:
    return {
        "id": booking.id, "user_id": booking.client, "barber_id": booking.barber, "client_id": booking.client, "service_id": None,
        "service_name": booking.service, "start_time": _naive(booking.starts), "duration_minutes": MINUTES[booking.service],
        "price": PRICES[booking.service], "status": booking.status, "notes": booking.notes, "recurring_pattern_id": None,
        "google_event_id": None, "created_at": _naive(booking.made) if platform.habits.tells_birth else None,
    }  # fmt: skip


def _page(platform: Platform, asked: Asked, rows: Sequence[Booking]) -> Answered:
    """A list of bookings, the latest first: all of them, or one page with the total."""
    ordered = sorted(rows, key=lambda booking: (booking.starts, booking.id), reverse=True)
    if platform.habits.page_rows is not None:
        skip, limit = int(asked.query("skip") or 0), int(asked.query("limit") or platform.habits.page_rows)
        if skip < 0 or not 1 <= limit <= platform.habits.page_rows:
            raise Refusal(422, f"Input should be between 1 and {platform.habits.page_rows}")
        ordered = ordered[skip : skip + limit]
    return Answered(200, {"appointments": [_told(platform, booking) for booking in ordered], "total": len(rows)})


# -- accounts ------------------------------------------------------------------------------------------------------------------------------


def _register(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    if refused := platform.limited("register", asked):
        return refused
    wish = asked.json()
    person = platform.shop.register(str(wish["email"]), str(wish["password"]))
    user = {"id": person.id, "email": person.email, "role": person.role}
    return Answered(200, {"message": "Registration successful", "user": user, **platform.shop.tokens_for(person.id, asked.now)})


def _login(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    with platform.shop.lock:
        if refused := platform.limited("login", asked):
            return refused
    wish = asked.json()
    platform.hasher.work()
    with platform.shop.lock:
        person = platform.shop.people.get(str(wish["email"]))
        if person is None or person.password != wish["password"]:
            raise Refusal(401, "Incorrect email or password")
        tokens = platform.shop.tokens_for(person.id, asked.now)
    csrf = uuid.uuid4().hex
    return Answered(
        200,
        {**tokens, "csrf_token": csrf},
        {"Set-Cookie": f"csrf_token={csrf}; Path=/; SameSite=lax"},
    )


def _refresh(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    person = platform.shop.refreshers.get(str(asked.json()["refresh_token"]))
    if person is None:
        raise Refusal(401, "Invalid refresh token")
    return Answered(200, platform.shop.tokens_for(person, asked.now))


def _me(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    person = platform.who(asked)
    return Answered(200, {"id": person.id, "email": person.email, "role": person.role})


# -- looking -------------------------------------------------------------------------------------------------------------------------------


def _services(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    if "public" not in found[0]:
        platform.who(asked)
    offered = enumerate(MINUTES.items(), start=1)
    return Answered(
        200, [{"id": number, "name": name, "duration_minutes": minutes, "price": PRICES[name]} for number, (name, minutes) in offered]
    )


def _barbers(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    platform.who(asked)
    administrator = Person(ADMINISTRATOR, "admin@plain.test", "", "admin")
    listed = [*((administrator,) if platform.habits.administrator_listed else ()), *platform.shop.barbers]
    return Answered(
        200,
        [
            {"id": who.id, "name": f"{who.role.title()} {who.id}", "email": who.email, "role": who.role, "created_at": None}
            for who in listed
        ],
    )


def _locations(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    platform.who(asked)
    shop = {"id": 1, "name": "Plain Barbers"}
    return Answered(200, {"locations": [shop], "total": 1, "has_multiple_locations": False, "headquarters": shop})


def _slots(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    if refused := platform.limited("slots", asked):
        return refused
    day = date.fromisoformat(asked.query("appointment_date") or "")
    only = asked.query("barber_id")
    free = [] if only and not platform.habits.filtered_slots else platform.shop.free(day, int(only) if only else None, asked.now)
    listed = [{"time": at, "available": True, "is_next_available": index == 0} for index, at in enumerate(free)]
    hours = {"start": "09:00", "end": "17:00"}
    return Answered(
        200, {"date": day.isoformat(), "slots": listed, "next_available": None, "business_hours": hours, "slot_duration_minutes": 30}
    )


def _is_free(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    platform.who(asked)
    barber, day = int(found["id"]), date.fromisoformat(asked.query("check_date") or "")
    starts, ends = (time.fromisoformat(asked.query(name) or "") for name in ("start_time", "end_time"))
    free = platform.shop.is_free(barber, day, starts, ends)
    return Answered(200, {"barber_id": barber, "check_date": day.isoformat(), "is_available": free})


# -- appointments --------------------------------------------------------------------------------------------------------------------------


def _book(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    person = platform.who(asked)
    if refused := platform.limited("book", asked):
        return refused
    wish = asked.json()
    day, at = date.fromisoformat(wish["date"]), time.fromisoformat(wish["time"])
    booking = platform.shop.book(person.id, day, at, str(wish["service"]), wish.get("barber_id"), wish.get("notes"), asked.now)
    return Answered(200, _told(platform, booking))


def _book_as_guest(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    if refused := platform.limited("guest", asked):
        return refused
    wish = asked.json()
    day, at, guest = date.fromisoformat(wish["date"]), time.fromisoformat(wish["time"]), dict(wish["guest_info"])
    booking = platform.shop.book(None, day, at, str(wish["service"]), None, wish.get("notes"), asked.now)
    name = f"{guest['first_name']} {guest['last_name']}"
    return Answered(
        200,
        {
            "id": booking.id, "date": wish["date"], "time": wish["time"], "service": booking.service, "guest_name": name,
            "guest_email": guest["email"], "guest_phone": guest.get("phone"), "notes": booking.notes, "status": booking.status,
            "created_at": None, "booking_reference": f"G{booking.id}",
        },
    )  # fmt: skip


def _mine(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    person = platform.who(asked)
    return _page(platform, asked, [booking for booking in platform.shop.bookings.values() if booking.client == person.id])


def _everybodys(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    if platform.who(asked).role != "admin":
        raise Refusal(403, "Not enough permissions")
    return _page(platform, asked, [*platform.shop.bookings.values()])


def _one(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    return Answered(200, _told(platform, platform.own(asked, found["id"])))


def _reschedule(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    if refused := platform.limited("reschedule", asked):
        return refused
    booking, wish = platform.own(asked, found["id"]), asked.json()
    platform.shop.move(booking, date.fromisoformat(wish["date"]), time.fromisoformat(wish["time"]))
    return Answered(200, _told(platform, booking))


def _cancel(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    if refused := platform.limited("cancel", asked):
        return refused
    booking = platform.own(asked, found["id"])
    booking.status = "cancelled"
    return Answered(200, _told(platform, booking))


def _delete(platform: Platform, asked: Asked, found: re.Match[str]) -> Answered:
    platform.own(asked, found["id"])
    raise Refusal(400, "Failed to cancel appointment")


# -- payment -------------------------------------------------------------------------------------------------------------------------------


def _create_intent(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    return _paying(platform, asked, "pay_intent", lambda wish: _announce(platform, asked, wish))


def _confirm(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    return _paying(platform, asked, "pay_confirm", lambda wish: _take(platform, asked, wish))


def _paying(platform: Platform, asked: Asked, what: str, act: Callable[[dict[str, Any]], dict[str, object]]) -> Answered:
    platform.who(asked)
    if refused := platform.limited(what, asked):
        return refused
    key = asked.headers.get("idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        raise Refusal(400, "Invalid idempotency key format")
    if platform.habits.payments == "refused":
        raise Refusal(400, "No payment provider is configured")
    if platform.habits.payments == "broken":
        return _unhandled()
    if key is not None and key in platform.shop.keys:
        return Answered(200, platform.shop.keys[key])
    told = act(asked.json())
    if key is not None:
        platform.shop.keys[key] = told
    return Answered(200, told)


def _announce(platform: Platform, asked: Asked, wish: dict[str, Any]) -> dict[str, object]:
    booking = platform.own(asked, str(wish["booking_id"]))
    payment = platform.shop.announce(booking, platform.who(asked).id, asked.now)
    amount = payment.cents / 100
    return {
        "client_secret": f"{payment.intent}_secret", "payment_intent_id": payment.intent, "amount": amount, "original_amount": amount,
        "gift_certificate_used": 0, "payment_id": payment.id,
    }  # fmt: skip


def _take(platform: Platform, asked: Asked, wish: dict[str, Any]) -> dict[str, object]:
    payment = platform.shop.take(str(wish["payment_intent_id"]), int(wish["booking_id"]), asked.now)
    return {
        "message": "Payment confirmed successfully", "booking_id": payment.booking, "payment_id": payment.id,
        "amount_charged": payment.cents / 100, "gift_certificate_used": 0,
    }  # fmt: skip


def _payments(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    person = platform.who(asked)
    page, rows = int(asked.query("page") or 1), int(asked.query("page_size") or 50)
    if page < 1 or not 1 <= rows <= PAGE_ROWS_MAX:
        raise Refusal(422, f"Input should be between 1 and {PAGE_ROWS_MAX}")
    seen = [paid for paid in platform.shop.payments.values() if person.role == "admin" or paid.client == person.id]
    seen.sort(key=lambda paid: paid.id, reverse=True)
    listed = [
        {
            "id": paid.id, "user_id": paid.client, "appointment_id": paid.booking, "amount": paid.cents / 100,
            "status": "completed" if paid.taken else "pending", "stripe_payment_intent_id": paid.intent, "created_at": _naive(paid.made),
        }
        for paid in seen[(page - 1) * rows : page * rows]
    ]  # fmt: skip
    return Answered(200, {"payments": listed, "total": len(seen), "page": page, "page_size": rows, "total_pages": -(-len(seen) // rows)})


# -- what fails on a real deployment -------------------------------------------------------------------------------------------------------


def _dashboard(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    platform.who(asked)
    return _unhandled()


def _unhandled() -> Answered:
    return Answered(500, {"error": "Internal server error", "message": "An unexpected error occurred", "request_id": uuid.uuid4().hex})


# -- health: always well, whatever is ------------------------------------------------------------------------------------------------------


def _health(platform: Platform, _asked: Asked, _: re.Match[str]) -> Answered:
    shown = {"publishable": "pk_live_" + "0" * 24} if platform.live_key else {}
    told = {"environment": platform.habits.stage} if platform.habits.health_names_stage else {}
    return Answered(200, {"status": "healthy", "service": "plain-barbers", **told, **shown})


def _health_at_length(platform: Platform, asked: Asked, _: re.Match[str]) -> Answered:
    told = {"status": "healthy", "service": "plain-barbers", "environment": platform.habits.stage, "client_ip": asked.address}
    return Answered(200, told)


def _ready(platform: Platform, _asked: Asked, _: re.Match[str]) -> Answered:
    parts = {"redis": {"status": "ready"}, "database": {"status": "error" if platform.database_down else "ready"}}
    return Answered(
        200, {"status": "not_ready" if platform.database_down else "ready", **(parts if platform.habits.ready_in_parts else {})}
    )


def _route(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    return method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>\\d+)", path)), handler


ROUTES = (
    _route("POST", "/api/v2/auth/register-client", _register),
    _route("POST", "/api/v2/auth/login", _login),
    _route("POST", "/api/v2/auth/refresh", _refresh),
    _route("GET", "/api/v2/auth/me", _me),
    _route("GET", "/api/v2/public/services/", _services),
    _route("GET", "/api/v2/services/", _services),
    _route("GET", "/api/v2/barbers/", _barbers),
    _route("GET", "/api/v2/locations/", _locations),
    _route("GET", "/api/v2/appointments/slots", _slots),
    _route("GET", "/api/v2/barber-availability/check/{id}", _is_free),
    _route("POST", "/api/v2/appointments/", _book),
    _route("POST", "/api/v2/appointments/guest", _book_as_guest),
    _route("GET", "/api/v2/appointments/", _mine),
    _route("GET", "/api/v2/appointments/all/list", _everybodys),
    _route("GET", "/api/v2/appointments/{id}", _one),
    _route("POST", "/api/v2/appointments/{id}/reschedule", _reschedule),
    _route("PUT", "/api/v2/appointments/{id}/cancel", _cancel),
    _route("DELETE", "/api/v2/appointments/{id}", _delete),
    _route("POST", "/api/v2/payments/create-intent", _create_intent),
    _route("POST", "/api/v2/payments/confirm", _confirm),
    _route("GET", "/api/v2/payments/history", _payments),
    _route("GET", "/api/v2/analytics/appointments", _dashboard),
    _route("GET", "/api/v2/dashboard/overview", _dashboard),
    _route("GET", "/api/v2/dashboard/client-metrics", _dashboard),
    _route("GET", "/health", _health),
    _route("GET", "/health/", _health_at_length),
    _route("GET", "/health/ready", _ready),
)
