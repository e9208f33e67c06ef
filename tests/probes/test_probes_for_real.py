"""Probes on the embedded environment, every server real: they hold, and with something broken underneath exactly the right one says so."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from closeshave.clients import patroni, postgres, sentinel
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.files.shipped import locate
from closeshave.probes import carrying, people
from closeshave.probes.catalogue import FAMILIES, PROBES, chosen
from closeshave.probes.places import EVERYTHING, ProbePlace
from closeshave.probes.values import ProbeOutcome
from closeshave.target import read_target

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
SHIPPED = locate("environments", "embedded")
ENTERPRISE, SINGLE = (locate("environments/targets", f"bookedbarber-{name}") for name in ("enterprise", "single-region"))
FEWER_REPLICAS = "replicas.as-many-as-promised"
"""The shipped environment has one standby for each shard, and three are promised: it is no copy of the platform in this."""
NO_SUCH_PART = {"poolers.clients-taken", "tiers.slots-served", *(name for name in PROBES if name.startswith(("mesh.", "edge.")))}
"""It has no poolers, no Valkey cluster and no cache at its edges, and its file names no services with mutual TLS."""
NOT_OF_A_STAND_IN = {"keys.kind-by-stage", *(name for name in PROBES if name.startswith("tls."))} | NO_SUCH_PART
"""It shows no payment key, and its endpoints speak plain HTTP."""


@pytest.fixture(scope="module")
def place() -> Iterator[ProbePlace]:
    """The environment that ships, without links."""
    definition = replace(read_embedded(SHIPPED), links=())
    deployment = embedded.up(definition, say=print, etcd_killed=False)
    try:
        yield ProbePlace(deployment, definition, EVERYTHING)
    finally:
        embedded.down(Path(deployment.root))


def asked(place: ProbePlace, directory: Path, *names: str, target: Path = ENTERPRISE) -> dict[str, tuple[ProbeOutcome, str]]:
    """Probe → outcome and why, of a round that is recorded and judged from its directory. Families and names of probes; the suite without any."""
    run = directory / f"round-{len(list(directory.iterdir()))}"
    (run / "logs").mkdir(parents=True)
    shutil.copyfile(target, run / "target.yaml")
    shutil.copyfile(SHIPPED, run / "environment.yaml")
    families = [name for name in names if name in FAMILIES]
    probes = chosen(read_target(target), families, [name for name in names if name not in FAMILIES])
    carrying.conduct(run, place, read_target(target), probes, datetime.now(UTC), print)
    found = carrying.read(run)
    assert found.left == ()
    return {row.name: (row.outcome, row.why) for row in found.probes}


def not_holding(found: Mapping[str, tuple[ProbeOutcome, str]]) -> dict[str, tuple[ProbeOutcome, str]]:
    """What does not hold, and why."""
    return {name: told for name, told in found.items() if told[0] is not HOLDS}


def test_the_smoke_suite_and_all_promises_hold(place: ProbePlace, tmp_path: Path) -> None:
    """Everything that the enterprise target promises by probes, but for the replicas that this environment does not have."""
    found = asked(place, tmp_path)
    expected = {FEWER_REPLICAS, *(NO_SUCH_PART & set(found))}
    assert {name: told[0] for name, told in not_holding(found).items()} == dict.fromkeys(expected, UNKNOWN), not_holding(found)
    assert len(found) >= 40


def test_hostile_input_does_no_harm(place: ProbePlace, tmp_path: Path) -> None:
    """Every case, at every place where the stand-in takes text."""
    found = asked(place, tmp_path, "hostile", target=SINGLE)
    assert not_holding(found) == {}
    assert len(found) == 7


def test_every_other_probe_holds_where_it_can(place: ProbePlace, tmp_path: Path) -> None:
    """Lockout, headers, limits: the hardened stand-in keeps them; what it cannot show is unknown."""
    rest = [name for name, probe in PROBES.items() if not probe.smoke and name != FEWER_REPLICAS and probe.family != "hostile"]
    found = asked(place, tmp_path, *rest, target=SINGLE)
    assert {name: told[0] for name, told in not_holding(found).items()} == dict.fromkeys(NOT_OF_A_STAND_IN & set(found), UNKNOWN), (
        not_holding(found)
    )


def process_of(deployment: Deployment, role: str, number: int = 0) -> Process:
    """One of its processes."""
    return [process for process in deployment.processes if process.role == role][number]


@contextlib.contextmanager
def frozen(deployment: Deployment, process: Process) -> Iterator[None]:
    """A process that does not run for the block."""
    family = processes.family(Path(deployment.root), process)
    processes.send(family, signal.SIGSTOP)
    try:
        yield
    finally:
        processes.send(family, signal.SIGCONT)


def test_a_frozen_instance_breaks_readiness_alone(place: ProbePlace, tmp_path: Path) -> None:
    """The others serve on."""
    with frozen(place.deployment, process_of(place.deployment, "app")):
        found = asked(place, tmp_path, "regions")
    assert {name: told[0] for name, told in found.items()} == {"regions.serving": HOLDS, "regions.instances-ready": BROKEN}
    assert processes.poll_until(lambda: not not_holding(asked(place, tmp_path, "regions")), 30)


def test_a_frozen_sentinel_is_missed(place: ProbePlace, tmp_path: Path) -> None:
    """Two of three watch; the stores themselves are well."""
    with frozen(place.deployment, process_of(place.deployment, "sentinel")):
        found = asked(place, tmp_path, "tiers")
    assert {name: told[0] for name, told in found.items()} == {
        "tiers.one-primary": HOLDS,
        "tiers.sentinels-agree": BROKEN,
        "tiers.slots-served": UNKNOWN,
    }


def test_an_entry_abroad_breaks_residency(place: ProbePlace, tmp_path: Path) -> None:
    """A copy of a European page in another region's store."""
    shard = place.deployment.topology.shard(3)
    key = f"franchise:{people.franchise(shard, 60)}"
    abroad = sentinel.primary(place.deployment, "cache")
    with sentinel.session(abroad.port) as store:
        store.set(key, "{}", ex=120)
        try:
            found = asked(place, tmp_path, "residency")
        finally:
            store.delete(key)
    assert {name for name, told in found.items() if told[0] is BROKEN} == {"residency.entries-at-home"}
    assert found["residency.rows-at-home"][0] is HOLDS
    assert not not_holding(asked(place, tmp_path, "residency"))


def test_a_row_in_another_shard_breaks_routing(place: ProbePlace, tmp_path: Path) -> None:
    """A franchise of shard 2 that is stored in shard 1 too, where nothing keeps it out any more."""
    leader = patroni.leader(place.deployment, 1)
    where = place.deployment.topology.shard(2).first + 5
    with postgres.connect(leader.port, place.deployment.database, "postgres") as session:
        [(only_own,)] = session.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'franchises_on_this_shard'"
        ).fetchall()
        session.execute("ALTER TABLE franchises DROP CONSTRAINT franchises_on_this_shard")
        session.execute("SET session_replication_role = replica")
        session.execute(
            "INSERT INTO franchises SELECT (jsonb_populate_record(f, jsonb_build_object('id', %s::int))).* FROM franchises f LIMIT 1",
            (where,),
        )
        try:
            found = asked(place, tmp_path, "routing")
        finally:
            session.execute("DELETE FROM franchises WHERE id = %s", (where,))
            session.execute(f"ALTER TABLE franchises ADD CONSTRAINT franchises_on_this_shard {only_own}")
    assert {name for name, told in found.items() if told[0] is BROKEN} == {"routing.rows-in-own-shard"}


def test_a_lost_standby_is_counted(place: ProbePlace, tmp_path: Path) -> None:
    """The primary of shard 2 sees one replica less; the other shards do not. Last, because it is not started again."""
    lost = next(member for member in place.deployment.members if member.shard == 2 and member != patroni.leader(place.deployment, 2))
    process = place.deployment.process(lost.process)
    processes.send(processes.family(Path(place.deployment.root), process), signal.SIGKILL)
    leader = patroni.leader(place.deployment, 2)
    assert processes.poll_until(lambda: postgres.streaming(place.deployment, leader) == 0, 30)
    found = asked(place, tmp_path, "replicas.declared-stream")
    assert found["replicas.declared-stream"][0] is BROKEN
    assert "shard 2: 0 of 1 declared replicas stream" in found["replicas.declared-stream"][1]
