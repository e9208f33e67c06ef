"""Rows in the form of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from closeshave.standin.database import Row
from closeshave.standin.regions import zone
from closeshave.topology import Shard


def booking_answer(booking: Row) -> dict[str, Any]:
    """A booking as the API shows it: UTC without an offset, price in whole currency units; ``version`` and ``franchise_id`` are additional."""
    return {
        "id": booking["id"],
        "user_id": booking["client_id"],
        "barber_id": booking["barber_id"],
        "client_id": booking["client_id"],
        "service_id": booking["service_id"],
        "service_name": booking["service_name"],
        "start_time": naive_utc(booking["starts_at"]),
        "duration_minutes": booking["minutes"],
        "price": booking["price_cents"] / 100,
        "status": booking["status"],
        "notes": booking["notes"],
        "recurring_pattern_id": None,
        "google_event_id": None,
        "created_at": naive_utc(booking["created_at"]),
        "version": booking["version"],
        "franchise_id": booking["franchise_id"],
    }


def guest_answer(booking: Row, shard: Shard) -> dict[str, Any]:
    """A guest's booking as the API shows it, in the shop's own time."""
    local = booking["starts_at"].astimezone(zone(shard.home))
    return {
        "id": booking["id"],
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "service": booking["service_name"],
        "guest_name": booking["guest_name"],
        "guest_email": booking["guest_email"],
        "guest_phone": booking["guest_phone"],
        "notes": booking["notes"],
        "status": booking["status"],
        "created_at": naive_utc(booking["created_at"]),
        "booking_reference": f"BB{booking['id']:X}",
        "version": booking["version"],
        "barber_id": booking["barber_id"],
        "franchise_id": booking["franchise_id"],
    }


def naive_utc(at: datetime) -> str:
    """ISO 8601 in UTC without an offset, as the API writes instants."""
    return at.replace(tzinfo=None).isoformat()
