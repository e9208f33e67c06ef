"""Events from the payment provider. An event may come late, twice or never: the platform then asks the provider, and changes nothing twice."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from closeshave.standin.errors import Json
from closeshave.standin.serving import here

router = APIRouter(prefix="/api/v2/webhooks")


class Event(BaseModel):
    """An event of the provider; ``booking`` if it concerns one."""

    id: str
    type: str
    booking: int | None = None


@router.post("/payments")
async def payments(event: Event) -> Json:
    """Handle an event; it is delivered again unless the answer is 2xx."""
    visit = here()
    visit.platform.metrics.heard_of(event.type)
    if event.type == "capture.succeeded" and event.booking is not None:
        visit.shard = await visit.platform.shards.of_booking(event.booking)
        await visit.platform.billing.settle(visit.shard, event.booking)
    return Json({"received": True})
