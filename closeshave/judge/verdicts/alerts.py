"""Verdicts on alerts: each that the plan expects was raised, as what it is, in time; silence came after the heal; and calm was quiet.

A missing alert fails only where one could have arrived: an alert that always fires (``Watchdog``) came in that time, or a Prometheus was asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from closeshave.history import AlertNote, AlertRule
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.witness import operation_witness
from closeshave.judge.measures.alerts import (
    BACKGROUND_MOST,
    Harm,
    RaisedAlert,
    beats,
    harmed,
    in_calm,
    incidents,
    into_calm,
    of_fault,
    rated,
    window,
)
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.judge.witnesses import AlertWitness, Witness
from closeshave.plan import AlertsAsked, ExpectedAlert
from closeshave.plurals import counted, plural
from closeshave.target import Measure, Objective
from closeshave.vocabulary import CATEGORIES, WATCHDOG

GRACE_S = 15.0
"""How long a rule may take beyond the time for which its condition must hold: scraping, evaluating, telling."""


@dataclass(frozen=True, slots=True)
class AlertsHeard:
    """What was heard in a run, and what is needed to judge it."""

    analysis: Analysis
    asked: AlertsAsked
    lives: tuple[Life, ...]
    notes: tuple[AlertNote, ...]
    told: tuple[RaisedAlert, ...]
    rules: tuple[AlertRule, ...] | None
    deaf: str
    """Why nothing is known of alerts; empty if something is."""
    until_ns: int
    """Until when the harness listened."""

    def doubt(self, from_ns: int, to_ns: int) -> str:
        """What other programs did to the machine in this time; empty for nothing."""
        found = self.analysis.evidence.doubts_within(from_ns, to_ns)
        return found[0].cause if found else ""

    def needed_s(self, name: str) -> float:
        """How long, in seconds, the cause of an alert may have been there when a rule of this name fires."""
        return next((rule.for_s for rule in self.rules or () if rule.name == name), 0.0) + GRACE_S


def judge(analysis: Analysis, lives: tuple[Life, ...]) -> tuple[Verdict, ...]:
    """Every verdict on alerts; none for a plan that asks for none."""
    plan = analysis.evidence.plan
    if plan.alerts is None:
        return ()
    heard = _heard(analysis, plan.alerts, lives)
    expecting = [life for life in lives if any(each.fault == life.fault.id for each in plan.alerts.expected)]
    return (
        *(_expected(heard, life, each) for life in expecting for each in plan.alerts.expected if each.fault == life.fault.id),
        *(_silence(heard, life) for life in expecting),
        *_times(heard, expecting),
        *_categories(heard),
        *_rules(heard),
        *_false_alarms(heard),
    )


def _heard(analysis: Analysis, asked: AlertsAsked, lives: tuple[Life, ...]) -> AlertsHeard:
    history = analysis.evidence.history
    told, notes = history.manifest.alerts, history.alerts
    deaf = ""
    if told is None or notes is None:
        deaf = "the harness received no alerts in this run, or their record is missing"
    elif told.until_ns is None:
        deaf = "the run ended early: until when alerts were received is not recorded"
    ended = (told.until_ns if told is not None else None) or 0
    return AlertsHeard(analysis, asked, lives, notes or (), incidents(notes or ()), history.alert_rules, deaf, ended)


def _blank(measure: str, id: str, scope: str, unit: str, bound: float | None, claims: tuple[str, ...] = ()) -> Verdict:
    return Verdict(id=id, claims=claims, status=Status.INCONCLUSIVE, measure=measure, scope=scope, measured=None, bound=bound, unit=unit)


def _of_life(heard: AlertsHeard, life: Life) -> str:
    """Why nothing can be said of alerts of this fault; empty if something can."""
    if heard.deaf:
        return heard.deaf
    if life.injected_ns is None:
        return f"{life.fault.id} was not injected"
    if life.observed_ns is None:
        return f"{life.fault.id} was injected, but no probe saw it take effect: there was nothing to raise an alert about"
    return ""


def _could_arrive(heard: AlertsHeard, from_ns: int, to_ns: int) -> str:
    """Why a missing alert proves nothing; empty if one would have arrived."""
    how = heard.analysis.evidence.history.manifest.alerts
    if how is not None and how.how == "asked":
        return ""
    if beats(heard.notes, from_ns, min(to_ns, heard.until_ns)):
        return ""
    return f"the alert that always fires ({WATCHDOG}) did not arrive in this time either: the monitoring may have been broken, or has no such rule"


def _expected(heard: AlertsHeard, life: Life, each: ExpectedAlert) -> Verdict:
    """Whether a fault raised an alert that the plan expects of it, and as what."""
    claims = tuple(dict.fromkeys((*each.claims, *_claims(heard, life, each))))
    blank = _blank("alert", f"alert/{life.fault.id}/{each.alert}", f"fault:{life.fault.id}", "s", None, claims)
    within = window(heard.analysis.evidence, life, heard.lives)
    if (why := _of_life(heard, life)) or within is None:
        return replace(blank, reason=why)
    mine = [one for one in of_fault(heard.analysis.evidence, life, heard.lives, heard.told) if one.name == each.alert]
    if not mine:
        return _missing(heard, life, each, blank, within)
    first = mine[0]
    found = replace(blank, measured=_since(heard, life, first), n=1)
    rule = next((rule for rule in heard.rules or () if rule.name == each.alert), None)
    wanted = {each.severity, *({rule.severity} if rule is not None else ())}
    if wanted != {first.severity} or (rule is not None and rule.category != first.category):
        said = f"it arrived as {first.severity or 'of no severity'}, {first.category or 'of no category'}"
        by_rule = f"; its rule says {rule.severity}, {rule.category}" if rule is not None else ""
        reason = f"{said}; the plan says {each.severity}{by_rule}"
        return replace(found, status=Status.FAIL, reason=reason, witnesses=(_witness(heard, first, "classified as something else"),))
    return replace(found, status=Status.PASS, exposure=Exposure(1, "fault that had to raise it"))


def _claims(heard: AlertsHeard, life: Life, each: ExpectedAlert) -> Iterator[str]:
    """The promises that are broken if it is not raised: those of every objective on its time."""
    for objective in _objectives(heard, Measure.ALERT_TIME):
        if objective.covers(life.fault) and (not objective.severities or each.severity in objective.severities):
            yield from objective.claims


def _missing(heard: AlertsHeard, life: Life, each: ExpectedAlert, blank: Verdict, within: tuple[int, int]) -> Verdict:
    if heard.rules is not None and all(rule.name != each.alert for rule in heard.rules):
        reason = f"the monitoring has no rule of the name {each.alert}"
        return replace(blank, status=Status.FAIL, reason=reason, witnesses=(_nothing(each, reason),))
    if any(one.name == each.alert and one.raised_ns < within[0] and (one.ended_ns or heard.until_ns) > within[0] for one in heard.told):
        return replace(blank, reason=f"{each.alert} was already firing when {life.fault.id} was injected: it could not begin again")
    if why := _could_arrive(heard, *within):
        return replace(blank, reason=f"{each.alert} was not raised, but {why}")
    held_s = ((life.healed_ns or life.horizon_ns) - within[0]) / 1e9
    needed_s = heard.needed_s(each.alert)
    if held_s < needed_s:
        return replace(blank, reason=f"{life.fault.id} was there for {held_s:.0f} s; the rule may take {needed_s:.0f} s until it fires")
    if cause := heard.doubt(within[0], min(within[1], heard.until_ns)):
        return replace(blank, reason=f"{each.alert} was not raised, but meanwhile {cause}")
    reason = f"{life.fault.id} was there for {held_s:.0f} s, and {each.alert} was not raised"
    return replace(blank, status=Status.FAIL, reason=reason, n=1, witnesses=(_nothing(each, reason),))


def _since(heard: AlertsHeard, life: Life, one: RaisedAlert) -> float:
    """Seconds from the first harm to the alert."""
    return max(0, one.raised_ns - harmed(heard.analysis.evidence, life).at_ns) / 1e9


def _times(heard: AlertsHeard, expecting: Sequence[Life]) -> Iterator[Verdict]:
    """The time to alert of each fault, for each objective that covers it."""
    for objective in heard.analysis.evidence.target.objectives:
        if objective.measure is Measure.ALERT_TIME:
            yield from (
                _time(heard, objective, life) for life in expecting if objective.covers(life.fault) and _wanted(heard, objective, life)
            )


def _wanted(heard: AlertsHeard, objective: Objective, life: Life) -> list[ExpectedAlert]:
    """The alerts that the plan expects of a fault and that this objective is about."""
    mine = (each for each in heard.asked.expected if each.fault == life.fault.id)
    return [each for each in mine if not objective.severities or each.severity in objective.severities]


def _time(heard: AlertsHeard, objective: Objective, life: Life) -> Verdict:
    blank = _blank(
        objective.measure.value, f"{objective.id}/{life.fault.id}", f"fault:{life.fault.id}", "s", objective.at_most, objective.claims
    )
    if why := _of_life(heard, life):
        return replace(blank, reason=why)
    evidence = heard.analysis.evidence
    hurt, names = harmed(evidence, life), {each.alert for each in _wanted(heard, objective, life)}
    first = next((one for one in of_fault(evidence, life, heard.lives, heard.told) if one.name in names), None)
    if first is None:
        return _never(heard, blank, life, hurt, names)
    found = replace(blank, measured=max(0, first.raised_ns - hurt.at_ns) / 1e9, n=1)
    whom = "the first harmed customer" if hurt.position is not None else "the injection, because no customer was harmed"
    said, bound_s = f"{first.name} was raised {found.measured:.1f} s after {whom}", objective.at_most or 0.0
    if (found.measured or 0) <= bound_s:
        chances = Exposure(1, "fault that had to raise an alert")
        return enough(replace(found, status=Status.PASS, reason=said), chances, objective.at_least_chances)
    if why := _unsure(heard, life, hurt, first.raised_ns):
        return replace(found, reason=f"{said}, but {why}")
    return replace(found, status=Status.FAIL, reason=f"{said}; the bound is {bound_s:g} s", witnesses=_late(heard, hurt, first))


def _never(heard: AlertsHeard, blank: Verdict, life: Life, hurt: Harm, names: Collection[str]) -> Verdict:
    """No alert at all."""
    within = window(heard.analysis.evidence, life, heard.lives)
    said, bound_s = f"none of {', '.join(sorted(names))} was raised", blank.bound or 0.0
    if hurt.position is None or within is None:
        return replace(blank, reason=f"{said}, and no customer was harmed")
    given_s = (min(within[1], heard.until_ns, life.healed_ns or life.horizon_ns) - hurt.at_ns) / 1e9
    if given_s < bound_s:
        return replace(blank, reason=f"{said}; the fault was there for {given_s:.0f} s after the first harm, and {bound_s:g} s are allowed")
    if why := _could_arrive(heard, *within) or _unsure(heard, life, hurt, within[1]):
        return replace(blank, reason=f"{said}, but {why}")
    whom = (operation_witness(heard.analysis.evidence.operations, hurt.position, "the first harmed customer"),)
    reason = f"{said} within {given_s:.0f} s of the first harm; the bound is {bound_s:g} s"
    return replace(blank, status=Status.FAIL, n=1, reason=reason, witnesses=whom)


def _unsure(heard: AlertsHeard, life: Life, hurt: Harm, to_ns: int) -> str:
    """Why a time that is too long convicts nobody; empty if it does."""
    if cause := heard.doubt(life.injected_ns or 0, min(to_ns, heard.until_ns)):
        return f"meanwhile {cause}"
    if hurt.background > BACKGROUND_MOST:
        return f"{hurt.background:.1%} of the same requests were not good in calm either: which one the fault harmed first is not known"
    return ""


def _late(heard: AlertsHeard, hurt: Harm, first: RaisedAlert) -> tuple[Witness, ...]:
    witness = _witness(heard, first, "raised too late")
    if hurt.position is None:
        return (witness,)
    return (operation_witness(heard.analysis.evidence.operations, hurt.position, "the first harmed customer"), witness)


def _silence(heard: AlertsHeard, life: Life) -> Verdict:
    """Whether every alert of a fault ended in time after it was proven healed."""
    bound_s = heard.asked.silent_within
    blank = _blank("alert_silence", f"alert-silence/{life.fault.id}", f"fault:{life.fault.id}", "s", bound_s)
    mine = of_fault(heard.analysis.evidence, life, heard.lives, heard.told)
    why = _of_life(heard, life)
    if not why and life.verified_ns is None:
        why = f"{life.fault.id} is not proven healed, so its alerts may rightly still fire"
    if not why and not mine:
        why = f"{life.fault.id} raised no alert that could end"
    if why or life.verified_ns is None:
        return replace(blank, reason=why)
    last = max(mine, key=lambda one: (one.ended_ns or heard.until_ns, one.ended_ns is None))
    over_ns = last.ended_ns if last.ended_ns is not None else heard.until_ns
    took_s = max(0, over_ns - life.verified_ns) / 1e9
    found = replace(blank, measured=took_s, n=len(mine))
    if last.ended_ns is not None and took_s <= bound_s:
        return replace(found, status=Status.PASS, exposure=Exposure(len(mine), plural(len(mine), "alert", "alerts")))
    ended = "ended" if last.ended_ns is not None else "was still firing"
    said = f"{last.name} {ended} {took_s:.1f} s after the heal of {life.fault.id} was proven; {bound_s:g} s are allowed"
    if took_s <= bound_s:
        return replace(found, reason=f"{said}, and the harness stopped receiving alerts")
    if other := _other(heard, life, life.verified_ns, last):
        return replace(found, reason=f"{said}, but {other} was injected meanwhile, which may have kept it firing")
    if cause := heard.doubt(life.verified_ns, over_ns):
        return replace(found, reason=f"{said}, but meanwhile {cause}")
    return replace(found, status=Status.FAIL, reason=said, witnesses=(_witness(heard, last, "still fired after the heal"),))


def _other(heard: AlertsHeard, life: Life, from_ns: int, last: RaisedAlert) -> str:
    """Another fault that was there between the heal and the end of this alert; empty for none."""
    until_ns = last.ended_ns if last.ended_ns is not None else heard.until_ns
    return next(
        (
            each.fault.id
            for each in heard.lives
            if each.fault.id != life.fault.id
            and each.injected_ns is not None
            and each.injected_ns < until_ns
            and (each.verified_ns is None or each.verified_ns > from_ns)
        ),
        "",
    )


def _categories(heard: AlertsHeard) -> Iterator[Verdict]:
    """Of which categories a fault raised an alert."""
    for objective in _objectives(heard, Measure.ALERT_CATEGORIES):
        blank = _blank(objective.measure.value, objective.id, "all", "count", objective.at_least, objective.claims)
        if heard.deaf:
            yield replace(blank, reason=heard.deaf)
            continue
        raised = {one.category for life in heard.lives for one in of_fault(heard.analysis.evidence, life, heard.lives, heard.told)}
        there = [category for category in CATEGORIES if category in raised]
        missing = [category for category in CATEGORIES if category not in raised]
        found = replace(blank, measured=float(len(there)), n=len(CATEGORIES))
        if len(there) >= (objective.at_least or 0):
            yield replace(found, status=Status.PASS, exposure=Exposure(len(there), plural(len(there), "category", "categories")))
        else:
            # Which alert a fault should have raised, and did not, its own verdict says.
            yield replace(found, reason="; ".join(f"{category}: no fault raised an alert of it" for category in missing))


def _rules(heard: AlertsHeard) -> Iterator[Verdict]:
    """How many rules there are."""
    for objective in _objectives(heard, Measure.ALERT_RULES):
        blank = _blank(objective.measure.value, objective.id, "all", "count", objective.at_least, objective.claims)
        if heard.rules is None:
            yield replace(blank, reason="it was not recorded which rules the monitoring had")
            continue
        names = rated(heard.rules)
        found = replace(blank, measured=float(len(names)), n=len(heard.rules))
        lack = [category for category in CATEGORIES if all(rule.category != category for rule in names)]
        said = f"{counted(len(names), 'rule')} with a severity and a category"
        if len(names) >= (objective.at_least or 0) and not lack:
            yield replace(found, status=Status.PASS, exposure=Exposure(len(names), plural(len(names), "rule", "rules")))
        else:
            none = f"; none of {', '.join(lack)}" if lack else ""
            reason = f"{said}; at least {objective.at_least:g} are promised{none}"
            yield replace(found, status=Status.FAIL, reason=reason)


def _false_alarms(heard: AlertsHeard) -> Iterator[Verdict]:
    """Alerts in calm. Without an objective they are only shown."""
    objectives = list(_objectives(heard, Measure.FALSE_ALARMS))
    if not objectives:
        yield replace(_false_alarms_by(heard, 0.0, "false-alarms", ()), gates=False)
    for objective in objectives:
        yield _false_alarms_by(heard, objective.at_most or 0.0, objective.id, objective.claims)


def _false_alarms_by(heard: AlertsHeard, bound: float, id: str, claims: tuple[str, ...]) -> Verdict:
    blank = _blank(Measure.FALSE_ALARMS.value, id, "all", "count", bound, claims)
    if heard.deaf:
        return replace(blank, reason=heard.deaf)
    calm = [(phase.started_ns, phase.ended_ns) for phase in heard.analysis.evidence.history.manifest.phases if phase.role == "calm"]
    if not calm:
        return replace(blank, reason="the plan has no calm phase, in which an alert would be a false alarm")
    if why := next(filter(None, (_could_arrive(heard, *each) for each in calm)), ""):
        return replace(blank, reason=why)
    found = in_calm(heard.analysis.evidence, heard.lives, heard.told)
    sure = [one for one in found if not heard.doubt(one.raised_ns - round(heard.needed_s(one.name) * 1e9), one.raised_ns)]
    told = replace(blank, measured=float(len(found)), n=len(heard.rules or ()) or 1)
    said = f"{counted(len(found), 'alert')} in calm without a fault: {', '.join(sorted({one.name for one in found}))}"
    if len(found) <= bound:
        return _quiet(heard, replace(told, reason=said if found else ""), found, bound)
    if len(sure) <= bound:
        return replace(told, reason=f"{said}; but other programs disturbed the machine then")
    return replace(told, status=Status.FAIL, reason=said, witnesses=tuple(_witness(heard, one, "a false alarm") for one in sure[:2]))


def _quiet(heard: AlertsHeard, told: Verdict, found: Sequence[RaisedAlert], bound: float) -> Verdict:
    """A pass, if none went on in calm that had begun before it."""
    standing = [one for one in into_calm(heard.analysis.evidence, heard.lives, heard.told) if one not in found]
    if len(found) + len(standing) > bound:
        names = ", ".join(sorted({one.name for one in standing}))
        return replace(told, reason=f"{names} had begun before the calm phase and went on in it: whether rightly, nobody judged")
    chances = len(heard.rules or ()) or 1
    return replace(told, status=Status.PASS, exposure=Exposure(chances, plural(chances, "rule", "rules")))


def _objectives(heard: AlertsHeard, measure: Measure) -> Iterator[Objective]:
    return (each for each in heard.analysis.evidence.target.objectives if each.measure is measure)


def _witness(heard: AlertsHeard, one: RaisedAlert, why: str) -> AlertWitness:
    anchor = heard.analysis.evidence.history.manifest.anchor
    ended = anchor.to_wall(one.ended_ns).isoformat(timespec="milliseconds") if one.ended_ns is not None else None
    raised = anchor.to_wall(one.raised_ns).isoformat(timespec="milliseconds")
    return AlertWitness(why, one.name, one.severity, one.category, raised, ended, dict(one.labels))


def _nothing(each: ExpectedAlert, why: str) -> AlertWitness:
    return AlertWitness(why, each.alert, each.severity, "", None, None, {})
