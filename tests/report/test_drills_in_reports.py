"""A run with a drill: the page, the summary of a CI job, JUnit and the summary for programs show what it took and cost, and its verdicts."""

from __future__ import annotations

import json

import pytest

from closeshave.judge import assess
from closeshave.judge.verdict import Status
from closeshave.report import html, junit, markdown, summary
from closeshave.report.curves import curves
from closeshave.report.findings import Findings
from tests.judge.drilled import booked, carried_out, restored


@pytest.fixture(scope="module", params=["pass", "fail"])
def findings(request) -> Findings:
    """A restore that is right, and one that stops a second early."""
    run = booked()
    run = carried_out(run, restored(run, 130.0 if request.param == "pass" else 129.0))
    assessment = assess(run.history, run.plan, run.target)
    status = next(verdict.status for verdict in assessment.verdicts if verdict.id == "drill-rows/restore")
    assert status is (Status.PASS if request.param == "pass" else Status.FAIL)
    return Findings(run.history, run.plan, run.target, assessment, 0 if status is Status.PASS else 1)


def test_the_page_has_a_card_of_it(findings: Findings) -> None:
    """With its split, its cost, its proof, and links to its verdicts."""
    page = html.render(findings, curves(findings))
    card = page.partition('id="drills"')[2].partition("</section>")[0]
    for text in (
        "restore.point-in-time on shard 1: carried out",
        "choose 500 ms, act 3.5 s",
        "0 of 15",
        "put back",
        "it accepts a write: accepted",
    ):
        assert text in card
    assert card.count('href="#verdict-') == 6


def test_the_summary_of_a_job_has_a_row_of_it(findings: Findings) -> None:
    """As it has of a fault."""
    told = markdown.render(findings)
    row = next(line for line in told.partition("### Drills")[2].splitlines() if line.startswith("| restore |"))
    assert "| shard 1 | carried out | 5 s | choose 500 ms, act 3.5 s | 0 of 15 |" in row
    assert row.endswith("| proven |")


def test_programs_read_its_figures_and_verdicts(findings: Findings) -> None:
    """In summary.json, which is read back, and in JUnit."""
    content = summary.render(findings)
    (drill,) = json.loads(content)["drills"]
    assert (drill["kind"], drill["duration_s"], drill["steps"][1]) == ("restore.point-in-time", 5.0, {"name": "act", "duration_s": 3.5})
    assert summary.parse(content, "here").drills == findings.assessment.drills
    assert b"drill-rows/restore" in junit.render(findings)
