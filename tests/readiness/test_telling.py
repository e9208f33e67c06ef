"""How a ledger looks, whatever its target and runs say."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from closeshave.readiness import page, telling, writing
from closeshave.readiness.evidence import texts
from closeshave.readiness.values import PromiseOutcome
from closeshave.reference.schemas import schemas
from tests.readiness.ledgers import BAD, LATENCY, QUICK, RECOVERED, TARGET, judged, promising, run, says, verdict
from tests.report.hostile import EVERYTHING, STRINGS

GO = judged(run("a", QUICK, RECOVERED))
NO_GO = judged(run("a", says(LATENCY, verdict(LATENCY, BAD))), run("b", stopped="its operator interrupted it"))


def hostile():
    """A ledger in which every text of others is hostile; one run counts, and one does not."""
    claims = (replace(TARGET.claims[0], text=EVERYTHING, owner=EVERYTHING), *TARGET.claims[1:])
    target = promising(*claims, objectives=TARGET.objectives, title=EVERYTHING)
    made = run("a", says(LATENCY, verdict(LATENCY, BAD, reason=EVERYTHING, id=f"latency/{EVERYTHING}")), build=EVERYTHING, scale=EVERYTHING)
    made = replace(made, path=f"/runs/{EVERYTHING}", report=f"/runs/{EVERYTHING}/report.html", texts=texts(target))
    return judged(made, run("b", trouble=EVERYTHING, plan=EVERYTHING), target=target)


def shown(found, width=200):
    """What a pipe gets."""
    written = io.StringIO()
    telling.show(found, Console(file=written, width=width, markup=False, emoji=False, highlight=False))
    return written.getvalue()


class Page(HTMLParser):
    """The elements of a page, and where its links lead."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.odd = set(), [], []

    def handle_starttag(self, tag, attrs):
        """Collect."""
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        self.odd += [name for name, _ in attrs if name.startswith("on")]


def read(text):
    """The page, parsed."""
    parsed = Page()
    parsed.feed(text)
    return parsed


@pytest.mark.parametrize("found", [GO, NO_GO, hostile(), judged()], ids=["go", "no-go", "hostile", "nothing"])
def test_the_json_fits_its_published_schema(found):
    """And can be encoded, whatever was in it."""
    plain = telling.told(found)
    jsonschema.validate(plain, schemas()["readiness"])
    json.dumps(plain, allow_nan=False).encode()
    json.dumps(plain, ensure_ascii=False).encode("utf-8")


def test_a_figure_that_is_no_number_is_null():
    """JSON has neither NaN nor infinity."""
    odd = judged(run("a", says(LATENCY, verdict(LATENCY, measured=float("nan"), confidence=(0.0, float("inf"))))))
    evidence = telling.told(odd)["rows"][0]["evidence"][0]
    assert (evidence["value"], evidence["confidence"]) == (None, None)
    jsonschema.validate(telling.told(odd), schemas()["readiness"])


def test_a_terminal_shows_every_row_and_the_answer_last():
    """Counts first; what is unsettled with its reason; runs that do not count."""
    text = shown(NO_GO)
    assert "3 promises: 1 refuted, 1 attested, 1 not run" in text
    assert all(one.id in text for one in TARGET.claims)
    assert "✘ P1: latency/all in a: so it is" in text
    assert "/runs/b does not count: it did not run to its end: its operator interrupted it" in text
    assert text.strip().splitlines()[-1] == "✘ No-go: 0 of 2 must-haves verified, 1 refuted (P1); not verified either: P2."
    assert shown(GO).strip().splitlines()[-1] == "✔ Go: 2 of 2 must-haves verified."


def test_hostile_text_does_nothing_on_a_terminal():
    """No control character, no markup."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown(hostile()).replace("\n", ""))
    assert "[bold red]markup" in shown(hostile())


def test_the_page_needs_nothing_and_escapes_everything():
    """No script, no image, no event, no address but those of the runs' pages."""
    text = page.render(hostile(), Path("/out"))
    parsed = read(text)
    assert parsed.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "section", "div", "span", "h1", "h2", "p", "em", "table", "thead", "tbody",
        "tr", "th", "td", "a", "br",
    }  # fmt: skip
    assert parsed.odd == []
    assert all(link.startswith("../runs/") for link in parsed.links)
    assert "default-src 'none'" in text
    text.encode("utf-8")


def test_a_row_links_to_the_place_of_its_verdict():
    """From where the page lies; without a page of the run there is no link."""
    assert read(page.render(GO, Path("/reports/readiness/shop"))).links[0] == "../../../runs/a/report.html#verdict-latency-all"
    assert read(page.render(judged(run("a", QUICK, report="")), Path("/out"))).links == []


def test_markdown_is_one_table_whatever_stands_in_it():
    """As many cells in every row."""
    text = telling.markdown(hostile())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {len(telling.COLUMNS) + 1}
    assert len(rows) == 2 + len(TARGET.claims)
    assert "<script" not in text.replace("\\<", "")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "=cmd|' /C calc'!A0"])
def test_no_cell_of_the_csv_is_a_formula(cell):
    """A spreadsheet would carry it out."""
    claims = (replace(TARGET.claims[0], text=cell), *TARGET.claims[1:])
    text = telling.table(judged(target=promising(*claims, objectives=TARGET.objectives)))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [one for row in rows for one in row if one.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert rows[1][1].startswith(("'", "\N{REPLACEMENT CHARACTER}"))


def test_the_csv_has_a_row_a_promise():
    """Read back by any reader, hostile text and all."""
    rows = list(csv.reader(io.StringIO(telling.table(hostile()), newline="")))
    assert rows[0] == [*telling.COLUMNS]
    assert {len(one) for one in rows} == {len(telling.COLUMNS)}
    assert [one[0] for one in rows[1:]] == [one.id for one in TARGET.claims]
    assert rows[1][3] == "refuted"


def test_every_outcome_has_a_mark():
    """And only what is verified the one of success."""
    assert set(telling.MARKS) == set(PromiseOutcome)
    assert [one for one, mark in telling.MARKS.items() if mark == "✔"] == ["verified"]


def test_every_file_is_written(tmp_path):
    """Into a directory that is made, also where names are hostile."""
    written = writing.write(hostile(), tmp_path / "a" / "b")
    assert sorted(one.name for one in written.parent.iterdir()) == ["readiness.csv", "readiness.html", "readiness.json", "readiness.md"]
    assert json.loads((written.parent / writing.JSON).read_text(encoding="utf-8"))["schema"] == "closeshave.readiness/1"


def test_github_shows_what_is_refuted_and_no_go():
    """At the target."""
    told = list(telling.annotated(NO_GO, "shop.yaml"))
    assert [one.title for one in told] == ["P1: refuted", "readiness: no-go"]
    assert list(telling.annotated(GO, "shop.yaml")) == []
    assert STRINGS[0] in next(telling.annotated(hostile(), "shop.yaml")).text
