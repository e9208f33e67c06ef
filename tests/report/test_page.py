"""The page, parsed as a browser would."""

import base64
import hashlib
import json
from functools import cache
from html.parser import HTMLParser

import pytest

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
    """Exactly two scripts: the data, in which no tag can close, and the page's own."""
    page = Page(rendered("hostile"))
    kinds = [attributes.get("type") for tag, attributes in page.tags if tag == "script"]
    assert kinds == ["application/json", None]
    assert json.loads(page.scripts[0])["signals"]
    assert "<" not in page.scripts[0]
    assert "<img src=x onerror=alert(2)>" in page.visible
    assert "{{ 7 * 7 }} {% raw %}" in page.visible


def test_only_the_pages_own_script_may_run():
    """The security policy names its hash, so that even a hole in the escaping would run nothing."""
    page = Page(rendered("pass"))
    policy = next(attributes["content"] for tag, attributes in page.tags if tag == "meta" and "http-equiv" in attributes)
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(("variant", "word"), [("pass", "✔ Pass"), ("fail", "✘ Fail"), ("inconclusive", "? Inconclusive")])
def test_the_first_screen_says_the_verdict_and_what_rehearsed_means(variant, word):
    """In a shape and a word, not in colour alone."""
    first = Page(rendered(variant)).visible.partition("Timeline")[0]
    assert word in first
    assert "rehearsed" in first
    assert "proves nothing about the platform itself" in first


def test_the_sections_come_in_the_order_of_the_design():
    """Timeline, objectives, faults, baseline, evidence."""
    ids = [attributes["id"] for tag, attributes in Page(rendered("pass")).tags if tag == "section" and "id" in attributes]
    assert ids == ["time", "objectives", "faults", "baseline", "evidence"]


def test_a_failure_shows_its_witnesses_as_a_table():
    """First and worst, with the slot that was sold twice."""
    visible = Page(rendered("fail")).visible
    assert "Witness 1 of 2" in visible
    assert "2026-11-25 14:00" in visible
    assert "88121" in visible


def test_the_timeline_shows_every_fault_and_signal():
    """Bands, marks and the platform's own words."""
    text = rendered("pass")
    for fault in judged.FAULTS:
        assert f">{fault.id}</text>" in text
    assert "promoted shard 1 at 97.0 s" in text


def test_without_a_baseline_the_page_says_so():
    """A missing comparison is named."""
    assert "No baseline given." in Page(rendered("pass")).visible


def test_the_faults_name_every_process_that_was_touched():
    """A lost region lists what it took with it, by ID."""
    visible = Page(rendered("pass")).visible
    assert all(f"app-us-west-2-{number} (process {41400 + number})" in visible for number in range(9))
