"""A booking as a platform returns it, in the form of the history. An invalid row is reported and left out; the others are used. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from closeshave.history.ids import number

Row = dict[str, Any]

BIGGEST = 2**63 - 1


class Odd(ValueError):
    """A row that is not a valid booking; the message says why."""


def row(told: Mapping[str, Any]) -> Row:
    """A booking of an API's list, or of a database with the same names. ``franchise`` is the one in the row, or ``None``. Raises :class:`Odd`."""
    booking = number(told.get("id"))
    if booking is None:
        raise Odd(f"its id is {_shown(told.get('id'))}, which is neither a number nor a text")
    try:
        starts_at = int(epoch_s(told.get("start_time")))
    except ValueError:
        raise Odd(f"booking {booking}: its start_time is {_shown(told.get('start_time'))}, which is not a time") from None
    return {
        "booking": booking,
        "franchise": integer(told.get("franchise_id"), most=2**31 - 1),
        "barber": number(told.get("barber_id")),
        "client": None if told.get("client_id") is None else str(told["client_id"]),
        "starts_at": starts_at,
        "minutes": integer(told.get("duration_minutes"), most=2**31 - 1),
        "status": None if told.get("status") is None else str(told["status"]),
        "version": integer(told.get("version")),
        "key": None if told.get("idempotency_key") is None else str(told["idempotency_key"]),
        "created_at": _birth(told.get("created_at")),
        "price_cents": cents(told.get("price")),
    }


def epoch_s(at: object) -> float:
    """Seconds since the epoch; the API uses UTC without saying so. Raises :class:`ValueError`."""
    told = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    try:
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from None


def integer(told: object, most: int = BIGGEST) -> int | None:
    """A number, also if it is written as text; ``None`` for everything else."""
    if isinstance(told, bool):
        return None
    if isinstance(told, str):
        # Only what looks like one: Python also reads "1_000" and digits of other scripts.
        told = int(told) if told.isascii() and told.isdecimal() and len(told) <= len(str(BIGGEST)) else None
    return told if isinstance(told, int) and abs(told) <= most else None


def _birth(told: object) -> float | None:
    try:
        return epoch_s(told) if told else None
    except ValueError:
        return None


def cents(told: object) -> int | None:
    """Amounts are in units, as numbers or text; anything else is unknown."""
    try:
        amount = float(str(told))
    except ValueError:
        return None
    return round(amount * 100) if math.isfinite(amount) and abs(amount) < BIGGEST / 1000 else None


def _shown(told: object) -> str:
    return repr(told)[:60]
