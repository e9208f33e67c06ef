"""``python -m barbers prepare``: the tables, and what the shop begins with. It may be repeated: nothing is made twice."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from .people import hashed
from .settings import Planted, Settings

BARBERS = ("Ana", "Bruno", "Carla", "Dario", "Elena", "Fabio")
SERVICES = ((1, "Haircut", 30, 3000), (2, "Shave", 20, 2000), (3, "Haircut & Shave", 45, 4500))
CUSTOMERS = 40
PASSWORD = "Plain-1234"  # noqa: S105 - of accounts for tests
ONE_AT_A_TIME = 18_2026
"""The number of the lock that two processes with this command wait for."""
LOG = logging.getLogger(__name__)


async def prepare(settings: Settings) -> None:
    """Make tables and rows that are missing. Raises what the database raises."""
    connection = await asyncpg.connect(settings.database_url, timeout=10, command_timeout=60)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
            await connection.execute(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
            if settings.planted is Planted.DOUBLE_BOOKING:
                await connection.execute("ALTER TABLE bookings DROP CONSTRAINT IF EXISTS one_at_a_time")
                LOG.warning("planted: nothing prevents a double booking")
            await connection.executemany("INSERT INTO barbers VALUES ($1, $2) ON CONFLICT DO NOTHING", [*enumerate(BARBERS, start=1)])
            await connection.executemany("INSERT INTO services VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", SERVICES)
            password = await asyncio.to_thread(hashed, PASSWORD)
            people = [
                ("owner@barbers.test", password, "admin"),
                *((f"customer{number}@barbers.test", password, "client") for number in range(1, CUSTOMERS + 1)),
            ]
            await connection.executemany("INSERT INTO people (email, password, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", people)
    finally:
        await connection.close()
    LOG.info("prepared: %d barbers, %d services, %d customers", len(BARBERS), len(SERVICES), CUSTOMERS)
