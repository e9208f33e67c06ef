"""Files, and the settings of real parts, are lost and restored while customers are served; and put back after a kill in any step."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import sentinel
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.restore import trees
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults import proofs
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from tests.drills.visitors import visiting

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
FILES, SETTINGS = KINDS["restore.files"], KINDS["restore.configuration"]
LIMIT_S = 30.0
FORKED = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The shipped environment with TLS, without backup servers."""
    read = read_embedded(locate("environments", "embedded-tls"))
    deployment = embedded.up(replace(read, links=(), shards=tuple(replace(shard, backup="") for shard in read.shards)), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture(autouse=True)
def whole(platform: Deployment) -> Iterator[None]:
    """Afterwards every part runs, every edge serves, every group of stores agrees, and nothing of a drill is left."""
    yield
    checks = [
        proofs.applications(platform),
        proofs.edges(platform),
        *(proofs.group(platform, store, at_home=True) for store in groups(platform)),
    ]
    assert until(lambda: all(proof.holds for proof in proofs.together(checks)), after(20), 0.5), proofs.together(checks)
    assert all(processes.find(Path(platform.root), process) for process in platform.processes)
    for kind in (FILES, SETTINGS):
        assert all(proof.holds for proof in kind.safe(kind.way_back.aim(platform, {}, {})))


def groups(platform: Deployment) -> set[str]:
    """The groups of stores that sentinels watch."""
    return {store.group for store in platform.stores}


def carried(platform: Deployment, run: Path, kind: DrillKind) -> list[dict[str, Any]]:
    """Carry it out now; the timeline. It must be put back."""
    run.mkdir()
    aim = kind.way_back.aim(platform, {}, {"interval": 1})
    work = DrillWork("back", aim, run / "drills" / "back", after(LIMIT_S), lambda: False, lambda _member, _path: 0, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    assert Ledger(run).open() == ()
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", [FILES, SETTINGS], ids=lambda kind: kind.name)
def test_all_of_it_comes_back_and_customers_notice_nothing(platform: Deployment, tmp_path: Path, kind: DrillKind) -> None:
    """The loss is what was written since the last copy; private keys stay private, also in the copies, and none is in the run."""
    with visiting(platform) as customers:
        timeline = carried(platform, tmp_path / "run", kind)
    (ended,) = [line for line in timeline if line["type"] == "drill-end"]
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    told = {line["what"]: line["saw"] for line in timeline if line["type"] == "drill-proof" and not line["holds"]}
    assert told == {}
    assert customers.failed == []
    steps = {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}
    assert 0 < steps[trees.COMPARE]["lost"] < steps[trees.COMPARE]["acknowledged"]
    assert 0 < steps[trees.COMPARE]["loss_s"] < 3
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_settings_that_a_part_refuses_fail_the_proof(platform: Deployment, tmp_path: Path) -> None:
    """HAProxy itself reads what came back."""

    def spoil(work: DrillWork) -> Facts:
        settings = Path(work.aim.deployment.root, "config", "edges.cfg")
        settings.write_text(f"{settings.read_text()}nonsense\n")
        # As a copy would have it. What is newer than the loss, a part has written, and that is kept.
        os.utime(settings, (1, 1))
        return {}

    kind = replace(SETTINGS, steps=(*SETTINGS.steps, DrillStep("spoil", spoil)), proven_within_s=1.0)
    broken = [line for line in carried(platform, tmp_path / "run", kind) if line["type"] == "drill-proof" and not line["holds"]]
    assert any("edges: " in line["saw"] and "nonsense" in line["saw"] for line in broken), broken


def test_a_part_that_is_started_again_from_restored_settings_serves(platform: Deployment, tmp_path: Path) -> None:
    """Customers fail only while it is away."""

    def restart(work: DrillWork) -> Facts:
        root, edges = Path(work.aim.deployment.root), work.aim.deployment.process("edges")
        before = processes.find(root, edges)
        assert before is not None
        processes.send([before], signal.SIGKILL)
        processes.gone([before], 5)
        processes.start(root, work.aim.deployment.id, edges)
        assert until(lambda: proofs.edges(work.aim.deployment)().holds, after(10), 0.2)
        return {}

    kind = replace(SETTINGS, steps=(*SETTINGS.steps, DrillStep("restart", restart)))
    timeline = carried(platform, tmp_path / "run", kind)
    (ended,) = [line for line in timeline if line["type"] == "drill-end"]
    assert (ended["how"], ended["why"]) == ("carried-out", "")


def test_what_sentinels_write_meanwhile_is_kept(platform: Deployment, tmp_path: Path) -> None:
    """Their settings hold who leads: a sentinel that is started again from older ones would not know of a failover."""
    rewritten: dict[str, int] = {}

    def rewrite(work: DrillWork) -> Facts:
        time.sleep(0.05)
        for each in work.aim.deployment.sentinels:
            with sentinel.session(each.port) as asked:
                asked.execute_command("SENTINEL", "FLUSHCONFIG")
        rewritten.update(written(work.aim.deployment))
        return {}

    began_ns = time.time_ns()
    carried(platform, tmp_path / "run", replace(SETTINGS, steps=(*SETTINGS.steps, DrillStep("rewrite", rewrite))))
    assert len(rewritten) == len(platform.sentinels)
    assert min(rewritten.values()) > began_ns
    assert all(at_ns >= rewritten[name] for name, at_ns in written(platform).items())


def written(platform: Deployment) -> dict[str, int]:
    """When the file of each sentinel was written, in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in Path(platform.root, "config").glob("sentinel*")}


def kill(_work: DrillWork) -> Facts:
    """As nothing catches."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@pytest.mark.parametrize("step", range(6))
def test_after_a_kill_in_any_step_whoever_finds_the_ledger_puts_it_back(platform: Deployment, tmp_path: Path, step: int) -> None:
    """Within the time that an attached environment may be left; customers notice nothing."""
    run = tmp_path / "run"
    kind = replace(SETTINGS, steps=(*SETTINGS.steps[:step], DrillStep("kill", kill), *SETTINGS.steps[step:]))
    with visiting(platform) as customers:
        killed = FORKED.Process(target=carried, args=(platform, run, kind))
        killed.start()
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        assert [each.undo.kind for each in Ledger(run).open()] == [SETTINGS.name]
        began = time.monotonic()
        assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
        assert time.monotonic() - began < 60
    assert customers.failed == []
