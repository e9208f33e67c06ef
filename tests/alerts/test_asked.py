"""Alerts of a platform whose Prometheus is asked afterwards: when each began and ended, as its own series tell."""

from __future__ import annotations

from typing import Any

import pytest

from closeshave.clients.alerting import NoMonitoring, RuleSeen, groups_of, stretches_of
from closeshave.clock import Anchor
from closeshave.environments.alerting.engine import rules_of
from closeshave.environments.remote.alerts import notes_of
from closeshave.judge.measures.alerts import incidents

ANCHOR = Anchor(5 * 10**9, 1_000 * 10**9, 0)
"""Second 1000 of the epoch is second 5 of the monotonic clock."""
LABELS = {"__name__": "ALERTS", "alertname": "Down", "alertstate": "firing", "severity": "critical", "category": "database", "shard": "1"}


def told(*at_s: float, **labels: str) -> dict[str, Any]:
    """An answer to a range query with one series."""
    return {"data": {"result": [{"metric": {**LABELS, **labels}, "values": [[at, "1"] for at in at_s]}]}}


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        ((1010, 1015, 1020), [(15, 30)]),
        ((1010,), [(15, 20)]),
        # It fell silent and began again.
        ((1010, 1015, 1030, 1035), [(15, 25), (35, 45)]),
        # It still fired when the question ended.
        ((1090, 1095, 1100), [(95, None)]),
        ((), []),
    ],
)
def test_when_an_alert_began_and_ended(at_s: tuple[float, ...], expected: list[tuple[int, int | None]]) -> None:
    """To the step of the question."""
    found = incidents(notes_of(stretches_of(told(*at_s)), ANCHOR, 1_100, 5))
    assert [(one.raised_ns // 10**9, None if one.ended_ns is None else one.ended_ns // 10**9) for one in found] == expected


def test_the_labels_of_the_alert_without_those_of_its_series() -> None:
    """Name, severity and category among them."""
    (note, _) = notes_of(stretches_of(told(1010)), ANCHOR, 1_100, 5)
    assert (note.name, note.severity, note.category) == ("Down", "critical", "database")
    assert note.labels == {"alertname": "Down", "severity": "critical", "category": "database", "shard": "1"}


def test_two_alerts_of_one_rule_are_two() -> None:
    """They differ by a label."""
    both = (*stretches_of(told(1010, shard="1")), *stretches_of(told(1010, shard="2")))
    assert len(incidents(notes_of(both, ANCHOR, 1_100, 5))) == 2


def test_rules_as_prometheus_lists_them() -> None:
    """Recording rules are none; a rule that was never evaluated, or failed, is not ready."""
    rule = {"name": "Down", "type": "alerting", "duration": 5, "labels": {"severity": "high", "category": "database"}}
    group = {"name": "g", "rules": [{**rule, "lastEvaluation": "2026-11-30T22:51:14Z"}, {"name": "a:b", "type": "recording"}]}
    (found,) = groups_of({"data": {"groups": [group]}})
    assert found.rules == (RuleSeen("Down", {"severity": "high", "category": "database"}, 5.0),)
    assert [(each.name, each.severity, each.category, each.for_s) for each in rules_of([found])] == [("Down", "high", "database", 5.0)]
    for change in ({}, {"lastEvaluation": "0001-01-01T00:00:00Z"}, {"lastEvaluation": "2026-11-30T22:51:14Z", "lastError": "no data"}):
        (seen,) = groups_of({"data": {"groups": [{"name": "g", "rules": [{**rule, **change}]}]}})
        assert not seen.evaluated


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"data": {}}, {"data": {"groups": [1], "result": [1]}}, {"data": {"groups": 1, "result": 1}}]
)
def test_what_is_no_answer_of_a_prometheus(answer: Any) -> None:
    """One error, whatever came."""
    for read in (groups_of, stretches_of):
        with pytest.raises(NoMonitoring):
            read(answer)
