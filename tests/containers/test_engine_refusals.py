"""The messages for users without an engine, or with the wrong one; and the meaning of the engine's own messages. No engine is needed."""

import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from closeshave.control import engine
from closeshave.control.engine import client, labels, namespace, networks

INNER, OUTER = "a1" * 32, "b2" * 32


@pytest.fixture
def elsewhere(monkeypatch):
    """Points to another engine, for one test only."""
    client.client.cache_clear()
    yield lambda host: monkeypatch.setenv("DOCKER_HOST", host)
    client.client.cache_clear()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nonexistent/docker.sock", "no container engine runs on this machine"),
        ("tcp://127.0.0.1:1", "is not on this machine"),
        ("ssh://build@example.com", "is not on this machine"),
    ],
)
def test_why_no_engine_can_be_used_is_one_sentence(elsewhere, host, reason):
    """Known before anything is started, without a long wait."""
    elsewhere(host)
    said = engine.check()
    assert said is not None
    assert reason in said
    assert "\n" not in said


def test_a_call_without_an_engine_fails_by_the_same_sentence(elsewhere):
    """Whoever did not ask first learns it too."""
    elsewhere("unix:///nonexistent/docker.sock")
    with pytest.raises(engine.EngineFailed, match="no container engine runs on this machine"):
        engine.sweep("nobody")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", "may not use the container engine's socket"),
        ("('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", "no container engine runs"),
        ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", "no container engine runs"),
        ("something else", "no container engine can be used: something else"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_reported_with_what_to_do(text, meaning):
    """Docker's own message names a Python exception."""
    assert meaning in client._unreachable(text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("driver failed: Bind for 127.0.0.1:25000 failed: port is already allocated", "a port is taken by another program"),
        ("listen tcp4 127.0.0.1:25000: bind: address already in use", "a port is taken by another program"),
        ("write /var/lib/x: no space left on device", "its disk is full"),
        ("two\n lines", "two lines"),
    ],
)
def test_a_refusal_of_an_engine_is_reported_by_its_meaning(text, meaning):
    """With the engine's own message after it."""
    assert meaning in client._meaning(text)


def test_docker_is_imported_only_if_an_engine_is_used():
    """The embedded environment starts hundreds of processes, and none should wait for it."""
    code = "import sys, closeshave.control.processes; sys.exit('docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_labels_state_the_environment_the_root_and_the_part(tmp_path):
    """A network is no part."""
    assert labels.labels("e", tmp_path, "app") == {
        "closeshave.environment": "e",
        "closeshave.root": str(tmp_path),
        "closeshave.process": "app",
    }
    assert "closeshave.process" not in labels.labels("e", tmp_path)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        (f"4:memory:/docker/{INNER}\n1:cpu:/docker/{INNER}\n", INNER),
        (f"0::/system.slice/docker-{INNER}.scope\n", INNER),
        (f"0::/user.slice/libpod-{INNER}.scope/container\n", INNER),
        (f"1:cpu:/docker/{OUTER}/engine/{INNER}\n", INNER),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
    ],
    ids=["first version", "systemd", "podman", "inside another container", "none"],
)
def test_the_innermost_container_is_read_from_the_control_group(tmp_path, text, id_):
    """For every arrangement by engine and kernel."""
    (tmp_path / "cgroup").write_text(text)
    assert namespace._innermost(str(tmp_path / "cgroup")) == id_


def test_a_process_that_has_ended_is_in_no_container():
    """And has no ID inside one."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert namespace.container_of(ended.pid) is None
    assert namespace.inner_pid(ended.pid) is None


def test_routes_of_this_machine_are_taken():
    """All except the default one, which covers every address."""
    table = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert networks._routes(table) == [IPv4Network("10.213.0.0/16")]
