"""Monitoring as Prometheus and Alertmanager answer: what is scraped, which rules there are, which alerts fired when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from closeshave.clients import ports, web
from closeshave.deployment import Proxy
from closeshave.files import foreign

TIMEOUT_S = 10.0
FIRING = 'ALERTS{alertstate="firing"}'
"""Prometheus keeps a series of this name for every alert (prometheus.io, "Alerting rules")."""


class NoMonitoring(OSError):
    """The monitoring does not answer, or not as Prometheus does."""


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """An alerting rule that an engine has."""

    name: str
    labels: Mapping[str, str]
    for_s: float
    """How long its condition must hold."""


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group of rules that an engine has."""

    name: str
    evaluated: bool
    """Whether each of its rules was evaluated, and without an error."""
    rules: tuple[RuleSeen, ...]


@dataclass(frozen=True, slots=True)
class FiringStretch:
    """A series of a range query, without its values."""

    labels: Mapping[str, str]
    at_s: tuple[float, ...]
    """The instants at which it had a value, in seconds since the epoch."""


def scraped(store_url: str) -> int:
    """How many parts are scraped with success; 0 when the store does not answer."""
    told = ports.told_object(f"{store_url}/api/v1/targets?state=active") or {}
    try:
        return sum(target["health"] == "up" for target in told["data"]["activeTargets"])
    except (KeyError, TypeError):
        return 0


def takes_alerts(manager_url: str) -> bool:
    """Whether the Alertmanager is ready."""
    return ports.fresh_status(f"{manager_url}/-/ready") == 200


def active(manager_url: str) -> Any:
    """The alerts that an Alertmanager on this machine has, as it lists them; ``None`` when it does not answer."""
    return ports.told(f"{manager_url}/api/v2/alerts?active=true&silenced=false&inhibited=false")


def groups(engine_url: str) -> tuple[GroupSeen, ...]:
    """The groups of alerting rules of an engine on this machine; none when it does not answer."""
    try:
        return groups_of(ports.told_object(f"{engine_url}/api/v1/rules?type=alert"))
    except NoMonitoring:
        return ()


def groups_asked(prometheus: str, proxy: Proxy | None = None) -> tuple[GroupSeen, ...]:
    """The same of a Prometheus anywhere. Raises :class:`NoMonitoring`."""
    return groups_of(_asked(f"{prometheus}/api/v1/rules", {"type": "alert"}, proxy))


def firing(prometheus: str, since_s: float, until_s: float, step_s: float, proxy: Proxy | None = None) -> tuple[FiringStretch, ...]:
    """When each alert was firing between two instants (seconds since the epoch), to ``step_s``. Raises :class:`NoMonitoring`."""
    asked = {"query": FIRING, "start": f"{since_s:.3f}", "end": f"{until_s:.3f}", "step": f"{step_s:g}"}
    return stretches_of(_asked(f"{prometheus}/api/v1/query_range", asked, proxy))


def groups_of(document: Any) -> tuple[GroupSeen, ...]:
    """The groups in an answer. Raises :class:`NoMonitoring` for what is none. Pure."""
    try:
        return tuple(
            GroupSeen(
                name=str(group["name"]),
                evaluated=all(_was_evaluated(rule) for rule in group["rules"]),
                rules=tuple(
                    RuleSeen(str(rule["name"]), _labels(rule.get("labels")), float(rule.get("duration", 0)))
                    for rule in group["rules"]
                    if rule.get("type", "alerting") == "alerting"
                ),
            )
            for group in document["data"]["groups"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoMonitoring(f"these are no rules as Prometheus lists them: {type(error).__name__}: {error}") from None


def stretches_of(document: Any) -> tuple[FiringStretch, ...]:
    """The series in an answer to a range query. Raises :class:`NoMonitoring` for what is none. Pure."""
    try:
        return tuple(
            FiringStretch(_labels(series["metric"]), tuple(float(at) for at, _ in series["values"]))
            for series in document["data"]["result"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoMonitoring(f"these are no series as Prometheus tells them: {type(error).__name__}: {error}") from None


def _was_evaluated(rule: Mapping[str, Any]) -> bool:
    at = str(rule.get("lastEvaluation", ""))
    # Go's zero time means never.
    return at != "" and not at.startswith("0001-") and not rule.get("lastError")


def _labels(told: object) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, Mapping) else {}


def _asked(url: str, question: Mapping[str, str], proxy: Proxy | None) -> Any:
    try:
        with web.client(TIMEOUT_S, proxy) as client:
            answer = client.get(url, params=question).raise_for_status()
        return foreign.loads(answer.content)
    except (*web.FAILED, ValueError) as error:
        raise NoMonitoring(f"the monitoring does not answer: {type(error).__name__}: {error}") from error
