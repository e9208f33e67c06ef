"""Bookings: made, moved, cancelled and read. The database decides who gets a time that two customers want at once."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import hours
from .cache import Cache
from .database import Database, Taken
from .people import Person
from .refusal import Refusal
from .settings import Planted

INSERT = """
INSERT INTO bookings (barber_id, person_id, guest, service, starts, ends, cents, notes, key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING RETURNING *
"""
FREE = """
SELECT id FROM barbers b WHERE NOT EXISTS (
    SELECT FROM bookings k WHERE k.barber_id = b.id AND k.status = 'scheduled' AND tstzrange(k.starts, k.ends) && tstzrange($1, $2)
) ORDER BY random()
"""
MOVE = """
UPDATE bookings SET starts = $2::timestamptz, ends = $2::timestamptz + (ends - starts), version = version + 1
WHERE id = $1 AND status = 'scheduled' RETURNING *
"""
CANCEL = "UPDATE bookings SET status = 'cancelled', version = version + 1 WHERE id = $1 AND status = 'scheduled' RETURNING *"
BUSY = "SELECT barber_id, starts, ends FROM bookings WHERE status = 'scheduled' AND starts >= $1 AND starts < $2"
TAKEN = "This time slot is already booked"
LOST_EACH = 5
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """What a customer asks for; day and time are the shop's."""

    day: date
    at: time
    service: str
    barber: int | None = None
    notes: str | None = None
    key: str | None = None
    guest: str | None = None


class Bookings:
    """The bookings of the shop. Everything raises :class:`Refusal`, and :class:`~.database.Unavailable`."""

    def __init__(self, database: Database, cache: Cache, zone: str, planted: Planted) -> None:
        self._database, self._cache = database, cache
        self.zone = ZoneInfo(zone)
        self._planted = planted
        self._count = itertools.count(1)
        self._services: dict[str, Any] = {}
        self._barbers: list[Any] = []

    # -- looking -------------------------------------------------------------------------------------------------------------------------

    async def services(self) -> Sequence[Any]:
        """What the shop offers. It never changes while the application runs."""
        if not self._services:
            self._services = {
                row["name"]: row for row in await self._database.old("SELECT id, name, minutes, cents FROM services ORDER BY id")
            }
        return [*self._services.values()]

    async def barbers(self) -> Sequence[Any]:
        """Who works there. It never changes while the application runs."""
        if not self._barbers:
            self._barbers = await self._database.old("SELECT id, name FROM barbers ORDER BY id")
        return self._barbers

    async def free(self, day: date, barber: int | None, now: datetime) -> list[str]:
        """Free times of one barber, or of all together."""
        everybody = [row["id"] for row in await self.barbers()]
        return hours.free(day, self.zone, everybody if barber is None else [barber], await self._busy(day), now)

    async def is_free(self, barber: int, day: date, begin: time, end: time) -> bool:
        """Whether a barber is free for the whole time, by the latest state and not by the cache."""
        starts, ends = (hours.instant(day, at, self.zone) for at in (begin, end))
        if barber not in {row["id"] for row in await self.barbers()} or not hours.OPENS <= begin < hours.CLOSES:
            return False
        return hours.is_free((await self._read_busy(day)).get(barber, ()), starts, ends)

    async def _busy(self, day: date) -> dict[int, list[tuple[float, float]]]:
        found, stamp = await self._cache.find(f"busy:{day}")
        if found is not None:
            return {int(barber): booked for barber, booked in found.items()}
        read = await self._read_busy(day)
        await self._cache.store(f"busy:{day}", read, stamp)
        return read

    async def _read_busy(self, day: date) -> dict[int, list[tuple[float, float]]]:
        found: dict[int, list[tuple[float, float]]] = {}
        for row in await self._database.recent(BUSY, *hours.bounds(day, self.zone)):
            found.setdefault(row["barber_id"], []).append((row["starts"].timestamp(), row["ends"].timestamp()))
        return found

    # -- changing ------------------------------------------------------------------------------------------------------------------------

    async def book(self, person: Person | None, wish: Wish, now: datetime) -> Any:
        """Make a booking; or find the one that the same person made with the same key."""
        starts = hours.instant(wish.day, wish.at, self.zone)
        hours.bookable(starts, self.zone, now)
        await self.services()
        if (service := self._services.get(wish.service)) is None:
            raise Refusal(400, f"Invalid service: {wish.service}")
        ends = starts + timedelta(minutes=service["minutes"])
        everybody = {row["id"] for row in await self.barbers()}
        if wish.barber is not None and wish.barber not in everybody:
            raise Refusal(404, "Barber not found")
        candidates = [wish.barber] if wish.barber is not None else [row["id"] for row in await self._database.latest(FREE, starts, ends)]
        for barber in candidates:
            of = (person.id if person else None, wish.guest)
            row = await self._insert(barber, *of, wish.service, starts, ends, service["cents"], wish.notes, wish.key)
            if row is not None:
                await self._changed(row)
                return row
        if (row := await self._made_before(person, wish.key)) is not None:
            return row
        raise Refusal(400, TAKEN if wish.barber is None else f"Barber is not available at {wish.at:%H:%M} on {wish.day}")

    async def _insert(self, *values: object) -> Any:
        """The new booking; ``None`` if its time or its key is taken."""
        if self._planted is Planted.LOST_BOOKING and next(self._count) % LOST_EACH == 0:
            return await self._lose(*values)
        try:
            rows = await self._database.rows(INSERT, *values)
        except Taken:
            # Two customers want overlapping times: the other one has it.
            return None
        return rows[0] if rows else None

    async def _lose(self, *values: object) -> Any:
        async with self._database.primary.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            row = await connection.fetchrow(INSERT, *values)
            await transaction.rollback()
        if row is not None:
            LOG.warning("planted: booking %s is lost", row["id"])
        return row

    async def _made_before(self, person: Person | None, key: str | None) -> Any:
        if person is None or key is None:
            return None
        rows = await self._database.latest("SELECT * FROM bookings WHERE person_id = $1 AND key = $2", person.id, key)
        return rows[0] if rows else None

    async def move(self, person: Person, id: int, day: date, at: time, now: datetime) -> Any:
        """Move a booking to another time with the same barber."""
        before = await self.one(person, id)
        starts = hours.instant(day, at, self.zone)
        hours.bookable(starts, self.zone, now)
        try:
            rows = await self._database.rows(MOVE, id, starts)
        except Taken:
            raise Refusal(400, "This barber already has an appointment at that time") from None
        if not rows:
            raise Refusal(400, "Cannot change a cancelled appointment")
        await self._changed(before, rows[0])
        return rows[0]

    async def cancel(self, person: Person, id: int) -> Any:
        """Cancel a booking; a second time changes nothing."""
        before = await self.one(person, id)
        rows = await self._database.rows(CANCEL, id)
        await self._changed(before)
        return rows[0] if rows else await self.one(person, id)

    async def _changed(self, *rows: Any) -> None:
        """Lists of these days are no longer valid."""
        await self._cache.forget(*{f"busy:{row['starts'].astimezone(self.zone).date()}" for row in rows})

    # -- reading -------------------------------------------------------------------------------------------------------------------------

    async def one(self, person: Person, id: int) -> Any:
        """A booking of this person, or any for an administrator."""
        rows = await self._database.latest("SELECT * FROM bookings WHERE id = $1", id)
        if not rows or (rows[0]["person_id"] != person.id and not person.is_admin):
            raise Refusal(404, "Appointment not found")
        return rows[0]

    async def page(self, person: Person | None, skip: int, limit: int) -> tuple[Sequence[Any], int]:
        """One page of a person's bookings or of all, the latest first; and how many there are in all."""
        of = person.id if person else None
        rows = await self._database.latest(
            "SELECT *, count(*) OVER () AS total FROM bookings WHERE $1::bigint IS NULL OR person_id = $1 ORDER BY starts DESC, id OFFSET $2 LIMIT $3",
            of,
            skip,
            limit,
        )
        if rows or not skip:
            return rows, rows[0]["total"] if rows else 0
        [whole] = await self._database.latest("SELECT count(*) AS total FROM bookings WHERE $1::bigint IS NULL OR person_id = $1", of)
        return [], whole["total"]


def told(row: Any) -> dict[str, object]:
    """A booking as answers show it; times are in UTC, without an offset."""
    return {
        "id": row["id"],
        "user_id": row["person_id"],
        "barber_id": row["barber_id"],
        "client_id": row["person_id"],
        "service_id": None,
        "service_name": row["service"],
        "start_time": utc(row["starts"]),
        "duration_minutes": round((row["ends"] - row["starts"]).total_seconds() / 60),
        "price": row["cents"] / 100,
        "status": row["status"],
        "notes": row["notes"],
        "version": row["version"],
        "created_at": utc(row["made"]),
    }


def utc(at: datetime) -> str:
    """A time as answers show it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()
