"""The role in which a Valkey node comes back: the one that its group states, not its last one."""

import socket
import subprocess
import sys
import threading

import pytest

from closeshave.environments.servers import valkey_start
from closeshave.environments.servers.valkey_start import parse

OWN, PEER = 6001, 6002


def server(*answers):
    """A listener that gives one of the answers to each request, the last one repeatedly; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for number in range(1000):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answers[min(number, len(answers) - 1)].encode())

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def sentinel(port, epoch=1, flags="master"):
    """The words of a sentinel that holds the node at ``port`` for the primary."""
    known = {"ip": "127.0.0.1", "port": port, "config-epoch": epoch, "flags": flags}
    words = [str(word) for pair in known.items() for word in pair]
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words) + "+OK\r\n"


def silent():
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(own, nodes, sentinels, program=("/bin/echo", "server")):
    """The options with which the node at port ``own`` starts."""
    listed = [",".join(f"127.0.0.1:{port}" for port in several) for several in (nodes, sentinels)]
    command = [sys.executable, "-I", "-S", valkey_start.__file__, "cache", str(own), *listed, *program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def replica_of(port):
    """The options of a replica of the node at ``port``."""
    return ["server", "--replicaof", "127.0.0.1", str(port)]


def test_at_the_first_start_the_declared_roles_apply():
    """No node answers yet; the first node of the group is its primary."""
    nodes = [silent(), silent()]
    assert started(nodes[0], nodes, [silent()]) == ["server"]
    assert started(nodes[1], nodes, [silent()]) == replica_of(nodes[0])


@pytest.mark.parametrize(
    ("answers", "primary"),
    [
        pytest.param([sentinel(PEER, 3)], PEER, id="a deposed primary comes back as a replica"),
        pytest.param([sentinel(OWN, 3)], OWN, id="a promoted replica comes back as the primary"),
        pytest.param([sentinel(OWN, 1), sentinel(PEER, 2), sentinel(OWN, 1)], PEER, id="the newest configuration is believed"),
    ],
)
def test_a_node_starts_in_the_role_that_the_sentinels_give_it(answers, primary):
    """Otherwise an old primary would take writes until it is demoted, and lose them."""
    expected = ["server"] if primary == OWN else replica_of(primary)
    assert started(OWN, [OWN, silent()], [server(answer) for answer in answers]) == expected


def test_a_node_waits_for_a_failover_in_progress():
    """Until it ends the sentinels still name the old primary."""
    during, after = sentinel(OWN, 1, "master,s_down,o_down,failover_in_progress"), sentinel(PEER, 2)
    assert started(OWN, [OWN, silent()], [server(during, during, after)]) == replica_of(PEER)


def test_a_peer_that_is_primary_has_precedence_over_the_sentinels():
    """It was promoted a moment ago; they state it only once they have seen it."""
    peer = server("$20\r\nrole:master\r\n\r\n+OK\r\n")
    assert started(OWN, [OWN, peer], [server(sentinel(OWN))]) == replica_of(peer)


@pytest.mark.parametrize("reply", ["", "-ERR No such master with that name\r\n+OK\r\n", "*2\r\n$4\r\nport\r\n"])
def test_an_answer_that_names_no_primary_is_no_answer(reply):
    """A sentinel may have just started, or be cut off in the middle of an answer."""
    assert parse(reply) is None


def test_the_launcher_becomes_the_server():
    """Same process ID, so that the record of the launcher is the record of the server."""
    port = str(silent())
    found = [f"127.0.0.1:{port}", f"127.0.0.1:{silent()}"]
    command = [sys.executable, "-I", "-S", valkey_start.__file__, "cache", port, *found, "/bin/sh", "-c", "echo $$"]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert int(launcher.communicate(timeout=60)[0]) == launcher.pid
