"""Alerts as reports list them. The kill is injected at 120, healed at 150, proven at 155; the first phase begins at 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import AlertNote
from closeshave.judge import assess
from closeshave.judge.verdict import AlertFigures
from closeshave.plan import AlertsAsked
from tests.judge.histories import KILL, Run
from tests.judge.test_alerts import EXPECTED, LATER, RULES, TOLD, beating, lasting, note

SHARD = {"alertname": "DatabaseDown", "shard": "1"}


def told(notes: Sequence[AlertNote] | None, *, harmed_at: float | None = 125.0, **changes: Any) -> tuple[AlertFigures, ...]:
    """Of a run with these alerts."""
    run = Run(faults=changes.pop("faults", (KILL,)))
    run.steady(200)
    run.steady(100, 110, 190)
    if harmed_at is not None:
        run.bad(harmed_at)
    run.life()
    if LATER in run.faults:
        run.life("later", injected=140, observed=140.5, healed=150, verified=155)
    history = run.history
    history = replace(
        history,
        manifest=replace(history.manifest, alerts=TOLD),
        alerts=None if notes is None else (*notes, *beating()),
        alert_rules=RULES,
        **changes,
    )
    return assess(history, replace(run.plan, alerts=AlertsAsked((EXPECTED,), 20.0)), run.target).alerts


def test_an_alert_of_a_fault() -> None:
    """When, how long after the first harm, and its end."""
    assert told(lasting(132, 160, labels=SHARD)) == (
        AlertFigures("DatabaseDown", "critical", "database", "shard:1", "kill", True, 132.0, 160.0, 125.0, 7.0),
    )


def test_where_nobody_was_harmed_the_injection_counts() -> None:
    """And the report says that nobody was."""
    (one,) = told(lasting(132, 160), harmed_at=None)
    assert (one.harmed_at_s, one.after_s) == (None, 12.0)


def test_an_alert_that_came_before_the_harm_took_no_time() -> None:
    """It is not negative."""
    (one,) = told(lasting(122, 160))
    assert (one.after_s, one.harmed_at_s) == (0.0, 125.0)


def test_one_that_never_ended_one_without_a_fault_and_one_that_is_missing() -> None:
    """Each is listed as what it is; what the plan expects and nobody raised comes last."""
    calm, going, missing = told([*lasting(50, 60, "ResponseTimeHigh"), note(133, "ResponseTimeHigh", fingerprint="other")])
    assert (calm.fault, calm.after_s, calm.harmed_at_s, calm.ended_at_s) == (None, None, None, 60.0)
    assert (going.fault, going.expected, going.ended_at_s) == ("kill", False, None)
    assert missing == AlertFigures("DatabaseDown", "critical", "database", "", "kill", True, None, None, 125.0, None)


def test_of_two_faults_at_once_the_one_that_expects_it() -> None:
    """Else the one that was injected last."""
    first, other = told([*lasting(145, 160), *lasting(146, 160, "ResponseTimeHigh")], faults=(KILL, LATER))
    assert (first.fault, first.expected, other.fault) == ("kill", True, "later")


@pytest.mark.parametrize("without", ["notes", "plan", "phases"])
def test_where_nothing_is_known(without: str) -> None:
    """Nothing is listed: an alert that is missing there is no news."""
    if without == "notes":
        assert told(None) == ()
        return
    run = Run(faults=(KILL,))
    run.life()
    history = run.history
    history = replace(history, manifest=replace(history.manifest, alerts=TOLD), alerts=tuple(lasting(132, 160)), alert_rules=RULES)
    plan = run.plan if without == "plan" else replace(run.plan, alerts=AlertsAsked((EXPECTED,), 20.0))
    if without == "phases":
        history = replace(history, manifest=replace(history.manifest, phases=()))
    assert assess(history, plan, run.target).alerts == ()
