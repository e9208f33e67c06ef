"""A shortage of descriptors, ports, threads or memory is caused by this machine and is no answer of the platform."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from closeshave.history import SHORTAGE, Outcome
from closeshave.loadgen import connection, shortage
from closeshave.loadgen.dns import Resolver
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.errors import Reason, TransportError
from tests.loadgen.misbehaving import MisbehavingServer

PREAMBLE = """
import json, os, resource, socket, sys, threading
import gevent.monkey
from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.tls import TlsSettings
from closeshave.loadgen.transport import Request

def no_descriptor_left(spare=0):
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        for _ in range(spare):
            os.close(held.pop())

def tell(*answers):
    print(json.dumps(answers))
"""


def said(program: str, *arguments: str, within: tuple[str, ...] = ()) -> list[object]:
    """The output of a program in its own process."""
    text = PREAMBLE + textwrap.dedent(program)
    ran = subprocess.run([*within, sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    found: list[object] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    """A server that answers well."""
    server = MisbehavingServer()
    yield server
    server.close()


def test_without_a_descriptor_nothing_is_sent_and_nothing_refused(server: MisbehavingServer) -> None:
    """The plain client and the journeys' transport agree: shortage, certainly not done; and once there are descriptors again, requests work."""
    program = """
        engine = Engine(Settings())
        client, transport = engine.client(sys.argv[1]), EngineTransport(engine, sys.argv[1])
        no_descriptor_left()
        first = client.post("/plain", json={})
        second = transport.send(Request("book", "POST", "/plain", {}, b"{}", writes=True))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        os.closerange(200, 256)
        third = client.get("/plain")
        tell(first.error, first.outcome, str(second.failure), second.may_have_arrived, engine.records.counters.requests, third.good)
    """
    assert said(program, server.url) == [SHORTAGE, Outcome.FAIL, SHORTAGE, False, 1, True]
    assert server.seen["/plain"] == 1


@pytest.mark.parametrize("spare", [0, 2])
def test_a_name_that_cannot_be_looked_up_for_lack_of_descriptors_is_not_unknown(spare: int) -> None:
    """The C library reports *name unknown* or *try again*, as it would for a name that does not exist."""
    program = """
        engine = Engine(Settings())
        client = engine.client("http://platform.invalid")
        from gevent.hub import get_hub
        get_hub().threadpool.apply(int)
        no_descriptor_left(int(sys.argv[1]))
        answer = client.post("/x", json={})
        tell(answer.error, answer.outcome)
    """
    error, outcome = said(program, str(spare))
    assert error == SHORTAGE
    assert outcome == Outcome.FAIL


def test_authorities_that_cannot_be_read_for_lack_of_descriptors_are_read_later() -> None:
    """OpenSSL reads none and reports no error, and would then trust no certificate for the rest of the load."""
    program = """
        engine = Engine(Settings())
        client = engine.client("https://127.0.0.1:9")
        no_descriptor_left(1)
        first = client.get("/x")
        was_read = engine._connector.sessions.ready
        os.closerange(200, 256)
        tell(first.error, first.outcome, was_read, client.get("/x").error)
    """
    assert said(program) == [SHORTAGE, Outcome.FAIL, False, "refused"]


def _alone() -> tuple[str, ...]:
    """A network of one's own, where the range of ports may be set. Skips where the system grants none, but for CI, which must."""
    within = ("unshare", "--user", "--map-root-user", "--net")
    ran = subprocess.run([*within, "true"], capture_output=True, text=True, check=False)
    if ran.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"no network namespace in CI: {ran.stderr}")
        pytest.skip(f"no network namespace to be had: {ran.stderr.strip()}")
    return within


def test_without_a_port_nothing_is_sent_and_nothing_unreachable() -> None:
    """Every port towards the server is in use."""
    program = """
        import subprocess
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("20000 20003")
        listener = socket.create_server(("127.0.0.1", 9000))
        held = [socket.create_connection(("127.0.0.1", 9000)) for _ in range(4)]
        answer = Engine(Settings()).client("http://127.0.0.1:9000").post("/x", json={})
        tell(answer.error, answer.outcome)
    """
    assert said(program, within=_alone()) == [SHORTAGE, Outcome.FAIL]


def test_a_machine_without_an_address_of_the_family_is_not_short() -> None:
    """The same error number, but no shortage: that address cannot be reached from here with any number of ports."""
    program = """
        import subprocess
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w").write("1")
        answer = Engine(Settings()).client("http://[::1]:9000").post("/x", json={})
        tell(answer.error, answer.outcome)
    """
    assert said(program, within=_alone()) == ["unreachable", Outcome.FAIL]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("can't start new thread"), Reason.SHORTAGE),
        (MemoryError(), Reason.SHORTAGE),
        (OSError(24, "Too many open files"), Reason.SHORTAGE),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), Reason.SHORTAGE),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Reason.DNS),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Reason.DNS),
    ],
)
def test_a_failed_look_up_has_its_reason(error: Exception, reason: Reason) -> None:
    """As the system reports it; a name server that does not answer is no shortage."""

    def lookup(_host: str, _port: int) -> list[object]:
        raise error

    with pytest.raises(TransportError) as found:
        Resolver(lookup=lookup).resolve("platform.example", 80)
    assert (found.value.reason, found.value.sent) == (reason, False)


def test_other_errors_are_not_a_shortage() -> None:
    """They are errors of the harness, and must be seen."""

    def lookup(_host: str, _port: int) -> list[object]:
        raise RuntimeError("dictionary changed size during iteration")

    with pytest.raises(RuntimeError, match="dictionary"):
        Resolver(lookup=lookup).resolve("platform.example", 80)


def _found(addresses: Sequence[tuple[int, object]], _host: str, _port: int) -> list[object]:
    return [(family, socket.SOCK_STREAM, 6, "", at) for family, at in addresses]


def test_of_several_addresses_one_that_could_not_be_tried_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is unknown, although the other one refused."""
    # A resolver that knows two addresses of one name: the first refuses, for the second there is no descriptor.
    refused, short = (socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET6, ("::1", 1, 0, 0))
    engine = Engine(Settings())
    asked: list[int] = []

    def opened(family: int, kind: int) -> socket.socket:
        asked.append(family)
        if family == socket.AF_INET6:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return socket.socket(family, kind)

    monkeypatch.setattr(connection, "_raw_socket", opened)
    for order in ([refused, short], [short, refused]):
        engine._connector.resolver = Resolver(lookup=partial(_found, order))
        with pytest.raises(TransportError) as found:
            engine.own_pool(engine.client("http://platform.example").origin).take(time.monotonic_ns() + 20_000_000_000)
        assert found.value.reason is Reason.SHORTAGE
    assert asked == [refused[0], short[0], short[0], refused[0]]
    engine.close()


def test_nothing_is_short_in_this_test() -> None:
    """The check itself leaves nothing behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert not shortage.of_descriptors()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
