"""Two runs side by side: what differs in their conditions, and by how much their figures differ beyond chance."""

import json

import numpy as np
import pytest

from closeshave import quantiles
from closeshave.comparison import page, plain, stored
from closeshave.comparison.compare import compare, difference
from closeshave.comparison.values import Direction
from closeshave.files.rundir import NotARun
from closeshave.judge.measures.sampling import share_bounds
from tests.comparison.stored_runs import change, kept, summary


def both(base, other):
    """The comparison of two directories."""
    return compare(stored.load(base), stored.load(other))


def test_a_run_compared_with_itself_does_not_differ(tmp_path):
    """No condition, no status, no figure."""
    run = kept(tmp_path, "one")
    found = both(run, run)
    assert found.comparable
    assert found.differences == found.changed == ()
    assert {each.difference for each in found.verdicts} <= {0.0, None}
    assert {each.direction for each in found.verdicts} <= {Direction.UNDECIDED, Direction.NO_INTERVAL}
    assert "0 verdicts have another status, 0 figures are worse and 0 better" in found.sentence


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"versions": {"postgres": "18.6"}}, "PostgreSQL 18.5 → 18.6"),
        ({"machine": {"kernel": "6.19.1"}}, "kernel 6.18.44 → 6.19.1"),
        ({"machine": {"cpu_available": 4.0}}, "cores 2 → 4"),
        ({"seed": 7}, "seed 20261121 → 7"),
        ({"plan_digest": "e" * 64}, "plan file bbbbbbbbbbbb → eeeeeeeeeeee"),
        ({"version": "0.2.0"}, "Closeshave 0.1.0 → 0.2.0"),
    ],
)
def test_another_condition_is_named_and_the_runs_cannot_be_compared(tmp_path, changed, said):
    """Figures that differ then may differ because of it."""
    found = both(kept(tmp_path, "base"), kept(tmp_path, "other", **changed))
    assert [each.text for each in found.differences] == [said]
    assert not found.comparable
    assert said in found.sentence


def test_what_changes_no_figure_is_shown_and_does_not_prevent_a_comparison(tmp_path):
    """The bounds of a target, a release in the environment file, and a commit of the harness of the same version."""
    found = both(kept(tmp_path, "base"), kept(tmp_path, "other", target_digest="e" * 64, environment_digest="f" * 64))
    assert [each.what for each in found.differences] == ["environment file", "target file"]
    assert found.comparable


def test_a_run_that_did_not_record_its_machine_cannot_be_compared(tmp_path):
    """Neither can one that did not record its plan."""
    base, other = kept(tmp_path, "base"), kept(tmp_path, "other", plan_digest=None)
    (base / "environment.json").unlink()
    found = both(base, other)
    assert found.unknown == ("kernel", "processor", "cores", "plan file")
    assert not found.comparable
    assert "it was not recorded: kernel, processor, cores, plan file" in found.sentence


def test_a_verdict_that_changed_comes_first(tmp_path):
    """With both statuses; one that a run does not have is said to be missing there."""
    base, other = kept(tmp_path, "base"), kept(tmp_path, "other")
    told = summary(other)
    told["verdicts"][-1] |= {"status": "fail", "reason": "broken"}
    gone = told["verdicts"].pop(0)["id"]
    change(other, told)
    found = both(base, other)
    assert {each.id for each in found.verdicts[:2]} == {gone, told["verdicts"][-1]["id"]}
    assert {(each.base_status, each.other_status) for each in found.changed} == {("pass", "none"), ("pass", "fail")}


def test_more_of_an_availability_is_better_and_more_of_a_time_is_worse(tmp_path):
    """By the interval alone: one that includes zero decides nothing."""
    base, other = kept(tmp_path, "base"), kept(tmp_path, "other")
    for run, availability, recovery in ((base, 0.99, 3.0), (other, 0.999, 4.0)):
        told = summary(run)
        for each in told["verdicts"]:
            if each["measure"] == "availability":
                each |= {"measured": availability, "confidence": [availability - 0.001, availability + 0.001], "n": 9999}
            if each["measure"] == "recovery":
                each |= {"measured": recovery, "confidence": [recovery - 0.1, recovery + 0.1], "n": 400}
        change(run, told)
    found = {each.title.partition(",")[0]: each for each in both(base, other).verdicts}
    assert found["Availability"].direction is Direction.BETTER
    assert found["Recovery time"].direction is Direction.WORSE
    assert found["Recovery time"].interval == pytest.approx((1 - 0.02**0.5, 1 + 0.02**0.5))


def test_the_interval_of_a_difference_covers_it_as_often_as_it_says():
    """Of two shares, each with its exact bounds at 95 %: wrong in at most 5 of 100 on either side, but for chance once in a million seeds."""
    random, n = np.random.default_rng(1), 2000
    missed = [0, 0]
    for _ in range(n):
        one, two = int(random.binomial(3000, 0.02)), int(random.binomial(2000, 0.03))
        low, high = difference(one / 3000, share_bounds(one, 3000, 0.95), two / 2000, share_bounds(two, 2000, 0.95))
        missed[0] += low > 0.01
        missed[1] += high < 0.01
    assert max(missed) <= quantiles.binomial(1 - 1e-6, n, 0.05)


def test_a_directory_that_was_not_judged_is_refused(tmp_path):
    """With what would help."""
    with pytest.raises(NotARun, match=r"'closeshave report .*' judges a run and writes it"):
        stored.load(tmp_path)


def test_the_command_shows_both_runs_in_three_ways(tmp_path, command):
    """For a person, in few words, and for programs; the page holds both timelines."""
    base, other = kept(tmp_path, "base", whole=True), kept(tmp_path, "other", whole=True, versions={"postgres": "18.6"})
    shown = command("compare", base, other)
    assert (shown.code, b"PostgreSQL 18.5 \xe2\x86\x92 18.6" in shown.stdout) == (0, True)
    told = json.loads(command("compare", base, other, "--json").stdout)
    assert told["schema"] == plain.SCHEMA
    assert told["comparable"] is False
    assert told["differences"][0]["text"] == "PostgreSQL 18.5 → 18.6"
    written = command("compare", base, other, "--quiet", "--html", tmp_path / "page.html")
    assert written.code == 0
    page_text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page_text.count("data:image/svg+xml;base64,") == 1
    assert "PostgreSQL 18.5 → 18.6" in page_text
    assert written.stdout.decode().splitlines()[-1] == str(tmp_path / "page.html")


def test_a_page_without_the_requests_of_a_run_says_so(tmp_path, command):
    """Verdicts and figures are compared all the same."""
    done = command("compare", kept(tmp_path, "base"), kept(tmp_path, "other"), "--html", tmp_path / "page.html")
    assert done.code == 0
    assert "not stored any more" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_names_of_a_run_are_text_on_the_page(tmp_path):
    """Whatever a directory or a platform is called, it is neither markup nor a script."""
    found = both(kept(tmp_path, "base"), kept(tmp_path, "other", id="<script>alert(1)</script>", version="<b>"))
    text = page.compared(found, None)
    assert "<script>" not in text
    assert "<b>" not in text
    assert "script-src" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"schema": "closeshave.summary/9"}', b"\xff\xfe"])
def test_a_damaged_summary_is_one_sentence(tmp_path, command, content):
    """And no traceback."""
    base, other = kept(tmp_path, "base"), kept(tmp_path, "other")
    (other / "summary.json").write_bytes(content)
    done = command("compare", base, other)
    assert done.code == 4
    assert b"holds no summary" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_report_has_a_section_about_its_baseline(tmp_path, command):
    """Where one is named; without one there is none, see :mod:`tests.report.test_page`."""
    run, base = kept(tmp_path, "run", whole=True), kept(tmp_path, "base", versions={"postgres": "18.4"})
    done = command("report", run, "--against", base)
    assert done.code == 0, done.stderr
    text = (run / "report.html").read_text(encoding="utf-8")
    assert '<section id="baseline"' in text
    assert "PostgreSQL 18.4 → 18.5" in text
    assert "Compared with base" in (run / "summary.md").read_text(encoding="utf-8")
