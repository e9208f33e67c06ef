"""Drills that were carried out several times: how many passed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from closeshave.judge.verdict import Status, Verdict
from proving import drills
from proving.drills import DrillRow, counts


def row(plan: str, drill: str, *statuses: Status) -> DrillRow:
    """A drill with verdicts of these statuses."""
    verdicts = tuple(Verdict(f"drill/{drill}", (), status, "drill", f"drill:{drill}", None, None, "count") for status in statuses)
    figures: Any = SimpleNamespace(id=drill, kind="deploy.canary")
    return DrillRow(plan, figures, verdicts)


def test_each_drill_is_counted_by_its_worst_verdict() -> None:
    """An inconclusive one is no pass; what was carried out once is not counted."""
    found = [row("canaries", "bad", Status.PASS, Status.PASS)] * 3
    found += [row("canaries", "bad", Status.PASS, Status.INCONCLUSIVE), row("canaries", "bad", Status.FAIL, Status.PASS)]
    found += [row("canaries", "good", Status.PASS)] * 2 + [row("deploys", "good", Status.PASS)]
    assert counts(found) == [
        "canaries/bad (deploy.canary): 3 of 5 pass, 1 fail, 1 inconclusive",
        "canaries/good (deploy.canary): 2 of 2 pass",
    ]


def test_a_plan_is_carried_out_at_least_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything starts."""
    with pytest.raises(SystemExit) as refused:
        drills.main(["deploys", "--times", "0"])
    assert refused.value.code == 2
    assert "--times 0" in capsys.readouterr().err
