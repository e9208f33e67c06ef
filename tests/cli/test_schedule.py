"""``closeshave schedule``: its answer, exit codes, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[1] / "recorded"


def test_plans_that_were_never_carried_out_are_due_now(tmp_path: Path, command) -> None:
    """Those of the package that say how often; exit code 3."""
    done = command("schedule", "--json", cwd=tmp_path)
    assert done.code == 3, done.said
    assert {row["plan"]: row["state"] for row in json.loads(done.stdout)["plans"]} == {
        "dr-fortnightly": "never carried out",
        "dr-monthly": "never carried out",
        "dr-quarterly": "never carried out",
        "dr-weekly": "never carried out",
    }


def test_a_run_of_a_plan_counts(tmp_path: Path, command) -> None:
    """A directory of runs is read; a plan of one's own says how often."""
    kept = tmp_path / "runs" / "one"
    kept.mkdir(parents=True)
    recorded = next(path for path in sorted(RECORDED.iterdir()) if (path / "summary.json").exists())
    shutil.copy(recorded / "summary.json", kept)
    told = json.loads((kept / "summary.json").read_text())
    name = told["run"]["plan"]
    shipped = command("list", "plans", "smoke", "--quiet", cwd=tmp_path).stdout.decode().strip()
    mine = tmp_path / "mine.yaml"
    text = Path(shipped).read_text()
    mine.write_text(text.replace("name: smoke\n", f"name: {name}\nevery: 3650d\n"))
    done = command("schedule", "mine.yaml", "--runs", "runs", "--json", cwd=tmp_path)
    assert done.code != 2, done.said
    [row] = json.loads(done.stdout)["plans"]
    assert row["plan"] == name
    seen = row["last"] or row["tried"]
    assert seen["run"] == told["run"]["id"]
    elsewhere = command("schedule", "mine.yaml", "--runs", "runs", "--environment", "elsewhere", "--json", cwd=tmp_path)
    assert json.loads(elsewhere.stdout)["plans"][0]["last"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nightly",), b"every: this plan does not say how often it is to be carried out, such as every: 7d"),
        (("dr-wekly",), b"did you mean dr-weekly?"),
        (("--runs", "nowhere"), b"nowhere is neither a directory of runs nor a file of nights"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(tmp_path: Path, command, arguments: tuple[str, ...], said: bytes) -> None:
    """With what would be right, exit code 2."""
    done = command("schedule", *arguments, cwd=tmp_path)
    assert (done.code, said in done.stderr) == (2, True), done.said
