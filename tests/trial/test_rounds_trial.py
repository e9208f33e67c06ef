"""A trial whose plan has rounds of probes, on real servers: they are asked under load, and disturb no other verdict."""

from __future__ import annotations

import pytest

from closeshave.vocabulary import ROUNDS
from tests.trial.conftest import plan_text

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]
ROUNDS_OF_IT = """
rounds:
  - {id: private, phase: PHASE, at: 1s, probes: ["tenants.*", sessions.good-everywhere, "routing.*"]}
"""


def test_rounds_are_asked_under_load_and_disturb_nothing(trial, tmp_path):
    """Each probe is a verdict that passes; no booking of theirs counts as a phantom, and the edges' counts still agree with the senders'."""
    text = plan_text()
    first = next(line.split("name: ")[1].split(",")[0] for line in text.splitlines() if "role: calm" in line)
    running = trial(text + ROUNDS_OF_IT.replace("PHASE", first))
    code = running.process.wait(300)
    summary = running.summary()
    told = {one["id"]: one for one in summary["verdicts"]}
    asked = {name: one["status"] for name, one in told.items() if name.startswith("probe/private/")}
    assert len(asked) == 9
    assert set(asked.values()) == {"pass"}, {name: told[name]["reason"] for name, status in asked.items() if status != "pass"}
    assert (running.run() / ROUNDS / "private" / "observations.jsonl").stat().st_size > 1000
    assert {name: told[name]["status"] for name in told if "phantom" in name or name.startswith("reconcil")} == dict.fromkeys(
        [name for name in told if "phantom" in name or name.startswith("reconcil")], "pass"
    )
    assert code in {0, 3}, (tmp_path / "output.txt").read_text()
