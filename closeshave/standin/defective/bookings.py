"""Bookings that are made twice, confirmed too early, written to another region, or shown to another customer."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from closeshave.standin.bookings import Amendment, Bookings, Wish
from closeshave.standin.database import LostRace, Row
from closeshave.standin.errors import DependencyUnavailable, OutcomeUnknown
from closeshave.standin.regions import zone
from closeshave.standin.seed import SERVICES
from closeshave.standin.shards import ID_STEP, Shards
from closeshave.standin.slots import instant
from closeshave.standin.switches import Defect, Switches
from closeshave.topology import Shard

RACE_S = 0.1
"""Seconds between check and write for the double-booking defect, so that two simultaneous requests overlap."""
LISTED_MOST = 1000
LEAKS = 0.3
"""Share of reads that show another customer's booking."""

_INSERT = """
INSERT INTO appointments (id, franchise_id, barber_id, client_id, guest_name, guest_email, guest_phone,
                          service_id, service_name, starts_at, minutes, price_cents, notes, idempotency_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING RETURNING *
"""
_NEW_ID = "SELECT new_id() AS id"
_SOMEBODY_ELSES = "SELECT * FROM appointments WHERE client_id <> $1 ORDER BY id DESC LIMIT 1"


class DefectiveBookings(Bookings):
    """Bookings with their defects."""

    __slots__ = ("_honest", "_numbers", "_switches", "_writing")

    def __init__(self, shards: Shards, switches: Switches, remind_after: timedelta | None = None) -> None:
        super().__init__(shards, remind_after)
        self._honest = Bookings(shards)
        self._switches = switches
        self._numbers = itertools.count(time.time_ns() // 1_000_000)
        self._writing: set[asyncio.Task[None]] = set()

    async def make(self, shard: Shard, wish: Wish, now: datetime) -> Row:
        """Correct, unless a defect ignores the key, or confirms a booking that cannot be written, or writes it in another region."""
        if self._switches.on(Defect.IGNORED_KEYS):
            wish = replace(wish, key=None)
        try:
            return await super().make(shard, wish, now)
        except (DependencyUnavailable, OutcomeUnknown):
            if self._switches.on(Defect.FAILS_OPEN):
                return _promise(shard.id * ID_STEP + next(self._numbers) % ID_STEP, shard, wish, _offer(wish), _any_barber(wish))
            if self._switches.on(Defect.WRITTEN_ABROAD) and (written := await self._write_abroad(shard, wish)):
                return written
            raise

    async def one(self, shard: Shard, id: int, client: int | None) -> Row:
        """Correct, unless the defect shows another customer's booking."""
        if client is not None and self._switches.on(Defect.TENANT_LEAK) and random.random() < LEAKS:  # noqa: S311 -- not a secret
            rows = await self._shards.read_latest(shard, _SOMEBODY_ELSES, client)
            if rows:
                return rows[0]
        return await super().one(shard, id, None if self._switches.on(Defect.OPEN_BOOKINGS) else client)

    async def of_client(self, client: int, franchise: int | None, shard: Shard | None) -> list[Row]:
        """Correct, unless the defect lists everybody's."""
        if shard is not None and franchise is not None and self._switches.on(Defect.SHARED_LISTS):
            return await self.all(franchise, shard, LISTED_MOST, 0)
        return await super().of_client(client, franchise, shard)

    async def amend(self, shard: Shard, id: int, client: int | None, amendment: Amendment, now: datetime) -> Row:
        """Correct: the booking that is read for this is not shown to a customer."""
        return await self._honest.amend(shard, id, client, amendment, now)

    async def cancel(self, shard: Shard, id: int, client: int | None) -> Row:
        """Correct, for the same reason."""
        return await self._honest.cancel(shard, id, client)

    async def _insert(self, shard: Shard, wish: Wish, barber: int, start: datetime | None, offer: Row) -> Row | None:
        if self._switches.on(Defect.DOUBLE_BOOKING):
            await asyncio.sleep(RACE_S)
        if self._switches.hits(Defect.WRONG_SHARD, wish.franchise):
            shard = self._other(shard)
        if self._switches.on(Defect.EARLY_ACKNOWLEDGEMENT):
            return await self._promise_first(shard, wish, barber, offer)
        return await super()._insert(shard, wish, barber, start, offer)

    async def _promise_first(self, shard: Shard, wish: Wish, barber: int, offer: Row) -> Row:
        """The booking as it will be if the write succeeds; it is written in the background."""
        [new] = await self._shards.write(shard, _NEW_ID)
        row = _promise(new["id"], shard, wish, offer, barber)
        task = asyncio.create_task(self._write_aside(shard, row))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return row

    async def _write_aside(self, shard: Shard, row: Row) -> None:
        try:
            await self._shards.write(shard, _INSERT, *_values(row))
        except (LostRace, DependencyUnavailable, OutcomeUnknown):
            return  # the defect: no answer will ever report it

    async def _write_abroad(self, shard: Shard, wish: Wish) -> Row | None:
        topology = self._shards.topology
        if shard.home not in topology.resident:
            return None
        abroad = next(other for other in topology.shards if other.home not in topology.resident)
        [new] = await self._shards.write(abroad, _NEW_ID)
        rows = await self._shards.write(abroad, _INSERT, *_values(_promise(new["id"], shard, wish, _offer(wish), _any_barber(wish))))
        return rows[0] if rows else None

    def _other(self, shard: Shard) -> Shard:
        shards = self._shards.topology.shards
        return shards[(shards.index(shard) + 1) % len(shards)]


def _offer(wish: Wish) -> Row:
    """The service's data from memory instead of the database."""
    number, _, _, minutes, price = next(service for service in SERVICES if service[1] == wish.service)
    return {"service_id": number, "minutes": minutes, "price_cents": price}


def _any_barber(wish: Wish) -> int:
    return wish.barber or wish.franchise * 10 + 1


def _promise(id: int, shard: Shard, wish: Wish, offer: Row, barber: int) -> Row:
    """A row in the form of a booking of ``shard``'s franchise."""
    guest = wish.guest
    return {
        "id": id,
        "franchise_id": wish.franchise,
        "barber_id": barber,
        "client_id": wish.client,
        "guest_name": guest.name if guest else None,
        "guest_email": guest.email if guest else None,
        "guest_phone": guest.phone if guest else None,
        "service_id": offer["service_id"],
        "service_name": wish.service,
        "starts_at": instant(wish.day, wish.at, zone(shard.home)),
        "minutes": offer["minutes"],
        "price_cents": offer["price_cents"],
        "notes": wish.notes,
        "idempotency_key": wish.key,
        "status": "scheduled",
        "version": 1,
        "created_at": datetime.now(UTC),
    }


def _values(row: Row) -> tuple[object, ...]:
    """The parameters of :data:`_INSERT`, in the order of the row's columns."""
    return tuple(row.values())[:14]
