"""Bookings in a shard's database: made, moved, cancelled and read.

Two customers may request the same time at the same moment. A query first chooses a free barber; the exclusion constraint decides, and with ``ON
CONFLICT DO NOTHING`` a conflict gives an empty result and not an error. Then the next free barber is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from closeshave.standin.database import LostRace, Row
from closeshave.standin.errors import Conflict, Refused
from closeshave.standin.regions import zone
from closeshave.standin.shards import Shards
from closeshave.standin.slots import Hours, instant, refusal
from closeshave.topology import Shard

_FREE_BARBERS = """
SELECT s.id AS service_id, s.minutes, s.price_cents, h.opens, h.closes, h.slot_minutes,
       EXISTS (SELECT FROM barbers b WHERE b.franchise_id = $1 AND b.active AND ($2::int IS NULL OR b.id = $2)) AS known,
       ARRAY(SELECT b.id FROM barbers b
             WHERE b.franchise_id = $1 AND b.active AND ($2::int IS NULL OR b.id = $2)
               AND NOT EXISTS (SELECT FROM bookings k WHERE k.franchise_id = $1 AND k.barber_id = b.id AND k.status = 'scheduled'
                                                        AND k.during && period($4::timestamptz, s.minutes))
             ORDER BY random()) AS free
FROM services s, opening_hours h WHERE s.name = $3 AND h.franchise_id = $1
"""

_INSERT = """
INSERT INTO appointments (franchise_id, barber_id, client_id, guest_name, guest_email, guest_phone,
                          service_id, service_name, starts_at, minutes, price_cents, notes, idempotency_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING RETURNING *
"""

_INSERT_WITH_JOBS = f"""
WITH booked AS ({_INSERT}),
     later AS (
    INSERT INTO jobs (booking_id, franchise_id, kind, due_at)
    SELECT b.id, b.franchise_id, k.kind, b.created_at + k.after FROM booked b, (VALUES ('receipt', interval '0'), ('reminder', $14)) k (kind, after))
SELECT * FROM booked
"""  # noqa: S608 - put together from constants
"""The booking and its jobs in one statement: neither is there without the other."""

_MOVE = """
UPDATE appointments k SET starts_at = $2, barber_id = $3, notes = $4, version = version + 1
WHERE k.id = $1 AND k.version = $5 AND k.status = 'scheduled'
  AND NOT EXISTS (SELECT FROM bookings o WHERE o.franchise_id = k.franchise_id AND o.barber_id = $3 AND o.id <> k.id
                                           AND o.status = 'scheduled' AND o.during && period($2, k.minutes))
RETURNING *
"""

_CANCEL = "UPDATE appointments SET status = 'cancelled', version = version + 1 WHERE id = $1 AND status = 'scheduled' RETURNING *"

_ONE = "SELECT * FROM appointments WHERE id = $1"
_BY_KEY = "SELECT * FROM appointments WHERE idempotency_key = $1"
_OF_CLIENT = "SELECT * FROM appointments WHERE client_id = $1 ORDER BY starts_at"
_OF_CLIENT_AT = "SELECT * FROM appointments WHERE client_id = $1 AND franchise_id = $2 ORDER BY starts_at"
_OF_FRANCHISE = "SELECT * FROM appointments WHERE franchise_id = $1 ORDER BY starts_at DESC LIMIT $2 OFFSET $3"

_HOURS = """
SELECT h.opens, h.closes, h.slot_minutes, EXISTS (SELECT FROM barbers b WHERE b.id = $2 AND b.franchise_id = $1 AND b.active) AS known
FROM opening_hours h WHERE h.franchise_id = $1
"""

_ATTEMPTS = 3
"""How often a change is tried if other requests change the booking at the same time."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A customer without an account."""

    name: str
    email: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A customer's request for a booking; times are in the shop's zone."""

    franchise: int
    day: date
    at: time
    service: str
    client: int | None
    guest: Guest | None = None
    barber: int | None = None
    """The requested barber; ``None``: any free barber."""
    notes: str | None = None
    key: str | None = None
    """Idempotency key: the same key gives the same booking."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """Changes to a booking; ``None`` leaves the value."""

    day: date | None = None
    at: time | None = None
    barber: int | None = None
    notes: str | None = None


class Bookings:
    """Operations on bookings. All raise what :class:`Shards` raises, :class:`Refused` for an invalid request, :class:`Conflict` for a taken slot."""

    __slots__ = ("_remind_after", "_shards")

    def __init__(self, shards: Shards, remind_after: timedelta | None = None) -> None:
        """``remind_after``: when a booking's reminder is due, counted from the booking; ``None``: nothing is done for it in the background."""
        self._shards = shards
        self._remind_after = remind_after

    async def make(self, shard: Shard, wish: Wish, now: datetime) -> Row:
        """Make a booking and commit it; or return the one that was made with the same key before.

        A repeated request is refused because its own booking has the slot. So the key is looked up only after a refusal, and costs other requests
        nothing; a database constraint keeps a key from booking twice.
        """
        try:
            return await self._book(shard, wish, now)
        except Refused:
            if wish.key and (before := await self._made_with_key(shard, wish)):
                return before
            raise

    async def _book(self, shard: Shard, wish: Wish, now: datetime) -> Row:
        start = instant(wish.day, wish.at, zone(shard.home))
        found = await self._shards.read_latest(shard, _FREE_BARBERS, wish.franchise, wish.barber, wish.service, start)
        if not found:
            raise Refused(400, f"Service {wish.service!r} not found")
        [offer] = found
        hours = Hours(offer["opens"], offer["closes"], offer["slot_minutes"])
        if reason := refusal(start, offer["minutes"], wish.day, wish.at, hours, now):
            raise Refused(400, reason)
        if not offer["known"]:
            raise Refused(404, "Barber not found")
        for barber in offer["free"]:
            if booked := await self._insert(shard, wish, barber, start, offer):
                return booked
            if wish.key and (before := await self._made_with_key(shard, wish)):
                return before
        raise Conflict if offer["free"] else Conflict(f"Barber is not available at {wish.at:%H:%M} on {wish.day}")

    async def one(self, shard: Shard, id: int, client: int | None) -> Row:
        """A booking from the primary. A ``client`` can read only their own; ``None`` is an administrator who can read all."""
        rows = await self._shards.read_latest(shard, _ONE, id)
        if not rows or (client is not None and rows[0]["client_id"] != client):
            raise Refused(404, "Appointment not found")
        return rows[0]

    async def of_client(self, client: int, franchise: int | None, shard: Shard | None) -> list[Row]:
        """A customer's bookings at one franchise, or at all if none is named."""
        if shard is None:
            return await self._shards.read_everywhere(_OF_CLIENT, client)
        return await self._shards.read_latest(shard, _OF_CLIENT_AT, client, franchise)

    async def all(self, franchise: int, shard: Shard, limit: int, skip: int) -> list[Row]:
        """Every booking of a franchise, latest first."""
        return await self._shards.read_latest(shard, _OF_FRANCHISE, franchise, limit, skip)

    async def amend(self, shard: Shard, id: int, client: int | None, amendment: Amendment, now: datetime) -> Row:
        """Move a booking, or change its barber or notes; its version grows by one."""
        for _ in range(_ATTEMPTS):
            booking = await self.one(shard, id, client)
            if booking["status"] != "scheduled":
                raise Refused(400, "Cannot change a cancelled appointment")
            start, barber = await self._target(shard, booking, amendment, now)
            notes = booking["notes"] if amendment.notes is None else amendment.notes
            try:
                rows = await self._shards.write(shard, _MOVE, id, start, barber, notes, booking["version"])
            except LostRace:
                raise Conflict from None
            if rows:
                return rows[0]
            latest = await self.one(shard, id, client)
            if latest["version"] == booking["version"]:
                raise Conflict
        raise Conflict("The appointment is being changed by another request")

    async def cancel(self, shard: Shard, id: int, client: int | None) -> Row:
        """Cancel a booking; a repeated call changes nothing and returns the same."""
        booking = await self.one(shard, id, client)
        rows = await self._shards.write(shard, _CANCEL, id)
        return rows[0] if rows else (booking if booking["status"] == "cancelled" else await self.one(shard, id, client))

    async def _insert(self, shard: Shard, wish: Wish, barber: int, start: datetime | None, offer: Row) -> Row | None:
        guest = wish.guest
        person = (wish.client, guest.name, guest.email, guest.phone) if guest else (wish.client, None, None, None)
        values = (*person, offer["service_id"], wish.service, start, offer["minutes"], offer["price_cents"], wish.notes, wish.key)
        try:
            if self._remind_after is None:
                rows = await self._shards.write(shard, _INSERT, wish.franchise, barber, *values)
            else:
                rows = await self._shards.write(shard, _INSERT_WITH_JOBS, wish.franchise, barber, *values, self._remind_after)
        except LostRace:
            return None
        return rows[0] if rows else None

    async def _made_with_key(self, shard: Shard, wish: Wish) -> Row | None:
        rows = await self._shards.read_latest(shard, _BY_KEY, wish.key)
        if not rows:
            return None
        before = rows[0]
        email = wish.guest.email if wish.guest else None
        if (before["client_id"], before["guest_email"], before["franchise_id"]) != (wish.client, email, wish.franchise):
            raise Refused(400, "Idempotency-Key was used for another request")
        return before

    async def _target(self, shard: Shard, booking: Row, amendment: Amendment, now: datetime) -> tuple[datetime, int]:
        """The start and the barber of the changed booking."""
        barber = amendment.barber or booking["barber_id"]
        if amendment.day is None and amendment.at is None and amendment.barber is None:
            return booking["starts_at"], barber
        local = booking["starts_at"].astimezone(zone(shard.home))
        day, at = amendment.day or local.date(), amendment.at or local.time()
        [row] = await self._shards.read_latest(shard, _HOURS, booking["franchise_id"], barber)
        if not row["known"]:
            raise Refused(404, "Barber not found")
        start = instant(day, at, zone(shard.home))
        reason = refusal(start, booking["minutes"], day, at, Hours(row["opens"], row["closes"], row["slot_minutes"]), now)
        if reason or start is None:
            raise Refused(400, reason or "")
        return start, barber
