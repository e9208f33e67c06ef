"""Payments: announced, and captured by the provider once, however often a customer confirms and whatever is interrupted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httpx

from .bookings import Bookings
from .database import Database
from .people import Person
from .refusal import Refusal

ANSWER_S = 2.0
SHOP = 1
"""The provider of the environment asks for the number of the shop."""
ANNOUNCE = """
INSERT INTO payments (booking_id, person_id, intent, secret, cents) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
PAID = "UPDATE payments SET status = 'paid', capture = $2 WHERE id = $1 AND status <> 'paid'"
UNFINISHED = "SELECT * FROM payments WHERE status = 'charging' AND made < now() - interval '5 seconds' ORDER BY made LIMIT 20"
LOG = logging.getLogger(__name__)


class ProviderUnavailable(Exception):
    """The payment provider does not answer; what was asked may or may not have been done."""


class Provider:
    """The payment provider. A call with the same key is the same call: it charges once."""

    def __init__(self, url: str | None) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=ANSWER_S, trust_env=False) if url else None

    async def announce(self, booking: int, cents: int) -> tuple[str, str]:
        """ID and secret of the intent for a booking."""
        told = await self._call("POST", "/intents", {"booking": booking, "franchise": SHOP, "amount": cents, "key": f"intent_{booking}"})
        return told["intent"], told["client_secret"]

    async def capture(self, intent: str, booking: int, cents: int) -> str:
        """ID of the capture of an intent."""
        asked = {"intent": intent, "booking": booking, "franchise": SHOP, "amount": cents, "key": f"capture_{intent}"}
        found: str = (await self._call("POST", "/captures", asked))["capture"]
        return found

    async def captured(self, intent: str) -> str | None:
        """ID of the capture of an intent; ``None`` if it was never charged."""
        found: str | None = (await self._call("GET", f"/captures/capture_{intent}"))["capture"]
        return found

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.aclose()

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        if self._client is None:
            raise Refusal(400, "No payment provider is configured")
        try:
            answer = await self._client.request(method, path, json=body)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
        return found


class Payments:
    """The payments of the shop. Everything raises :class:`Refusal`, :class:`ProviderUnavailable` and :class:`~.database.Unavailable`."""

    def __init__(self, database: Database, bookings: Bookings, provider: Provider) -> None:
        self._database, self._bookings, self._provider = database, bookings, provider

    async def announce(self, person: Person, booking_id: int) -> Any:
        """The payment of a booking: there is one, however often it is announced, so no key is needed."""
        booking = await self._bookings.one(person, booking_id)
        if (payment := await self._of(booking_id)) is not None:
            return payment
        if booking["status"] != "scheduled":
            raise Refusal(400, "Cannot pay for a cancelled appointment")
        intent, secret = await self._provider.announce(booking_id, booking["cents"])
        await self._database.rows(ANNOUNCE, booking_id, booking["person_id"], intent, secret, booking["cents"])
        return await self._of(booking_id)

    async def confirm(self, person: Person, booking_id: int, intent: str) -> Any:
        """Charge the customer, or find that they were charged."""
        booking = await self._bookings.one(person, booking_id)
        payment = await self._of(booking_id)
        if payment is None or payment["intent"] != intent:
            raise Refusal(404, "Payment not found")
        if payment["status"] == "paid":
            return payment
        if booking["status"] != "scheduled":
            raise Refusal(400, "Cannot pay for a cancelled appointment")
        await self._database.rows("UPDATE payments SET status = 'charging' WHERE id = $1 AND status = 'announced'", payment["id"])
        capture = await self._provider.capture(intent, booking_id, payment["cents"])
        await self._database.rows(PAID, payment["id"], capture)
        return payment

    async def settle(self, booking_id: int) -> None:
        """Note a capture of which the provider has told us, if it says the same when asked."""
        if (payment := await self._of(booking_id)) is not None and payment["status"] == "charging":
            await self._settle(payment)

    async def settle_unfinished(self) -> int:
        """Finish what an instance did not: it may have ended between the charge and its note. Returns how many payments were paid."""
        return sum([await self._settle(payment) for payment in await self._database.rows(UNFINISHED)])

    async def page(self, person: Person, skip: int, limit: int) -> tuple[Sequence[Any], int]:
        """One page of a person's payments, or of all for an administrator, the latest first; and how many there are in all."""
        of = None if person.is_admin else person.id
        rows = await self._database.latest(
            "SELECT * FROM payments WHERE $1::bigint IS NULL OR person_id = $1 ORDER BY id DESC OFFSET $2 LIMIT $3", of, skip, limit
        )
        [whole] = await self._database.latest("SELECT count(*) AS total FROM payments WHERE $1::bigint IS NULL OR person_id = $1", of)
        return rows, whole["total"]

    async def _settle(self, payment: Any) -> bool:
        capture = await self._provider.captured(payment["intent"])
        if capture is None:
            return False
        await self._database.rows(PAID, payment["id"], capture)
        LOG.info("payment %s of booking %s is settled", payment["id"], payment["booking_id"])
        return True

    async def _of(self, booking_id: int) -> Any:
        rows = await self._database.latest("SELECT * FROM payments WHERE booking_id = $1", booking_id)
        return rows[0] if rows else None
