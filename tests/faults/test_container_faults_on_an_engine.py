"""Faults that need a container engine, or work differently there, on the environment in containers: each takes effect, is undone, and leaves nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from closeshave.clients import patroni, postgres
from closeshave.control import engine, file_limit, processes
from closeshave.control.engine.allowance import allowance
from closeshave.deployment import Deployment
from closeshave.environments.containers import containers
from closeshave.environments.definition import read_containers
from closeshave.faults import child, cutting, extra_processes, proofs
from closeshave.faults.catalogue import KINDS
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import NotSeen
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from closeshave.history import Injection
from closeshave.plan import Expected, Fault
from tests.faults.held import healed, takes_effect_and_is_undone
from tests.faults.timelines import WHOLE_LIFE, edges

pytestmark = [pytest.mark.containers, pytest.mark.timeout(400)]
HERE, THERE = "us-west-2", "ap-southeast-1"
AHEAD_S = 8
FAILS_OVER_WITHIN_S = 60


@pytest.fixture(scope="module")
def platform(images: None) -> Iterator[Deployment]:
    """The environment in containers, one for all tests here: each must leave it whole."""
    deployment = containers.up(read_containers(locate("environments", "containers")), say=print)
    yield deployment
    assert containers.down(Path(deployment.root)) == ()


@pytest.fixture(autouse=True)
def whole(platform: Deployment) -> Iterator[None]:
    """Roles before and after each test are those declared, and no container is cut off, limited or frozen."""
    home = leaders(platform)
    yield
    assert leaders(platform) == home
    assert cutting.joined(platform.processes).holds
    assert file_limit.limited(platform, [process for process in platform.processes if process.role == "patroni"]) == []
    assert extra_processes.running(platform, [process.name for process in platform.processes]) == {}
    for process in platform.processes:
        assert process.container is not None
        limits = allowance(process.container.name)
        assert (limits.cpu_share, limits.memory_bytes_max) == (None, process.container.memory_bytes_max)
        assert not engine.paused(process.container.name)


def leaders(platform: Deployment) -> dict[int, str]:
    """Every shard's one primary, by Patroni's word and its own, which accepts a write."""
    found = {shard.id: patroni.leader(platform, shard.id) for shard in platform.topology.shards}
    assert all(postgres.write(platform, lead) for lead in found.values())
    return {shard: lead.process for shard, lead in found.items()}


def writable(platform: Deployment, process: str) -> bool:
    """Whether this member accepts writes, through the port that stays open during a cut."""
    member = next(member for member in platform.members if member.process == process)
    try:
        return not postgres.standing(platform, member).in_recovery
    except postgres.Unavailable:
        return False


def replaced(platform: Deployment, old: Mapping[int, str], shard: int) -> bool:
    """The old primary takes no writes any more before another one does, and no other shard notices."""
    others = [member.process for member in patroni.members_of(platform, shard) if member.process != old[shard]]
    together = []

    def moved() -> bool:
        taking = [name for name in (old[shard], *others) if writable(platform, name)]
        together.append(len(taking) > 1)
        return taking == others

    replaced = until(moved, after(FAILS_OVER_WITHIN_S), interval_s=0.2)
    unmoved = {other: lead for other, lead in old.items() if other != shard}
    return replaced and not any(together) and all(writable(platform, lead) for lead in unmoved.values())


def serves_on(platform: Deployment, old: Mapping[int, str], _shard: int) -> bool:
    """Every primary is where it was and accepts writes."""
    return leaders(platform) == old


def led_elsewhere(platform: Deployment, old: Mapping[int, str], _shard: int) -> bool:
    """Its customers are served by another region, and no primary moves."""
    door = proofs.edges(platform, ())
    return "us-west-2 is served by" in door().saw and leaders(platform) == old


Check = Callable[[Deployment, Mapping[int, str], int], bool]
CASES: list[tuple[str, Mapping[str, str | int], Check]] = [
    ("region.partitioned", {"region": HERE}, lambda platform, old, _: replaced(platform, old, 2)),
    ("region.customers-partitioned", {"region": HERE}, led_elsewhere),
    ("shard.primary-partitioned", {"shard": 1}, replaced),
    ("service.out-of-memory", {"region": HERE}, serves_on),
    ("service.cpu-squeezed", {"region": HERE}, serves_on),
    ("service.hung", {"region": HERE}, serves_on),
    ("service.clock-skewed", {"region": HERE}, serves_on),
    ("shard.slow-queries", {"shard": 4}, serves_on),
    ("shard.disk-full", {"shard": 1}, replaced),
    ("shard.primary-killed", {"shard": 2}, replaced),
]


def test_every_kind_that_needs_an_engine_is_tested_here() -> None:
    """The others run the same code as in the tests of the embedded environment, with other signals."""
    here = {name for name, kind in KINDS.items() if "containers" in kind.environments and "embedded" not in kind.environments}
    assert here <= {name for name, _, _ in CASES}


@pytest.mark.parametrize(("kind", "scope", "does"), CASES, ids=[name for name, _, _ in CASES])
def test_fault_takes_effect_and_is_undone(kind: str, scope: Mapping[str, str | int], does: Check, platform: Deployment, run: Path) -> None:
    """It is seen in effect, the platform does as expected while it holds, and its heal is proven."""
    old = leaders(platform)
    takes_effect_and_is_undone(platform, run, kind, scope, AHEAD_S, lambda: does(platform, old, int(scope.get("shard", 0))))


@pytest.mark.parametrize(("kind", "scope"), [(name, scope) for name, scope, _ in CASES[:5]], ids=[name for name, _, _ in CASES[:5]])
def test_no_probe_sees_a_fault_that_is_not_there(kind: str, scope: Mapping[str, str | int], platform: Deployment) -> None:
    """On a healthy environment no probe observes a fault, although it is told that there was one, and the proof of healing holds."""
    links = tuple(link.name for link in platform.links if link.region == HERE and link.kind == "app-database")
    injection = Injection("nothing", (), after(0), None, targets=(), members=(leaders(platform)[1],), links=links)
    assert isinstance(KINDS[kind].look(KINDS[kind].aim(platform, scope, {}), injection), NotSeen)
    assert until(lambda: healed(platform, kind, scope), after(20))


def test_any_process_with_the_ledger_joins_the_networks_again(platform: Deployment, run: Path) -> None:
    """kill -9 of the experiment: another process, which cut nothing, connects every container to its declared networks."""
    experiment = child.start(
        platform, run, Fault("f", "region.partitioned", "storm", 0, 600, Expected.RECOVERS, {"region": HERE}), after(AHEAD_S)
    )
    assert until(lambda: "observed" in edges(run), after(60)), (run / "logs" / "fault-f.log").read_text()
    experiment.kill()
    experiment.wait()
    assert not cutting.joined(platform.processes).holds
    assert heal_open(run, platform, print) == []
    assert edges(run) == WHOLE_LIFE


def test_a_part_that_was_killed_while_it_was_cut_off_starts_on_all_its_networks(platform: Deployment) -> None:
    """Two faults on the same container: the later start must not miss half of its networks."""
    kind = KINDS["shard.primary-partitioned"]
    aim = kind.aim(platform, {"shard": 4}, {})
    injection = kind.inject(aim, after(0))
    [name] = injection.members
    processes.send(processes.family(Path(platform.root), platform.process(name)), signal.SIGKILL)
    assert kind.undo is not None
    kind.undo(aim, after(90), print)
    assert until(lambda: healed(platform, kind.name, {"shard": 4}), after(60))
