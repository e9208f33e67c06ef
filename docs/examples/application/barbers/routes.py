"""The API. Collections end with a slash, times are the shop's in requests and UTC in answers, a taken time is 400 with a message."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse

from . import hours
from .bookings import Wish, told, utc
from .database import Failed, Unavailable
from .people import Person
from .refusal import Refusal
from .shop import Shop

ROWS_MAX = 100
NAME = "Plain Barbers"
api, health = APIRouter(prefix="/api/v2"), APIRouter()


def shop_of(request: Request) -> Shop:
    """The parts that this process uses."""
    found: Shop = request.app.state.shop
    return found


TheShop = Annotated[Shop, Depends(shop_of)]


async def bearer(shop: TheShop, authorization: Annotated[str, Header()] = "") -> Person:
    """Who asks. Raises :class:`Refusal`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(401, "Not authenticated")
    return shop.people.known(token)


Someone = Annotated[Person, Depends(bearer)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Skip = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=ROWS_MAX)]


def now() -> dt.datetime:
    """The time."""
    return dt.datetime.now(dt.UTC)


# -- accounts ------------------------------------------------------------------------------------------------------------------------------


class Login(BaseModel):
    """Address and password."""

    email: str
    password: str


class Refresh(BaseModel):
    """The token that lasts longer."""

    refresh_token: str


@api.post("/auth/register-client")
async def register(shop: TheShop, body: Login) -> Any:
    """A new customer."""
    person = await shop.people.register(body.email, body.password)
    user = {"id": person.id, "email": body.email, "role": person.role}
    return JSONResponse({"message": "Registration successful", "user": user, **shop.people.tokens(person)})


@api.post("/auth/login")
async def log_in(shop: TheShop, body: Login) -> Any:
    """A pair of tokens for a password."""
    return JSONResponse(shop.people.tokens(await shop.people.log_in(body.email, body.password)))


@api.post("/auth/refresh")
async def refresh(shop: TheShop, body: Refresh) -> Any:
    """A new pair of tokens for an old one."""
    return JSONResponse(shop.people.tokens(shop.people.known(body.refresh_token, "refresh")))


@api.get("/auth/me")
async def me(shop: TheShop, person: Someone) -> Any:
    """The customer's own profile."""
    return JSONResponse({"id": person.id, "email": await shop.people.email(person), "role": person.role})


# -- looking -------------------------------------------------------------------------------------------------------------------------------


@api.get("/public/services/")
@api.get("/services/")
async def services(shop: TheShop) -> Any:
    """What the shop offers."""
    offered = await shop.bookings.services()
    return JSONResponse(
        [{"id": row["id"], "name": row["name"], "duration_minutes": row["minutes"], "price": row["cents"] / 100} for row in offered]
    )


@api.get("/barbers/")
async def barbers(shop: TheShop, _: Someone) -> Any:
    """Who works there."""
    return JSONResponse([{"id": row["id"], "name": row["name"], "role": "barber"} for row in await shop.bookings.barbers()])


@api.get("/locations/")
async def locations(_: Someone) -> Any:
    """The one shop."""
    here = {"id": 1, "name": NAME}
    return JSONResponse({"locations": [here], "total": 1, "has_multiple_locations": False, "headquarters": here})


@api.get("/appointments/slots")
async def slots(shop: TheShop, appointment_date: dt.date, barber_id: int | None = None) -> Any:
    """Free times of a day."""
    free = await shop.bookings.free(appointment_date, barber_id, now())
    return JSONResponse(
        {
            "date": appointment_date.isoformat(),
            "timezone": shop.settings.zone,
            "slots": [{"time": at, "available": True, "is_next_available": not index} for index, at in enumerate(free)],
            "business_hours": {"start": f"{hours.OPENS:%H:%M}", "end": f"{hours.CLOSES:%H:%M}"},
            "slot_duration_minutes": 30,
        }
    )


@api.get("/barber-availability/check/{barber}")
async def is_free(shop: TheShop, _: Someone, barber: int, check_date: dt.date, start_time: dt.time, end_time: dt.time) -> Any:
    """Whether a barber is free."""
    free = await shop.bookings.is_free(barber, check_date, start_time, end_time)
    return JSONResponse({"barber_id": barber, "check_date": check_date.isoformat(), "is_available": free})


# -- appointments --------------------------------------------------------------------------------------------------------------------------


class Guest(BaseModel):
    """A customer without an account."""

    first_name: str
    last_name: str
    email: str


class When(BaseModel):
    """A time at the shop."""

    date: dt.date
    time: dt.time


class Appointment(When):
    """What a customer wants."""

    service: str
    barber_id: int | None = None
    notes: str | None = None


class GuestAppointment(Appointment):
    """What a customer without an account wants."""

    guest_info: Guest


@api.post("/appointments/")
async def book(shop: TheShop, person: Someone, body: Appointment, key: Key = None) -> Any:
    """Make a booking."""
    wish = Wish(body.date, body.time, body.service, body.barber_id, body.notes, key)
    return JSONResponse(told(await shop.bookings.book(person, wish, now())))


@api.post("/appointments/guest")
async def book_as_guest(shop: TheShop, body: GuestAppointment) -> Any:
    """Make a booking without an account."""
    guest = body.guest_info
    row = await shop.bookings.book(None, Wish(body.date, body.time, body.service, body.barber_id, body.notes, guest=guest.email), now())
    name = f"{guest.first_name} {guest.last_name}"
    return JSONResponse({**told(row), "guest_name": name, "guest_email": guest.email, "booking_reference": f"G{row['id']}"})


@api.get("/appointments/")
async def mine(shop: TheShop, person: Someone, skip: Skip = 0, limit: Limit = ROWS_MAX) -> Any:
    """The customer's own bookings."""
    rows, total = await shop.bookings.page(person, skip, limit)
    return JSONResponse({"appointments": [told(row) for row in rows], "total": total})


@api.get("/appointments/all/list")
async def everybodys(shop: TheShop, person: Someone, skip: Skip = 0, limit: Limit = ROWS_MAX) -> Any:
    """All bookings, for an administrator."""
    if not person.is_admin:
        raise Refusal(403, "Not enough permissions")
    rows, total = await shop.bookings.page(None, skip, limit)
    return JSONResponse({"appointments": [told(row) for row in rows], "total": total})


@api.get("/appointments/{id}")
async def one(shop: TheShop, person: Someone, id: int) -> Any:
    """One booking."""
    return JSONResponse(told(await shop.bookings.one(person, id)))


@api.post("/appointments/{id}/reschedule")
async def reschedule(shop: TheShop, person: Someone, id: int, body: When) -> Any:
    """Move a booking."""
    return JSONResponse(told(await shop.bookings.move(person, id, body.date, body.time, now())))


@api.put("/appointments/{id}/cancel")
async def cancel(shop: TheShop, person: Someone, id: int) -> Any:
    """Cancel a booking."""
    return JSONResponse(told(await shop.bookings.cancel(person, id)))


# -- payment -------------------------------------------------------------------------------------------------------------------------------


class Announcement(BaseModel):
    """Which booking to pay for."""

    booking_id: int


class Confirmation(Announcement):
    """Which payment to capture."""

    payment_intent_id: str


class Event(BaseModel):
    """What the provider tells."""

    type: str
    booking: int | None = None


@api.post("/payments/create-intent")
async def announce(shop: TheShop, person: Someone, body: Announcement) -> Any:
    """Announce a payment."""
    payment = await shop.payments.announce(person, body.booking_id)
    amount = payment["cents"] / 100
    return JSONResponse(
        {
            "client_secret": payment["secret"],
            "payment_intent_id": payment["intent"],
            "amount": amount,
            "original_amount": amount,
            "payment_id": payment["id"],
        }
    )


@api.post("/payments/confirm")
async def confirm(shop: TheShop, person: Someone, body: Confirmation) -> Any:
    """Pay."""
    payment = await shop.payments.confirm(person, body.booking_id, body.payment_intent_id)
    return JSONResponse(
        {
            "message": "Payment confirmed",
            "booking_id": payment["booking_id"],
            "payment_id": payment["id"],
            "amount_charged": payment["cents"] / 100,
        }
    )


@api.post("/webhooks/payments")
async def hear(shop: TheShop, body: Event) -> Any:
    """Hear of a capture. It may come more than once, and it is not believed: the provider is asked."""
    if body.type == "capture.succeeded" and body.booking is not None:
        await shop.payments.settle(body.booking)
    return JSONResponse({"received": True})


@api.get("/payments/history")
async def paid(
    shop: TheShop, person: Someone, page: Annotated[int, Query(ge=1)] = 1, page_size: Annotated[int, Query(ge=1, le=ROWS_MAX)] = 50
) -> Any:
    """Payments of the customer, or of all for an administrator."""
    rows, total = await shop.payments.page(person, (page - 1) * page_size, page_size)
    listed = [
        {
            "id": row["id"],
            "user_id": row["person_id"],
            "appointment_id": row["booking_id"],
            "amount": row["cents"] / 100,
            "status": "completed" if row["status"] == "paid" else "pending",
            "stripe_payment_intent_id": row["intent"],
            "created_at": utc(row["made"]),
        }
        for row in rows
    ]
    return JSONResponse({"payments": listed, "total": total, "page": page, "page_size": page_size, "total_pages": -(-total // page_size)})


# -- health --------------------------------------------------------------------------------------------------------------------------------


@health.get("/health")
@health.get("/health/")
async def well(request: Request, shop: TheShop) -> Any:
    """Which process this is; nothing is checked."""
    settings = shop.settings
    told = {"status": "healthy", "service": "plain-barbers", "version": settings.version, "instance": settings.instance}
    return JSONResponse({**told, "environment": settings.stage, "client_ip": client_address(request)})


@health.get("/health/live")
async def live() -> Any:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@health.get("/health/ready")
async def ready(request: Request, shop: TheShop) -> Any:
    """Whether to send requests here: not before the database has answered once, and the shop has services and barbers.

    It is not asked again: while it is away every instance would say no, and customers could not even read what is in the cache.
    """
    state = request.app.state
    if not state.prepared:
        try:
            state.prepared = bool(await shop.bookings.services() and await shop.bookings.barbers())
        except (Unavailable, Failed) as error:
            return JSONResponse({"status": "not_ready", "reason": str(error)}, 503)
    return JSONResponse({"status": "ready" if state.prepared else "not_ready"}, 200 if state.prepared else 503)


@health.get("/health/database")
async def database(shop: TheShop) -> Any:
    """Whether the primary answers now: for operators, and for whoever wants to know what one instance can do."""
    await shop.database.latest("SELECT 1")
    return JSONResponse({"status": "healthy"})


def client_address(request: Request) -> str:
    """Of the customer: the balancer says it in a header that no customer can reach this process without."""
    forwarded = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return forwarded or (request.client.host if request.client else "")
