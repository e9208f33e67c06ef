"""Charges for a booking, exactly once.

A payment's row is stored before the provider is asked to charge, and the key of the charge is computed from the row. If a step in between fails, a
repeated confirmation uses the same key, gets the same capture and records it.
"""

from __future__ import annotations

import re

from closeshave.standin.bookings import Bookings
from closeshave.standin.database import Row
from closeshave.standin.errors import Refused
from closeshave.standin.provider import Provider
from closeshave.standin.shards import Shards
from closeshave.topology import Shard

_KEY = re.compile(r"[^_]+_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)

# The first request with a key owns it for a day.
_CLAIM = """
INSERT INTO payment_keys AS k (key, request, booking_id, franchise_id)
VALUES ($1, $2, $3, coalesce((SELECT franchise_id FROM bookings WHERE id = $3), 0))
ON CONFLICT (key) DO UPDATE SET
    request    = CASE WHEN k.created_at < clock_timestamp() - interval '24 hours' THEN EXCLUDED.request ELSE k.request END,
    created_at = CASE WHEN k.created_at < clock_timestamp() - interval '24 hours' THEN EXCLUDED.created_at ELSE k.created_at END
RETURNING request
"""

_PAYMENT = "SELECT id, booking_id, franchise_id, intent_id, secret, amount_cents, status, capture_id FROM payments WHERE booking_id = $1"

_CREATE = """
INSERT INTO payments (booking_id, franchise_id, client_id, intent_id, secret, amount_cents) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
"""

_CAPTURED = """
UPDATE payments SET status = 'captured', capture_id = $2, captured_at = clock_timestamp() WHERE booking_id = $1 AND status <> 'captured'
"""


class Billing:
    """Intents and their confirmation. Both raise what :class:`Shards` and :class:`Provider` raise, and :class:`Refused`."""

    __slots__ = ("_bookings", "_provider", "_shards")

    def __init__(self, shards: Shards, bookings: Bookings, provider: Provider) -> None:
        self._shards = shards
        self._bookings = bookings
        self._provider = provider

    async def intend(self, shard: Shard, booking_id: int, client: int, key: str | None) -> Row:
        """The payment of a booking; a repeated call returns the same one."""
        await self._claim(shard, key, f"intent {booking_id}", booking_id)
        booking = await self._bookings.one(shard, booking_id, client)
        if payment := await self._payment(shard, booking_id):
            return payment
        if booking["status"] != "scheduled":
            raise Refused(400, "Cannot pay for a cancelled appointment")
        intent, secret = await self._provider.intent(booking_id, booking["franchise_id"], booking["price_cents"])
        await self._shards.write(shard, _CREATE, booking_id, booking["franchise_id"], client, intent, secret, booking["price_cents"])
        payment = await self._payment(shard, booking_id)
        assert payment is not None
        return payment

    async def confirm(self, shard: Shard, booking_id: int, intent: str, client: int, key: str | None) -> Row:
        """Charge the intent, or find that it was charged; returns the captured payment in both cases."""
        await self._claim(shard, key, f"confirm {booking_id} {intent}", booking_id)
        booking = await self._bookings.one(shard, booking_id, client)
        payment = await self._payment(shard, booking_id)
        if payment is None or payment["intent_id"] != intent:
            raise Refused(404, "Payment not found")
        if payment["status"] == "captured":
            return payment
        if booking["status"] != "scheduled":
            raise Refused(400, "Cannot pay for a cancelled appointment")
        capture = await self._provider.capture(intent, booking_id, payment["franchise_id"], payment["amount_cents"])
        await self._shards.write(shard, _CAPTURED, booking_id, capture)
        payment = await self._payment(shard, booking_id)
        assert payment is not None
        return payment

    async def settle(self, shard: Shard, booking_id: int) -> None:
        """Record a capture after an event, if the provider confirms it; a repeated call changes nothing."""
        payment = await self._payment(shard, booking_id)
        if payment is None or payment["status"] == "captured":
            return
        if capture := await self._provider.captured(payment["intent_id"]):
            await self._shards.write(shard, _CAPTURED, booking_id, capture)

    async def _payment(self, shard: Shard, booking_id: int) -> Row | None:
        rows = await self._shards.read_latest(shard, _PAYMENT, booking_id)
        return rows[0] if rows else None

    async def _claim(self, shard: Shard, key: str | None, request: str, booking_id: int) -> None:
        """Bind an idempotency key to its request. Raises :class:`Refused` for a malformed key, and for one of another request."""
        if key is None:
            return
        if not _KEY.fullmatch(key):
            raise Refused(400, "Idempotency-Key must be <prefix>_<uuid4>, the prefix without underscores")
        [row] = await self._shards.write(shard, _CLAIM, key, request, booking_id)
        if row["request"] != request:
            raise Refused(400, "Idempotency-Key was used for another request")
