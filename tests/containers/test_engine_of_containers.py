"""What the engine does for an environment, on a real one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from closeshave.control import engine, processes, sockets
from closeshave.control.engine import namespace
from closeshave.control.engine.allowance import allowance
from closeshave.control.engine.client import client
from closeshave.control.engine.entering import enter
from closeshave.control.engine.sidecar import run_sidecar
from closeshave.environments.evidence import proctable
from closeshave.environments.evidence.meter import ProcessGroup
from closeshave.environments.evidence.resources import Census
from closeshave.environments.stack import Images

pytestmark = pytest.mark.containers

PORTS = (25311, 25312)
RELAY = 25319
SLEEP = ("sleep", "60")


def started(scene, *arguments, **changes):
    """A process of the scene, running."""
    process = scene.process(*arguments, **changes)
    return process, processes.start(scene.root, scene.id, process)


def proxy(port):
    """Toxiproxy, whose own interface is a small web server."""
    return ("toxiproxy-server", "-host=0.0.0.0", f"-port={port}")


def answers(port, path="/version"):
    """Whether a web server answers on a port of this machine."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=0.5).status_code == 200
    except httpx.HTTPError:
        return False


def containers():
    """The IDs of all containers that there are."""
    return {container.id for container in client().client.containers.list(all=True)}


def test_a_container_is_a_process_of_this_machine(scene):
    """It is found by its record like any other, has its mark, sees its root, and its output is in its log."""
    process, identity = started(scene, "talker", ("sh", "-c", 'echo "$WORD from $PWD"; exec sleep 60'), environ={"WORD": "hello"})
    assert processes.find(scene.root, process) == identity
    assert engine.alive(process.container.name) == identity.pid
    assert identity in processes.marked(scene.id)
    log = scene.root / "logs" / "talker.log"
    assert processes.poll_until(lambda: log.read_text() == f"hello from {scene.root}\n", 5)


def test_it_runs_as_the_user_it_is_given_and_may_write_its_log(scene):
    """PostgreSQL must not be root, and its log belongs in the same directory."""
    os.chmod(scene.root, 0o755)  # noqa: PTH101
    started(scene, "nobody", ("sh", "-c", "id -un; exec sleep 60"), container={"user": "65534:65534"})
    assert processes.poll_until(lambda: (scene.root / "logs" / "nobody.log").read_text() == "nobody\n", 5)


def test_its_ports_are_published_on_loopback_only(scene):
    """Under their own numbers, and not reachable from outside this machine."""
    process, _ = started(scene, "server", proxy(PORTS[0]), ports=PORTS[:1])
    assert processes.poll_until(lambda: answers(PORTS[0]), 10)
    bindings = client().client.containers.get(process.container.name).attrs["NetworkSettings"]["Ports"]
    assert bindings == {f"{PORTS[0]}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORTS[0])}]}


def test_it_ends_with_its_first_process_and_starts_again_from_the_same_value(scene):
    """A lost part comes back in a new container with the old name and another ID, and its log is continued."""
    process, first = started(scene, "phoenix", ("sh", "-c", "echo up; exec sleep 60"))
    child = processes.with_descendants([first])
    assert processes.send(child, signal.SIGKILL) == child
    assert processes.gone(child, 5) == []
    assert processes.find(scene.root, process) is None
    assert engine.alive(process.container.name) is None
    second = processes.start(scene.root, scene.id, process)
    assert second != first
    assert processes.poll_until(lambda: (scene.root / "logs" / "phoenix.log").read_text() == "up\nup\n", 5)


def test_a_paused_container_is_stopped_and_resumes(scene):
    """A stop of its first process stops the container; all its processes count as stopped until it is resumed."""
    process, identity = started(scene, "statue", ("sh", "-c", "sleep 61 & exec sleep 60"))
    assert processes.poll_until(lambda: len(processes.family(scene.root, process)) == 2, 5)
    everyone = processes.family(scene.root, process)
    assert processes.stopped(everyone) == []
    assert processes.send(everyone, signal.SIGSTOP) == everyone
    assert engine.paused(process.container.name)
    assert processes.stopped(everyone) == everyone
    assert processes.find(scene.root, process) == identity
    assert processes.send(everyone, signal.SIGCONT) == everyone
    assert processes.stopped(everyone) == []


def test_a_paused_container_can_be_killed(scene):
    """A sweep does not resume it first."""
    process, identity = started(scene, "statue", SLEEP)
    engine.pause([process.container.name])
    processes.send([identity], signal.SIGKILL)
    assert processes.gone([identity], 5) == []


def test_a_daemon_is_known_by_the_id_that_it_has_inside(scene):
    """As a postmaster writes it: it can be killed, or stopped, without its supervisor."""
    pid_file = scene.root / "daemon.pid"
    argv = ("sh", "-c", f"sh -c 'echo $$ > {pid_file}; exec sleep 62' & exec sleep 60")
    process, first = started(scene, "keeper", argv, pid_file=str(pid_file))
    assert processes.poll_until(lambda: processes.daemon(scene.root, process) is not None, 5)
    daemon = processes.daemon(scene.root, process)
    assert daemon is not None
    assert namespace.inner_pid(daemon.pid) == int(pid_file.read_text()) != daemon.pid
    assert processes.family(scene.root, process) == [first, daemon]
    processes.send([daemon], signal.SIGSTOP)
    assert processes.stopped([first, daemon]) == [daemon]
    processes.send([daemon], signal.SIGKILL)
    assert processes.gone([daemon], 5) == []
    assert processes.daemon(scene.root, process) is None
    assert first.alive


def test_a_signal_that_this_user_may_not_send_goes_through_the_engine(scene, monkeypatch):
    """A member of the group docker owns no process of a container."""

    def refuse(pid, number):
        raise PermissionError

    process, first = started(scene, "keeper", ("sh", "-c", "sleep 62 & sleep 63 & exec sleep 60"))
    assert processes.poll_until(lambda: len(processes.family(scene.root, process)) == 3, 5)
    _, one, other = processes.family(scene.root, process)
    monkeypatch.setattr(os, "kill", refuse)
    for child, number in ((one, signal.SIGTERM), (other, signal.SIGKILL)):
        assert processes.send([child], number) == [child]
        assert processes.gone([child], 5) == []
    assert first.alive
    assert processes.send([first], signal.SIGKILL) == [first]
    assert processes.gone([first], 5) == []


def test_a_container_is_cut_from_a_network_and_put_back_at_the_same_address(scene):
    """Not a packet passes between the two, while this machine still reaches both; twice is no different from once."""
    started(scene, "a", proxy(PORTS[0]), 2, (PORTS[0], RELAY))
    b, _ = started(scene, "b", proxy(PORTS[1]), 3, PORTS[1:])
    assert processes.poll_until(lambda: answers(PORTS[0]) and answers(PORTS[1]), 10)
    relay = {"name": "b", "listen": f"0.0.0.0:{RELAY}", "upstream": f"{b.address}:{PORTS[1]}", "enabled": True}
    httpx.post(f"http://127.0.0.1:{PORTS[0]}/proxies", json=relay).raise_for_status()
    assert processes.poll_until(lambda: answers(RELAY), 5)
    wan = b.container.attachments[1]
    for _ in range(2):
        engine.disconnect(b.container.name, wan.network)
        assert engine.attached(b.container.name) == {b.container.attachments[0].network}
        assert not answers(RELAY)
    assert answers(PORTS[1])
    for _ in range(2):
        engine.connect(b.container.name, wan)
        assert engine.attached(b.container.name) == {attachment.network for attachment in b.container.attachments}
    assert processes.poll_until(lambda: answers(RELAY), 5)


def test_on_the_front_no_container_reaches_another(scene):
    """Otherwise a partition would be incomplete."""
    started(scene, "a", proxy(PORTS[0]), 2, (PORTS[0], RELAY))
    b, _ = started(scene, "b", proxy(PORTS[1]), 3, PORTS[1:])
    assert processes.poll_until(lambda: answers(PORTS[0]) and answers(PORTS[1]), 10)
    relay = {"name": "b", "listen": f"0.0.0.0:{RELAY}", "upstream": f"{b.container.attachments[0].address}:{PORTS[1]}", "enabled": True}
    httpx.post(f"http://127.0.0.1:{PORTS[0]}/proxies", json=relay).raise_for_status()
    assert not answers(RELAY)


def test_a_limit_of_cpu_is_set_and_lifted(scene):
    """A busy loop gets the allowed share and no more."""
    process, identity = started(scene, "busy", ("sh", "-c", "while :; do :; done"))
    engine.limit_cpu(process.container.name, 0.1)
    assert allowance(process.container.name).cpu_share == pytest.approx(0.1)
    handle = identity.handle()
    before, begun = handle.cpu_times().user, time.monotonic()
    time.sleep(1.0)
    assert (handle.cpu_times().user - before) / (time.monotonic() - begun) < 0.3
    engine.limit_cpu(process.container.name, None)
    assert allowance(process.container.name).cpu_share is None


def test_a_process_that_wants_more_memory_than_its_container_has_is_killed_by_the_kernel(scene):
    """And the engine distinguishes that from any other end."""
    process, identity = started(scene, "glutton", ("sh", "-c", "sleep 1; a=xxxxxxxx; while :; do a=$a$a; done"))
    assert not engine.oom_killed(process.container.name)
    engine.limit_memory(process.container.name, 16 << 20)
    assert processes.gone([identity], 20) == []
    assert processes.poll_until(lambda: engine.oom_killed(process.container.name), 5)


def test_a_limit_of_memory_is_lifted(scene):
    """Up to all memory of the machine."""
    process, _ = started(scene, "modest", SLEEP, container={"memory_bytes_max": 32 << 20})
    assert allowance(process.container.name).memory_bytes_max == 32 << 20
    engine.limit_memory(process.container.name, None)
    assert allowance(process.container.name).memory_bytes_max is None


def test_what_runs_in_a_container_is_counted_for_its_part(scene):
    """CPU and memory of a report: the container's processes descend from the engine's, not from the harness."""
    process, identity = started(scene, "part", ("sh", "-c", "sleep 61 & exec sleep 60"))
    assert processes.poll_until(lambda: len(processes.family(scene.root, process)) == 2, 5)
    deployment = SimpleNamespace(root=str(scene.root), processes=(process,), networks=())
    owned = Census(deployment, "run", os.getpid()).owners(proctable.table())  # type: ignore[arg-type] # all that is asked for
    assert {pid for pid, group in owned.items() if group == ProcessGroup(process.role, None)} == {
        each.pid for each in processes.descendants(identity)
    }


@pytest.mark.usefixtures("images")
def test_connections_to_a_part_are_seen_on_its_own_networks(scene):
    """By entering them, and by a container on the same networks where that is not permitted: both give the same result."""
    process, identity = started(scene, "heard", proxy(PORTS[0]), ports=(PORTS[0],))
    assert processes.poll_until(lambda: answers(PORTS[0]), 10)
    with socket.create_connection(("127.0.0.1", PORTS[0])) as client_:
        client_.sendall(b"GET")
        for text in (
            enter(identity.pid, [sys.executable, "-I", "-S", sockets.__file__]),
            run_sidecar(process.container.name, Images().platform, ["python3", "-c", Path(sockets.__file__).read_text()]),
        ):
            assert text is not None
            assert str(PORTS[0]) in json.loads(text)
    assert sockets.heard_ms().get(PORTS[0]) is None, "from here nobody is heard"


def test_a_sweep_needs_no_record(scene):
    """Containers running, paused and ended, and their networks, are found by their label; those of others stay."""
    names = [started(scene, name, SLEEP, number)[0].container.name for number, name in enumerate(("runs", "paused", "ended"), 2)]
    engine.pause([names[1]])
    engine.kill([names[2]])
    assert engine.sweep("somebody-else") == []
    assert all(engine.attached(name) for name in names)
    assert engine.sweep(scene.id) == []
    assert not {name for name in names if name in {each.name for each in client().client.containers.list(all=True)}}
    assert not [network for network in client().client.networks.list() if network.name in {one.name for one in scene.networks}]
    assert engine.sweep(scene.id) == []


def test_what_a_killed_harness_left_is_swept(scene):
    """None of its processes need exist: the engine keeps the labels."""
    process = scene.process("orphan", SLEEP)
    code = f"import sys, os; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from pathlib import Path\n"
    code += "from closeshave.deployment import Attachment, Container, Process\nfrom closeshave.control import processes\n"
    code += f"processes.start(Path({str(scene.root)!r}), {scene.id!r}, {process!r}); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == -9
    identity = processes.find(scene.root, process)
    assert identity is not None
    assert engine.sweep(scene.id) == []
    assert not identity.alive


def test_a_taken_port_is_reported_in_a_sentence_and_leaves_no_container(scene):
    """Another server used it first."""
    before = containers()
    with socket.create_server(("127.0.0.1", PORTS[0])), pytest.raises(engine.EngineFailed, match="a port is taken by another program"):
        started(scene, "late", proxy(PORTS[0]), ports=PORTS[:1])
    assert containers() == before


def test_a_missing_image_is_named_with_the_command_that_makes_it(scene):
    """Nothing is downloaded without a command."""
    process = scene.process("none", SLEEP)
    process = replace(process, container=replace(process.container, image="closeshave/nonesuch:local"))
    with pytest.raises(engine.EngineFailed, match="closeshave/nonesuch:local: build the harness's images with 'closeshave env images'"):
        processes.start(scene.root, scene.id, process)


def test_a_program_that_is_not_in_the_image_is_reported(scene):
    """And no container of it stays."""
    before = containers()
    with pytest.raises(engine.EngineFailed, match="none ended at once"):
        started(scene, "none", ("nonesuch",))
    assert containers() == before


def test_a_container_that_runs_is_not_replaced(scene):
    """A second start of a part is a mistake of the caller."""
    process, identity = started(scene, "single", SLEEP)
    with pytest.raises(engine.EngineFailed, match="is already running"):
        processes.start(scene.root, scene.id, process)
    assert identity.alive


def test_a_program_runs_inside(scene):
    """Its output is returned; its failure is an error."""
    process, _ = started(scene, "host", SLEEP)
    assert engine.execute(process.container.name, ["id", "-u"]) == "0\n"
    with pytest.raises(engine.EngineFailed, match="exit 2"):
        engine.execute(process.container.name, ["ls", "/nonesuch"])


def test_overlapping_networks_are_refused(scene):
    """By the engine, in a sentence; and the subnet of the first counts as taken."""
    with pytest.raises(engine.EngineFailed, match="could not make the network"):
        engine.make_network(replace(scene.networks[0], name=f"{scene.id}-again"), scene.id, scene.root)
    assert {network.subnet for network in scene.networks} <= {str(subnet) for subnet in engine.taken_subnets()}
