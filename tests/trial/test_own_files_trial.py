"""Whole trials with files of the user's own: a plain Locust file, and a Chaos Toolkit experiment that breaks and mends a platform."""

import json
from functools import partial
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.remote import plans
from tests.remote.command import call
from tests.trial.shoppers import BROWSING
from truth.plain.running import plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]

SHOPPERS = (
    '''
"""Plain users, as in the documentation of Locust."""

from locust import FastHttpUser, HttpUser, SequentialTaskSet, between, task
'''
    + BROWSING
    + """

class Looker(FastHttpUser):
    wait_time = between(0.1, 0.3)

    @task(3)
    def look(self):
        self.client.get("/api/v2/public/services/", name="services")

    @task
    def ask_health(self):
        self.client.get("/health")
"""
)
TARGET = {
    "name": "shop",
    "title": "What a shop promises",
    "claims": [
        {"id": name, "text": text, "how": ["load"]}
        for name, text in (("A", "answers"), ("L", "is quick"), ("R", "recovers"), ("I", "is right"))
    ],
    "objectives": [
        {"id": "availability", "claims": ["A"], "measure": "availability", "at_least": "90%"},
        {"id": "services", "claims": ["A"], "measure": "availability", "at_least": "90%", "operations": ["GET services"]},
        {"id": "latency", "claims": ["L"], "measure": "latency", "percentile": "90%", "at_most": "1s"},
        {"id": "recovery", "claims": ["R"], "measure": "recovery", "at_most": "12s", "faults": ["shard.*"]},
        {"id": "loss", "claims": [], "measure": "loss", "at_most": "10s", "faults": ["shard.*"]},
        {"id": "integrity", "claims": ["I"], "measure": "integrity"},
    ],
}


def yaml(path: Path, document) -> Path:
    """Written as YAML."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        writer = YAML(typ="safe")
        # Chaos Toolkit reads YAML 1.1, to which a question mark in a flow mapping is a key.
        writer.default_flow_style = False
        writer.dump(document, file)
    return path


def http(name: str, url: str, method: str = "POST"):
    """A probe or an action that sends one request."""
    return {"name": name, "provider": {"type": "http", "url": url, "method": method, "timeout": 3}}


def experiment(platform, lasts_s: int):
    """Breaks the database for some seconds, by its operator's control port; sees what a customer sees."""
    return {
        "title": "The database ends",
        "description": "And comes back.",
        "steady-state-hypothesis": {
            "title": "The platform answers",
            "probes": [{"type": "probe", "tolerance": 200, **http("answers", f"{platform.url}/api/v2/public/services/", "GET")}],
        },
        "method": [{"type": "action", **http("end it", f"{platform.control}/break/database?for={lasts_s}")}],
        "rollbacks": [{"type": "action", **http("mend it", f"{platform.control}/mend")}],
    }


def files(place: Path, platform, *, lasts_s: int = 5, expected: str = "recovers", **stated):
    """A plan, its target, its environment, an experiment and a Locust file, as a team would keep them in one directory."""
    yaml(place / "experiments" / "database.yaml", experiment(platform, lasts_s))
    (place / "shoppers.py").write_text(SHOPPERS)
    target = yaml(place / "shop-target.yaml", TARGET)
    hook = {"kind": "shard.primary-killed", "scope": {"shard": 1}, "inject": {"experiment": "experiments/database.yaml"}, "lasting": False}
    plans.environment(place, platform, hooks=[hook])
    return plans.plan(
        place,
        "database",
        target=str(target),
        limits={"duration": "2m", "requests": 15000},
        traffic={"requests_per_session": 3, "locust": {"file": "shoppers.py", **stated}},
        faults=[{**plans.FAULTS["database"], "phase": "database-broken", "at": "4s", "hold": "14s", "expected": expected}],
        phases=[
            {"name": "warm-up", "role": "warm-up", "duration": "3s", "sessions_per_s": 4},
            {"name": "calm", "role": "calm", "duration": "15s", "sessions_per_s": 10},
            {"name": "database-broken", "role": "fault", "duration": "22s", "sessions_per_s": 6},
        ],
    )


@pytest.fixture
def closeshave(tmp_path):
    """The command, with a state of its own."""
    return partial(call, tmp_path)


def edges(run: Path, fault: str) -> list[str]:
    """The edges of a fault's life."""
    lines = [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]
    return [line["edge"] for line in lines if line["type"] == "fault" and line["fault"] == fault]


def test_availability_latency_and_recovery_of_an_own_file_are_judged(tmp_path, closeshave):
    """With the fault of an own experiment: its life is whole; integrity and loss are not asked, with the reason; the run's copy can be run again."""
    with plain("--limits", "1000") as platform:
        ended = closeshave("run", files(tmp_path, platform, canary="Looker.look"), "--runs", tmp_path / "runs")
    assert ended.code == 0, ended.said
    verdicts = ended.verdicts()
    assert {
        name: verdicts[name]["status"] for name in ("availability/all", "services/all", "latency/all", "recovery/database")
    } == dict.fromkeys(("availability/all", "services/all", "latency/all", "recovery/database"), "pass")
    assert 4 < verdicts["recovery/database"]["measured"] < 7
    assert edges(ended.run, "database") == ["planned", "injected", "observed", "healed", "verified-healed"]
    assert not [name for name in verdicts if name.startswith(("integrity", "loss", "reconciled/edges"))]
    told = ended.summary()
    assert [row["why"] for row in told["not_run"] if row["id"] == "I"] == [
        "its objective needs a Locust file that says what a booking is (traffic.locust.effects), and the plan has none"
    ]
    assert [row["id"] for row in told["not_asked"]] == ["integrity"]
    assert "coarser" in (ended.run / "report.html").read_text()
    assert verdicts["recorder"]["gates"] is False
    assert (ended.run / "shoppers.py").read_text() == SHOPPERS
    assert (ended.run / "experiments" / "database.yaml").is_file()


def test_a_platform_that_does_not_recover_fails_and_without_a_canary_recovery_is_not_asked(tmp_path, closeshave):
    """The same files: mended only by the rollbacks; once with a canary, once without; in the closed model too."""
    with plain("--limits", "1000") as platform:
        failed = closeshave("run", files(tmp_path, platform, lasts_s=60, canary="Looker.look"), "--runs", tmp_path / "runs")
        assert failed.code == 1, failed.said
        assert failed.verdicts()["recovery/database"]["status"] == "fail"
        assert edges(failed.run, "database")[-1] == "verified-healed"
        other = tmp_path / "closed"
        other.mkdir()
        plan = files(other, platform, model="closed", users=6)
        unasked = call(other, "run", plan, "--runs", other / "runs")
    assert unasked.code == 0, unasked.said
    verdicts = unasked.verdicts()
    assert not [name for name in verdicts if name.startswith(("recovery", "generator/canary"))]
    assert verdicts["healed/database"]["status"] == "pass"
    assert {row["id"] for row in unasked.summary()["not_asked"]} == {"recovery", "integrity"}


def test_what_is_wrong_with_an_own_file_ends_with_code_2_before_anything_starts(tmp_path, closeshave):
    """One sentence with the file and its line, by validate and by run."""
    with plain() as platform:
        plan = files(tmp_path, platform)
    (tmp_path / "shoppers.py").write_text("from locust import HttpUser\nimport no_such_module_5513\n")
    for command in ("validate", "run"):
        ended = closeshave(command, plan, *(("--runs", tmp_path / "runs") if command == "run" else ()))
        assert ended.code == 2, ended.said
        said = f"{tmp_path}/shoppers.py:2: cannot be loaded by Locust: ModuleNotFoundError: No module named 'no_such_module_5513'"
        assert said in ended.said.replace("\n", " ")
    assert not (tmp_path / "runs").exists()
