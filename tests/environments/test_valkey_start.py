"""The role in which a Valkey node comes back: what the sentinels say, not what it was."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from closeshave.environments import valkey
from closeshave.environments.valkey_start import parse

REPLY = "*6\r\n$4\r\nport\r\n$4\r\n{port}\r\n$12\r\nconfig-epoch\r\n$1\r\n{epoch}\r\n$5\r\nflags\r\n$6\r\nmaster\r\n+OK\r\n"


def sentinel(port, epoch):
    """A listener that answers one question as a sentinel would; returns its own port."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = server.accept()
        with connection, server:
            connection.recv(1000)
            connection.sendall(REPLY.format(port=port, epoch=epoch).encode())

    threading.Thread(target=answer, daemon=True).start()
    return server.getsockname()[1]


def started(own, declared, sentinels):
    """The options with which the node at port ``own`` would start, after the program's name."""
    asked = ",".join(map(str, sentinels))
    command = [sys.executable, "-I", "-S", str(valkey.START), "cache", str(own), str(declared), asked, "/bin/echo", "server"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("own", "declared", "known", "expected"),
    [
        pytest.param(6001, 6001, [], ["server"], id="first start of the declared primary"),
        pytest.param(6002, 6001, [], ["server", "--replicaof", "127.0.0.1", "6001"], id="first start of the replica"),
        pytest.param(6001, 6001, [(6002, 3)], ["server", "--replicaof", "127.0.0.1", "6002"], id="a deposed primary comes back as replica"),
        pytest.param(6002, 6001, [(6002, 3)], ["server"], id="a promoted replica comes back as primary"),
        pytest.param(
            6001, 6001, [(6001, 1), (6002, 2)], ["server", "--replicaof", "127.0.0.1", "6002"], id="the newest configuration is believed"
        ),
    ],
)
def test_a_node_starts_in_the_role_that_its_group_gives_it_now(own, declared, known, expected):
    """Otherwise an old primary would take writes until it is demoted, and lose them."""
    assert started(own, declared, [sentinel(*answer) for answer in known] or [free_port()]) == expected


@pytest.mark.parametrize("received", [b"", b"-ERR No such master with that name\r\n+OK\r\n", b"*2\r\n$4\r\nport\r\n"])
def test_an_answer_that_names_no_primary_is_no_answer(received):
    """A sentinel may be young, or cut off in mid-sentence."""
    assert parse(received) is None


def test_the_launcher_becomes_the_server():
    """Same process ID, so that the record of the launcher is the record of the server."""
    launcher = subprocess.Popen(
        [sys.executable, "-I", "-S", str(valkey.START), "cache", "1", "1", str(free_port()), "/bin/sh", "-c", "echo $$"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert int(launcher.communicate(timeout=20)[0]) == launcher.pid
