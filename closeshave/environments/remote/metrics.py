"""Alerts of a platform's own monitoring that fired while it was loaded, from its Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from closeshave.clients import web
from closeshave.clock import Anchor
from closeshave.deployment import Proxy
from closeshave.files import foreign
from closeshave.history import Signal
from closeshave.vocabulary import SignalKind

TIMEOUT_S = 10.0
STEP_S = 5
QUERY = 'ALERTS{alertstate="firing"}'
"""Prometheus keeps a series of this name for every alert (prometheus.io, "Alerting rules")."""


def signals(prometheus: str, anchor: Anchor, since_ns: int, until_ns: int, proxy: Proxy | None = None) -> list[Signal]:
    """Alerts that began to fire between two instants. Raises :class:`OSError` when the monitoring does not answer."""
    asked = {"query": QUERY, "start": str(_wall_s(anchor, since_ns)), "end": str(_wall_s(anchor, until_ns)), "step": str(STEP_S)}
    try:
        with web.client(TIMEOUT_S, proxy) as client:
            answer = client.get(f"{prometheus}/api/v1/query_range", params=asked).raise_for_status()
        return list(read(foreign.loads(answer.content), anchor))
    except (*web.FAILED, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise OSError(f"the platform's Prometheus could not be read: {type(error).__name__}: {error}") from error


def read(document: Any, anchor: Anchor) -> Iterator[Signal]:
    """The first sample of each firing alert in an answer to a range query. Raises :class:`KeyError`, :class:`ValueError`. Pure."""
    for series in document["data"]["result"]:
        labels = series["metric"]
        if not series["values"]:
            continue
        at_ns = anchor.monotonic_ns + round((float(series["values"][0][0]) - anchor.wall_ns / 1e9) * 1e9)
        scope = f"shard:{labels['shard']}" if "shard" in labels else f"region:{labels['region']}" if "region" in labels else "platform"
        yield Signal(at_ns, SignalKind.ALERT, scope, "prometheus", str(labels.get("alertname", "")))


def _wall_s(anchor: Anchor, monotonic_ns: int) -> float:
    return (anchor.wall_ns + monotonic_ns - anchor.monotonic_ns) / 1e9
