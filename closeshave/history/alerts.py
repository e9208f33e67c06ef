"""What monitoring told of alerts: the lines of ``alerts.jsonl``, and the rules that it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class AlertNote:
    """One alert began or ended, as it was told. Every text comes from outside."""

    received_ns: int
    """When the harness learned of it, on the monotonic clock; where it asked a Prometheus afterwards, when that first (or last) had it firing."""
    state: Literal["firing", "resolved"]
    fingerprint: str
    """The same for every note of an alert with the same labels."""
    name: str
    severity: str
    """By its label; empty without one."""
    category: str
    """By its label; empty without one."""
    started_wall_ns: int
    """Since when it fires, by the clock of the monitoring, in nanoseconds since the epoch."""
    ended_wall_ns: int | None = None
    """When it ended, by the same clock; ``None`` while it fires."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule that can raise an alert."""

    name: str
    severity: str
    category: str
    for_s: float
    """How long its condition must hold before it fires."""


@dataclass(frozen=True, slots=True)
class AlertsTold:
    """How the harness learned of alerts in a run."""

    how: Literal["heard", "asked"]
    """``heard``: an Alertmanager told each at once. ``asked``: a Prometheus was asked when the load was over."""
    from_ns: int
    """Since when; whatever began before is not known, or was already there."""
    until_ns: int | None = None
    """Until when; ``None`` if that was not recorded, because the run ended early."""
    resolution_s: float = 0.0
    """How exact the instants are: how often a Prometheus that was asked keeps whether an alert fires."""


def scope_of(labels: object) -> str:
    """What an alert is about, by its labels; empty if they do not say. Pure."""
    told = labels if isinstance(labels, dict) else {}
    if shard := told.get("shard"):
        return f"shard:{shard}"
    if group := told.get("group"):
        return f"store:{group}"
    return f"region:{told['region']}" if told.get("region") else ""
