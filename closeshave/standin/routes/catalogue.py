"""The data of a shop's page: the shop, its barbers, its services. All from one cached entry for each franchise."""

from __future__ import annotations

from datetime import time
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from closeshave.standin.errors import Json, Refused
from closeshave.standin.franchises import FranchiseChange
from closeshave.standin.identity import administrator, bearer
from closeshave.standin.serving import here
from closeshave.standin.text import Text

router = APIRouter(prefix="/api/v2")


class LocationChange(BaseModel):
    """New values of a shop; missing values stay as they are."""

    name: Text | None = None
    phone: Text | None = None
    opens: time | None = None
    closes: time | None = None


@router.get("/locations/")
async def locations() -> Json:
    """The shop of the request's franchise."""
    page = await _page()
    shop, hours = page["franchise"], page["hours"]
    location = {
        "id": shop["id"],
        "name": shop["name"],
        "address": shop["address"],
        "city": shop["city"],
        "phone": shop["phone"],
        "timezone": shop["timezone"],
        "network_id": shop["network_id"],
        "version": shop["version"],
        "business_hours": {"start": hours["opens"][:5], "end": hours["closes"][:5]},
        "is_active": True,
    }
    return Json({"locations": [location], "total": 1, "has_multiple_locations": False, "headquarters": location})


@router.put("/locations/{id}")
async def change_location(id: int, change: LocationChange) -> Json:
    """Change a shop; its cached page is deleted in all regions."""
    await administrator()
    visit = here()
    franchise, shard = visit.place()
    if id != franchise:
        raise Refused(404, "Location not found")
    if change.opens and change.closes and change.opens >= change.closes:
        raise Refused(400, "A shop opens before it closes")
    await visit.platform.franchises.change(franchise, shard, FranchiseChange(change.name, change.phone, change.opens, change.closes))
    return Json({"id": id, "message": "Location updated"})


@router.get("/barbers/")
async def barbers() -> Json:
    """The franchise's barbers."""
    page = await _page()
    keys = ("id", "name", "email", "created_at")
    return Json([{**{key: barber[key] for key in keys}, "role": "barber"} for barber in page["barbers"]])


@router.get("/public/services/")
async def public_services() -> Json:
    """The services; needs no account."""
    return await _services()


@router.get("/services/")
async def services() -> Json:
    """The services; for logged-in customers."""
    await bearer()
    return await _services()


async def _services() -> Json:
    page = await _page()
    return Json(
        [
            {
                "id": service["id"],
                "name": service["name"],
                "description": service["description"],
                "duration_minutes": service["minutes"],
                "price": service["price_cents"] / 100,
                "is_active": True,
            }
            for service in page["services"]
        ]
    )


async def _page() -> dict[str, Any]:
    visit = here()
    return await visit.platform.franchises.page(*visit.place())
