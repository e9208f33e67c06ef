"""A region under its autoscaler: real balancers, edges and processes; customers notice nothing, and a killed harness leaves every declared instance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from closeshave.clients import balancer
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.scale import autoscaled
from closeshave.environments.scaling import autoscaler, changing
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from tests.environments import rolled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
KIND = KINDS["scale.out-in"]
SCOPE = {"region": "here"}
QUICK: dict[str, float] = {"time_scale": 0.01}
"""Three seconds above 60 %, nine below 150 ms."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One environment for all of them."""
    with rolled.running(tmp_path_factory.mktemp("scaled")) as deployment:
        yield deployment


@pytest.fixture
def shop(shared: Deployment) -> Iterator[Deployment]:
    """Every drill leaves it as it was."""
    yield shared
    assert whole(shared) == ""


def whole(shop: Deployment) -> str:
    """What is not as declared; empty when all is."""
    try:
        proofs = KIND.safe(KIND.way_back.aim(shop, SCOPE, {}))
    except balancer.Unavailable as error:
        return str(error)
    return "; ".join(str(proof) for proof in proofs if not proof.holds)


def work_of(shop: Deployment, run: Path, limit_s: float, **parameters: float) -> DrillWork:
    """The drill, ready to be carried out."""
    aim = KIND.way_back.aim(shop, SCOPE, {**QUICK, **parameters})
    return DrillWork("scaled", aim, run / "drills" / "scaled", after(limit_s), lambda: False, lambda _member, _path: 0, print)


def carried(shop: Deployment, run: Path, limit_s: float = 100.0, **parameters: float) -> tuple[str, str, dict[str, Any], list[str]]:
    """Carry it out now under customers' requests: how it ended, why, the facts of its steps, and the proofs that do not hold. It must be put back."""
    run.mkdir(exist_ok=True)
    with rolled.customers(shop) as asking:
        assert carry_out(Ledger(run), KIND, work_of(shop, run, limit_s, **parameters), now_ns(), limit_s) == []
    lost = [each.failed + [str(status) for status in each.answered if status != 200] for each in asking]
    assert lost == [[], []], "customers lost requests"
    timeline = [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]
    (end,) = [line for line in timeline if line["type"] == "drill-end"]
    steps = {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}
    broken = [f"{line['what']}: {line['saw']}" for line in timeline if line["type"] == "drill-proof" and not line["holds"]]
    return end["how"], end["why"], steps, broken


def test_a_region_follows_its_load_and_no_request_is_lost(shop: Deployment, tmp_path: Path) -> None:
    """One instance, then two, then one; the trigger and the time to served capacity are told."""
    how, why, steps, broken = carried(shop, tmp_path / "run")
    assert (how, why, broken) == ("carried-out", "", [])
    assert steps["begin with the least"] == {"instances": 1, "requests_cut": 0, "time_scale": 0.01}
    assert steps["scale out"]["triggers"]
    assert steps["scale out"]["served_s_longest"] > 0
    assert (steps["scale in"]["ended"], steps["scale in"]["requests_cut"], steps["scale in"]["unanswered"]) == (1, 0, 0)
    assert "below 30%" in steps["scale in"]["trigger"]


def test_a_region_starts_from_nothing(shop: Deployment, tmp_path: Path) -> None:
    """Its customers are served elsewhere meanwhile; the cold start is timed; and while they ask, the last instance stays."""
    how, why, steps, broken = carried(shop, tmp_path / "run", least=0)
    assert (how, why, broken) == ("carried-out", "", [])
    assert steps["start from nothing"]["cold_start_s"] > 0
    assert "no instance runs" in steps["start from nothing"]["trigger"]
    assert steps["scale in"]["ended"] == 1


def frozen_after(shop: Deployment, run: Path, change: int) -> Callable[[], bool]:
    """Freezes the autoscaler once it has made a change, and says whether it did."""

    def freeze() -> bool:
        made = autoscaler.changes(run / "drills" / "scaled" / autoscaled.LOG)
        if not any(one.change == change for one in made):
            return False
        return bool(processes.send(processes.family(Path(shop.root), autoscaler.process_of(shop, "here"))[:1], signal.SIGSTOP))

    return freeze


def test_an_autoscaler_that_never_scales_in_fails(shop: Deployment, tmp_path: Path) -> None:
    """It is told by what the drill itself measured, and not by what the autoscaler says."""
    run, done = tmp_path / "run", []
    freeze = frozen_after(shop, run, 1)
    freezing = Thread(target=lambda: done.append(poll_until(freeze, 60)))
    freezing.start()
    how, why, _, _ = carried(shop, run)
    freezing.join()
    assert done == [True]
    assert (how, why.startswith("scale in: the autoscaler ended nothing: for ")) == ("failed", True), why
    assert why.endswith("and 2 instances run")


HARNESS = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from closeshave.clock import now_ns
    from closeshave.deployment import load
    from closeshave.faults.ledger import Ledger
    from closeshave.drills.lifecycle import carry_out
    from tests.drills.test_scaling_on_servers import KIND, work_of

    run, shop = Path(sys.argv[1]), load(Path(sys.argv[2]))
    carry_out(Ledger(run), KIND, work_of(shop, run, 100.0, least=int(sys.argv[3])), now_ns(), 100.0)
    """
)


@pytest.mark.parametrize("least", [1, 0])
@pytest.mark.parametrize("step", ["begin with the least", "start from nothing", "scale out", "scale in"])
def test_a_killed_harness_leaves_every_declared_instance(shop: Deployment, tmp_path: Path, step: str, least: int) -> None:
    """At each step: any other process ends the autoscaler and brings the instances back, within a minute."""
    run = tmp_path / "run"
    run.mkdir()
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    before = {"begin with the least": -1, "start from nothing": 0, "scale out": 1, "scale in": 2}[step]

    def within() -> bool:
        """Whether the step is under way: all before it are done, and something has been changed."""
        told = (run / "timeline.jsonl").read_text() if (run / "timeline.jsonl").exists() else ""
        done = told.count('"type":"drill-step"')
        return done > before and (before >= 0 or whole(shop) != "")

    with (
        rolled.customers(shop),
        subprocess.Popen([sys.executable, "-c", HARNESS, str(run), shop.root, str(least)], env=environ, cwd=root) as harness,
    ):
        assert poll_until(lambda: within() or harness.poll() is not None, 90, 0.05)
        assert harness.poll() is None
        harness.kill()
    began_ns = now_ns()
    assert heal_open(run, shop, print, kinds=WAYS_BACK) == []
    assert now_ns() - began_ns < 60e9
    assert Ledger(run).open() == ()
    assert processes.find(Path(shop.root), autoscaler.process_of(shop, "here")) is None


def test_customers_are_led_away_and_back_without_a_failed_request(shop: Deployment) -> None:
    """The edges send them to the next region, and back."""
    with rolled.customers(shop) as asking:
        changing.lead_away(shop, "here")
        assert changing.reached(shop, "here") != ""
        changing.lead_in(shop, "here")
        assert poll_until(lambda: changing.reached(shop, "here") == "", 20)
    assert [each.failed for each in asking] == [[], []]
    assert {status for each in asking for status in each.answered} == {200}
