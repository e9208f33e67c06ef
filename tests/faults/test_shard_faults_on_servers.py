"""Every kind of fault of a shard on the embedded environment: it takes effect, the platform reacts as expected, it is undone, nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from closeshave.clients import patroni, postgres
from closeshave.clients.toxiproxy import Server
from closeshave.clock import now_ns
from closeshave.control import file_limit, processes
from closeshave.control.processes import stopped
from closeshave.deployment import Deployment, Member
from closeshave.faults import child, extra_processes, proofs
from closeshave.faults.catalogue import FAMILIES
from closeshave.faults.family import kinds_of
from closeshave.faults.heal import heal_open
from closeshave.faults.helpers.hold_rows import CALENDARS
from closeshave.faults.kind import NotSeen
from closeshave.faults.shard.cluster import log_of
from closeshave.faults.waiting import after, until, wait_until
from closeshave.history import Before, Injection, TouchedRows
from closeshave.plan import Expected, Fault
from tests.faults.held import healed, takes_effect_and_is_undone
from tests.faults.timelines import WHOLE_LIFE, edges

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
FAILS_OVER_WITHIN_S = 60
FULL_WITHIN_S = 15
TTL_S = 20
AHEAD_S = 6
"""From an experiment's start to its injection: as a trial does."""
KINDS = kinds_of(FAMILIES["shard"])
KINDS_BY_NAME = {kind.name: kind for kind in KINDS}
ETCD = ("us-east-1", "us-west-2", "ap-southeast-1")
HELPERS = [f"{does}-shard{shard}" for does in ("slots", "rows", "squeeze") for shard in (1, 2, 3, 4)]


@pytest.fixture(autouse=True)
def whole(platform: Deployment) -> Iterator[None]:
    """Roles before and after each test are those declared, and nothing of a fault is left: stopped, limited, helping, or on a link."""
    home = leaders(platform)
    yield
    assert leaders(platform) == home
    assert not any(stopped(processes.family(Path(platform.root), process)) for process in platform.processes)
    assert file_limit.limited(platform, platform.processes) == []
    assert extra_processes.running(platform, HELPERS) == {}
    assert all(Server(api).disturbances() == () for api in {link.api_port for link in platform.links})


def leaders(platform: Deployment) -> dict[int, str]:
    """Every shard's one primary, by its own report, which accepts a write."""
    found = {member.shard: member for member in platform.members if is_primary(platform, member)}
    assert len(found) == len(platform.topology.clusters)
    assert all(postgres.write(platform, lead) for lead in found.values())
    return {shard: lead.process for shard, lead in found.items()}


def is_primary(platform: Deployment, member: Member) -> bool:
    """It answers, and is not in recovery."""
    try:
        return not postgres.standing(platform, member).in_recovery
    except postgres.Unavailable:
        return False


def serves_on(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """Every primary is where it was and accepts writes."""
    return leaders(platform) == old


def fails_over(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """Another member accepts the shard's writes, and nothing has changed for the other shards."""

    def moved() -> bool:
        others = [member for member in patroni.members_of(platform, shard) if member.process != old[shard]]
        return any(is_primary(platform, member) for member in others)

    return until(moved, after(FAILS_OVER_WITHIN_S), interval_s=0.2) and {**leaders(platform), shard: old[shard]} == old


def outlives_ttl(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """Every primary serves on for longer than its key in etcd would live, and is reached from every region."""
    shards = [shard.id for shard in platform.topology.shards]
    assert wait_until(after(TTL_S + 5))
    return leaders(platform) == old and proofs.edges(platform, shards)().holds


def keeps_others_out(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """No session is available at the shard's primary, and Patroni keeps it primary anyway. A slot is free for a moment after each session that ends, until
    nobody but the fault has one."""

    def full() -> bool:
        try:
            postgres.standing(platform, lead)
        except postgres.Unavailable as error:
            return postgres.is_full(error)
        return False

    lead = patroni.leader(platform, shard)
    return lead.process == old[shard] and until(full, after(FULL_WITHIN_S), interval_s=0.2) and patroni.leader(platform, shard) == lead


def books_elsewhere(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """A franchise of the shard that is not locked can be booked, and the locked ones are many."""
    last = platform.topology.shard(shard).last
    with postgres.session(platform, patroni.leader(platform, shard)) as connection, connection.transaction(force_rollback=True):
        return connection.execute(CALENDARS, {"franchises": [last], "minutes_max": 30}).rowcount > 0


Check = Callable[[Deployment, Mapping[int, str], int], bool]
CASES: list[tuple[str, Mapping[str, str | int], Check]] = [
    ("shard.switchover", {"shard": 1}, fails_over),
    ("shard.replica-lost", {"shard": 2}, serves_on),
    ("shard.replicas-lost", {"shard": 3}, serves_on),
    ("shard.replication-delayed", {"shard": 4}, serves_on),
    ("shard.replication-cut", {"shard": 1}, serves_on),
    ("shard.connections-exhausted", {"shard": 2}, keeps_others_out),
    ("shard.hot-row-locked", {"shard": 3}, books_elsewhere),
    ("shard.slow-queries", {"shard": 4}, serves_on),
    ("shard.disk-full", {"shard": 1}, fails_over),
    ("shard.primary-hung", {"shard": 2}, fails_over),
    ("shard.etcd-member-lost", {"process": "etcd-us-east-1"}, serves_on),
    ("shard.etcd-lost", {}, outlives_ttl),
]


def test_every_kind_is_tested_here() -> None:
    """Each kind of the family has its case; the killed primary has tests of its own."""
    here = {kind.name for kind in KINDS if "embedded" in kind.environments}
    assert {name for name, _, _ in CASES} | {"shard.primary-killed"} == here


@pytest.mark.parametrize(("kind", "scope", "does"), CASES, ids=[name for name, _, _ in CASES])
def test_shard_fault_takes_effect_and_is_undone(
    kind: str, scope: Mapping[str, str | int], does: Check, platform: Deployment, run: Path
) -> None:
    """It is seen in effect, the platform does as expected while it holds, and its heal is proven."""
    old = leaders(platform)
    takes_effect_and_is_undone(platform, run, kind, scope, AHEAD_S, lambda: does(platform, old, int(scope.get("shard", 0))))


@pytest.mark.parametrize(("kind", "scope"), [(name, scope) for name, scope, _ in CASES], ids=[name for name, _, _ in CASES])
def test_no_probe_sees_a_fault_that_is_not_there(kind: str, scope: Mapping[str, str | int], platform: Deployment) -> None:
    """On a healthy environment no probe observes a fault, although it is told that there was one."""
    lead = leaders(platform)[int(scope.get("shard", 1))]
    targets = (str(scope["process"]),) if "process" in scope else (lead,) if scope else tuple(f"etcd-{region}" for region in ETCD)
    before = (Before(lead, "log_bytes", log_of(platform, lead).stat().st_size),)
    touched = (TouchedRows((platform.topology.shard(int(scope.get("shard", 1))).first,)),)
    injection = Injection("nothing", touched, now_ns(), now_ns(), targets, members=(lead,), before=before)
    assert isinstance(KINDS_BY_NAME[kind].look(KINDS_BY_NAME[kind].aim(platform, scope, {}), injection), NotSeen)
    assert until(lambda: healed(platform, kind, scope), after(10))


@pytest.mark.parametrize("kind", ["shard.connections-exhausted", "shard.slow-queries", "shard.replication-cut"])
def test_any_process_with_the_ledger_heals(kind: str, platform: Deployment, run: Path) -> None:
    """kill -9 of the experiment: helpers, stopped servers and toxics are found and ended by a process that started none of them."""
    experiment = child.start(platform, run, Fault("f", kind, "storm", 0, 600, Expected.RECOVERS, {"shard": 3}), after(AHEAD_S))
    assert until(lambda: "observed" in edges(run), after(60)), (run / "logs" / "fault-f.log").read_text()
    experiment.kill()
    experiment.wait()
    assert heal_open(run, platform, print) == []
    assert edges(run) == WHOLE_LIFE
