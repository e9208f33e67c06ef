"""``kill -9`` of the harness and of its helpers at any moment: what was broken is healed in time, without any action of an operator."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from closeshave.clock import now_ns
from closeshave.conclusion import conclude
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults import guard, runmark
from closeshave.faults.ledger import Ledger
from closeshave.files import read_lines
from closeshave.files.shipped import locate
from closeshave.judge.verdict import Status
from tests.trial.conftest import Running, begin, janitor_ended

pytestmark = [pytest.mark.trial, pytest.mark.timeout(300)]

MOMENTS = 30
LONGEST_S = 26.0
"""Some seconds more than such a run takes until its last fault is healed on a quiet machine."""
ISSUED_S, PROVEN_S = 15.0, 60.0
SECOND = 1_000_000_000

PLAN = """
name: short
environment: embedded
target: bookedbarber-smoke
seed: 7
limits: {duration: 2m, requests: 60000}
traffic: {think_time_scale: 0.3}
phases:
  - {name: calm, role: calm, duration: 6s, sessions_per_s: 6}
  - {name: broken, role: fault, duration: 12s, sessions_per_s: 6}
faults:
  - {id: app-killed, kind: service.killed, phase: broken, at: 2s, hold: 5s, expected: tolerates, scope: {region: us-east-1}}
  - {id: replica-lost, kind: shard.replica-lost, phase: broken, at: 3s, hold: 5s, expected: tolerates, scope: {shard: 3}}
  - {id: cache-slow, kind: cache.slow, phase: broken, at: 4s, hold: 5s, expected: degrades, scope: {tier: cache}}
"""
"""Three faults that overlap: dead processes of two kinds, and toxics."""


@pytest.fixture(scope="module")
def environment() -> Iterator[Deployment]:
    """A running environment that no run owns."""
    deployment = embedded.up(read_embedded(locate("environments", "embedded")), say=lambda _line: None)
    try:
        yield deployment
    finally:
        assert embedded.down(Path(deployment.root)) == ()


@pytest.fixture
def attached(tmp_path: Path, environment: Deployment) -> Iterator[Running]:
    """A run on it, and afterwards nothing of that run."""
    running = begin(tmp_path, PLAN, "--attach", environment.root)
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(120)
    if run := running.run():
        assert runmark.sweep(run) == []


def killed(running: Running) -> int:
    """``kill -9`` of the harness; returns the instant."""
    at_ns = now_ns()
    running.process.kill()
    running.process.wait(5)
    return at_ns


def healed_in_time(run: Path, environment: Deployment, at_ns: int) -> None:
    """Every open fault was undone and proven within the promised time; helpers are gone, and the run can be judged."""
    opened = {fault.fault for fault in Ledger(run).open()}
    assert processes.poll_until(lambda: janitor_ended(run), PROVEN_S + 10), (run / "logs" / "janitor.log").read_text()
    assert Ledger(run).open() == ()
    assert guard.unhealed(Path(environment.root)) == ()
    events = [line for line in read_lines(run / "ledger.jsonl") if line["fault"] in opened and line["at_ns"] >= at_ns]
    for line in events:
        after_s = (line["at_ns"] - at_ns) / SECOND
        assert after_s <= {"healed": ISSUED_S, "verified-healed": PROVEN_S}.get(line["edge"], PROVEN_S), line
    assert {line["fault"] for line in events if line["edge"] == "verified-healed"} == opened
    assert runmark.helpers(run) == []
    assert all(part.running for part in embedded.status(Path(environment.root)))
    assert conclude(run).assessment.status is not Status.PASS


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_harness_killed_at_a_random_moment_leaves_nothing_broken(attached: Running, environment: Deployment, moment: int) -> None:
    """Thirty moments from one seed, over the whole run. The next of these tests starts its run on what this one leaves."""
    at_s = random.Random(f"moment {moment}").uniform(0, LONGEST_S)
    ended = processes.poll_until(lambda: attached.process.poll() is not None, at_s)
    at_ns = killed(attached)
    run = attached.run()
    if run is None or not (run / "manifest.json").exists():
        # Killed before the run began: there is nothing to heal and nothing to judge.
        assert guard.unhealed(Path(environment.root)) == ()
    elif not ended:
        healed_in_time(run, environment, at_ns)


@pytest.mark.parametrize("edge", ["planned", "injected", "observed", "healed", "verified-healed"])
def test_a_harness_killed_at_an_edge_of_the_ledger_leaves_nothing_broken(attached: Running, environment: Deployment, edge: str) -> None:
    """Right after a fault has passed it."""
    attached.wait_for(f'"{edge}"')
    run = attached.run()
    healed_in_time(run, environment, killed(attached))


def helper(run: Path, *words: str) -> psutil.Process:
    """The run's helper whose command line holds all of these words."""
    for identity in runmark.helpers(run):
        process = psutil.Process(identity.pid)
        if all(any(word in part for part in process.cmdline()) for word in words):
            return process
    raise LookupError(words)


def test_a_killed_experiment_ends_the_run_and_is_healed(attached: Running, environment: Deployment) -> None:
    """No process holds or heals its fault any more: the trial stops, heals everything and says why."""
    attached.wait_for('"observed"')
    helper(attached.run(), "closeshave.faults.experiment", "app-killed").kill()
    assert attached.process.wait(120) == 5
    assert "the experiment of app-killed was killed" in str(attached.summary()["reasons"])
    assert Ledger(attached.run()).open() == ()
    assert all(part.running for part in embedded.status(Path(environment.root)))


def test_a_killed_load_generator_ends_the_run_and_is_healed(attached: Running, environment: Deployment) -> None:
    """Without customers a fault shows nothing: the trial stops, heals everything and says why."""
    attached.wait_for('"observed"')
    helper(attached.run(), "locust", "canary").kill()
    assert attached.process.wait(120) == 5
    assert "load generator for canary" in str(attached.summary()["reasons"])
    assert Ledger(attached.run()).open() == ()


def test_a_killed_toxiproxy_is_started_again_by_healing(attached: Running, environment: Deployment) -> None:
    """Its toxics died with it; what is proven healed is the declared state: every proxy there, no toxic on any."""
    attached.wait_for('"fault": "cache-slow", "edge": "observed"')
    root = Path(environment.root)
    victim = processes.find(root, environment.process("toxiproxy-us-east-1"))
    assert victim is not None
    os.kill(victim.pid, signal.SIGKILL)
    assert attached.process.wait(180) != 0
    assert Ledger(attached.run()).open() == ()
    assert all(part.running for part in embedded.status(root))
