"""What a Locust file of your own calls to say what its requests booked: then integrity can be judged.

Right after a request::

    answer = self.client.post("/bookings", json={"barber": 7, "at": "2026-12-01T15:00:00Z", "note": effects.tag()})
    if answer.ok:
        effects.report("create", booking=answer.json()["id"], barber=7, starts_at=datetime(2026, 12, 1, 15, tzinfo=UTC), minutes=30)

Under plain ``locust`` it does nothing, so that the file can be tried alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args

EffectAction = Literal["create", "cancel", "reschedule", "read", "intent", "capture", "offer"]
ACTIONS = get_args(EffectAction)


def report(
    action: EffectAction,
    *,
    booking: int | str | None = None,
    barber: int | str | None = None,
    starts_at: datetime | int | None = None,
    minutes: int | None = None,
    client: str | None = None,
    key: str | None = None,
    version: int | None = None,
    amount: int | None = None,
    franchise: int = 1,
) -> None:
    """Say what the request that this user sent last has changed, or what it asked for where there was no answer.

    ``action`` is ``create``, ``cancel``, ``reschedule`` or ``read`` of a booking; ``intent`` or ``capture`` of a payment; or ``offer``, a time that was
    listed as free. ``booking`` is its ID as answered, ``None`` where no answer gave it. ``barber`` and ``starts_at`` (a datetime with its zone, or seconds
    since the epoch) are the slot that only one booking may have, ``minutes`` its length. ``key`` is the idempotency key that was sent, ``amount`` is in
    cents. ``franchise`` is for platforms with several businesses.

    Raises :class:`ValueError` for an unknown action or a datetime without a zone, :class:`RuntimeError` if this user has sent no request yet.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not an action; use {', '.join(ACTIONS)}")
    if isinstance(starts_at, datetime):
        if starts_at.tzinfo is None:
            raise ValueError("starts_at needs a time zone: datetime(…, tzinfo=UTC)")
        starts_at = round(starts_at.timestamp())
    for listener in _listeners:
        listener(
            {
                "action": action, "booking": booking, "barber": barber, "starts_at": starts_at, "minutes": minutes, "client": client, "key": key,
                "version": version, "amount": amount, "franchise": franchise,
            }
        )  # fmt: skip


def tag() -> str:
    """The text for the notes of everything that this run books, by which it is found when bookings are read back: ``closeshave:RUN``."""
    return _tags[-1] if _tags else "closeshave:locust"


# -- for the harness --------------------------------------------------------------------------------------------------------------------------

Listener = Callable[[dict[str, object]], None]
_listeners: list[Listener] = []
_tags: list[str] = []


def listen(listener: Listener, tag_of_run: str) -> None:
    """From now on tell this listener."""
    _listeners.append(listener)
    _tags.append(tag_of_run)
