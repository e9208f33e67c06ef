"""The embedded environment itself, every part real: what up promises, what survives, and that down leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis

from closeshave import deployment as deployments
from closeshave.clients import postgres
from closeshave.clients.valkey import replication
from closeshave.control import processes
from closeshave.environments import construction, embedded, ports, readiness, registry
from closeshave.environments.definition import read_definition
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.servers import patroni, valkey
from closeshave.environments.servers.postmaster import SYSV_SEGMENTS
from closeshave.files.shipped import locate

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

FAIL_OVER_S_MAX = 60


def segments():
    """Creators of the System V shared memory segments of this machine."""
    return {line.split()[4] for line in SYSV_SEGMENTS.read_text().splitlines()[1:]}


def sql(port, statement, user="postgres"):
    """The first value that ``statement`` gives at ``port``."""
    with psycopg.connect(host="127.0.0.1", port=port, dbname="bookings", user=user, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute(statement).fetchone()
        assert row
        return row[0]


@pytest.fixture(scope="module")
def module_definition():
    """The environment file that the project ships."""
    return read_definition(locate("environments", "embedded"))


@pytest.fixture(scope="module")
def running(module_definition):
    """One environment for the tests of this file, in their order; afterwards nothing of it may be left."""
    before = segments()
    deployment = embedded.up(module_definition, say=print)
    root = Path(deployment.root)
    claim = registry.read_claim(root)
    yield deployment
    pids = {identity.pid for process in deployment.processes for identity in processes.family(root, process)}
    assert embedded.down(root) == ()
    assert not root.exists()
    assert processes.marked(deployment.id) == []
    assert not {pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}
    assert ports.still_listened_on(range(claim.first_port, claim.first_port + claim.port_count)) == []
    assert not {creator for creator in segments() - before if int(creator) in pids}


def test_every_shard_takes_writes_through_every_regions_own_link(running):
    """application → Toxiproxy → HAProxy → the primary."""
    links = [link for link in running.links if link.name.endswith("-primary")]
    assert len(links) == len(running.topology.regions) * len(running.topology.clusters)
    for link in links:
        assert postgres.refused_write(link.port, running.database, running.user) == "", link.name
        assert sql(link.port, "SELECT id FROM shard") == link.shard


def test_every_shard_holds_its_own_franchises_and_no_others(running):
    """A hundred thousand in all; the spare shard has none until a drill moves some there."""
    spare = {shard.id for shard in running.topology.spares}
    for home in running.members[::2]:
        shard = next(shard for shard in running.topology.clusters if shard.id == home.shard)
        found = sql(home.port, "SELECT concat_ws(' ', min(id), max(id), count(*)) FROM franchises")
        assert found == ("0" if shard.id in spare else f"{shard.first} {shard.last} {shard.last - shard.first + 1}")
    assert spare == {5}


def test_shards_have_system_identifiers_of_their_own(running):
    """Otherwise a standby could follow the wrong shard."""
    identifiers = [sql(member.port, "SELECT system_identifier FROM pg_control_system()") for member in running.members]
    assert identifiers[::2] == identifiers[1::2]
    assert len(set(identifiers)) == len(running.topology.clusters)


def test_the_declared_primaries_won_the_first_election_and_their_standbys_stream_through_the_replication_link(running):
    """A fault on that link must take effect."""
    links = {link.name: link for link in running.links}
    for home, standby in zip(running.members[::2], running.members[1::2], strict=True):
        assert postgres.streaming(running, home) == 1
        assert sql(standby.port, "SELECT pg_is_in_recovery()")
        assert sql(standby.port, "SELECT sender_port FROM pg_stat_wal_receiver") == links[f"{home.process}-replication"].port


def test_settings_of_the_database_are_in_force(running):
    """fsync on, and nothing in shared memory that outlives a kill."""
    assert sql(running.members[0].port, "SHOW fsync") == "on"
    assert sql(running.members[0].port, "SHOW dynamic_shared_memory_type") == "mmap"
    # A standby, a backup server that streams, its base backups, and the moves of a drill.
    assert sql(running.members[0].port, "SHOW max_wal_senders") == "10"


def test_every_sentinel_watches_every_group_with_its_replica(running):
    """So that any two of them can fail over."""
    for sentinel in running.sentinels:
        with redis.Redis(port=sentinel.port, decode_responses=True) as client:
            for group in {store.group for store in running.stores}:
                assert client.execute_command("SENTINEL", "CKQUORUM", group)


def serves_its_own(edge):
    """Whether the application that answers at this edge is of its region."""
    return httpx.get(f"{edge.url}/health", headers={"X-Franchise-Id": "1"}).json()["region"] == edge.region


def test_every_edge_answers_ready_and_from_its_own_region(running):
    """In calm no region serves for another."""
    for edge in running.edges:
        # The check of an instance that waited for a processor may have failed once: then another region serves until the next one.
        assert processes.poll_until(partial(serves_its_own, edge), 30, interval_s=0.2), edge.region
        assert httpx.get(f"{edge.url}/health/ready").status_code == 200


def test_another_process_reads_the_deployment_and_sees_every_part_running(running):
    """The file is all that the folders of the package share."""
    assert deployments.load(Path(running.root)) == running
    parts = embedded.status(Path(running.root))
    assert [part.name for part in parts if not part.running] == []
    assert sum(part.detail.startswith("primary, running") for part in parts) == len(running.topology.clusters) == 5
    assert sum(part.detail.startswith("replica, streaming") for part in parts) == 5
    assert sum(part.detail == "leader" for part in parts) == 1
    assert sum(part.detail == "ready" for part in parts) == 8


def test_listeners_are_on_loopback_only(running):
    """No part can be reached from outside."""
    claim = registry.read_claim(Path(running.root))
    block = range(claim.first_port, claim.first_port + claim.port_count)
    listening = [tuple(c.laddr) for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {host for host, port in listening if port in block} == {"127.0.0.1"}


def test_a_killed_postmaster_is_failed_over_and_writes_go_on(running):
    """Patroni promotes the standby and HAProxy follows."""
    root, home, standby = Path(running.root), running.members[0], running.members[1]
    postmaster = processes.daemon(Path(running.root), running.process(home.process))
    assert postmaster
    processes.send([postmaster], signal.SIGKILL)
    assert processes.gone([postmaster], 5) == []
    link = next(link for link in running.links if link.name == f"{home.region}-shard{home.shard}-primary")
    assert processes.poll_until(
        lambda: patroni.leaders(running.etcd_ports[0]).get(f"shard{home.shard}") == standby.name, FAIL_OVER_S_MAX, interval_s=0.1
    )
    assert processes.poll_until(
        lambda: not postgres.refused_write(link.port, running.database, running.user), FAIL_OVER_S_MAX, interval_s=0.1
    )
    assert processes.poll_until(lambda: readiness.of_standby(running, standby) == "", FAIL_OVER_S_MAX, interval_s=0.2)
    assert processes.find(root, running.process(home.process))


def test_a_killed_cache_primary_comes_back_as_a_replica_and_never_takes_writes(running):
    """While it was away the other was promoted; two primaries at once would lose writes."""
    root = Path(running.root)
    old, new = [store for store in running.stores if store.group == "sessions"]
    with redis.Redis(port=old.port) as client:
        client.set("kept", "yes")
        assert client.wait(1, 5000) == 1
    victims = processes.family(root, running.process(old.process))
    processes.send(victims, signal.SIGKILL)
    assert processes.gone(victims, 5) == []
    promoted = processes.poll_until(lambda: (replication(new.port) or {}).get("role") == "master", 30)
    assert promoted
    processes.start(root, running.id, running.process(old.process))
    assert processes.poll_until(lambda: "role" in (replication(old.port) or {}), 30)
    assert (replication(old.port) or {})["role"] == "slave"
    link = next(link for link in running.links if link.name == "us-west-2-sessions")

    def kept():
        try:
            with redis.Redis(port=link.port, socket_timeout=2) as client:
                return client.get("kept") == b"yes"
        except redis.RedisError:
            return False

    assert processes.poll_until(kept, 10)


def test_a_lost_region_is_replaced_and_comes_back_from_its_recorded_processes(running):
    """Every role can be started again unchanged; Patroni handles what a killed postmaster left."""
    root, region = Path(running.root), "us-west-2"
    owned = list(running.owned_by(region))
    victims = [identity for process in owned for identity in processes.family(root, process)]
    processes.send(victims, signal.SIGKILL)
    assert processes.gone(victims, 5) == []
    edge_port = int(running.edge(region).url.rsplit(":", 1)[1])
    assert processes.poll_until(lambda: readiness.of_door("the edge", edge_port, running.application.readiness) == "", 20, interval_s=0.1)
    shard2 = [member for member in running.members if member.shard == 2]
    away = next(member for member in shard2 if member.region != region)
    writes = next(link for link in running.links if link.name == "us-east-1-shard2-primary")
    assert processes.poll_until(lambda: patroni.leaders(running.etcd_ports[0]).get("shard2") == away.name, FAIL_OVER_S_MAX, interval_s=0.2)
    assert processes.poll_until(lambda: not postgres.refused_write(writes.port, running.database, running.user), 10, interval_s=0.1)
    for process in owned:
        processes.start(root, running.id, process)

    def healthy():
        parts = embedded.status(root)
        ready = [part for part in parts if part.role == "app" and part.detail == "ready"]
        streaming = [part for part in parts if part.role == "patroni" and part.detail.startswith("replica, streaming")]
        watched = [part for part in parts if part.role == "sentinel" and part.detail.endswith("healthy")]
        return all(part.running for part in parts) and (len(ready), len(streaming), len(watched)) == (8, len(running.topology.clusters), 3)

    assert processes.poll_until(healthy, 90, interval_s=0.5), [part for part in embedded.status(root) if part.region == region]


def test_a_second_environment_does_not_collide_with_the_first(running, module_definition, tmp_path):
    """Started while the first runs, taken down without touching it."""
    second = embedded.up(replace(module_definition, name="second"), say=print)
    try:
        used = [{port for process in found.processes for port in process.ports} for found in (running, second)]
        assert not used[0] & used[1]
        assert {Path(running.root), Path(second.root)} <= set(registry.running())
    finally:
        assert embedded.down(Path(second.root)) == ()
    assert all(part.running for part in embedded.status(Path(running.root)))


def test_ports_that_are_taken_are_one_clear_message(running, module_definition):
    """And nothing is left of the attempt."""
    taken = registry.read_claim(Path(running.root)).first_port
    before = registry.running()
    with pytest.raises(EnvironmentFailed, match=f"ports {taken} to .* are taken"):
        embedded.up(replace(module_definition, ports=taken), say=print)
    assert registry.running() == before


def test_a_part_that_dies_during_the_start_is_named_with_the_end_of_its_log(module_definition, monkeypatch, tmp_path):
    """And all that had started is gone again."""
    monkeypatch.setattr(valkey, "MEMORY_MAX", "plenty")
    with pytest.raises(EnvironmentFailed, match=r"(?s)cache-.* ended while the environment was starting.*maxmemory"):
        embedded.up(module_definition, root=tmp_path / "doomed", say=print)
    assert not (tmp_path / "doomed").exists()


def test_a_full_disk_is_reported_before_anything_starts(module_definition, monkeypatch, tmp_path):
    """With how much is needed and where."""
    monkeypatch.setattr(construction, "ROOM_BYTES", 1 << 60)
    with pytest.raises(EnvironmentFailed, match=r"disk full: .* MiB free"):
        embedded.up(module_definition, root=tmp_path / "full", say=print)
    assert not (tmp_path / "full").exists()


STARTER = """
import sys
from pathlib import Path
from closeshave.environments import embedded
from closeshave.environments.definition import read_definition
from closeshave.files.shipped import locate
embedded.up(read_definition(locate("environments", "embedded")), root=Path(sys.argv[1]), say=print)
"""


def starter(root):
    """Another process that starts an environment at ``root``."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", STARTER, str(root)], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "milestone", ["logs", "data/shard1-us-east-1", "processes/shard1-us-east-1.json", "processes/haproxy-us-east-1.json"]
)
def test_an_interrupted_start_leaves_nothing(tmp_path, milestone):
    """Ctrl-C at any moment."""
    root = tmp_path / "interrupted"
    process = starter(root)
    assert processes.poll_until((root / milestone).exists, 120, interval_s=0.005)
    marker = registry.read_claim(root).id
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert not root.exists()
    assert processes.marked(marker) == []


def test_a_start_that_was_killed_half_way_is_cleaned_up_by_its_root_alone(tmp_path):
    """The janitor knows nothing else."""
    root = tmp_path / "killed"
    process = starter(root)
    assert processes.poll_until((root / "processes" / "shard1-us-east-1.json").exists, 120, interval_s=0.01)
    time.sleep(1)  # any later instant will do
    process.kill()
    process.wait()
    claim = registry.read_claim(root)
    assert processes.marked(claim.id)
    assert embedded.down(root) == ()
    assert not root.exists()
    assert processes.marked(claim.id) == []
    assert ports.still_listened_on(range(claim.first_port, claim.first_port + claim.port_count)) == []
