"""All parts of the application that one process uses."""

from __future__ import annotations

from .bookings import Bookings
from .cache import Cache
from .database import Database
from .payments import Payments, Provider
from .people import People
from .settings import Settings


class Shop:
    """The parts, connected with each other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, settings.replica_url)
        self.cache = Cache(settings.cache_url)
        self.people = People(self.database, settings.secret)
        self.bookings = Bookings(self.database, self.cache, settings.zone, settings.planted)
        self._provider = Provider(settings.payments_url)
        self.payments = Payments(self.database, self.bookings, self._provider)

    async def open(self) -> None:
        """Before the first request."""
        await self.database.open()

    async def close(self) -> None:
        """After the last request."""
        await self._provider.close()
        await self.cache.close()
        await self.database.close()
