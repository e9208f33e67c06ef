"""What commands write by themselves where they run inside GitHub Actions, and nowhere else."""

import json

import pytest

from tests.stored import made


def test_a_command_that_judges_writes_the_summary_and_annotations_of_its_job(tmp_path, command):
    """To standard error, so that standard output stays one JSON document; the file is appended to, never replaced."""
    run, summary = made(tmp_path / "run", "fail"), tmp_path / "summary"
    summary.write_text("# before\n", encoding="utf-8")
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = command("report", run, "--json", environ=there)
    assert done.code == 1
    json.loads(done.stdout)
    assert b"::error file=target.yaml,line=" in done.stderr
    assert b"title=recovery/kill%3A fail::" in done.stderr
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("# before\n")
    assert "Fail" in text
    assert command("judge", run, environ=there).code == 1
    assert summary.read_text(encoding="utf-8").count("## ") >= 2 * text.count("## ")


def test_nothing_is_written_anywhere_else(tmp_path, command):
    """A variable that somebody left behind is not enough."""
    run, summary = made(tmp_path / "run", "fail"), tmp_path / "summary"
    done = command("report", run, environ={"GITHUB_STEP_SUMMARY": str(summary)})
    assert done.code == 1
    assert b"::error" not in done.said
    assert not summary.exists()


def test_a_summary_that_cannot_be_written_changes_no_exit_code(tmp_path, command):
    """It is said."""
    run = made(tmp_path / "run")
    done = command("report", run, environ={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "no/such/file")})
    assert done.code == 0
    assert b"the job summary could not be written" in done.stderr


@pytest.mark.thorough
def test_every_run_has_figures_for_bencher(tmp_path, command):
    """Beside JUnit."""
    run = made(tmp_path / "run")
    assert command("report", run).code == 0
    assert "p/availability/all" in json.loads((run / "bencher.json").read_text(encoding="utf-8"))
