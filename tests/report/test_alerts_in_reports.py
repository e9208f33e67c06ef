"""A run with alerts: the page and both summaries list which fired, when, how soon after the first harm, and when they ended."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from closeshave.history import AlertsTold
from closeshave.judge.verdict import AlertFigures
from closeshave.plan import AlertsAsked, ExpectedAlert
from closeshave.report import alerts, html, markdown, summary
from closeshave.report.curves import curves
from closeshave.report.findings import Findings
from tests.report import judged, synthetic

HOSTILE = "<script>alert(1)</script>"
RAISED = AlertFigures("BookingsFail", "critical", "business", "shard:1", "shard-primary-killed", True, 99.5, 121.0, 96.0, 3.5)
GOING = AlertFigures("TierLost", "high", "application", "store:cache", "cache-tier-lost", False, 141.0, None, None, 1.0)
CALM = AlertFigures(HOSTILE, "", "", "", None, False, 30.0, 40.0, None, None)
MISSING = AlertFigures("DatabaseDown", "high", "database", "", "shard-primary-killed", True, None, None, 96.0, None)


@pytest.fixture(name="findings")
def _findings() -> Findings:
    """The made-up run with four alerts."""
    verdict = judged.verdict(
        "alert/shard-primary-killed/BookingsFail", "alert", "fault:shard-primary-killed", 3.5, None, "s"
    )  # fmt: skip
    assessment = replace(judged.passed(), alerts=(RAISED, GOING, CALM, MISSING), verdicts=(*judged.verdicts(), verdict))
    history = synthetic.history()
    history = replace(history, manifest=replace(history.manifest, alerts=AlertsTold("heard", 0, 1)), alerts=())
    plan = replace(synthetic.PLAN, alerts=AlertsAsked((ExpectedAlert("shard-primary-killed", "BookingsFail", "critical"),)))
    return Findings(history, plan, synthetic.TARGET, assessment, 0)


def section(findings: Findings) -> str:
    """Of the page."""
    return html.render(findings, curves(findings)).partition('<section id="alerts"')[2].partition("</section>")[0]


def test_the_page_lists_them(findings: Findings) -> None:
    """With links to the fault and to the verdict; text of a monitoring is never markup."""
    told = section(findings)
    for text in (
        "critical, business",
        "shard 1",
        "96.0 s",
        "99.5 s",
        "3.5 s",
        "121.0 s",
        "not raised",
        "not ended",
        "nobody",
        "1 s after the injection",
    ):
        assert text in told, text
    assert 'href="#verdict-' in told
    assert told.count('href="#fault-') == 3
    assert HOSTILE not in told
    assert "&lt;script&gt;" in told


def test_a_plan_that_asks_for_no_alerts_has_no_section(findings: Findings) -> None:
    """And a run without any says why there is none."""
    assert section(replace(findings, plan=replace(findings.plan, alerts=None))) == ""
    without = replace(findings, assessment=replace(findings.assessment, alerts=()))
    assert "No alert was raised" in section(without)
    assert "Nothing of alerts is on record" in section(replace(without, history=replace(without.history, alerts=None)))


def test_of_very_many_the_page_shows_some_and_says_so(findings: Findings) -> None:
    """All of them are in the summary."""
    many = replace(findings, assessment=replace(findings.assessment, alerts=(RAISED,) * (alerts.MOST + 7)))
    assert "7 more are in" in section(many)
    assert section(many).count(">BookingsFail<") == alerts.MOST
    assert len(json.loads(summary.render(many))["alerts"]) == alerts.MOST + 7
    assert "more alerts are in `summary.json`" in markdown.render(many)


def test_the_summary_of_a_job_has_a_row_of_each(findings: Findings) -> None:
    """As it has of a fault."""
    rows = markdown.render(findings).partition("### Alerts")[2].splitlines()
    assert "| BookingsFail | critical, business | shard 1 | shard-primary-killed | 96.0 s | 99.5 s | 3.5 s | 121.0 s |" in rows
    assert "| DatabaseDown | high, database | — | shard-primary-killed | 96.0 s | not raised | — | — |" in rows


def test_programs_read_them_back(findings: Findings) -> None:
    """And a summary of an older version has none."""
    content = summary.render(findings)
    assert summary.parse(content, "here").alerts == findings.assessment.alerts
    older = {name: value for name, value in json.loads(content).items() if name != "alerts"}
    assert summary.parse(json.dumps(older).encode(), "here").alerts == ()
