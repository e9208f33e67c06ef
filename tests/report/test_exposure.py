"""A count of breaches is never told without how often there could have been one, and what has no verdict is told with the reason."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from rich.console import Console

from closeshave.history import save_manifest
from closeshave.judge.verdict import Assessment, Status
from closeshave.report import html, junit, markdown, summary, terminal, views, words
from closeshave.report.curves import curves
from closeshave.report.findings import Findings
from tests.report import judged, synthetic

HISTORY = synthetic.history(rate_per_s=20)


def told(assessment: Assessment, tmp_path) -> dict[str, str]:
    """Every artefact that a person reads."""
    found = Findings(HISTORY, synthetic.PLAN, synthetic.TARGET, assessment, 0)
    paper = io.StringIO()
    console = Console(file=paper, width=250)
    save_manifest(tmp_path, HISTORY.manifest)
    terminal.render(assessment, tmp_path, console)
    page = html.render(found, curves(found))
    return {
        "page": page[page.index("<section") : page.index("</section>")],
        "terminal": paper.getvalue(),
        "markdown": markdown.render(found).replace("\\", ""),
    }


def test_the_first_screen_tells_exposure_beside_each_count(tmp_path):
    """And how many bookings customers made, what was not asked, and which promises the plan does not test."""
    for where, text in told(judged.passed(), tmp_path).items():
        for wanted in ("0 double booked of 412 contests for a slot", "0 lost of 2,218 acknowledged writes", "640", "bookings by customers", "E17",
                       "stale_pages"):  # fmt: skip
            assert wanted in text, (where, wanted)


def test_no_count_of_zero_stands_alone(tmp_path):
    """Without exposure nobody reads "0 double booked" as a good sign, and without a verdict there is no count at all."""
    bare = replace(judged.passed(), verdicts=tuple(replace(one, exposure=None) for one in judged.verdicts()))
    for text in told(bare, tmp_path).values():
        assert "0 double booked, exposure unknown" in text
    silent = replace(judged.passed(), verdicts=tuple(one for one in judged.verdicts() if one.measure != "double_booked"))
    for text in told(silent, tmp_path).values():
        assert "double booked: not judged" in text
        assert "0 double booked" not in text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status.PASS, "of 412 contests for a slot; a defect in fewer than 0.72 % of them would have been missed"),
        (Status.FAIL, "of 412 contests for a slot"),
        (Status.INCONCLUSIVE, "of 412 contests for a slot"),
    ],
)
def test_a_pass_says_what_it_would_have_missed(status, said):
    """Only a pass: a breach was not missed."""
    verdict = next(one for one in judged.verdicts() if one.measure == "double_booked")
    assert words.exposed(replace(verdict, status=status)) == said


def test_programs_read_it_too():
    """The summary and the list of tests carry exposure, and what has no verdict."""
    found = Findings(HISTORY, synthetic.PLAN, synthetic.TARGET, judged.passed(), 0)
    read = json.loads(summary.render(found))
    exposure = next(one["exposure"] for one in read["verdicts"] if one["measure"] == "double_booked")
    assert exposure == {"chances": 412, "of": "contests for a slot", "missed_share_at_most": pytest.approx(0.00725, rel=1e-2)}
    assert [one["id"] for one in read["not_run"]] == ["E17"]
    assert [one["id"] for one in read["not_asked"]] == ["stale_pages"]
    tree = ET.fromstring(junit.render(found))
    case = next(one for one in tree.iter("testcase") if one.get("name") == "integrity/double_booked")
    assert "of 412 contests" in (case.findtext("system-out") or "")
    assert {"not_run.E17", "not_asked.stale_pages"} <= {one.get("name") for one in tree.iter("property")}


def test_what_was_not_asked_is_text():
    """It comes from files, and is printed by terminals."""
    silence = replace(judged.NOT_ASKED[0], why="\x1b[31m<b>no</b>")
    ((_, ((_, _, why),)),) = views.silences(replace(judged.passed(), not_run=(), not_asked=(silence,)))
    assert "\x1b" not in why
