"""The environment in containers itself, with real parts: what up promises, and that nothing is left however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from closeshave import deployment as deployments
from closeshave.clients import etcd, postgres
from closeshave.control import processes
from closeshave.environments import drivers, ports, registry
from closeshave.environments.containers import containers
from closeshave.environments.definition import read_containers
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.stack import Images
from closeshave.environments.status import status
from closeshave.files.shipped import locate
from tests.containers.traces import docker, traces
from tests.standin.running import Customer

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

SETTLED_S_MAX = 30


@pytest.fixture
def nothing_left():
    """Before and after a test the machine is the same."""
    before = traces()
    yield
    assert processes.poll_until(lambda: traces() == before, SETTLED_S_MAX, interval_s=0.3), (before, traces())


@pytest.fixture(scope="module")
def definition():
    """The environment file that the project ships."""
    return read_containers(locate("environments", "containers"))


@pytest.fixture(scope="module")
def running(definition):
    """One environment for the tests of this file, in their order; afterwards nothing of it may be left."""
    before = traces()
    deployment = containers.up(definition, say=print)
    yield deployment
    assert containers.down(Path(deployment.root)) == ()
    assert processes.marked(deployment.id) == []
    assert processes.poll_until(lambda: traces() == before, SETTLED_S_MAX, interval_s=0.3), (before, traces())


def test_every_part_is_up_and_has_its_role(running):
    """Checked through the ports of this machine, as with the embedded environment."""
    assert deployments.load(Path(running.root)) == running
    parts = status(Path(running.root))
    assert [part.name for part in parts if not part.running] == []
    assert sum(part.detail.startswith("primary, running") for part in parts) == 4
    assert sum(part.detail.startswith("replica, streaming") for part in parts) == 4
    assert sum(part.detail == "leader" for part in parts) == 1
    assert sum(part.detail == "ready" for part in parts) == 8
    assert sum(part.detail.endswith("well") for part in parts) == 3


def test_each_part_is_one_container_and_is_published_on_this_machine_alone(running):
    """No part can be reached from outside."""
    names = docker("ps", "--filter", f"label=closeshave.environment={running.id}", "--format", "{{.Names}}")
    assert sorted(names) == sorted(process.container.name for process in running.processes)
    published = [json.loads(word) for word in docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", *names)]
    hosts = {binding["HostIp"] for bindings in published for several in bindings.values() for binding in several}
    assert hosts == {"127.0.0.1"}


def test_the_engine_gets_no_secret_and_only_the_owner_reads_the_key(running):
    """Labels, variables and commands of all containers; the variables are the part's own and the image's. The database runs as another user."""
    root = Path(running.root)
    (key,) = root.rglob("signing-key.pem")
    assert [path.stat().st_mode & 0o777 for path in (key, root / deployments.FILE)] == [0o600, 0o600]
    secrets = [line for line in key.read_text().splitlines() if "-----" not in line] + [running.accounts[0].password]
    assert len(secrets) > 10
    for process in running.processes:
        told = subprocess.run(["docker", "inspect", process.container.name], capture_output=True, text=True, check=True, timeout=60).stdout
        assert not [secret for secret in secrets if secret in told], process.name
        (inspected,) = json.loads(told)
        (image,) = json.loads(
            subprocess.run(["docker", "image", "inspect", process.container.image], capture_output=True, check=True, timeout=60).stdout
        )
        names = {variable.partition("=")[0] for variable in inspected["Config"]["Env"]}
        assert names <= {variable.partition("=")[0] for variable in image["Config"]["Env"] or []} | set(process.environ) | {
            processes.MARK,
            "PATH",
        }
    logs = b"".join(path.read_bytes() for path in (root / "logs").rglob("*.log"))
    assert not [secret for secret in secrets if secret.encode() in logs]
    database = next(process for process in running.processes if process.role == "patroni")
    tried = subprocess.run(["docker", "exec", database.container.name, "cat", str(key)], capture_output=True, timeout=60, check=False)
    assert (tried.returncode != 0) is (os.getuid() == 0)


def test_every_shard_takes_writes_through_every_regions_own_link(running):
    """application → Toxiproxy → HAProxy → the primary."""
    links = [link for link in running.links if link.name.endswith("-primary")]
    assert len(links) == len(running.topology.regions) * len(running.topology.shards)
    assert [link.name for link in links if postgres.refused_write(link.port, running.database, running.user)] == []


def test_standbys_stream_through_the_replication_link_of_their_primary(running):
    """A fault on that link must take effect."""
    links = {link.name: link for link in running.links}
    for home, standby in zip(running.members[::2], running.members[1::2], strict=True):
        with psycopg.connect(host="127.0.0.1", port=standby.port, dbname=running.database, user="postgres", connect_timeout=5) as session:
            assert session.execute("SELECT sender_port FROM pg_stat_wal_receiver").fetchone() == (
                links[f"{home.process}-replication"].port,
            )


def test_a_customer_books_through_every_edge_and_is_answered_by_its_region(running):
    """From login to capture: application, shards, tiers and the payment provider find each other."""
    day = (datetime.now(tz=UTC) + timedelta(days=3)).date().isoformat()
    for number, edge in enumerate(running.edges):
        account = next(account for account in running.accounts if account.region == edge.region)
        shard = next(shard for shard in running.topology.shards if shard.home == edge.region)
        with Customer(edge.url, f"10.1.2.{number}") as customer:
            customer.login(account.email).at(shard.first + 7)
            assert customer.get("/health").json()["region"] == edge.region
            free = customer.get("/api/v2/appointments/slots", params={"appointment_date": day}).json()["slots"]
            wish = {"date": day, "time": free[0]["time"], "service": "Haircut"}
            booked = customer.post("/api/v2/appointments/", json=wish)
            assert booked.status_code == 200, booked.text
            assert customer.get(f"/api/v2/appointments/{booked.json()['id']}").json()["id"] == booked.json()["id"]


def test_the_postmaster_is_known_by_its_id_on_this_machine(running):
    """The ID in the file is that inside the container."""
    for member in running.members:
        found = processes.daemon(Path(running.root), running.process(member.process))
        assert found is not None
        assert psutil.Process(found.pid).name() == "postgres"


def test_a_killed_part_starts_again_in_a_container_of_the_same_name_and_address(running):
    """Others know it by its address."""
    root, process = Path(running.root), running.process("etcd-us-west-2")
    processes.send(processes.family(root, process), signal.SIGKILL)
    assert processes.poll_until(lambda: processes.find(root, process) is None, 10)
    processes.start(root, running.id, process)
    assert processes.poll_until(lambda: etcd.healthy(process.ports[0]), 30)
    [addresses] = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}},{{end}}", process.container.name)
    assert set(addresses.strip(",").split(",")) == {at.address for at in process.container.attachments}


def test_a_second_environment_has_networks_and_ports_of_its_own(running, definition):
    """In its layout, at least: two of them would not fit on a small machine at once."""
    taken = registry.read_claim(Path(running.root)).first_port
    before = traces()
    with pytest.raises(EnvironmentFailed, match=f"ports {taken} to .* are taken"):
        containers.up(replace(definition, ports=taken), say=print)
    assert traces() == before


def test_a_port_that_was_taken_after_it_was_claimed_is_one_clear_message(definition, nothing_left, monkeypatch, tmp_path):
    """By a program that does not use claims; the part and the reason are named."""
    monkeypatch.setattr(ports, "_listened_on", lambda _port: False)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", 27_100))
        thief.listen()
        with pytest.raises(EnvironmentFailed, match=r"cannot be started: .*port is taken"):
            containers.up(replace(definition, ports=27_100), root=tmp_path / "robbed", say=print)
    assert not (tmp_path / "robbed").exists()


def test_a_missing_image_is_named_with_the_command_that_makes_it(definition, nothing_left, tmp_path):
    """Before anything is made, also the directory."""
    lacking = replace(definition, images=Images(valkey="nobody/has:this"))
    with pytest.raises(EnvironmentFailed, match=r"no image nobody/has:this: 'closeshave env images'"):
        containers.up(lacking, root=tmp_path / "imageless", say=print)
    assert not (tmp_path / "imageless").exists()


@pytest.mark.parametrize(
    ("host", "message"),
    [("unix:///nowhere/docker.sock", "no container engine runs on this machine"), ("tcp://127.0.0.1:1", "is not on this machine")],
)
def test_without_an_engine_the_reason_is_one_sentence(nothing_left, host, message):
    """And the exit code shows that it was no verdict."""
    done = subprocess.run(
        [sys.executable, "-m", "closeshave", "env", "up", "containers"],
        env={**os.environ, "DOCKER_HOST": host},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert message in done.stderr
    assert "Traceback" not in done.stderr


STARTER = """
import sys
from pathlib import Path
from closeshave.environments.containers import containers
from closeshave.environments.definition import read_containers
from closeshave.files.shipped import locate
containers.up(read_containers(locate("environments", "containers")), root=Path(sys.argv[1]), say=lambda line: print(line, flush=True))
"""


def starting(root, until):
    """A harness that starts an environment, once it has said ``until``."""
    harness = subprocess.Popen([sys.executable, "-c", STARTER, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert harness.stdout is not None
    for line in harness.stdout:
        if until in line:
            return harness
    raise AssertionError(harness.communicate())


@pytest.mark.parametrize("until", ["starting", "10 containers run", "30 containers run"])
def test_an_interruption_of_the_start_leaves_nothing(nothing_left, tmp_path, until):
    """Ctrl-C at any time: no part starts afterwards."""
    root = tmp_path / "interrupted"
    harness = starting(root, until)
    harness.send_signal(signal.SIGINT)
    assert harness.wait(60) != 0
    assert not root.exists()


@pytest.mark.parametrize("until", ["starting", "20 containers run"])
def test_what_a_killed_harness_left_is_removed_by_its_directory_alone(nothing_left, tmp_path, until):
    """As the janitor does it, and ``closeshave env down --root``; the deployment was never written."""
    root = tmp_path / "orphaned"
    harness = starting(root, until)
    harness.kill()
    harness.wait()
    # What the engine was just asked for still comes to be.
    time.sleep(1)
    assert drivers.at(root).kind == "containers"
    assert drivers.at(root).down(root, tmp_path / "logs") == ()
    assert not root.exists()
