"""What the monitoring of an environment has when a run begins: its rules, and the alerts that fire already."""

from __future__ import annotations

from collections.abc import Iterable

from closeshave.clients import alerting
from closeshave.clients.alerting import GroupSeen
from closeshave.deployment import Monitoring
from closeshave.environments.alerting.webhook import NoAlerts, already_firing
from closeshave.history import AlertNote, AlertRule


def rules(monitoring: Monitoring) -> tuple[AlertRule, ...]:
    """The rules that its engine has loaded; none when it does not answer."""
    return rules_of(alerting.groups(monitoring.engine_url))


def rules_of(groups: Iterable[GroupSeen]) -> tuple[AlertRule, ...]:
    """The rules of all groups. Pure."""
    return tuple(
        AlertRule(rule.name, rule.labels.get("severity", ""), rule.labels.get("category", ""), rule.for_s)
        for group in groups
        for rule in group.rules
    )


def firing(monitoring: Monitoring, at_ns: int) -> tuple[AlertNote, ...]:
    """The alerts that fire now, as noted at this instant: the Alertmanager does not tell them again. Raises :class:`OSError`."""
    try:
        return already_firing(alerting.active(monitoring.manager_url), at_ns)
    except NoAlerts as error:
        raise OSError(f"the Alertmanager does not say which alerts fire already: {error}") from None
