"""``python -m barbers work``: reminders of tomorrow's bookings, and payments that an instance could not finish. Any number may run."""

from __future__ import annotations

import asyncio
import logging
import signal

from .database import Failed, Unavailable
from .payments import ProviderUnavailable
from .refusal import Refusal
from .settings import Settings
from .shop import Shop

PAUSE_S = 2.0
# Two workers never take the same rows.
REMIND = """
UPDATE bookings SET reminded = clock_timestamp() WHERE id IN (
    SELECT id FROM bookings WHERE status = 'scheduled' AND reminded IS NULL AND starts < now() + interval '24 hours' AND starts > now()
    ORDER BY starts LIMIT 100 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
LOG = logging.getLogger(__name__)


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    shop, ending = Shop(settings), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await shop.open()
    LOG.info("%s works", settings.instance)
    while not ending.is_set():
        try:
            reminded = len(await shop.database.rows(REMIND))
            settled = await shop.payments.settle_unfinished() if settings.payments_url else 0
            if reminded or settled:
                LOG.info("%d customers reminded, %d payments settled", reminded, settled)
        except (Unavailable, ProviderUnavailable, Refusal, Failed) as error:
            LOG.warning("next time: %s: %s", type(error).__name__, error)
        try:
            await asyncio.wait_for(ending.wait(), PAUSE_S)
        except TimeoutError:
            continue
    await shop.close()
    LOG.info("%s ends", settings.instance)
