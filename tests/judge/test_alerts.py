"""Alerts: what their verdicts say of known histories. The kill is injected at 120, healed at 150, proven at 155; the harness listens from 5 to 215."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.history import AlertNote, AlertRule, AlertsTold, History
from closeshave.judge import asked
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.measures.alerts import incidents
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdicts import alerts
from closeshave.plan import AlertsAsked, ExpectedAlert, Fault, Plan
from closeshave.target import Measure, Objective, Target
from closeshave.vocabulary import CATEGORIES, WATCHDOG
from tests.judge.histories import KILL, WALL_START_S, Run, ns, starving
from tests.tiers import examples

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
DOWN = AlertRule("DatabaseDown", "critical", "database", 5.0)
SLOW = AlertRule("ResponseTimeHigh", "high", "application", 5.0)
TOLD = AlertsTold("heard", ns(5), ns(215))
RULES = (DOWN, SLOW, AlertRule(WATCHDOG, "none", "infrastructure", 0.0))
EXPECTED = ExpectedAlert("kill", "DatabaseDown", "critical", ("C1",))
TIME = Objective("alert", ("C1",), Measure.ALERT_TIME, at_most=20.0, faults=("shard.*",))
CALM = Objective("calm", ("C1",), Measure.FALSE_ALARMS, at_most=0)
KINDS = Objective("kinds", ("C1",), Measure.ALERT_CATEGORIES, at_least=2)
COUNT = Objective("count", ("C1",), Measure.ALERT_RULES, at_least=2)
LATER = Fault("later", "shard.primary-killed", "break", 55, 5, KILL.expected, {"shard": 2})


def note(at: float, name: str, state: Literal["firing", "resolved"] = "firing", *, since: float | None = None, **fields: Any) -> AlertNote:
    """An alert of a rule, told ``at`` a second."""
    rule = next((rule for rule in RULES if rule.name == name), AlertRule(name, "low", "business", 0))
    started = (WALL_START_S + (at if since is None else since)) * 10**9
    told = {"severity": rule.severity, "category": rule.category, "labels": {"alertname": name}, "fingerprint": name, **fields}
    return AlertNote(received_ns=ns(at), state=state, name=name, started_wall_ns=round(started), **told)


def lasting(begin: float, end: float, name: str = "DatabaseDown", **fields: Any) -> list[AlertNote]:
    """An alert with its end."""
    return [note(begin, name, **fields), note(end, name, "resolved", since=begin, **fields)]


def beating(*without: tuple[float, float]) -> list[AlertNote]:
    """The alert that always fires, every five seconds, but not in these stretches."""
    return [note(at, WATCHDOG, since=5) for at in range(5, 215, 5) if not any(low <= at <= high for low, high in without)]


def judged(history: History, plan: Plan, target: Target) -> tuple[Verdict, ...]:
    """The verdicts on alerts, and those on what has none."""
    analysis = Analysis(Evidence(history, plan, target))
    found = alerts.judge(analysis, analysis.lives)
    return (*found, *asked.without_verdict(plan, target, asked.asked(plan, target).objectives, found))


@dataclass
class Alerted:
    """A run with alerts in the making."""

    notes: Sequence[AlertNote] | None = ()
    objectives: tuple[Objective, ...] = (TIME, CALM, KINDS, COUNT)
    harmed_at: float | None = 125.0
    rules: tuple[AlertRule, ...] | None = RULES
    told: AlertsTold | None = TOLD
    expected: tuple[ExpectedAlert, ...] = (EXPECTED,)
    faults: tuple[Fault, ...] = (KILL,)
    life: dict[str, Any] = field(default_factory=dict)
    beats: Sequence[AlertNote] = field(default_factory=beating)
    changes: dict[str, Any] = field(default_factory=dict)
    silent_within: float = 20.0

    def verdict(self, id: str) -> Verdict:
        """The verdict with this ID."""
        found = {verdict.id: verdict for verdict in self.verdicts}
        return found[id]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts."""
        run = Run(objectives=self.objectives, faults=self.faults)
        run.steady(200)
        run.steady(100, 110, 190)
        if self.harmed_at is not None:
            run.bad(self.harmed_at)
        run.life(**self.life)
        if LATER in self.faults:
            run.life("later", injected=165, observed=165.5, healed=170, verified=172)
        history = run.history
        notes = None if self.notes is None else (*self.notes, *self.beats)
        history = replace(
            history, manifest=replace(history.manifest, alerts=self.told), alerts=notes, alert_rules=self.rules, **self.changes
        )
        plan = replace(run.plan, alerts=AlertsAsked(self.expected, self.silent_within))
        return judged(history, plan, run.target)


RAISED = lasting(132, 160)


@pytest.mark.parametrize(
    ("run", "status", "said"),
    [
        (Alerted(RAISED), PASS, ""),
        (Alerted([]), FAIL, "was there for 30 s, and DatabaseDown was not raised"),
        (Alerted(lasting(132, 160, "ResponseTimeHigh")), FAIL, "DatabaseDown was not raised"),
        # Alerts before the injection, and long after the heal, are about something else.
        (Alerted(lasting(100, 110)), FAIL, "was not raised"),
        (Alerted(lasting(180, 185)), FAIL, "was not raised"),
        (Alerted(lasting(170, 172)), PASS, ""),
        (Alerted(lasting(132, 160, severity="low")), FAIL, "it arrived as low, database; the plan says critical; its rule says critical"),
        (Alerted(lasting(132, 160, category="business")), FAIL, "it arrived as critical, business"),
        (Alerted(RAISED, expected=(replace(EXPECTED, severity="low"),)), FAIL, "the plan says low"),
        (Alerted([], rules=RULES[1:]), FAIL, "no rule of the name DatabaseDown"),
        (Alerted(lasting(100, 160)), INCONCLUSIVE, "was already firing"),
        (Alerted([], beats=beating((115, 215))), INCONCLUSIVE, "Watchdog"),
        (Alerted([], beats=(), told=AlertsTold("asked", ns(5), ns(215), 5.0)), FAIL, "was not raised"),
        (Alerted([], life={"healed": 135, "verified": 138}), INCONCLUSIVE, "was there for 15 s; the rule may take 20 s"),
        (Alerted([], life={"observed": None}), INCONCLUSIVE, "no probe saw it"),
        (Alerted(None), INCONCLUSIVE, "received no alerts"),
        (Alerted([], told=None), INCONCLUSIVE, "received no alerts"),
        (Alerted(RAISED, told=AlertsTold("heard", ns(5), None)), INCONCLUSIVE, "ended early"),
        (Alerted([], changes={"resources": starving((125, 140))}), INCONCLUSIVE, "but meanwhile"),
    ],
)
def test_an_expected_alert(run: Alerted, status: Status, said: str) -> None:
    """It must be raised, as what its rule says; where it could not arrive, or could not begin, nobody knows."""
    verdict = run.verdict("alert/kill/DatabaseDown")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason
    assert verdict.claims == ("C1",)
    assert bool(verdict.witnesses) == (status is FAIL)


@pytest.mark.parametrize(
    ("run", "status", "measured", "said"),
    [
        (Alerted(RAISED), PASS, 7.0, "after the first harmed customer"),
        # Before anybody was harmed is not too early.
        (Alerted(RAISED, harmed_at=140.0), PASS, 0.0, ""),
        (Alerted(lasting(146, 160)), FAIL, 21.0, "DatabaseDown was raised 21.0 s after the first harmed customer; the bound is 20 s"),
        (Alerted(lasting(145, 160)), PASS, 20.0, ""),
        # Nobody was harmed: the injection was at 120.
        (Alerted(RAISED, harmed_at=None), PASS, 12.0, "because no customer was harmed"),
        (Alerted([], harmed_at=None), INCONCLUSIVE, None, "no customer was harmed"),
        (Alerted([]), FAIL, None, "none of DatabaseDown was raised within 25 s"),
        (Alerted([], harmed_at=135.0), INCONCLUSIVE, None, "was there for 15 s after the first harm, and 20 s are allowed"),
        (Alerted([], beats=()), INCONCLUSIVE, None, "Watchdog"),
        (Alerted(lasting(146, 160), changes={"resources": starving((125, 140))}), INCONCLUSIVE, 21.0, "but meanwhile"),
        (Alerted(None), INCONCLUSIVE, None, "received no alerts"),
    ],
)
def test_the_time_to_alert(run: Alerted, status: Status, measured: float | None, said: str) -> None:
    """From the first customer whom the fault harmed."""
    verdict = run.verdict("alert/kill")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason
    assert verdict.measured == (None if measured is None else pytest.approx(measured))


def test_a_failure_that_calm_explains_is_no_harm_by_the_fault() -> None:
    """One request of 2,000 fails in calm, and one a second after the injection; the fault harms customers from 140 on, and the alert comes at 147."""
    run = Run(objectives=(TIME,), faults=(KILL,))
    run.steady(2000)
    run.steady(2000, 110, 190)
    for at in (50.0, 121.0, *(140 + index / 10 for index in range(10))):
        run.bad(at)
    run.life()
    history = run.history
    told = replace(history.manifest, alerts=TOLD)
    history = replace(history, manifest=told, alerts=(*lasting(147, 160), *beating()), alert_rules=RULES)
    verdicts = judged(history, replace(run.plan, alerts=AlertsAsked((EXPECTED,), 20.0)), run.target)
    (verdict,) = [each for each in verdicts if each.id == "alert/kill"]
    assert verdict.status is PASS, verdict.reason
    assert verdict.measured == pytest.approx(7.0)


def test_who_was_harmed_first_is_unknown_where_calm_has_failures_too() -> None:
    """One of them may have been the first: a time that counts from it convicts nobody."""
    late = Alerted(lasting(146, 160))
    assert late.verdict("alert/kill").status is FAIL
    run = Run(objectives=(TIME,), faults=(KILL,))
    run.steady(200)
    run.bad(50)
    run.bad(125)
    run.life()
    history = run.history
    history = replace(
        history,
        manifest=replace(history.manifest, alerts=late.told),
        alerts=(*lasting(146, 160), *beating()),
        alert_rules=RULES,
    )
    verdicts = judged(history, replace(run.plan, alerts=AlertsAsked((EXPECTED,), 20.0)), run.target)
    (verdict,) = [each for each in verdicts if each.id == "alert/kill"]
    assert (verdict.status, "in calm either" in verdict.reason) == (INCONCLUSIVE, True)


@pytest.mark.parametrize(("severity", "there"), [("critical", True), ("high", False)])
def test_an_objective_on_a_severity_judges_the_faults_that_must_raise_one(severity: Any, there: bool) -> None:
    """Of others it has no verdict, and is not missed."""
    ids = {verdict.id for verdict in Alerted(RAISED, objectives=(replace(TIME, severities=(severity,)),)).verdicts}
    assert ("alert/kill" in ids) is there
    assert "alert/no-verdict" not in ids


@pytest.mark.parametrize(
    ("run", "status", "measured", "said"),
    [
        (Alerted(RAISED), PASS, 5.0, ""),
        (Alerted(lasting(132, 150)), PASS, 0.0, ""),
        (Alerted(lasting(132, 176)), FAIL, 21.0, "ended 21.0 s after the heal of kill was proven; 20 s are allowed"),
        (Alerted([note(132, "DatabaseDown")]), FAIL, 60.0, "was still firing 60.0 s after"),
        (Alerted([*RAISED, note(140, "ResponseTimeHigh")]), FAIL, 60.0, "ResponseTimeHigh was still firing"),
        (Alerted([note(132, "DatabaseDown")], told=AlertsTold("heard", ns(5), ns(165))), INCONCLUSIVE, 10.0, "stopped receiving alerts"),
        (Alerted([note(132, "DatabaseDown")], faults=(KILL, LATER)), INCONCLUSIVE, 60.0, "later was injected meanwhile"),
        (Alerted([], beats=beating()), INCONCLUSIVE, None, "raised no alert that could end"),
        # What begins when the next fault was injected is that one's.
        (Alerted([*RAISED, *lasting(166, 190, "ResponseTimeHigh")], faults=(KILL, LATER)), PASS, 5.0, ""),
        (Alerted(RAISED, life={"verified": None}), INCONCLUSIVE, None, "not proven healed"),
        (Alerted(lasting(132, 176), changes={"resources": starving((158, 165))}), INCONCLUSIVE, 21.0, "but meanwhile"),
    ],
)
def test_silence_after_the_heal(run: Alerted, status: Status, measured: float | None, said: str) -> None:
    """An alert that never ends fails, once it had the time to."""
    verdict = run.verdict("alert-silence/kill")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason
    assert verdict.measured == (None if measured is None else pytest.approx(measured))


def earlier(rows: Any, seconds: int) -> Any:
    """The same so many seconds before."""
    return rows.assign(at_ns=rows["at_ns"] - seconds * 1_000_000_000)


@pytest.mark.parametrize(
    ("run", "status", "measured", "said"),
    [
        (Alerted(RAISED), PASS, 0, ""),
        (Alerted([*lasting(50, 60, "ResponseTimeHigh"), *RAISED]), FAIL, 1, "1 alert in calm without a fault: ResponseTimeHigh"),
        # In the warm-up, and while the fault is there or was just healed, it is none.
        (Alerted([*lasting(7, 9, "ResponseTimeHigh"), *lasting(170, 171, "ResponseTimeHigh")]), PASS, 0, ""),
        # One that began in the warm-up may go on for as long as after a heal, and no longer.
        (Alerted(lasting(7, 29, "ResponseTimeHigh")), PASS, 0, ""),
        (
            Alerted(lasting(7, 31, "ResponseTimeHigh")),
            INCONCLUSIVE,
            0,
            "ResponseTimeHigh had begun before the calm phase and went on in it",
        ),
        (Alerted([note(7, "ResponseTimeHigh")]), INCONCLUSIVE, 0, "went on in it"),
        (Alerted(lasting(50, 60, "Quiet", severity="none")), PASS, 0, ""),
        (Alerted(RAISED, beats=()), INCONCLUSIVE, None, "Watchdog"),
        (Alerted(None), INCONCLUSIVE, None, "received no alerts"),
        (Alerted(lasting(107, 109, "ResponseTimeHigh"), changes={"resources": starving((100, 108))}), INCONCLUSIVE, 1, "disturbed"),
        # The rule waits for 5 s: what disturbed it lies further back than the time in which it is scraped and told.
        (
            Alerted(lasting(107, 109, "ResponseTimeHigh"), changes={"resources": earlier(starving((100, 103)), 14)}),
            INCONCLUSIVE,
            1,
            "disturbed",
        ),
    ],
)
def test_a_false_alarm(run: Alerted, status: Status, measured: int | None, said: str) -> None:
    """An alert in calm is one; without an objective it is only shown."""
    verdict = run.verdict("calm")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason
    assert verdict.measured == measured
    shown = replace(run, objectives=(TIME,)).verdict("false-alarms")
    assert (shown.status, shown.gates) == (status, False)


@pytest.mark.parametrize(
    ("run", "status", "said"),
    [
        (Alerted([*RAISED, *lasting(133, 160, "ResponseTimeHigh")]), PASS, ""),
        (Alerted(RAISED), INCONCLUSIVE, "business: no fault raised an alert of it"),
        # In calm nothing provoked it.
        (Alerted([*RAISED, *lasting(50, 60, "ResponseTimeHigh")]), INCONCLUSIVE, "application: no fault raised an alert of it"),
        (Alerted(None), INCONCLUSIVE, "received no alerts"),
    ],
)
def test_categories(run: Alerted, status: Status, said: str) -> None:
    """Each that was not provoked is named; that proves nothing against the platform."""
    verdict = run.verdict("kinds")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason


ONE_EACH = tuple(AlertRule(f"A{index}", "low", category, 0) for index, category in enumerate(CATEGORIES))


@pytest.mark.parametrize(
    ("rules", "status", "said"),
    [
        (ONE_EACH, PASS, ""),
        (ONE_EACH[:4], FAIL, "none of security"),
        (RULES, FAIL, "2 rules with a severity and a category; at least 2 are promised; none of infrastructure, business, security"),
        ((*ONE_EACH[:1], *ONE_EACH[:1]), FAIL, "1 rule"),
        (None, INCONCLUSIVE, "not recorded"),
    ],
)
def test_rules_are_counted_once_and_in_every_category(rules: tuple[AlertRule, ...] | None, status: Status, said: str) -> None:
    """The alert that always fires is none of them."""
    verdict = Alerted(RAISED, rules=rules).verdict("count")
    assert (verdict.status, said in verdict.reason) == (status, True), verdict.reason


def test_a_plan_that_asks_for_no_alerts_has_no_verdict_on_any() -> None:
    """And its promises are listed as not run."""
    run = Run(objectives=(TIME, CALM), faults=(KILL,))
    run.steady(200)
    run.life()
    found = run.assess()
    assert not [verdict for verdict in found.verdicts if verdict.measure.startswith(("alert", "false"))]
    assert [(row.id, "asks for alerts" in row.why) for row in found.not_run] == [("C1", True)]


@settings(max_examples=examples(60))
@given(st.lists(st.integers(0, 3), max_size=12), st.randoms(use_true_random=False))
def test_alerts_that_are_told_again_and_in_any_order_of_lines_count_once(again: list[int], random: Any) -> None:
    """A receiver that was killed has some of them twice."""
    notes = [*lasting(20, 30), *lasting(40, 55)]
    copies = [
        *notes,
        *(replace(notes[index], received_ns=notes[index].received_ns + 10**6 * (place + 1)) for place, index in enumerate(again)),
    ]
    random.shuffle(copies)
    once = [(one.name, one.raised_ns // 10**9) for one in incidents(notes)]
    assert [(one.name, one.raised_ns // 10**9) for one in incidents(copies)] == once
    assert all(one.ended_ns is not None for one in incidents(copies))
