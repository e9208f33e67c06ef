"""The page, parsed as a browser would."""

import base64
import hashlib
import json
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from closeshave.judge.verdict import ResilienceFigures
from closeshave.report import html
from closeshave.report.curves import curves
from closeshave.report.findings import Findings
from tests.report import hostile, judged, synthetic

HISTORY = synthetic.history(rate_per_s=40)
ATTACHED = {"environment.json": json.dumps({"cpu": hostile.EVERYTHING}), "rerun.sh": hostile.EVERYTHING}
MAKERS = {"pass": judged.passed, "fail": judged.failed, "inconclusive": judged.inconclusive}


class Page(HTMLParser):
    """Every tag with its attributes, the text of scripts, and the visible text."""

    VOID = frozenset({"meta", "br", "img", "input", "link", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.visible = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """A tag that closes itself, as those of SVG do."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Tags must close in order."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Text belongs to the script that is open, or to the reader."""
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.visible += data


@cache
def rendered(variant: str) -> str:
    """The page of one variant of the made-up run."""
    if variant == "hostile":
        found = Findings(hostile.poisoned(HISTORY), synthetic.PLAN, synthetic.TARGET, hostile.assessment(), 1, attachments=ATTACHED)
    else:
        found = Findings(HISTORY, synthetic.PLAN, synthetic.TARGET, MAKERS[variant](), 0)
    return html.render(found, curves(found))


def test_without_a_baseline_nothing_is_compared():
    """Then there is no section about one."""
    assert "baseline" not in {attributes.get("id") for _, attributes in Page(rendered("pass")).tags}


@pytest.mark.parametrize("variant", [*MAKERS, "hostile"])
def test_the_page_is_whole_and_needs_no_network(variant):
    """Every tag closes, and nothing on it points anywhere but into itself."""
    page = Page(rendered(variant))
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert "src" not in attributes


def test_hostile_text_is_shown_and_never_run():
    """Exactly three scripts: the data, in which no tag can close, the chart library, and the page's own."""
    page = Page(rendered("hostile"))
    kinds = [attributes.get("type") for tag, attributes in page.tags if tag == "script"]
    assert kinds == ["application/json", None, None]
    assert json.loads(page.scripts[0])["signals"]
    assert "<" not in page.scripts[0]
    assert "<img src=x onerror=alert(2)>" in page.visible
    assert "{{ 7 * 7 }} {% raw %}" in page.visible


def test_only_the_pages_own_scripts_may_run():
    """The security policy names their hashes, so that even a hole in the escaping would run nothing."""
    page = Page(rendered("pass"))
    policy = next(attributes["content"] for tag, attributes in page.tags if tag == "meta" and "http-equiv" in attributes)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts[1:]]
    assert policy is not None
    assert f"script-src 'sha256-{digests[0]}' 'sha256-{digests[1]}';" in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(("variant", "word"), [("pass", "✔ Pass"), ("fail", "✘ Fail"), ("inconclusive", "? Inconclusive")])
def test_the_first_screen_says_the_verdict_and_what_rehearsed_means(variant, word):
    """In a shape and a word, not in colour alone."""
    first = Page(rendered(variant)).visible.partition("Timeline")[0]
    assert word in first
    assert "rehearsed" in first
    assert "proves nothing about the platform itself" in first


def test_the_sections_come_in_the_order_of_the_design():
    """Timeline, requests, objectives, faults, evidence; and none that is empty."""
    ids = [attributes["id"] for tag, attributes in Page(rendered("pass")).tags if tag == "section" and "id" in attributes]
    assert ids == ["time", "requests", "objectives", "faults", "evidence"]


def test_a_failure_shows_its_witnesses_as_a_table():
    """First and worst, with the slot that was sold twice."""
    visible = Page(rendered("fail")).visible
    assert "Witness 1 of 2" in visible
    assert "2026-11-25 14:00" in visible
    assert "88121" in visible


def links(page: Page) -> list[str]:
    """Where links lead."""
    return [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]


@pytest.mark.parametrize("variant", [*MAKERS, "hostile"])
def test_every_link_leads_to_a_place_that_is_there_once(variant):
    """An ID that a platform chose can neither break a link nor catch another's."""
    page = Page(rendered(variant))
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links(page)} <= set(ids)


def test_every_verdict_has_an_anchor_and_leads_to_its_moment_its_fault_and_its_witnesses():
    """From the first screen to the row, from the row to what it is about."""
    page = Page(rendered("fail"))
    ids = {str(attributes["id"]) for _, attributes in page.tags if "id" in attributes}
    assert len([one for one in ids if one.startswith("verdict-") and not one.endswith("-witnesses")]) == len(judged.verdicts())
    assert "#verdict-response-p95-ap-southeast-1" in links(page)
    assert "#verdict-response-p95-ap-southeast-1-witnesses" in links(page)
    assert links(page).count("#fault-us-west-2-lost") >= 4
    moments = [
        (attributes["data-from"], attributes["data-to"]) for tag, attributes in page.tags if tag == "a" and "data-from" in attributes
    ]
    assert ("180.000", "222.100") in moments
    assert ("41.218", "41.902") in moments


def test_two_objectives_on_one_measure_tell_themselves_apart():
    """By ID, operations and window."""
    slow = replace(judged.verdicts()[1], id="login-p95/all", scope="all")
    target = replace(
        synthetic.TARGET,
        objectives=(
            replace(synthetic.TARGET.objectives[1], except_operations=("login",)),
            replace(synthetic.TARGET.objectives[1], id="login-p95", operations=("login",), window="run", per="all"),
        ),
    )
    assessment = replace(judged.passed(), verdicts=(judged.verdicts()[1], slow))
    found = Findings(HISTORY, synthetic.PLAN, target, assessment, 0)
    visible = Page(html.render(found, curves(found))).visible
    assert "response-p95/us-east-1 · every operation but login · in calm" in visible
    assert "login-p95/all · login · over the whole run" in visible


def test_witnesses_are_folded_below_a_line_that_says_why():
    """What was wrong with the answer, and not only that it is a witness."""
    text = rendered("fail")
    visible = Page(text).visible
    assert "2 witnesses: first of the 171 that were slower than 100 ms: it took 684 ms" in visible
    assert not any(
        attributes.get("open") for tag, attributes in Page(text).tags if tag == "details" and attributes.get("class") == "witnesses"
    )


def test_a_recovery_stands_beside_its_bound_and_the_time_that_it_was_given():
    """All three are of the same thing; what came only after the healing is no recovery by itself."""
    visible = " ".join(Page(rendered("pass")).visible.split())
    assert "3.4 s, allowed 5 min, given 15 s" in visible
    assert "22.9 s, allowed 5 min, given 20 s, not by itself" in visible


def test_the_resilience_score_never_stands_without_its_coverage():
    """Also where something forces it to zero."""
    score = ResilienceFigures(0.0, 1 / 6, ("shard",), ("cache", "region", "service", "dependency", "data"), "integrity/lost is broken")
    found = Findings(HISTORY, synthetic.PLAN, synthetic.TARGET, replace(judged.failed(), resilience=score), 1)
    assert "1 of 6 families tried; integrity/lost is broken" in Page(html.render(found, curves(found))).visible


def test_the_page_of_an_hour_is_small():
    """Below three megabytes, with every choice of region and shard to look at."""
    made = synthetic.history(rate_per_s=30, last_s=3_360, roaming=0.5)
    found = Findings(made, synthetic.PLAN, synthetic.TARGET, judged.failed(), 1)
    drawn = curves(found)
    text = html.render(found, drawn)
    assert drawn.axis.span_s == 3_600
    assert len(json.loads(Page(text).scripts[0])["parts"]["curves"]) == 25
    assert len(text.encode()) < 3_000_000


def test_a_run_without_faults_says_so_in_one_sentence():
    """And has neither a legend nor a chart of recoveries."""
    calm = replace(judged.passed(), faults=(), verdicts=judged.verdicts()[:1])
    found = Findings(replace(HISTORY, faults=()), synthetic.PLAN, synthetic.TARGET, calm, 0)
    visible = Page(html.render(found, curves(found))).visible
    assert "This plan has no faults." in visible
    assert "Detect" not in visible


def test_the_faults_name_every_process_that_was_touched():
    """A lost region lists what it took with it, by ID."""
    visible = Page(rendered("pass")).visible
    assert all(f"app-us-west-2-{number} (process {41400 + number})" in visible for number in range(9))
