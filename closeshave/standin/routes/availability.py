"""Free times."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from closeshave.standin import ratelimit
from closeshave.standin.database import Row
from closeshave.standin.errors import Json, Refused
from closeshave.standin.regions import zone, zone_name
from closeshave.standin.serving import here
from closeshave.standin.slots import BARBER_ID_MAX, DAYS_AHEAD, Hours, OfferedSlot, TakenTime, bounds, free, grid, instant

router = APIRouter(prefix="/api/v2")

LOOK_AHEAD_DAYS = 7
"""How many days are searched for the next free time when a day is full."""

# In no cache of the platform: a list of free times is outdated after the next booking, and the query is one index lookup a franchise and day.
# Plain arrays: asyncpg reads the catalogue for composite types, once a connection, and slowly.
_DAYS = """
SELECT h.opens, h.closes, h.slot_minutes,
       ARRAY(SELECT b.id FROM barbers b WHERE b.franchise_id = $1 AND b.active AND ($4::int IS NULL OR b.id = $4)) AS barbers,
       booked.*
FROM opening_hours h
CROSS JOIN (SELECT coalesce(array_agg(k.barber_id), '{}') AS booked_barbers,
                   coalesce(array_agg(extract(epoch FROM k.starts_at)::float8), '{}') AS booked_starts,
                   coalesce(array_agg(extract(epoch FROM upper(k.during))::float8), '{}') AS booked_ends
            FROM bookings k
            WHERE k.franchise_id = $1 AND k.status = 'scheduled'
              AND k.starts_at >= $2::timestamptz - interval '3 hours' AND k.starts_at < $3) AS booked
WHERE h.franchise_id = $1
"""

_TAKEN = """
SELECT EXISTS (SELECT FROM barbers b WHERE b.id = $1 AND b.franchise_id = $2 AND b.active) AS known,
       EXISTS (SELECT FROM bookings k WHERE k.barber_id = $1 AND k.franchise_id = $2 AND k.status = 'scheduled'
                                        AND k.during && tstzrange($3, $4)) AS taken,
       h.opens, h.closes
FROM opening_hours h WHERE h.franchise_id = $2
"""


@router.get("/appointments/slots")
async def slots(appointment_date: date, barber_id: Annotated[int | None, Query(ge=1, le=BARBER_ID_MAX)] = None) -> Json:
    """The free times of a day in the shop's zone, over all barbers or for one. They may be slightly old; the booking decides."""
    visit = here()
    franchise, shard = visit.place()
    now_s = clock.time()
    await visit.platform.limits.count(ratelimit.SLOTS, visit.address, now_s)
    today = datetime.fromtimestamp(now_s, zone(shard.home)).date()
    if not today <= appointment_date <= today + timedelta(days=DAYS_AHEAD):
        raise Refused(400, f"Appointments can be booked from today to {DAYS_AHEAD} days ahead")
    row = await _days(franchise, appointment_date, 1, barber_id)
    hours = Hours(row["opens"], row["closes"], row["slot_minutes"])
    found = _free(row, appointment_date, hours, now_s)
    upcoming = (appointment_date, found[0]) if found else await _next(franchise, appointment_date, hours, barber_id, now_s)
    return Json(
        {
            "date": appointment_date.isoformat(),
            "slots": [{"time": slot.label, "available": True, "is_next_available": index == 0} for index, slot in enumerate(found)],
            "next_available": _upcoming(*upcoming) if upcoming else None,
            "business_hours": {"start": f"{hours.opens:%H:%M}", "end": f"{hours.closes:%H:%M}"},
            "slot_duration_minutes": hours.slot_minutes,
            "timezone": zone_name(shard.home),
        }
    )


@router.get("/barber-availability/check/{id}")
async def check(id: Annotated[int, Path(ge=1, le=BARBER_ID_MAX)], check_date: date, start_time: time, end_time: time) -> Json:
    """Whether a barber is free for a whole period."""
    franchise, shard = here().place()
    start, end = (instant(check_date, at, zone(shard.home)) for at in (start_time, end_time))
    if start is None or end is None or start >= end:
        raise Refused(400, "start_time must be before end_time")
    [row] = await here().platform.shards.read(shard, _TAKEN, id, franchise, start, end)
    if not row["known"]:
        raise Refused(404, "Barber not found")
    is_open = row["opens"] <= start_time and end_time <= row["closes"]
    is_available = is_open and not row["taken"] and start > datetime.now(UTC)
    times = {"start_time": f"{start_time:%H:%M}", "end_time": f"{end_time:%H:%M}"}
    return Json({"barber_id": id, "date": check_date.isoformat(), **times, "is_available": is_available})


async def _days(franchise: int, first: date, days: int, barber: int | None) -> Row:
    _, shard = here().place()
    start, _ = bounds(first, zone(shard.home))
    _, end = bounds(first + timedelta(days=days - 1), zone(shard.home))
    rows = await here().platform.shards.read(shard, _DAYS, franchise, start, end, barber)
    if barber is not None and not rows[0]["barbers"]:
        raise Refused(404, "Barber not found")
    return rows[0]


def _free(row: Row, day: date, hours: Hours, now_s: float) -> list[OfferedSlot]:
    _, shard = here().place()
    booked = map(TakenTime, row["booked_barbers"], row["booked_starts"], row["booked_ends"])
    return free(grid(day, hours, zone(shard.home)), hours.slot_minutes * 60, row["barbers"], booked, now_s)


async def _next(franchise: int, after: date, hours: Hours, barber: int | None, now_s: float) -> tuple[date, OfferedSlot] | None:
    row = await _days(franchise, after + timedelta(days=1), LOOK_AHEAD_DAYS, barber)
    for ahead in range(1, LOOK_AHEAD_DAYS + 1):
        day = after + timedelta(days=ahead)
        if found := _free(row, day, hours, now_s):
            return day, found[0]
    return None


def _upcoming(day: date, slot: OfferedSlot) -> dict[str, Any]:
    return {"date": day.isoformat(), "time": slot.label, "datetime": f"{day}T{slot.label}:00"}
