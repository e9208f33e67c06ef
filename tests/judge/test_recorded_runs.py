"""Real runs, recorded by earlier versions, are read and judged as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closeshave import conclusion

RECORDED = Path(__file__).parents[1] / "recorded"
RUNS = sorted(path.parent for path in RECORDED.glob("*/manifest.json"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_recorded_run_is_judged_as_it_was(run: Path) -> None:
    """Every field of its recorded summary is unchanged; newer fields, and verdicts of newer invariants, may be added."""
    found, kept = conclusion.summary(conclusion.conclude(run)), json.loads((run / "summary.json").read_text(encoding="utf-8"))
    known = {one["id"] for one in (*kept["verdicts"], *kept.get("not_asked", ()))}
    found["verdicts"] = [one for one in found["verdicts"] if one["id"] in known or not one["id"].startswith("integrity/")]
    found["not_asked"] = [one for one in found["not_asked"] if one["id"] in known]
    assert without_news(found, kept) == kept


def without_news(found: object, kept: object) -> object:
    """What was found, without members of objects that the kept one does not have."""
    if isinstance(found, dict) and isinstance(kept, dict):
        return {name: without_news(found[name], kept[name]) for name in found if name in kept}
    if isinstance(found, list) and isinstance(kept, list) and len(found) == len(kept):
        return [without_news(one, other) for one, other in zip(found, kept, strict=True)]
    return found


def test_there_are_runs_of_every_status_that_was_recorded() -> None:
    """Without runs in the directory the test above could not fail."""
    statuses = {json.loads((run / "summary.json").read_text(encoding="utf-8"))["status"] for run in RUNS}
    assert {"pass", "fail", "inconclusive"} <= statuses
    assert len(RUNS) >= 6
