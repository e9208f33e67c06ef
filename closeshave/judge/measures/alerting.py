"""Every alert of a run as reports list it: when it began and ended, which fault it belongs to, and how long after the first harm it came. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from closeshave.history.alerts import scope_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.windows import origin_ns
from closeshave.judge.measures.alerts import Harm, RaisedAlert, harmed, incidents, window
from closeshave.judge.verdict import AlertFigures


def figures(evidence: Evidence, lives: Sequence[Life]) -> tuple[AlertFigures, ...]:
    """Those that were raised, in the order in which they began, and then those that the plan expects of a fault that was injected, and that were not.

    Empty for a plan that asks for no alerts, and where nothing of alerts is on record.
    """
    asked, told, origin = evidence.plan.alerts, evidence.history.alerts, origin_ns(evidence.history.manifest)
    if asked is None or told is None or evidence.history.manifest.alerts is None or origin is None:
        return ()
    harms = {life.fault.id: harmed(evidence, life) for life in lives if life.injected_ns is not None}
    expected = {(each.fault, each.alert) for each in asked.expected}
    raised = incidents(told)
    owned = [(one, owner(evidence, lives, one, expected)) for one in raised]
    return (
        *(_raised(one, fault, harms, (fault, one.name) in expected, origin) for one, fault in owned),
        *_missing(evidence, harms, {(fault, one.name) for one, fault in owned}, origin),
    )


def owner(evidence: Evidence, lives: Sequence[Life], one: RaisedAlert, expected: set[tuple[str, str]]) -> str | None:
    """The fault that an alert belongs to; of several at the same time the one of which it is expected, else the one that was injected last."""
    found = [life for life in lives if (within := window(evidence, life, lives)) is not None and within[0] <= one.raised_ns <= within[1]]
    best = max(found, key=lambda life: ((life.fault.id, one.name) in expected, life.injected_ns or 0), default=None)
    return None if best is None else best.fault.id


def _raised(one: RaisedAlert, fault: str | None, harms: dict[str, Harm], expected: bool, origin: int) -> AlertFigures:
    harm = harms[fault] if fault is not None else None
    return AlertFigures(
        name=one.name,
        severity=one.severity,
        category=one.category,
        scope=scope_of(one.labels),
        fault=fault,
        expected=expected,
        raised_at_s=(one.raised_ns - origin) / 1e9,
        ended_at_s=None if one.ended_ns is None else (one.ended_ns - origin) / 1e9,
        harmed_at_s=_harmed_at_s(harm, origin),
        after_s=None if harm is None else max(0, one.raised_ns - harm.at_ns) / 1e9,
    )


def _missing(evidence: Evidence, harms: dict[str, Harm], there: set[tuple[str | None, str]], origin: int) -> Iterator[AlertFigures]:
    rules = {rule.name: rule for rule in evidence.history.alert_rules or ()}
    for each in evidence.plan.alerts.expected if evidence.plan.alerts is not None else ():
        if each.fault in harms and (each.fault, each.alert) not in there:
            category = rules[each.alert].category if each.alert in rules else ""
            harm = _harmed_at_s(harms[each.fault], origin)
            yield AlertFigures(each.alert, each.severity, category, "", each.fault, True, None, None, harm, None)


def _harmed_at_s(harm: Harm | None, origin: int) -> float | None:
    return None if harm is None or harm.position is None else (harm.at_ns - origin) / 1e9
