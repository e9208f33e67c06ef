"""What other dashboards read: GitHub's annotations and summary, the Bencher Metric Format, and CSV for Otava."""

import csv
import io
import json
from dataclasses import replace

import jsonschema
import pytest

from closeshave.comparison import otava
from closeshave.comparison.nights import Night
from closeshave.judge.verdict import Status, Waived
from closeshave.report import bencher, github
from closeshave.report.findings import Findings
from closeshave.report.github import SHOWN_MOST, SUMMARY_BYTES, Annotation, Level
from tests.report import hostile, judged, synthetic

HISTORY = synthetic.history(rate_per_s=40)
BENCHER = {
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {"value": {"type": "number"}, "lower_value": {"type": "number"}, "upper_value": {"type": "number"}},
                    "required": ["value"],
                }
            },
        }
    },
}
"""As Bencher's documentation publishes it."""


def findings(assessment, exit_code=1, history=HISTORY):
    """A judged run."""
    return Findings(history, synthetic.PLAN, synthetic.TARGET, assessment, exit_code)


def test_each_verdict_that_is_not_pass_is_an_annotation():
    """Fail is an error, inconclusive a warning, and what is waived a notice; what is only shown is none."""
    failed = judged.failed()
    first, second, third = (replace(one, gates=True) for one in failed.verdicts[:3])
    verdicts = (
        replace(first, status=Status.FAIL, reason="broken"),
        replace(second, status=Status.INCONCLUSIVE, reason="unclear"),
        replace(third, status=Status.FAIL, gates=False, waived=Waived("Mara", "known", "2026-12-24"), reason="waived"),
        replace(third, id="shown", status=Status.FAIL, gates=False),
    )
    found = github.annotated(findings(replace(failed, verdicts=verdicts)))
    assert [one.level for one in found] == [Level.ERROR, Level.NOTICE, Level.WARNING] or {one.level for one in found} == set(Level)
    assert len(found) == 3
    assert next(one for one in found if one.level is Level.ERROR).title == f"{first.id}: fail"


def test_a_run_that_passed_has_no_annotation():
    """Nothing to look at."""
    assert github.commands(github.annotated(findings(judged.passed(), 0))) == []


@pytest.mark.parametrize("text", ["two\nlines", "100 %", "a\r::error::b", "::warning::x", "x\n::stop-commands::y"])
def test_whatever_a_text_holds_it_stays_one_command(text):
    """A line break would begin another command."""
    (line,) = github.commands([Annotation(Level.ERROR, text, text, "plans/a,b:c.yaml", 3)])
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::error file=plans/a%2Cb%3Ac.yaml,line=3,title=")
    assert line.count("::error") == 1 + ("::error" in text)


def test_hostile_text_of_a_platform_stays_within_its_command():
    """As it comes out of a recorded run."""
    found = github.commands(github.annotated(findings(hostile.assessment(), history=hostile.poisoned(HISTORY))))
    assert found
    assert all("\n" not in line and line.startswith("::") for line in found)


def test_no_more_annotations_than_github_shows():
    """The last one says how many are left out."""
    several = [Annotation(Level.ERROR, str(at), "t", "f", 1) for at in range(25)]
    lines = github.commands([*several, Annotation(Level.WARNING, "w", "t", "f", 1)])
    assert len([line for line in lines if line.startswith("::error")]) == SHOWN_MOST
    assert "16 more in the report" in lines[SHOWN_MOST - 1]
    assert lines[-1].startswith("::warning")


def test_a_summary_that_is_too_long_is_cut_at_a_line():
    """GitHub shows none of a summary above its limit."""
    assert github.summary("short\n") == b"short\n"
    cut = github.summary("a line of text ü\n" * 100_000)
    assert len(cut) <= SUMMARY_BYTES + 100
    assert cut.decode().splitlines()[-1].startswith("The rest is in")


@pytest.mark.parametrize("assessment", [judged.passed(), judged.failed(), judged.inconclusive(), hostile.assessment()])
def test_bencher_reads_every_figure(assessment):
    """By its published schema; times are nanoseconds, and there is neither infinity nor a name that is too long."""
    told = json.loads(bencher.render(findings(assessment)), parse_constant=pytest.fail)
    jsonschema.validate(told, BENCHER)
    assert told["nightly/load/p95"]["latency"]["value"] == pytest.approx((assessment.load.response_ms["p95"] or 0) * 1e6)
    assert all(0 < len(name) <= 1024 for name in told)


def test_otava_reads_a_row_a_night():
    """Names and figures with commas and quotes stay in their cells; what was not measured is empty."""
    nights = [
        Night("run-1", "2026-11-01T02:00:00+00:00", "night,ly", "e", "t", "pass", {"p95": 0.0123456789, 'recovery/a"b': 3.0}),
        Night("run-2", "2026-11-02T02:00:00+00:00", "night,ly", "e", "t", "pass", {"p95": 0.02}),
    ]
    rows = list(csv.reader(io.StringIO(otava.render(nights))))
    assert rows[0] == ["time", "run", "plan", "p95", 'recovery/a"b']
    assert rows[1] == ["2026-11-01T02:00:00+00:00", "run-1", "night,ly", "0.0123456789", "3"]
    assert rows[2][3:] == ["0.02", ""]
