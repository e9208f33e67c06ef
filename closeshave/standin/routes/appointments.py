"""Book, and read, change and cancel bookings."""

from __future__ import annotations

import datetime
import time
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field

from closeshave.standin import ratelimit
from closeshave.standin.answers import booking_answer, guest_answer
from closeshave.standin.bookings import Amendment, Guest, Wish
from closeshave.standin.errors import Json
from closeshave.standin.identity import administrator, bearer
from closeshave.standin.ratelimit import Limit
from closeshave.standin.serving import here
from closeshave.standin.slots import BARBER_ID_MAX
from closeshave.standin.text import Text
from closeshave.standin.tokens import Claims
from closeshave.topology import Shard

router = APIRouter(prefix="/api/v2/appointments")

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Notes = Annotated[Text | None, Field(max_length=2000)]
BarberId = Annotated[int, Field(ge=1, le=BARBER_ID_MAX)]


class NewAppointment(BaseModel):
    """A customer's request, with times in the shop's zone."""

    date: datetime.date
    time: datetime.time
    service: Text
    barber_id: BarberId | None = None
    notes: Notes = None


class GuestInfo(BaseModel):
    """The identity of a customer without an account."""

    first_name: Text
    last_name: Text
    email: Text
    phone: Text | None = None


class GuestAppointment(NewAppointment):
    """A guest's request."""

    guest_info: GuestInfo


class NewTime(BaseModel):
    """The new time of a booking."""

    date: datetime.date
    time: datetime.time


class AppointmentChange(BaseModel):
    """Changes to a booking; missing values stay as they are."""

    date: datetime.date | None = None
    time: datetime.time | None = None
    barber_id: BarberId | None = None
    notes: Notes = None


@router.post("/")
async def book(body: NewAppointment, idempotency_key: Key = None) -> Json:
    """Book for the logged-in customer."""
    claims = await bearer()
    visit = here()
    franchise, shard = visit.place()
    await _count(ratelimit.CREATE)
    wish = Wish(franchise, body.date, body.time, body.service, claims.user, None, body.barber_id, body.notes, idempotency_key)
    return Json(booking_answer(await visit.platform.bookings.make(shard, wish, _now())))


@router.post("/guest")
async def book_as_guest(body: GuestAppointment, idempotency_key: Key = None) -> Json:
    """Book without an account."""
    visit = here()
    franchise, shard = visit.place()
    await _count(ratelimit.GUEST)
    info = body.guest_info
    guest = Guest(f"{info.first_name} {info.last_name}", info.email, info.phone)
    wish = Wish(franchise, body.date, body.time, body.service, None, guest, body.barber_id, body.notes, idempotency_key)
    return Json(guest_answer(await visit.platform.bookings.make(shard, wish, _now()), shard))


@router.get("/")
async def mine() -> Json:
    """The customer's own bookings: at the franchise of the request, else at all franchises."""
    claims = await bearer()
    visit = here()
    rows = await visit.platform.bookings.of_client(claims.user, visit.franchise, visit.shard)
    return Json({"appointments": [booking_answer(row) for row in rows], "total": len(rows)})


@router.get("/all/list")
async def every(limit: Annotated[int, Query(ge=1, le=1000)] = 100, skip: Annotated[int, Query(ge=0)] = 0) -> Json:
    """All bookings of the franchise; for administrators."""
    await administrator()
    visit = here()
    rows = await visit.platform.bookings.all(*visit.place(), limit, skip)
    return Json({"appointments": [booking_answer(row) for row in rows], "total": len(rows)})


@router.get("/{id}")
async def one(id: int) -> Json:
    """One booking, read from the primary."""
    claims = await bearer()
    return Json(booking_answer(await here().platform.bookings.one(await _shard(id), id, _owner(claims))))


@router.put("/{id}")
async def change(id: int, body: AppointmentChange) -> Json:
    """Change time, barber or notes."""
    return await _amend(id, Amendment(body.date, body.time, body.barber_id, body.notes))


@router.post("/{id}/reschedule")
async def reschedule(id: int, body: NewTime) -> Json:
    """Move a booking to another time of the same barber."""
    await _count(ratelimit.RESCHEDULE)
    return await _amend(id, Amendment(body.date, body.time))


@router.put("/{id}/cancel")
async def cancel(id: int) -> Json:
    """Cancel a booking."""
    claims = await bearer()
    await _count(ratelimit.CANCEL)
    return Json(booking_answer(await here().platform.bookings.cancel(await _shard(id), id, _owner(claims))))


async def _amend(id: int, amendment: Amendment) -> Json:
    claims = await bearer()
    row = await here().platform.bookings.amend(await _shard(id), id, _owner(claims), amendment, _now())
    return Json(booking_answer(row))


async def _count(limit: Limit) -> None:
    visit = here()
    await visit.platform.limits.count(limit, visit.address, time.time())


async def _shard(id: int) -> Shard:
    """The booking's own shard, whatever the franchise of the request; the header X-Shard states it."""
    visit = here()
    visit.shard = await visit.platform.shards.of_booking(id)
    return visit.shard


def _owner(claims: Claims) -> int | None:
    return None if claims.role == "admin" else claims.user


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
