"""What is no booking application, without accounts: files over HTTP, with a Locust file of one's own, and the loss of an instance."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from closeshave.control import processes
from closeshave.environments import registry
from tests.trial.brought import MEASURED, carry_out, copied
from tests.trial.conftest import started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]

READERS = """
from locust import FastHttpUser, between, task


class Reader(FastHttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def read(self):
        self.client.get("/", name="read")
"""
SERVES = {
    "directory": "..",
    "command": ["{python}", "-m", "http.server", "{port}", "--bind", "{host}"],
    "readiness": {"path": "/"},
    "probe": "/",
    "accounts": {"none": True},
    "read_back": {"api": "none"},
}
PROMISES = """\
name: files
title: What files promise
claims:
  - {id: A, text: Are there, how: [load]}
  - {id: R, text: Are there again, how: [fault]}
objectives:
  - {id: availability, claims: [A], measure: availability, at_least: 50%}
  - {id: recovery, claims: [R], measure: recovery, at_most: 20s, faults: ["service.*"]}
"""
PLAN = {
    "name": "files",
    "environment": "files-here.yaml",
    "target": "files-promises.yaml",
    "seed": 1,
    "limits": {"duration": "3m", "requests": 20000},
    "traffic": {"requests_per_session": 3, "contests_per_s": 0, "locust": {"file": "readers.py", "canary": "Reader.read"}},
    "canaries": {"home_per_s": 5, "away_per_s": 0},
    "phases": [
        {"name": "warm-up", "role": "warm-up", "duration": "4s", "sessions_per_s": 4},
        {"name": "calm", "role": "calm", "duration": "15s", "sessions_per_s": 4},
        {"name": "instance", "role": "fault", "duration": "40s", "sessions_per_s": 4},
    ],
    "faults": [
        {
            "id": "killed", "kind": "service.killed", "phase": "instance", "at": "3s", "hold": "10s", "expected": "tolerates",
            "scope": {"region": "main"},
        }
    ],
}  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path):
    """The files of the trial; after the test nothing is left of it, whatever happened."""
    assert started_by_this_test() == [], "something else is running; this test could not tell it from its own"
    before = set(registry.running())
    made = copied(tmp_path)
    environment = YAML(typ="safe").load(made / "environment.yaml")
    for name, document in (("files-here.yaml", {**environment, "name": "files", "application": SERVES}), ("files.yaml", PLAN)):
        with (made / name).open("w") as file:
            YAML(typ="safe").dump(document, file)
    (made / "readers.py").write_text(READERS)
    (made / "files-promises.yaml").write_text(PROMISES)
    yield made
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
    assert set(registry.running()) == before


def test_it_is_judged_without_accounts_and_bookings(directory: Path, tmp_path: Path) -> None:
    """Nobody registers or logs in. On a busy machine there may be no answer, but never a wrong one."""
    ended = carry_out(directory, tmp_path / "runs", "files.yaml")
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert ended.summary["evidence"] == MEASURED
    assert "registered" not in ended.said
    assert "logg" not in ended.said
    assert ended.status("observed/killed") == ended.status("healed/killed") == "pass", ended.said
    assert next(one["measured"] for one in ended.summary["verdicts"] if one["id"] == "availability/all") is not None
    assert [row["id"] for row in ended.summary["not_asked"]] == ["integrity"]
