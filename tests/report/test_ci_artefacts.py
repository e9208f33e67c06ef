"""What CI systems read: JUnit by the schema of Jenkins, and GitLab's code-quality report."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from closeshave.history import PhaseTime
from closeshave.judge.verdict import Status
from closeshave.report import codequality, junit
from closeshave.report.durations import load_s, under_test_s
from closeshave.report.findings import Findings
from closeshave.target import Measure, Objective
from tests import jenkins
from tests.report import hostile, judged, synthetic

HISTORY = synthetic.history(rate_per_s=40)
TARGET = """
objectives:
  - id: availability
    measure: availability
  - id: response-p95
    measure: latency
  - id: response-p95
    measure: latency
"""
PLAN = """
phases: []
faults:
  - {id: shard-primary-killed}
"""


def findings(assessment, exit_code=1, history=HISTORY, **changes):
    """A judged run whose target and plan were read."""
    return Findings(history, synthetic.PLAN, synthetic.TARGET, assessment, exit_code, **changes)


VARIANTS = {
    "pass": findings(judged.passed(), 0),
    "fail": findings(judged.failed()),
    "inconclusive": findings(judged.inconclusive(), 3),
    "hostile": findings(hostile.assessment(), history=hostile.poisoned(HISTORY)),
    "stopped": findings(judged.passed(), 130),
    "shown only": findings(replace(judged.passed(), verdicts=(replace(judged.verdicts()[0], status=Status.FAIL, gates=False),))),
    "without a verdict": findings(replace(judged.inconclusive(), verdicts=()), 3),
    "without a phase": findings(judged.passed(), 4, synthetic.without_phases(HISTORY)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_junit_is_valid_by_the_schema_of_jenkins(variant):
    """Whatever the run was, and whatever its texts hold."""
    jenkins.check(junit.render(VARIANTS[variant]).decode())


def test_the_schema_refuses_what_jenkins_would():
    """Or the test above could not fail."""
    broken = junit.render(VARIANTS["fail"]).decode().replace("<testcase name=", "<testcase nam=", 1)
    with pytest.raises(ValueError, match="nam"):
        jenkins.check(broken)


def test_a_case_takes_as_long_as_its_promise_was_tested():
    """A fault as long as it was in effect, an objective as long as its phases, everything else as long as the load."""
    phases = (
        PhaseTime("w", "warm-up", 0, 10**9),
        PhaseTime("c", "calm", 10**9, 31 * 10**9),
        PhaseTime("f", "fault", 31 * 10**9, 91 * 10**9),
    )
    history = replace(HISTORY, manifest=replace(HISTORY.manifest, phases=phases))
    calm = Objective("availability", (), Measure.AVAILABILITY, at_least=0.99)
    run = replace(calm, id="throughput", window="run")
    found = replace(VARIANTS["fail"], history=history, target=replace(synthetic.TARGET, objectives=(calm, run)))
    told = {verdict.id: under_test_s(verdict, found) for verdict in found.assessment.verdicts}
    assert told["availability/all"] == 30.0
    assert told["throughput/all"] == 90.0
    assert told["recovery/shard-primary-killed"] == pytest.approx(15.0)
    assert told["integrity/lost"] == load_s(history.manifest) == 91.0
    document = ET.fromstring(junit.render(found))
    assert {case.get("name"): float(case.get("time", "")) for case in document.iter("testcase")}.items() >= told.items()
    assert [one.get("time") for one in document.iter("testsuite")] == ["91.0"]


def lines(tmp_path):
    """Where the plan and the target of this test say what."""
    (tmp_path / "target.yaml").write_text(TARGET)
    (tmp_path / "plan.yaml").write_text(PLAN)
    return {
        **codequality.lines(tmp_path / "target.yaml", "objectives", "objective"),
        **codequality.lines(tmp_path / "plan.yaml", "faults", "fault"),
    }


def located(tmp_path, sources, *verdicts):
    """The places of findings on these verdicts."""
    history = replace(HISTORY, manifest=replace(HISTORY.manifest, sources=sources))
    objective = Objective("response-p95", (), Measure.LATENCY, at_most=0.1, percentile=0.95)
    target = replace(synthetic.TARGET, objectives=(objective,))
    found = replace(findings(replace(judged.failed(), verdicts=verdicts), history=history, lines=lines(tmp_path)), target=target)
    return [(one["location"]["path"], one["location"]["lines"]["begin"]) for one in json.loads(codequality.render(found))]


def wrong(id, scope="all", **changes):
    """A verdict that failed."""
    return replace(judged.verdict(id, "latency", scope, 1, 0, "s", status=Status.FAIL, reason="too slow"), **changes)


def test_a_finding_points_to_the_line_that_asks_for_it(tmp_path):
    """The objective in the target, the fault in the plan, else the plan; by the paths that the repository has."""
    sources = {"plan": "plans/nightly.yaml", "target": "targets/shop.yaml"}
    verdicts = (
        wrong("response-p95/us-east-1"),
        wrong("observed/shard-primary-killed", "fault:shard-primary-killed"),
        wrong("response-p950/x"),
        judged.verdict("availability/all", "availability", "all", 1, 1, "ratio"),
    )
    expected = [("targets/shop.yaml", 5), ("plans/nightly.yaml", 4), ("plans/nightly.yaml", 1)]
    assert located(tmp_path, sources, *verdicts) == expected


@pytest.mark.parametrize("path", ["/home/somebody/plans/x.yaml", "../x.yaml"])
def test_a_path_outside_the_repository_is_not_told(tmp_path, path):
    """GitLab takes none, and nobody else needs to know where somebody keeps files. Runs of older versions kept no path."""
    assert located(tmp_path, {"plan": path}, wrong("a")) == [("x.yaml", 1)]
    assert located(tmp_path, {}, wrong("a")) == [("plan.yaml", 1)]


@pytest.mark.parametrize("text", ["objectives: 3", "[]", "objectives: [1, {id: 2}, {}]", "a: [", ""])
def test_a_file_that_says_nothing_costs_only_the_lines(tmp_path, text):
    """The findings are there all the same."""
    (tmp_path / "target.yaml").write_text(text)
    assert codequality.lines(tmp_path / "target.yaml", "objectives", "objective").keys() <= {"objective:2"}
    assert codequality.lines(tmp_path / "missing.yaml", "objectives", "objective") == {}


def test_severities_follow_the_verdicts():
    """A breach of integrity blocks; what could not be judged is no less than major; what is only shown is information."""
    verdicts = (
        wrong("integrity/lost", measure="lost"),
        wrong("response-p95/x"),
        wrong("a", status=Status.INCONCLUSIVE),
        wrong("b", gates=False),
    )
    told = json.loads(codequality.render(findings(replace(judged.failed(), verdicts=verdicts))))
    assert [one["severity"] for one in told] == ["blocker", "critical", "major", "info"]


def test_a_finding_keeps_its_fingerprint_from_run_to_run():
    """By plan, target, verdict and status: whatever the figures are."""

    def fingerprints(*verdicts):
        told = json.loads(codequality.render(findings(replace(judged.failed(), verdicts=verdicts))))
        return [one["fingerprint"] for one in told]

    (first,) = fingerprints(wrong("a"))
    assert fingerprints(wrong("a", measured=7.0, reason="another"), wrong("b"), wrong("a", status=Status.INCONCLUSIVE))[0] == first
    assert len(set(fingerprints(wrong("a"), wrong("b"), wrong("a", status=Status.INCONCLUSIVE)))) == 3


def test_a_run_that_passed_has_no_findings():
    """An empty list, which tells GitLab that earlier findings are gone."""
    assert json.loads(codequality.render(VARIANTS["pass"])) == []
