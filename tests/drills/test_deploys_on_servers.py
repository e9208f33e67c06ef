"""Deploys through real balancers and edges: customers notice nothing, the end state is proven by what customers get, and everything is put back."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import OWN_REQUESTS, Deployment
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.deploy import releases, rolling
from closeshave.drills.deploy.releases import PIDS
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.environments.rollout import record
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.history import TIMED
from tests.environments import rolled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
ROLLING, ROLLBACK = KINDS["deploy.rolling"], KINDS["deploy.rollback"]
LIMIT_S = 90.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One environment for all of them."""
    with rolled.running(tmp_path_factory.mktemp("rolled")) as deployment:
        yield deployment


@pytest.fixture
def shop(shared: Deployment) -> Iterator[Deployment]:
    """Every drill leaves it as it was."""
    before = rolled.now(shared).application.release
    assert (before, set(rolled.said(shared).values())) == ("current", {"1"})
    yield shared
    assert record.unfinished(Path(shared.root)) is None
    assert rolled.now(shared).application.release == "current"
    assert set(rolled.said(shared).values()) == {"1"}


def carried(shop: Deployment, run: Path, kind: DrillKind, release: str = "next", limit_s: float = LIMIT_S) -> list[dict[str, Any]]:
    """Carry it out now, under customers' requests; the timeline. It must be put back."""
    run.mkdir()
    aim = kind.way_back.aim(shop, {}, {"release": release})
    work = DrillWork("deploy", aim, run / "drills" / "deploy", after(limit_s), lambda: False, lambda _member, _path: 0, print)
    with rolled.customers(shop) as asking:
        assert carry_out(Ledger(run), kind, work, now_ns(), limit_s) == []
    assert [each.failed for each in asking] == [[], []]
    assert Ledger(run).open() == ()
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def ended(timeline: list[dict[str, Any]]) -> tuple[str, str]:
    """How it ended, and why."""
    (found,) = [line for line in timeline if line["type"] == "drill-end"]
    return found["how"], found["why"]


def test_a_release_is_deployed_proven_by_what_customers_get_and_put_back(shop: Deployment, tmp_path: Path) -> None:
    """Every answer through every edge names the new version; no request is cut off."""
    timeline = carried(shop, tmp_path / "run", ROLLING)
    assert ended(timeline) == ("carried-out", "")
    (step,) = [line for line in timeline if line["type"] == "drill-step"]
    told = {name: step["facts"][name] for name in ("release", "instances", "requests_cut")}
    assert told == {"release": "next", "instances": 4, "requests_cut": 0}
    proofs = {line["what"]: (line["holds"], line["saw"]) for line in timeline if line["type"] == "drill-proof"}
    assert proofs == {
        "every instance has a new process": (True, "all of them"),
        "every instance and worker runs": (True, "all 5 of them"),
        "customers of here get version 2": (True, "6 times 2"),
        "customers of there get version 2": (True, "6 times 2"),
    }


def test_the_requests_of_a_proof_are_noted(shop: Deployment) -> None:
    """The edges count them among the customers' requests."""
    noted = Path(shop.root, OWN_REQUESTS)
    before = len(noted.read_text().splitlines()) if noted.exists() else 0
    releases.serving(Path(shop.root), "current")
    assert len(noted.read_text().splitlines()) - before == 2 * 2 * releases.ASKS


def test_a_rollback_is_timed_from_its_first_instance(shop: Deployment, tmp_path: Path) -> None:
    """The deploy before it is none of its duration."""
    timeline = carried(shop, tmp_path / "run", ROLLBACK)
    assert ended(timeline) == ("carried-out", "")
    steps = {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}
    assert [*steps] == ["roll out", "roll back"]
    assert (steps["roll out"].get(TIMED), steps["roll back"][TIMED]) == (None, True)
    assert {line["what"] for line in timeline if line["type"] == "drill-proof" and line["holds"]} >= {"customers of here get version 1"}


@pytest.mark.parametrize(
    ("release", "how", "why"),
    [
        ("unready", "overdue", "was not ready within 12 s"),
        ("liar", "failed", "answers version 1.9, not 2"),
        ("broken", "failed", "ended while it was starting"),
    ],
)
def test_a_release_that_does_not_serve_fails_the_drill(shop: Deployment, tmp_path: Path, release: str, how: str, why: str) -> None:
    """The rollout went back by itself, and no customer noticed."""
    found, said = ended(carried(shop, tmp_path / "run", ROLLING, release))
    assert found == how
    assert why in said
    assert "all instances run current again" in said


def test_an_environment_that_does_not_serve_before_it_disturbs_the_drill(shop: Deployment, tmp_path: Path) -> None:
    """Between the look whether it can begin and the rollout an instance hangs: nothing was changed, so the drill says nothing about deploys."""
    app = shop.process("app-here-0")
    hung = processes.find(Path(shop.root), app)
    assert hung is not None

    def hang_then_roll(work: DrillWork) -> Facts:
        processes.send([hung], signal.SIGSTOP)
        try:
            return rolling.roll_out(work)
        finally:
            processes.send([hung], signal.SIGCONT)

    run = tmp_path / "run"
    run.mkdir()
    kind = replace(ROLLING, steps=(DrillStep("roll out", hang_then_roll),))
    work = DrillWork(
        "deploy", kind.way_back.aim(shop, {}, {"release": "next"}), run / "drills" / "deploy", 0, lambda: False, lambda _m, _p: 0, print
    )
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    how, why = ended([json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()])
    assert how == "disturbed"
    assert "nothing was changed, because app-here-0 does not answer" in why


def test_a_deploy_that_takes_too_long_is_overdue(shop: Deployment, tmp_path: Path) -> None:
    """It is given up between two instances."""
    how, why = ended(carried(shop, tmp_path / "run", ROLLING, limit_s=0.5))
    assert how == "overdue"
    assert "its limit of time was over" in why


def test_an_instance_of_the_old_version_breaks_the_proof(shop: Deployment, tmp_path: Path) -> None:
    """A rollout that says it is done, and is not: customers still get the old version."""

    def nothing(_work: DrillWork) -> dict[str, str]:
        return {PIDS: before}

    before = releases.instances_now(Path(shop.root))
    lazy = replace(ROLLING, steps=(DrillStep("roll out", nothing),), proven_within_s=1.0)
    timeline = carried(shop, tmp_path / "run", lazy)
    broken = [line["saw"] for line in timeline if line["type"] == "drill-proof" and not line["holds"]]
    assert broken == [before, "6 times 1", "6 times 1"]


def test_a_release_of_the_same_version_is_proven_by_its_processes(shop: Deployment, tmp_path: Path) -> None:
    """Customers cannot tell it from the one before: a rollout that did nothing must not pass."""
    timeline = carried(shop, tmp_path / "run", ROLLING, "tuned")
    assert {line["what"]: line["holds"] for line in timeline if line["type"] == "drill-proof"}["every instance has a new process"]
    assert not releases.replaced(Path(shop.root), releases.instances_now(Path(shop.root))).holds
    assert not releases.replaced(Path(shop.root), None).holds


@pytest.mark.parametrize("kind", ["deploy.rolling", "deploy.rollback"])
def test_a_harness_that_is_killed_between_two_instances_leaves_what_can_be_put_back(shop: Deployment, tmp_path: Path, kind: str) -> None:
    """By the ledger alone, from another process."""
    run = tmp_path / "run"
    run.mkdir()
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from closeshave.clock import now_ns\n"
        "from closeshave.deployment import load\n"
        "from closeshave.drills.catalogue import KINDS\n"
        "from closeshave.drills.kind import DrillWork\n"
        "from closeshave.drills.lifecycle import carry_out\n"
        "from closeshave.faults.ledger import Ledger\n"
        "from closeshave.faults.waiting import after\n"
        "root, run, kind = Path(sys.argv[1]), Path(sys.argv[2]), KINDS[sys.argv[3]]\n"
        "def say(line):\n"
        "    if 'is replaced' in line: os.kill(os.getpid(), signal.SIGKILL)\n"
        "aim = kind.way_back.aim(load(root), {}, {'release': 'next'})\n"
        "work = DrillWork('deploy', aim, run / 'drills' / 'deploy', after(60), lambda: False, lambda _m, _p: 0, say)\n"
        "carry_out(Ledger(run), kind, work, now_ns(), 60)\n"
    )
    killed = subprocess.run([rolled.PYTHON, "-c", script, shop.root, str(run), kind], check=False, timeout=90)
    assert killed.returncode == -signal.SIGKILL
    assert set(rolled.said(shop).values()) == {"1", "2"}
    assert heal_open(run, shop, print, kinds=WAYS_BACK) == []
    assert Ledger(run).open() == ()
