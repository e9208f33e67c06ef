"""Deploys through real balancers and edges: customers notice nothing, the end state is proven by what customers get, and everything is put back."""

from __future__ import annotations

import json
import re
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
from closeshave.environments.rollout import record, weights
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.history import TIMED
from tests.environments import rolled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
ROLLING, ROLLBACK, CANARY, BLUE_GREEN = (KINDS[f"deploy.{name}"] for name in ("rolling", "rollback", "canary", "blue-green"))
BAD = ("erring", "sluggish")
QUICK = {"watch": 5.0, "requests": 12}
"""Customers send some 30 requests a second here."""
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


def carried(
    shop: Deployment, run: Path, kind: DrillKind, release: str = "next", /, *, limit_s: float = LIMIT_S, **parameters: float
) -> list[dict[str, Any]]:
    """Carry it out now, under customers' requests; the timeline. It must be put back."""
    run.mkdir()
    aim = kind.way_back.aim(shop, {}, {"release": release, **parameters})
    work = DrillWork(
        "deploy", aim, run / "drills" / "deploy", after(limit_s), lambda: False, lambda _member, _path: 0, print, bounds_s=(0.1,)
    )
    with rolled.customers(shop) as asking:
        assert carry_out(Ledger(run), kind, work, now_ns(), limit_s) == []
    assert [each.failed for each in asking] == [[], []]
    if release not in BAD:
        assert {status for each in asking for status in each.answered} == {200}
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


def steps_of(timeline: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The facts of each step."""
    return {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}


def proofs_of(timeline: list[dict[str, Any]]) -> dict[str, bool]:
    """Whether each condition of the end state holds."""
    return {line["what"]: line["holds"] for line in timeline if line["type"] == "drill-proof"}


def test_a_good_release_gets_its_shares_and_is_rolled_out(shop: Deployment, tmp_path: Path) -> None:
    """10 % by what the answers say of their release, then 50 %, then all; no customer notices."""
    timeline = carried(shop, tmp_path / "run", CANARY, **QUICK)
    assert ended(timeline) == ("carried-out", "")
    steps = steps_of(timeline)
    assert [*steps] == ["begin", "at 10 %", "at 50 %", "to 100 %"]
    for name, share, tolerance in (("at 10 %", 10.0, 6.0), ("at 50 %", 50.0, 12.0)):
        seen = [float(each.rpartition(" ")[2].rstrip("%")) for each in steps[name]["share_seen"].split(", ")]
        assert len(seen) == 2
        assert all(abs(each - share) <= tolerance for each in seen), steps[name]
        assert steps[name]["requests"] >= QUICK["requests"]
        assert steps[name]["evidence"] < steps[name]["stopped_from"] == 200
    proofs = proofs_of(timeline)
    assert all(proofs.values())
    assert {"every instance has a new process", "customers of here get version 2"} <= set(proofs)
    counted = json.loads((tmp_path / "run" / "drills" / "deploy" / "share-10.json").read_text())
    assert {"all endpoints", "GET /", "GET /slow"} <= set(counted["slower than 100 ms"])


@pytest.mark.parametrize(("release", "why"), [("erring", "not answered well"), ("sluggish", "at GET / ")])
def test_a_bad_release_is_stopped_at_10_percent_and_taken_back(shop: Deployment, tmp_path: Path, release: str, why: str) -> None:
    """A fifth of its answers are errors, or one endpoint takes 300 ms more; its readiness is good, and its version is right."""
    timeline = carried(shop, tmp_path / "run", CANARY, release, watch=60.0, requests=12)
    how, said = ended(timeline)
    assert how == "stopped"
    assert f"the release {release} was bad and was stopped at 10%; " in said
    assert why in said
    steps = steps_of(timeline)
    assert [*steps] == ["begin", "at 10 %"]
    facts = steps["at 10 %"]
    assert facts["stopped_at"] == 0.1
    assert f"{facts['hurt']} of the {facts['requests']} requests that it got were hurt" in said
    assert facts["evidence"] >= facts["stopped_from"]
    proofs = proofs_of(timeline)
    assert all(proofs.values())
    assert {"customers of here get version 1", "customers of there get version 1"} <= set(proofs)
    assert set(rolled.said(shop).values()) == {"1"}


def test_customers_are_switched_to_the_new_half_and_notice_nothing(shop: Deployment, tmp_path: Path) -> None:
    """Half of the instances get the release out of traffic, then all requests at once, and then the others follow."""
    timeline = carried(shop, tmp_path / "run", BLUE_GREEN, **QUICK)
    assert ended(timeline) == ("carried-out", "")
    steps = steps_of(timeline)
    assert [*steps] == ["begin", "deploy beside", "watch the old half alone", "switch", "replace the old half"]
    # The old half ends the requests that it has.
    assert all(float(each.rpartition(" ")[2].rstrip("%")) > 95 for each in steps["switch"]["share_seen"].split(", "))
    assert steps["switch"]["switched_s"] < 5
    assert all(proofs_of(timeline).values())


def test_customers_are_switched_back_from_a_bad_release(shop: Deployment, tmp_path: Path) -> None:
    """The old half is still there."""
    timeline = carried(shop, tmp_path / "run", BLUE_GREEN, "erring", watch=12.0, requests=12)
    how, said = ended(timeline)
    assert how == "stopped"
    assert "the release erring was bad and was stopped at 100%; " in said
    assert all(proofs_of(timeline).values())


def test_too_few_requests_try_no_release(shop: Deployment, tmp_path: Path) -> None:
    """It says nothing about the release, and the old one stays."""
    how, why = ended(carried(shop, tmp_path / "run", CANARY, limit_s=25.0, watch=2.0, requests=100_000))
    assert how == "disturbed"
    assert "of the 100,000 requests that it must have been tried with" in why


def test_a_balancer_that_sends_another_share_fails_the_drill(shop: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the release got is counted, not believed."""
    monkeypatch.setattr(weights, "give", lambda *_told: None)
    how, why = ended(carried(shop, tmp_path / "run", CANARY, watch=8.0, requests=40))
    assert how == "failed"
    assert re.search(r"the balancer of here sent the new release \d+.\d% of its requests, not 10%", why)


@pytest.mark.parametrize(
    ("kind", "when"),
    [
        ("deploy.rolling", "is replaced"),
        ("deploy.rollback", "is replaced"),
        ("deploy.canary", "is replaced"),
        ("deploy.canary", "deploy: at 50 %"),
        ("deploy.canary", "deploy: to 100 %"),
        ("deploy.blue-green", "deploy: switch"),
        ("deploy.blue-green", "deploy: replace the old half"),
    ],
)
def test_a_harness_that_is_killed_in_the_middle_leaves_what_can_be_put_back(shop: Deployment, tmp_path: Path, kind: str, when: str) -> None:
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
        "    if sys.argv[4] in line: os.kill(os.getpid(), signal.SIGKILL)\n"
        "given = {'release': 'next', 'watch': 2, 'requests': 2}\n"
        "parameters = {one.name: given[one.name] for one in kind.parameters if one.name in given}\n"
        "aim = kind.way_back.aim(load(root), {}, parameters)\n"
        "work = DrillWork('deploy', aim, run / 'drills' / 'deploy', after(60), lambda: False, lambda _m, _p: 0, say)\n"
        "carry_out(Ledger(run), kind, work, now_ns(), 60)\n"
    )
    with rolled.customers(shop) as asking:
        killed = subprocess.run([rolled.PYTHON, "-c", script, shop.root, str(run), kind, when], check=False, timeout=90)
        assert killed.returncode == -signal.SIGKILL
        assert set(rolled.said(shop).values()) == {"1", "2"}
        assert heal_open(run, shop, print, kinds=WAYS_BACK) == []
    assert [each.failed for each in asking] == [[], []]
    assert Ledger(run).open() == ()
