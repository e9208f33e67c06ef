"""Alerts in a trial: which of them are signals of the platform, and plans that ask for what there is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import AlertNote
from closeshave.history.alerts import scope_of
from closeshave.trial.alerting import signals
from closeshave.trial.preparation import prepare
from closeshave.trial.starting import used_by
from closeshave.vocabulary import ALERTS, WATCHDOG, SignalKind


@pytest.mark.parametrize(
    ("labels", "scope"),
    [
        ({"shard": "1", "region": "east"}, "shard:1"),
        ({"group": "cache-eu", "region": "east"}, "store:cache-eu"),
        ({"region": "east"}, "region:east"),
        ({"instance": "machine"}, ""),
        ({}, ""),
    ],
)
def test_what_an_alert_is_about(labels: dict[str, str], scope: str) -> None:
    """The nearest part that its labels name."""
    assert scope_of(labels) == scope


def test_only_the_beginning_of_trouble_is_a_signal() -> None:
    """Not its end, not the alert that always fires, and nothing without a place."""

    def note(name: str, at: int, **labels: str) -> AlertNote:
        return AlertNote(at, "firing", f"{name}{at}", name, "high", "database", at, labels=labels)

    told = (note("Down", 5, shard="1"), note(WATCHDOG, 6, shard="1"), note("Disk", 7), note("Slow", 9, region="east"))
    assert [(one.at_ns, one.kind, one.scope, one.detail) for one in signals(told)] == [
        (5, SignalKind.ALERT, "shard:1", "Down"),
        (9, SignalKind.ALERT, "region:east", "Slow"),
    ]


def test_the_shipped_plan_asks_for_monitoring_and_every_category() -> None:
    """And its environment has the rules that it expects."""
    prepared = prepare("alerts")
    assert ALERTS in used_by(prepared.plan)
    assert prepared.plan.alerts is not None
    assert {each.fault for each in prepared.plan.alerts.expected} == {fault.id for fault in prepared.plan.faults}


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., str]:
    """The shipped plan with a text replaced."""

    def write(old: str, new: str) -> str:
        text = locate("scenarios", "alerts").read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "own.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("environment: embedded-alerts", "environment: embedded-tls", "alerts", "its file needs a section alerts"),
        ("environment: embedded-alerts", "environment: appointment-booking", "alerts", "metrics.prometheus"),
        ("alert: ErrorRateHigh", "alert: ErrorRateHihg", "alerts.expected.0.alert", "did you mean ErrorRateHigh"),
        ("fault: errors", "fault: error", "alerts.expected.0.fault", "did you mean errors"),
        ("alert: PaymentsFail", "alert: PaymentProviderDown", "alerts.expected.4", "expected of payments-down twice"),
        ("severity: critical}", "severity: critical, claims: [X9]}", "alerts.expected.0.claims", "not a promise of bookedbarber-alerts"),
    ],
)
def test_a_plan_that_asks_for_what_there_is_not(plan: Callable[..., str], old: str, new: str, key: str, said: str) -> None:
    """It is refused before anything starts, with the key."""
    with pytest.raises(InvalidFile, match=said) as caught:
        prepare(plan(old, new))
    assert key in [problem.key for problem in caught.value.problems]
    assert all(problem.line for problem in caught.value.problems if problem.key == key)
