"""What an Alertmanager posts to a webhook (version 4 of its format), as notes of the history. Pure; every text in it comes from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from closeshave.files import foreign
from closeshave.history import AlertNote

MOST_BYTES = 4 << 20
MOST_ALERTS = 10_000
LONGEST = 1_000
"""Characters of one text that are kept."""
MOST_LABELS = 100
STATES: Mapping[str, Literal["firing", "resolved"]] = {"firing": "firing", "resolved": "resolved"}


class NoAlerts(ValueError):
    """The text is not what an Alertmanager posts; says why."""


def notes_of(body: bytes, received_ns: int) -> tuple[AlertNote, ...]:
    """Every alert in a post. Raises :class:`NoAlerts`, also when one of them is none: whoever sent it must send all of it again."""
    try:
        told = foreign.loads(body)
        alerts = told["alerts"]
        if not isinstance(alerts, list) or len(alerts) > MOST_ALERTS:
            raise NoAlerts("alerts is no list, or a very long one")
        return tuple(_note(alert, received_ns) for alert in alerts)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NoAlerts(f"{type(error).__name__}: {error}"[:LONGEST]) from None


def already_firing(document: Any, received_ns: int) -> tuple[AlertNote, ...]:
    """What an Alertmanager lists as active (its API, version 2). Raises :class:`NoAlerts`."""
    try:
        return tuple(_note({**alert, "status": "firing"}, received_ns) for alert in document[:MOST_ALERTS])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NoAlerts(f"{type(error).__name__}: {error}"[:LONGEST]) from None


def note(
    state: Literal["firing", "resolved"],
    labels: Mapping[str, str],
    received_ns: int,
    started_wall_ns: int,
    ended_wall_ns: int | None,
    fingerprint: str,
    annotations: Mapping[str, str] | None = None,
) -> AlertNote:
    """An alert with these labels; texts are cut to :data:`LONGEST`."""
    kept = texts(labels)
    return AlertNote(
        received_ns=received_ns,
        state=state,
        fingerprint=fingerprint[:LONGEST],
        name=kept.get("alertname", ""),
        severity=kept.get("severity", ""),
        category=kept.get("category", ""),
        started_wall_ns=started_wall_ns,
        ended_wall_ns=ended_wall_ns,
        labels=kept,
        annotations=texts(annotations or {}),
    )


def texts(told: object) -> dict[str, str]:
    """Names and values of labels or annotations; at most :data:`MOST_LABELS`."""
    if not isinstance(told, Mapping):
        return {}
    some: Iterable[tuple[Any, Any]] = [*told.items()][:MOST_LABELS]
    return {str(name)[:LONGEST]: str(value)[:LONGEST] for name, value in some}


def _note(alert: Mapping[str, Any], received_ns: int) -> AlertNote:
    state = STATES[alert["status"]]
    return note(
        state,
        texts(alert["labels"]),
        received_ns,
        wall_ns(alert["startsAt"]),
        wall_ns(alert["endsAt"]) if state == "resolved" else None,
        str(alert["fingerprint"]),
        texts(alert.get("annotations")),
    )


def wall_ns(text: object) -> int:
    """An instant in ISO 8601 as nanoseconds since the epoch, exact to microseconds. Raises :class:`ValueError`, :class:`OverflowError`."""
    if not isinstance(text, str) or len(text) > 64:
        raise ValueError("an instant is a text in ISO 8601")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    since = at - datetime.fromtimestamp(0, UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
