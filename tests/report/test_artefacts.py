"""Every artefact of a run directory, as the program or the person that reads it would."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from closeshave import report
from closeshave.files.jsonfile import Damaged
from closeshave.history import Rate, save_manifest
from closeshave.judge.verdict import ResilienceFigures, Status
from closeshave.judge.witnesses import OtherWitness
from closeshave.report import charts, html, junit, markdown, summary, terminal
from closeshave.report.curves import curves
from closeshave.report.findings import Findings
from tests.report import hostile, judged, synthetic

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/summary.schema.json").read_text())
HISTORY = synthetic.history(rate_per_s=40)
NEWER = ("plan_digest", "target_digest", "environment_digest", "host")
"""Of a run, since the first version."""
VARIANTS = {
    "pass": (judged.passed, 0),
    "fail": (judged.failed, 1),
    "inconclusive": (judged.inconclusive, 3),
    "hostile": (hostile.assessment, 1),
}


def findings(variant: str = "pass", **changes) -> Findings:
    """A judged run, with changes to its assessment."""
    make, code = VARIANTS[variant]
    history = hostile.poisoned(HISTORY) if variant == "hostile" else HISTORY
    return Findings(history, synthetic.PLAN, synthetic.TARGET, replace(make(), **changes), code)


def cases(document: bytes) -> dict[str, ET.Element]:
    """The test cases of a JUnit document by name."""
    return {case.get("name", ""): case for case in ET.fromstring(document).iter("testcase")}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_summary_keeps_its_published_schema(variant):
    """What other programs read is what docs promises them."""
    jsonschema.validate(json.loads(summary.render(findings(variant))), SCHEMA)


def test_the_summary_has_the_fields_of_version_1():
    """Their names never change."""
    told = json.loads(summary.render(findings()))
    assert list(told) == [
        "schema",
        "status",
        "exit_code",
        "evidence",
        "reasons",
        "run",
        "load",
        "verdicts",
        "faults",
        "drills",
        "alerts",
        "integrity",
        "resilience",
        "not_run",
        "not_asked",
        "rate",
    ]
    assert (told["schema"], told["status"], told["exit_code"], told["evidence"]) == ("closeshave.summary/1", "pass", 0, "rehearsed")
    assert list(told["run"]) == ["id", "plan", "environment", "target", "seed", "started_at", "ended_at", "version", *NEWER]
    assert told["load"]["intended"] == told["load"]["sent"] == told["load"]["recorded"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_summary_is_read_back_as_it_was_written(tmp_path, variant):
    """Verdicts, figures and witnesses; what is absent stays absent."""
    (tmp_path / "summary.json").write_bytes(summary.render(findings(variant)))
    read = summary.load(tmp_path / "summary.json")
    assert (read.status, read.exit_code, read.integrity) == (
        findings(variant).assessment.status,
        findings(variant).exit_code,
        json.loads((tmp_path / "summary.json").read_text())["integrity"],
    )
    assert [one.id for one in read.verdicts] == [one.id for one in findings(variant).assessment.verdicts]
    assert [one.exposure for one in read.verdicts] == [one.exposure for one in findings(variant).assessment.verdicts]
    assert [one.witnesses for one in read.verdicts] == [one.witnesses for one in findings(variant).assessment.verdicts]


def test_a_verdict_says_by_itself_what_was_promised_and_how_it_was_tested(tmp_path):
    """Each carries the digests of the plan and of the target; where the run has not kept a file, nothing is claimed."""
    known = summary.load(_written(tmp_path, replace(findings("fail"), digests={"plan": "p", "target": "t"})))
    assert known.verdicts
    assert {(one.plan_digest, one.target_digest) for one in known.verdicts} == {("p", "t")}
    unknown = json.loads(summary.render(findings("fail")))["verdicts"]
    assert {(one["plan_digest"], one["target_digest"]) for one in unknown} == {(None, None)}


def test_summaries_of_the_first_versions_are_read_too(tmp_path):
    """Fields were added since, and none was taken away."""
    told = json.loads(summary.render(findings()))
    for name in ("resilience", "not_run", "not_asked", "rate"):
        del told[name]
    for name in NEWER:
        del told["run"][name]
    for verdict in told["verdicts"]:
        del verdict["plan_digest"], verdict["target_digest"]
    (tmp_path / "summary.json").write_text(json.dumps(told))
    assert summary.load(tmp_path / "summary.json").run.plan_digest is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "closeshave.summary/2"}'])
def test_what_is_no_summary_is_said_with_its_name(tmp_path, text):
    """Whoever compares runs names a file that somebody may have cut short."""
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(Damaged, match="holds no summary"):
        summary.load(tmp_path / "summary.json")


def test_runs_are_compared_only_where_they_are_alike(tmp_path):
    """By plan, target, environment, seed and host; what is not known is not the same."""
    run = summary.load(_written(tmp_path, findings())).run
    known = replace(run, plan_digest="p", target_digest="t", environment_digest="e", host="h")
    one = summary.load(_written(tmp_path, findings()))
    same = replace(one, run=known)
    assert same.unlike(replace(one, run=replace(known, id="another"))) == ()
    assert same.unlike(replace(one, run=replace(known, seed=run.seed + 1, host="another"))) == ("seed", "host")
    assert one.unlike(one) == ("plan", "target", "environment", "host")


def _written(directory, found):
    (directory / "summary.json").write_bytes(summary.render(found))
    return directory / "summary.json"


def test_the_rate_stands_beside_the_planned_one_in_every_artefact(tmp_path):
    """A platform that became more expensive must not hide behind a smaller rate. Runs of older versions have none."""
    rate = Rate("calibration", 0.61, 23.0, 14.03, 135.0, 221.0, 2.0, 0.55, 0.0411, 0.31, 0.0, 0.2)
    plain = findings()
    found = replace(plain, history=replace(plain.history, manifest=replace(plain.history.manifest, rate=rate)))
    told = json.loads(summary.render(found))["rate"]
    assert (told["planned_sessions_per_s"], told["sessions_per_s"], told["cpu_s_per_session"]) == (23.0, 14.03, 0.0411)
    said = "this machine sustains 14 sessions/s of the planned 23 sessions/s"
    assert said in markdown.render(found)
    assert said in html.render(found, curves(found))
    save_manifest(tmp_path, found.history.manifest)
    shown = io.StringIO()
    terminal.render(found.assessment, tmp_path, Console(file=shown, width=400))
    assert said in shown.getvalue()
    assert json.loads(summary.render(plain))["rate"] is None


def test_what_is_absent_is_null_and_never_zero():
    """Also what arithmetic calls not a number, and what a frame calls missing."""
    odd = replace(
        judged.verdicts()[0],
        measured=float("nan"),
        witnesses=(OtherWitness("odd", {"n": np.int64(3), "x": np.float64("inf"), "y": pd.NA}),),
    )
    told = json.loads(summary.render(findings("inconclusive", verdicts=(odd,))))
    assert told["verdicts"][0]["measured"] is None
    assert told["verdicts"][0]["witnesses"] == [{"n": 3, "x": None, "y": None, "why": "odd"}]
    assert told["faults"][1]["recovery_s"] is None
    assert told["load"]["edge_count"] is None


def test_a_verdict_is_a_test_case_and_a_failure_shows_its_witnesses():
    """The list of tests in a CI system tells why without opening the report."""
    found = cases(junit.render(findings("fail")))
    assert set(found) == {"run", *(one.id for one in judged.verdicts())}
    failure = found["integrity/double_booked"].find("failure")
    assert failure is not None
    assert "sold twice" in failure.get("message", "")
    assert "88121" in (failure.text or "")


def test_inconclusive_is_an_error_and_never_looks_green():
    """A skipped test is harmless in most CI systems; this is not."""
    found = cases(junit.render(findings("inconclusive")))
    error = found["recovery/cache-tier-lost"].find("error")
    assert error is not None
    assert error.get("type") == "inconclusive"


@pytest.mark.parametrize(
    ("exit_code", "status", "red"),
    [(0, Status.PASS, False), (3, Status.INCONCLUSIVE, True), (130, Status.PASS, True), (4, Status.PASS, True)],
)
def test_what_no_verdict_shows_turns_the_whole_run_red(exit_code, status, red):
    """An interrupted run whose verdicts all passed must not be a green list."""
    judged_run = replace(findings(status=status, reasons=("counts differ",)), exit_code=exit_code)
    assert (cases(junit.render(judged_run))["run"].find("error") is not None) is red


def test_without_a_single_verdict_the_document_is_red():
    """Nothing judged is not nothing wrong."""
    assert cases(junit.render(findings(verdicts=(), status=Status.INCONCLUSIVE)))["run"].find("error") is not None


def test_what_does_not_gate_is_skipped_with_what_it_says():
    """It is shown, and turns nothing red."""
    shown = replace(judged.verdicts()[0], gates=False, status=Status.FAIL, reason="only a figure")
    skipped = cases(junit.render(findings(verdicts=(shown, judged.verdicts()[1]))))[shown.id].find("skipped")
    assert skipped is not None
    assert "only a figure" in skipped.get("message", "")


def test_the_markdown_summary_fits_a_ci_job():
    """The sentence, at most ten rows, a row a fault."""
    text = markdown.render(findings("fail"))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert text.startswith("## ✘ Fail, rehearsed: nightly")
    assert len(rows) <= 1 + 10 + 1 + len(judged.FAULTS)
    assert len(text) < 8_000


def test_hostile_text_stays_inside_its_cell_in_markdown():
    """No row breaks, no HTML, no link, no mention."""
    text = markdown.render(findings("hostile"))
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {9, 12}
    for forbidden in ("<script", "<img", "<svg", " @everyone", "](javascript"):
        assert forbidden not in text.replace("\\<", "").replace("\\]", "").replace("\\@", "")


def test_hostile_text_keeps_junit_well_formed():
    """XML knows no null byte and no lone surrogate."""
    assert len(cases(junit.render(findings("hostile")))) == len(judged.verdicts()) + 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_terminal_says_the_verdict_last(variant, tmp_path):
    """In words, under a table; and what a history holds is neither obeyed nor taken for markup."""
    save_manifest(tmp_path, HISTORY.manifest)
    paper = io.StringIO()
    terminal.render(findings(variant).assessment, tmp_path, Console(file=paper, width=140, force_terminal=False))
    told = paper.getvalue()
    assert {"pass": "✔ Pass", "fail": "✘ Fail", "inconclusive": "? Inconclusive", "hostile": "✘ Fail"}[variant] in told
    assert "\x1b" not in told
    if variant == "hostile":
        assert "[bold red]" in told


def test_on_the_terminal_a_recovery_stands_beside_the_time_given_and_the_score_beside_its_coverage(tmp_path):
    """Where the plan counts the healing as part of the recovery there is no such time; where an edge is missing it is unknown."""
    score = ResilienceFigures(0.14, 1 / 7, ("shard",), ("cache", "region", "service", "dependency", "data", "queue"), "")
    killed = judged.FAULTS[0]
    faults = (
        replace(killed, recovery_s=3.4, healed_at_s=110.0),
        replace(killed, id="switched", expected="restored"),
        replace(killed, id="unhealed", healed_at_s=None),
    )
    save_manifest(tmp_path, HISTORY.manifest)
    paper = io.StringIO()
    terminal.render(findings(faults=faults, resilience=score).assessment, tmp_path, Console(file=paper, width=200, force_terminal=False))
    lines = [" ".join(line.split()) for line in paper.getvalue().splitlines()]
    assert "fault recovery time given detect · fail over · restore loss window healed" in lines
    assert "shard-primary-killed 3.4 s 15 s 1.1 s · 900 ms · 1.4 s 0 s proven" in lines
    assert "switched 3.4 s — 1.1 s · 900 ms · 1.4 s 0 s proven" in lines
    assert "unhealed 3.4 s unknown 1.1 s · 900 ms · 1.4 s 0 s proven" in lines
    assert "resilience score: 14 %, 1 of 7 families tried" in lines


def test_a_fault_that_was_never_injected_is_told_as_that_everywhere(tmp_path):
    """It touched nothing: neither *not proven* nor *unknown* would be true."""
    never = replace(
        judged.FAULTS[1], injected_at_s=None, observed_at_s=None, healed_at_s=None, healed_verified=False, begun=False, recovery_s=None
    )
    found = findings(faults=(judged.FAULTS[0], never))
    save_manifest(tmp_path, HISTORY.manifest)
    paper = io.StringIO()
    terminal.render(found.assessment, tmp_path, Console(file=paper, width=200, force_terminal=False))
    told = {"terminal": paper.getvalue(), "markdown": markdown.render(found), "page": html.render(found, curves(found))}
    row = next(line for line in told["markdown"].splitlines() if line.startswith("| cache-tier-lost"))
    assert "| never |" in row
    assert "not injected, nothing to heal" in told["page"]
    assert "1 of 1 fault proven healed, 1 not injected" in told["page"]
    card = told["page"].partition('id="fault-cache-tier-lost"')[2].partition("</dl>")[0]
    assert "<dt>Injected</dt><dd>never</dd>" in card
    assert card.count("<dt>") == 1
    for text in told.values():
        assert "not injected" in text
        assert "not proven" not in text


def test_the_terminal_says_why_a_run_ended_early(tmp_path):
    """Before the sentence of verdict, which tells of the platform."""
    reason = "stopped by the operator (closeshave stop) [/b]"
    save_manifest(tmp_path, replace(HISTORY.manifest, interrupted=reason))
    paper = io.StringIO()
    terminal.render(findings("inconclusive").assessment, tmp_path, Console(file=paper, width=140, force_terminal=False))
    assert f"stopped early: {reason}" in paper.getvalue()


def test_charts_are_images_of_the_whole_run():
    """One PNG for each chart of the report."""
    drawn = charts.render(found := findings(), curves(found))
    assert set(drawn) == {"timeline.png", "latency.png", "errors.png", "shards.png", "recovery.png", "distribution.png"}
    assert all(image.startswith(b"\x89PNG") and len(image) > 5_000 for image in drawn.values())


def test_everything_lands_in_the_run_directory(tmp_path):
    """The path of the page is the answer."""
    (tmp_path / "rerun.sh").write_text("exec closeshave run nightly")
    page = report.write(tmp_path, HISTORY, synthetic.PLAN, synthetic.TARGET, judged.passed(), 0)
    assert page == tmp_path / "report.html"
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"summary.json", "junit.xml", "gl-code-quality-report.json", "summary.md", "report.html", "charts/timeline.png"} <= written
    assert "exec closeshave run nightly" in page.read_text()


def test_hostile_text_never_stops_a_report(tmp_path):
    """A lone surrogate, which JSON can carry and UTF-8 cannot, must not cost the run its page."""
    found = findings("hostile")
    page = report.write(tmp_path, found.history, found.plan, found.target, found.assessment, 1)
    assert "sold twice" not in page.read_text()
    assert "<script>alert" not in page.read_text()


@pytest.mark.parametrize("variant", ["pass", "inconclusive"])
def test_a_run_that_recorded_nothing_still_has_a_report(variant, tmp_path):
    """Interrupted before the first request, without phases, faults or verdicts."""
    empty = replace(
        synthetic.without_phases(HISTORY), operations=HISTORY.operations.iloc[:0], faults=(), signals=(), bookings=None, captures=None
    )
    bare = replace(findings(variant).assessment, verdicts=(), faults=(), status=Status.INCONCLUSIVE, reasons=("nothing was judged",))
    page = report.write(tmp_path, empty, synthetic.PLAN, synthetic.TARGET, bare, 130)
    assert "Interrupted by its operator. " in page.read_text()
