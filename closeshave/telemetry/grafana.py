"""Grafana: an annotation for each fault, phase and early end, by its HTTP API (``POST`` and ``PATCH /api/annotations``)."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import httpx

from closeshave.history import FaultEdge, FaultEvent, Manifest, Mark, Planning, Signal
from closeshave.telemetry.sending import Sender
from closeshave.telemetry.settings import Grafana
from closeshave.telemetry.totals import FaultLife, scope_of
from closeshave.vocabulary import MarkKind

TIMEOUT_S = 5.0
TAG = "closeshave"
"""On every annotation; a dashboard asks for it."""
SHOWN = frozenset({MarkKind.PHASE_STARTED, MarkKind.ABORT, MarkKind.FAULT_SKIPPED, MarkKind.FAULT_NOT_OBSERVED, MarkKind.HEAL_UNPROVEN})
"""Marks that get an annotation of their own."""
TEXT_MAX = 500


class Annotations:
    """The annotations of one trial that runs."""

    def __init__(self, grafana: Grafana, manifest: Manifest, client: httpx.Client | None = None) -> None:
        self.sender = Sender("Grafana", grafana.url)
        headers = {"Authorization": f"Bearer {grafana.token}"}
        self._client = client or httpx.Client(base_url=grafana.url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        self._manifest = manifest
        self._lives: dict[str, FaultLife] = {}
        self._ids: dict[str, int] = {}
        """Fault → its annotation. Touched by the sender's thread only."""

    def note(self, event: FaultEvent | Signal | Mark) -> None:
        """Take an event of the timeline into account."""
        match event:
            case FaultEvent():
                self._fault(event)
            case Mark() if event.kind in SHOWN:
                body = self._body(event.at_ns, f"{event.kind}: {event.detail}", event.kind)
                self.sender.post(lambda: self._call("POST", "/api/annotations", body))

    def close(self, within_s: float) -> str:
        """Send what waits; returns what was not sent, as :meth:`Sender.close`."""
        unsent = self.sender.close(within_s)
        self._client.close()
        return unsent

    def _fault(self, event: FaultEvent) -> None:
        life = self._lives.setdefault(event.fault, FaultLife())
        life.edges[event.edge] = event.at_ns
        if isinstance(event.evidence, Planning):
            life.kind, life.scope = event.evidence.kind, scope_of(event.evidence)
        began_ns = life.edges.get(FaultEdge.INJECTED)
        if began_ns is None:
            return
        told = ", ".join(_since(edge, at_ns - began_ns) for edge, at_ns in life.edges.items() if edge != FaultEdge.PLANNED)
        body = self._body(began_ns, f"{event.fault}: {life.kind} {life.scope}: {told}", "fault", event.fault, life.kind)
        if FaultEdge.HEALED in life.edges:
            body["timeEnd"] = self._ms(life.edges[FaultEdge.HEALED])
        self.sender.post(self._kept(event.fault, body))

    def _kept(self, fault: str, body: dict[str, Any]) -> Callable[[], object]:
        """Every edge of a fault changes the same annotation; one that could not be made is made at the next edge."""

        def send() -> None:
            if fault in self._ids:
                self._call("PATCH", f"/api/annotations/{self._ids[fault]}", body)
            elif isinstance(made := self._call("POST", "/api/annotations", body).get("id"), int):
                self._ids[fault] = made

        return send

    def _body(self, at_ns: int, text: str, *tags: str) -> dict[str, Any]:
        # Grafana shows the text as HTML.
        return {"time": self._ms(at_ns), "tags": [TAG, self._manifest.id, *tags], "text": html.escape(text[:TEXT_MAX])}

    def _ms(self, at_ns: int) -> int:
        return round(self._manifest.anchor.to_wall(at_ns).timestamp() * 1000)

    def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.request(method, path, json=body)
        if not answer.is_success:
            raise ConnectionError(f"{method} {path} was answered {answer.status_code}")
        told = answer.json()
        return told if isinstance(told, dict) else {}


def _since(edge: str, after_ns: int) -> str:
    return edge if edge == FaultEdge.INJECTED else f"{edge} after {after_ns / 1e9:.1f} s"
