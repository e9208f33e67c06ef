"""Payments that are charged again."""

from __future__ import annotations

import secrets

from closeshave.standin.billing import Billing
from closeshave.standin.bookings import Bookings
from closeshave.standin.database import Row
from closeshave.standin.provider import Provider
from closeshave.standin.shards import Shards
from closeshave.standin.switches import Defect, Switches
from closeshave.topology import Shard


class DefectiveBilling(Billing):
    """Billing with its defect."""

    __slots__ = ("_switches",)

    def __init__(self, shards: Shards, bookings: Bookings, provider: Provider, switches: Switches) -> None:
        super().__init__(shards, bookings, provider)
        self._switches = switches

    async def confirm(self, shard: Shard, booking_id: int, intent: str, client: int, key: str | None) -> Row:
        """Correct, unless the defect charges a charged payment once more, with another key."""
        before = await self._payment(shard, booking_id) if self._switches.on(Defect.DOUBLE_CHARGE) else None
        payment = await super().confirm(shard, booking_id, intent, client, key)
        if before and before["status"] == "captured":
            again = f"{intent}_{secrets.token_hex(4)}"
            await self._provider.capture(again, booking_id, payment["franchise_id"], payment["amount_cents"])
        return payment
