"""Events that the payment provider sends. An event may come late, twice or never: it is a hint to go and ask, and changes nothing twice."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from closeshave.standin.errors import Json
from closeshave.standin.serving import here

router = APIRouter(prefix="/api/v2/webhooks")


class Event(BaseModel):
    """An event of the provider's; ``booking`` for what concerns one."""

    id: str
    type: str
    booking: int | None = None


@router.post("/payments")
async def payments(event: Event) -> Json:
    """Take note of an event; whatever is no 2xx is delivered again."""
    visit = here()
    visit.platform.metrics.heard_of(event.type)
    if event.type == "capture.succeeded" and event.booking is not None:
        visit.shard = visit.platform.shards.of_id(event.booking)
        await visit.platform.billing.settle(visit.shard, event.booking)
    return Json({"received": True})
