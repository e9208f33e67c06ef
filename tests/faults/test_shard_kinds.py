"""What the kinds of a shard accept and refuse, and their parts that need no database: limits, squeezing, links."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from closeshave.clients import postgres
from closeshave.clock import now_ns
from closeshave.control import file_limit, processes
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Link, Member, Process
from closeshave.faults.catalogue import check
from closeshave.faults.helpers import squeeze
from closeshave.faults.shard import disk_full, etcd_lost, etcd_member_lost, replication, replication_delayed
from closeshave.plan import Expected, Fault
from tests.faults import toys

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"


def fault(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, str | int | float | bool]) -> Fault:
    """A fault of a plan, of which only kind, scope and parameters matter here."""
    return Fault("f", kind, "phase", 0, 10, Expected.RECOVERS, scope, parameters)


@pytest.mark.parametrize(
    ("kind", "scope", "parameters"),
    [
        ("shard.primary-hung", {"shard": 1}, {"switch_back": False}),
        ("shard.replication-delayed", {"shard": 1}, {"delay": 0.5}),
        ("shard.connections-exhausted", {"shard": 1}, {"evict": False}),
        ("shard.hot-row-locked", {"shard": 1}, {"franchises": 50}),
        ("shard.slow-queries", {"shard": 1}, {"share": 0.25}),
        ("shard.etcd-member-lost", {"process": "etcd-us-east-1"}, {}),
        ("shard.etcd-lost", {}, {}),
    ],
)
def test_right_fault_has_no_problems(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, bool | float]) -> None:
    """The kinds of the family are accepted."""
    assert check(fault(kind, scope, parameters), environment="embedded") == []


@pytest.mark.parametrize(
    ("kind", "scope", "parameters", "says"),
    [
        ("shard.replication-delayed", {"shard": 1}, {"delay": 6}, "6 is not between 0.1 and 4"),
        ("shard.slow-queries", {"shard": 1}, {"share": 0.9}, "0.9 is not between 0.02 and 0.25"),
        ("shard.hot-row-locked", {"shard": 1}, {"franchises": 0}, "0 is not between 1 and 200"),
        ("shard.replica-lost", {"shard": 1}, {"switch_back": True}, "has no parameter 'switch_back'; it has none"),
        ("shard.etcd-member-lost", {"shard": 1}, {}, "needs a scope with 'process'"),
        ("shard.etcd-lost", {"shard": 1}, {}, "takes no scope 'shard'"),
    ],
)
def test_wrong_fault_is_refused(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, float | bool], says: str) -> None:
    """Every mistake is named."""
    assert any(says in problem for problem in check(fault(kind, scope, parameters), environment="embedded"))


def test_all_of_an_etcd_that_starts_empty_is_never_lost(described: Deployment) -> None:
    """An etcd whose killed members start empty would come back without anything."""
    empty = replace(
        described,
        processes=(Process("etcd-1", "etcd", None, (sys.executable, "-m", "closeshave.environments.servers.etcd_rejoin", "etcd")),),
    )
    assert "starts empty" in etcd_lost.KIND.unfit(etcd_lost.KIND.aim(empty, {}, {}))


def test_another_process_is_not_a_member_of_etcd(described: Deployment) -> None:
    """A process that is not of etcd is refused, with the names of those that are."""
    known = replace(described, processes=(*described.processes, Process("etcd-1", "etcd", None, ("etcd",))))
    aim = etcd_member_lost.KIND.aim(known, {"process": "near-0"}, {})
    assert etcd_member_lost.KIND.unfit(aim) == "near-0 is not an etcd member; available: etcd-1"


def test_link_that_does_not_exist_cannot_be_slowed(described: Deployment) -> None:
    """Without Toxiproxy, the fault states this as its reason."""
    without = replace(described, missing={"toxiproxy": "no Go here"})
    assert "no Go here" in replication_delayed.KIND.unfit(replication_delayed.KIND.aim(without, {"shard": 1}, {}))


def test_standbys_stream_through_their_primarys_link(described: Deployment) -> None:
    """Of all links only the one that leads to the primary for replication is used."""
    lead = Member("shard1-a", 1, toys.NEAR, 15001, 15002, "shard1-a")
    links = (
        Link("shard1-a-replication", "replication", toys.NEAR, 1, 2, 15001, shard=1),
        Link("shard1-b-replication", "replication", toys.FAR, 1, 3, 15011, shard=1),
        Link("us-west-2-shard1-primary", "app-database", toys.NEAR, 1, 4, 15001, shard=1),
    )
    aim = replication_delayed.KIND.aim(replace(described, links=links), {"shard": 1}, {})
    assert [link.name for link in replication.links_from(aim, lead)] == ["shard1-a-replication"]


@pytest.mark.parametrize(
    ("said", "full"),
    [
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", True),
        ("FATAL:  sorry, too many clients already", True),
        ("connection refused", False),
    ],
)
def test_server_that_is_full_says_so(said: str, full: bool) -> None:
    """A server without a free session is distinguished from one that does not answer."""
    assert postgres.is_full(postgres.Unavailable(said)) is full


@pytest.fixture
def pair(toy: Deployment) -> Iterator[Process]:
    """A process with a child, running."""
    part = Process("parent", "app", None, (sys.executable, "-c", PARENT))
    processes.start(Path(toy.root), toy.id, part)
    assert poll_until(lambda: len(processes.family(Path(toy.root), part)) == 2, 20)
    yield part
    processes.send(processes.family(Path(toy.root), part), signal.SIGKILL)


def test_limit_is_lifted_by_any_process(toy: Deployment, pair: Process) -> None:
    """A process and its child are limited, found by their limits only, and given back their full limits; a second time does no harm."""
    known = replace(toy, processes=(pair,))
    family = processes.family(Path(toy.root), pair)
    assert len(file_limit.begin(known, pair, 4096)) == 2
    assert file_limit.limited(known, [pair]) == [f"{pair.name} pid {identity.pid}" for identity in family]
    assert all(resource.prlimit(identity.pid, resource.RLIMIT_FSIZE)[0] == 4096 for identity in family)
    assert len(file_limit.lift(known, [pair])) == 2
    assert file_limit.limited(known, [pair]) == []
    assert file_limit.lift(known, [pair]) == []


def test_limited_process_cannot_write_on(tmp_path: Path) -> None:
    """A write beyond the limit fails with EFBIG, in a process that runs already."""
    script = "import sys; print('up', flush=True); sys.stdin.readline(); file = open(sys.argv[1], 'wb', 0); file.write(b'x' * 4096); file.write(b'x')"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        _, said = child.communicate("\n", timeout=20)
    assert disk_full.ERROR in said


def test_squeezed_processes_are_stopped_most_of_the_time_and_run_afterwards(toy: Deployment, pair: Process) -> None:
    """Parent and child are stopped in turns; when asked to end, the helper leaves both running."""
    parent, kid = processes.family(Path(toy.root), pair)
    assert squeeze.children(parent.pid) == [kid.pid]
    said = map(repr, (parent.pid, parent.started, 0.1, 0.1, now_ns(), 60.0))
    helper = subprocess.Popen([sys.executable, "-m", "closeshave.faults.helpers.squeeze", *said], cwd=Path(__file__).parents[2])
    try:
        assert poll_until(lambda: _stopped(parent.pid) and _stopped(kid.pid), 20)
        assert poll_until(lambda: not _stopped(parent.pid), 20)
    finally:
        helper.terminate()
        assert helper.wait(20) == 0
    assert not _stopped(parent.pid)
    assert not _stopped(kid.pid)


def test_without_a_process_there_are_no_children() -> None:
    """A process that has ended has no children."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        child.wait()
    assert squeeze.children(child.pid) == []


def _stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False
