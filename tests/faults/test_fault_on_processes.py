"""A region's loss from plan to proof, on a few real processes: in this process, in an experiment of its own, and by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.faults import child, guard, lifecycle
from closeshave.faults.catalogue import KINDS
from closeshave.faults.forkserver import ForkServer
from closeshave.faults.heal import heal_environment, heal_open
from closeshave.faults.kind import Aim, Say
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.files import read_lines
from closeshave.history import TIMELINE, TouchedProcess
from closeshave.plan import Expected, Fault
from tests.faults import toys
from tests.faults.timelines import WHOLE_LIFE, edges, events, marks, not_observed
from tests.tiers import thorough

LOST = replace(KINDS["region.lost"], lead_s=lambda _aim: 0.2)
"""The real kind; it only takes less time to read roles, of which there are none here."""
WHOLE = {"near-0": True, "near-1": True, "far-0": True}
BROKEN = {"near-0": False, "near-1": False, "far-0": True}


Begin = Callable[[Deployment, Path, Fault, int], child.Child]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """Forks for any run: which one, an order says."""
    server = ForkServer.start(tmp_path_factory.mktemp("forking"))
    try:
        server.wait_ready()
        yield server
    finally:
        server.close()


@pytest.fixture(params=[*thorough("interpreter"), "forked"])
def begin(request: pytest.FixtureRequest) -> Begin:
    """Both ways to have an experiment in a process of its own."""
    if request.param == "interpreter":
        return child.start
    server: ForkServer = request.getfixturevalue("server")
    return lambda deployment, run, fault, at_ns: server.fork(child.order(deployment, run, fault, at_ns))


def never() -> bool:
    """Never requests a stop."""
    return False


def fault(hold_s: float) -> Fault:
    """The loss of the near region, as a plan says it."""
    return Fault("west-lost", "region.lost", "storm", 0, hold_s, Expected.RECOVERS, {"region": toys.NEAR})


def test_life_of_a_fault(toy: Deployment, run: Path) -> None:
    """Injected at its instant on exactly its scope, observed independently, healed and proven; every edge on the timeline."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    pids = {part.name: processes.find(Path(toy.root), part) for part in toy.processes}
    strike = after(LOST.lead_s(aim) + 0.2)
    injection = lifecycle.inject(Ledger(run), "f", LOST, aim, strike, 5, never)
    assert injection is not None
    assert injection.dead_ns is not None
    assert injection.dead_ns >= injection.began_ns >= strike
    for name in ("near-0", "near-1"):
        identity = pids[name]
        assert identity is not None
        assert (name, identity.pid) in {(each.name, each.pid) for each in injection.touched if isinstance(each, TouchedProcess)}
    assert toys.alive(toy) == BROKEN
    assert lifecycle.observe(Ledger(run), "f", LOST, aim, never) is not None
    assert heal_open(run, toy, lambda _line: None) == []
    assert toys.alive(toy) == WHOLE
    assert edges(run) == WHOLE_LIFE
    assert events(run)["verified-healed"]["evidence"]["proof"]


def test_that_a_repair_begins_is_on_the_timeline_before_it_is_made(toy: Deployment, run: Path) -> None:
    """Whoever watches sees it at once, although some repairs take six seconds."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    assert lifecycle.inject(Ledger(run), "f", LOST, aim, None, 5, never) is not None
    during: list[tuple[str, str]] = []

    def slow(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        during.extend(marks(run))
        return LOST.undo(aim, deadline_ns, say)  # type: ignore[misc] # region.lost has an undo

    assert heal_open(run, toy, lambda _line: None, kinds={**KINDS, "region.lost": replace(LOST, undo=slow)}) == []
    assert during == [("healing-begun", "f")]
    (mark,) = (line for line in read_lines(run / TIMELINE) if line["type"] == "mark")
    assert mark["at_ns"] == events(run)["healed"]["at_ns"]


def test_a_timeline_that_cannot_be_written_keeps_nobody_from_repairing(toy: Deployment, run: Path) -> None:
    """A full disk, for example: the fault stays open in the ledger, but not in effect."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    assert lifecycle.inject(Ledger(run), "f", LOST, aim, None, 5, never) is not None
    (run / TIMELINE).unlink()
    (run / TIMELINE).mkdir()
    assert heal_open(run, toy, lambda _line: None, kinds={**KINDS, "region.lost": LOST}) != []
    assert toys.alive(toy) == WHOLE


def test_fault_without_effect_is_never_called_observed(toy: Deployment, run: Path) -> None:
    """If the platform is back before the probe runs, the timeline has a mark and no edge *observed*."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    assert lifecycle.inject(Ledger(run), "f", LOST, aim, None, 5, never) is not None
    LOST.undo(aim, after(20), lambda _line: None)  # type: ignore[misc] # region.lost has an undo
    assert lifecycle.observe(Ledger(run), "f", replace(LOST, observed_within_s=0.0), aim, never) is None
    [port] = toy.process("near-0").ports
    assert not_observed(run) == [f"f: not observed within 0 s; the probe last saw: near-0 accepts connections on port {port}"]
    assert "observed" not in edges(run)


def test_unfit_environment_is_not_touched(toy: Deployment, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scope that does not exist is never broken and never planned."""
    monkeypatch.setattr(lifecycle, "FIT_WITHIN_S", 0.0)
    aim = LOST.aim(toy, {"region": "atlantis"}, {})
    with pytest.raises(lifecycle.Unfit, match="atlantis"):
        lifecycle.inject(Ledger(run), "f", LOST, aim, None, 5, never)
    assert Ledger(run).open() == ()
    assert not_observed(run) == ["f"]


def test_stop_before_the_injection_leaves_nothing(toy: Deployment, run: Path) -> None:
    """An operator's stop before the injection: nothing was touched, nothing is open."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    assert lifecycle.inject(Ledger(run), "f", LOST, aim, after(60), 5, lambda: True) is None
    assert toys.alive(toy) == WHOLE
    assert Ledger(run).open() == ()


def test_environment_is_healed_of_an_earlier_run(toy: Deployment, run: Path) -> None:
    """A fault that an earlier run left open is found from the environment, and healed."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    assert lifecycle.inject(Ledger(run), "f", LOST, aim, None, 5, never) is not None
    assert guard.unhealed(Path(toy.root)) == ("f",)
    assert heal_environment(Path(toy.root), lambda _line: None) == []
    assert guard.unhealed(Path(toy.root)) == ()
    assert toys.alive(toy) == WHOLE


def test_an_undo_that_raises_leaves_its_traceback_in_the_logs(toy: Deployment, run: Path) -> None:
    """What is shown and noted is one sentence; where it was raised is in the run. The other faults are healed all the same."""

    def broken(*_: object) -> tuple[str, ...]:
        raise ZeroDivisionError("planted in an undo")

    for name, region in (("east-lost", toys.FAR), ("west-lost", toys.NEAR)):
        aim = LOST.aim(toy, {"region": region}, {})
        lifecycle.inject(Ledger(run), name, LOST, aim, after(0.3), 5, never)
    said: list[str] = []
    undo = LOST.undo
    assert undo is not None
    kind = replace(LOST, undo=lambda aim, *rest: broken() if aim.scope["region"] == toys.FAR else undo(aim, *rest))
    assert heal_open(run, toy, said.append, kinds={**KINDS, LOST.name: kind}) == ["east-lost: ZeroDivisionError: planted in an undo"]
    kept = (run / "logs" / "harness-error.log").read_text()
    assert "healing east-lost (region.lost)" in kept
    assert "in broken" in kept
    assert "ZeroDivisionError: planted in an undo" in kept
    assert not any("Traceback" in line for line in said)
    assert any(str(run / "logs" / "harness-error.log") in line for line in said)
    assert toys.alive(toy) == {"near-0": True, "near-1": True, "far-0": False}
    assert heal_open(run, toy, said.append) == []


def test_heal_resumes_stopped_processes(toy: Deployment, run: Path) -> None:
    """A process that is stopped, not dead, is resumed rather than started twice."""
    aim = LOST.aim(toy, {"region": toys.NEAR}, {})
    before = processes.find(Path(toy.root), toy.process("near-0"))
    assert before is not None
    os.kill(before.pid, signal.SIGSTOP)
    # A signal takes effect when the process gets a processor: on a busy machine that is later.
    assert processes.poll_until(lambda: processes.stopped([before]) == [before], 60)
    assert not all(proof.holds for proof in LOST.prove(aim))  # type: ignore[misc] # region.lost can prove
    LOST.undo(aim, after(20), lambda _line: None)  # type: ignore[misc] # region.lost has an undo
    assert processes.find(Path(toy.root), toy.process("near-0")) == before
    assert processes.poll_until(lambda: all(proof.holds for proof in LOST.prove(aim)), 60)  # type: ignore[misc] # region.lost can prove


def test_experiment_injects_holds_and_heals(toy: Deployment, run: Path, begin: Begin) -> None:
    """The child runs the whole experiment by itself: exit code 0, all edges, heal no earlier than its instant, a journal."""
    wanted = fault(hold_s=1)
    experiment = begin(toy, run, wanted, after(3.5))
    assert experiment.wait(60) == 0, (run / "logs" / "fault-west-lost.log").read_text()
    assert edges(run) == WHOLE_LIFE
    told = events(run)
    assert told["healed"]["at_ns"] >= told["injected"]["at_ns"] + 1_000_000_000
    journal = json.loads((run / "journal-west-lost.json").read_text())
    assert [activity["status"] for activity in (*journal["run"], *journal["rollbacks"])] == ["succeeded"] * 4
    assert toys.alive(toy) == WHOLE


def test_experiment_heals_at_once_when_it_is_stopped(toy: Deployment, run: Path, begin: Begin) -> None:
    """SIGTERM ends the hold, never the heal."""
    experiment = begin(toy, run, fault(hold_s=300), now_ns())
    assert processes.poll_until(lambda: "observed" in edges(run), 60)
    assert toys.alive(toy) == BROKEN
    assert child.stop(experiment, 60) == 0
    assert toys.alive(toy) == WHOLE
    assert edges(run)[-1] == "verified-healed"


def test_experiment_killed_in_mid_fault_is_healed_by_another(toy: Deployment, run: Path, begin: Begin) -> None:
    """After kill -9 of the experiment any process that reads the ledger can heal the fault."""
    experiment = begin(toy, run, fault(hold_s=300), now_ns())
    assert processes.poll_until(lambda: "injected" in edges(run), 60)
    experiment.kill()
    assert experiment.wait(20) == -signal.SIGKILL
    assert [found.fault for found in Ledger(run).open()] == ["west-lost"]
    assert heal_open(run, toy, lambda _line: None) == []
    assert toys.alive(toy) == WHOLE


@pytest.mark.servers
def test_experiment_runs_by_hand(toy: Deployment, tmp_path: Path) -> None:
    """``chaos run`` on a running environment injects the fault, heals it, and keeps its ledger in the environment's root."""
    chaos = Path(sys.executable).with_name("chaos")
    root = Path(__file__).parents[2]
    environ = {
        **os.environ,
        "PYTHONPATH": str(root),
        "CLOSESHAVE_DEPLOYMENT": toy.root,
        "CLOSESHAVE_REGION": toys.NEAR,
        "CLOSESHAVE_HOLD_S": "0.5",
    }
    argv = [str(chaos), "--no-version-check", "run", str(root / "chaos" / "region" / "lost.yaml")]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert edges(Path(toy.root)) == WHOLE_LIFE
    assert toys.alive(toy) == WHOLE
