"""The process that forks for each fault: the state in which an experiment begins, and what happens to it when the server dies or hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.faults import child, forkserver, runmark
from closeshave.faults.forkserver import UNKNOWN_CODE, ForkServer, NoServer
from closeshave.plan import Expected, Fault
from closeshave.trial import loading
from tests.faults import toys
from tests.faults.timelines import edges


@pytest.fixture
def server(run: Path) -> Iterator[ForkServer]:
    """Ready to fork; gone afterwards, with all that it has forked."""
    found = ForkServer.start(run)
    try:
        found.wait_ready()
        yield found
    finally:
        found.close()
        assert runmark.sweep(run) == []


def order(toy: Deployment, run: Path, name: str = "west-lost") -> Path:
    """The loss of the near region for five minutes, to begin at once."""
    return child.order(toy, run, Fault(name, "region.lost", "storm", 0, 300, Expected.RECOVERS, {"region": toys.NEAR}), now_ns())


def test_an_experiment_has_what_an_interpreter_of_its_own_would_have(toy: Deployment, run: Path, server: ForkServer) -> None:
    """Its own session, no input, its fault's log, and the mark by which a dead trial's helpers are found."""
    experiment = server.fork(order(toy, run))
    assert processes.poll_until(lambda: "injected" in edges(run), 30)
    pid = server.pid(experiment.order)
    assert pid is not None
    assert os.getsid(pid) == pid
    log = run / "logs" / "fault-west-lost.log"
    assert [Path(f"/proc/{pid}/fd/{number}").readlink() for number in range(3)] == [Path(os.devnull), log, log]
    assert pid in [helper.pid for helper in runmark.helpers(run)]
    assert child.stop(experiment, 60) == 0


def test_a_dead_server_does_not_end_its_experiments(toy: Deployment, run: Path, server: ForkServer) -> None:
    """The fault is held and healed by its own process; only its exit code is unknown."""
    experiment = server.fork(order(toy, run))
    assert processes.poll_until(lambda: "observed" in edges(run), 30)
    server.process.kill()
    server.process.wait()
    assert experiment.poll() is None
    assert child.stop(experiment, 60) == UNKNOWN_CODE
    assert edges(run)[-1] == "verified-healed"


def test_a_dead_server_takes_no_orders(toy: Deployment, run: Path, server: ForkServer) -> None:
    """The caller can start an interpreter instead."""
    server.kill()
    with pytest.raises(NoServer):
        server.fork(order(toy, run))


@pytest.mark.thorough
def test_an_experiment_that_a_hanging_server_has_not_begun_never_begins_after_a_stop(
    toy: Deployment, run: Path, server: ForkServer
) -> None:
    """Otherwise it would inject its fault after the trial."""
    server.process.send_signal(signal.SIGSTOP)
    experiment = server.fork(order(toy, run))
    assert experiment.poll() is None
    experiment.terminate()
    assert experiment.wait(5) == UNKNOWN_CODE
    assert edges(run) == []
    assert not [helper for helper in runmark.helpers(run) if psutil.Process(helper.pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.thorough
def test_a_server_that_hung_begins_late(toy: Deployment, run: Path, server: ForkServer) -> None:
    """A harness that was stopped for a moment omits no fault."""
    server.process.send_signal(signal.SIGSTOP)
    experiment = server.fork(order(toy, run))
    assert experiment.poll() is None
    server.process.send_signal(signal.SIGCONT)
    assert processes.poll_until(lambda: "observed" in edges(run), 30)
    assert child.stop(experiment, 60) == 0


def test_a_server_that_is_not_ready_in_time_takes_no_orders_later(toy: Deployment, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial reports that each fault starts an interpreter of its own; then this must be true."""
    monkeypatch.setattr(forkserver, "READY_WITHIN_S", 0.0)
    late, said = ForkServer.start(run), list[str]()
    loading._await_forks(SimpleNamespace(say=lambda text, *_style: said.append(text)), late)  # type: ignore[arg-type] # all that it asks of a trial
    with pytest.raises(NoServer):
        late.fork(order(toy, run))
    assert "an interpreter of its own" in said[0]
    assert f"not ready within 0 s and still runs; its log {run / 'logs' / 'faults.log'} " in said[0]
