"""A Locust file in the shapes of Locust's documentation, against an application that the harness starts, whose database's primary is killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from closeshave.control import processes
from closeshave.environments import registry
from tests.trial.brought import MEASURED, carry_out, copied
from tests.trial.conftest import started_by_this_test
from tests.trial.shoppers import BROWSING

pytestmark = [pytest.mark.trial, pytest.mark.timeout(900)]

SHOPPERS = (
    '''
"""Tasks, weights, a sequence, on_start, and a client of one's own."""

import http.client
import time
from urllib.parse import urlsplit

from locust import FastHttpUser, HttpUser, SequentialTaskSet, User, between, task
'''
    + BROWSING
    + '''
    def on_start(self):
        self.client.get("/health", name="hello")


class Looker(FastHttpUser):
    wait_time = between(0.1, 0.3)
    weight = 2

    @task(3)
    def look(self):
        self.client.get("/health/database", name="look")

    @task
    def ask_health(self):
        self.client.get("/health")


class Client:
    """A client that Locust knows nothing of, but for its events."""

    def __init__(self, host, event):
        self.at, self.event = urlsplit(host).netloc, event

    def fetch(self, path):
        began, wrong = time.perf_counter(), None
        connection = http.client.HTTPConnection(self.at, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong = RuntimeError(f"answers {answer.status}")
        except OSError as error:
            wrong = error
        finally:
            connection.close()
        self.event.fire(
            request_type="own", name=path, start_time=time.time(), response_length=0, response=None, exception=wrong,
            response_time=(time.perf_counter() - began) * 1000,
        )


class Own(User):
    wait_time = between(0.1, 0.3)

    def __init__(self, environment):
        super().__init__(environment)
        self.client = Client(self.host, environment.events.request)

    @task
    def services(self):
        self.client.fetch("/api/v2/public/services/")
'''
)
SHAPE = '''

from locust import LoadTestShape


class Stages(LoadTestShape):
    """Few users, and then more."""

    stages = [(20, 4), (70, 8)]

    def tick(self):
        for until_s, users in self.stages:
            if self.get_run_time() < until_s:
                return users, 10
        return None
'''
PROMISES = """\
name: shop
title: What a shop promises
claims:
  - {id: A, text: Answers, how: [load]}
  - {id: L, text: Is quick, how: [load]}
  - {id: R, text: Recovers, how: [fault]}
  - {id: I, text: Is right, how: [load]}
objectives:
  - {id: availability, claims: [A], measure: availability, at_least: 90%}
  - {id: looks, claims: [A], measure: availability, at_least: 90%, operations: [GET look]}
  - {id: latency, claims: [L], measure: latency, percentile: 90%, at_most: 5s}
  - {id: recovery, claims: [R], measure: recovery, at_most: 14s, faults: ["shard.*"]}
  - {id: integrity, claims: [I], measure: integrity}
"""
LOCUST = {"file": "shoppers.py", "canary": "Looker.look"}


def plan(directory: Path, text: str, **stated: object) -> str:
    """The name of a plan beside the Locust file of this text."""
    (directory / "shoppers.py").write_text(text)
    (directory / "shop-promises.yaml").write_text(PROMISES)
    document = YAML(typ="safe").load(directory / "smoke.yaml")
    document |= {
        "name": "shoppers",
        "target": "shop-promises.yaml",
        "traffic": {"requests_per_session": 2, "locust": {**LOCUST, **stated}},
        "canaries": {"home_per_s": 5, "away_per_s": 0},
    }
    del document["rate"]  # a file of one's own has no rate that is found
    with (directory / "shoppers.yaml").open("w") as file:
        YAML(typ="safe").dump(document, file)
    return "shoppers.yaml"


@pytest.fixture
def directory(tmp_path):
    """Where the example's environment is; after the test nothing is left of any run, whatever happened."""
    assert started_by_this_test() == [], "something else is running; this test could not tell it from its own"
    before = set(registry.running())
    yield copied(tmp_path)
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
    assert set(registry.running()) == before


@pytest.mark.parametrize(
    ("text", "stated"),
    [(SHOPPERS, {}), (SHOPPERS + SHAPE, {"model": "closed"})],
    ids=["open", "closed with a shape"],
)
def test_availability_latency_and_recovery_are_judged(directory, tmp_path, text, stated):
    """Each with a figure; integrity is not asked. On a busy machine there may be no answer, but never a wrong one."""
    ended = carry_out(directory, tmp_path / "runs", plan(directory, text, **stated))
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert ended.summary["evidence"] == MEASURED
    assert ended.status("observed/primary-killed") == ended.status("healed/primary-killed") == "pass", ended.said
    measured = {one["id"]: one["measured"] for one in ended.summary["verdicts"]}
    for asked in ("availability/all", "looks/all", "latency/all", "recovery/primary-killed"):
        assert measured[asked] is not None, (asked, ended.said)
    assert measured["recovery/primary-killed"] > 0
    assert [row["id"] for row in ended.summary["not_asked"]] == ["integrity"]
