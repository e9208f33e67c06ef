"""Payments of bookings."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel

from closeshave.standin import ratelimit
from closeshave.standin.errors import Json
from closeshave.standin.identity import bearer
from closeshave.standin.serving import here
from closeshave.standin.text import Text

router = APIRouter(prefix="/api/v2/payments")

Key = Annotated[str | None, Header(alias="Idempotency-Key")]


class IntentRequest(BaseModel):
    """Which booking to pay for."""

    booking_id: int


class ConfirmRequest(BaseModel):
    """Which intent to charge."""

    booking_id: int
    payment_intent_id: Text


@router.post("/create-intent")
async def create_intent(body: IntentRequest, idempotency_key: Key = None) -> Json:
    """Create the payment intent of a booking; there is only one for each."""
    claims = await bearer()
    visit = here()
    await visit.platform.limits.count(ratelimit.INTENT, visit.address, time.time())
    visit.shard = await visit.platform.shards.of_booking(body.booking_id)
    payment = await visit.platform.billing.intend(visit.shard, body.booking_id, claims.user, idempotency_key)
    amount = payment["amount_cents"] / 100
    return Json(
        {
            "client_secret": payment["secret"],
            "payment_intent_id": payment["intent_id"],
            "amount": amount,
            "original_amount": amount,
            "gift_certificate_used": 0.0,
            "payment_id": payment["id"],
        }
    )


@router.post("/confirm")
async def confirm(body: ConfirmRequest, idempotency_key: Key = None) -> Json:
    """Charge an intent, exactly once even if it is confirmed several times."""
    claims = await bearer()
    visit = here()
    await visit.platform.limits.count(ratelimit.CONFIRM, visit.address, time.time())
    visit.shard = await visit.platform.shards.of_booking(body.booking_id)
    payment = await visit.platform.billing.confirm(visit.shard, body.booking_id, body.payment_intent_id, claims.user, idempotency_key)
    return Json(
        {
            "message": "Payment confirmed",
            "status": "succeeded",
            "booking_id": payment["booking_id"],
            "payment_id": payment["id"],
            "payment_intent_id": payment["intent_id"],
            "amount": payment["amount_cents"] / 100,
            "capture_id": payment["capture_id"],
        }
    )
