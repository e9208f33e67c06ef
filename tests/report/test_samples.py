"""The sample reports in the repository: of real runs, small, and without a trace of the machine that made them."""

import json
import re
from pathlib import Path

import pytest

from closeshave.judge.verdict import Status
from closeshave.report import markdown, summary

SAMPLES = Path(__file__).parents[2] / "reports/samples"
RUNS = sorted(path.parent for path in SAMPLES.glob("*/summary.json"))
PATHS = re.compile(r"(?<![\w:/])/(?:root|home|tmp|work|var|opt|usr|mnt|srv)/[\w.-]+")


def test_there_is_a_sample_of_a_pass():
    """A directory without samples would make the tests below ones that cannot fail."""
    assert Status.PASS in {summary.load(run / "summary.json").status for run in RUNS}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_sample_is_whole(run):
    """Summary, Markdown, page and pictures, as README.md lists them; its name says its verdict."""
    told = summary.load(run / "summary.json")
    assert run.name == f"{told.run.plan}-{told.status}"
    assert {path.name for path in run.iterdir()} == {"summary.json", "summary.md", "report.html", "charts"}
    assert {path.name for path in (run / "charts").iterdir()} >= {"timeline.png", "recovery.png", "distribution.png"}
    assert run.name in (SAMPLES.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_sample_shows_no_path_of_its_machine_and_is_small(run):
    """Whoever reads it needs neither."""
    assert (run / "report.html").stat().st_size < 1_000_000
    for name in ("summary.json", "summary.md", "report.html"):
        text = (run / name).read_text(encoding="utf-8")
        assert PATHS.findall(text) == []
        assert "hostname" not in text


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_table_of_faults_of_a_sample_is_as_it_is_written_today(run):
    """From the figures of its own summary."""
    table = "\n".join(markdown.faults(summary.load(run / "summary.json").faults))
    assert f"### Faults\n\n{table}\n\n" in (run / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_page_of_a_sample_tells_of_the_same_run(run):
    """All of its files come from one."""
    told = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert told["run"]["id"] in page
    assert told["run"]["id"] in (run / "summary.md").read_text(encoding="utf-8").replace("\\", "")
    assert f'<section class="verdict {told["status"]}"' in page
