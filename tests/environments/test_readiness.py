"""What parts lack until they serve: in words, so that a start that fails says what it was waiting for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closeshave.deployment import OWN_REQUESTS, Edge, Member, Readiness, Sentinel, Store
from closeshave.environments import readiness
from closeshave.environments.errors import EnvironmentFailed
from closeshave.files import read_lines
from tests.faults import toys


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says this to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        # Wakes the thread up; closing alone would not.
        listener.shutdown(socket.SHUT_RDWR)


def http(status: str, body: bytes = b"{}") -> bytes:
    """An answer over HTTP."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def error(message: str) -> bytes:
    """A refusal in PostgreSQL's protocol."""
    fields = b"".join(f"{kind}{text}\0".encode() for kind, text in (("S", "FATAL"), ("C", "08P01"), ("M", message))) + b"\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


NAMED = "pooler-here-shard1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "unsupported startup parameter: jit",
            f"{NAMED} refuses .*: unsupported startup parameter: jit; 'ignore_startup_parameters' .* must name it",
        ),
        (
            "no more connections allowed (max_client_conn)",
            f"{NAMED} refuses .*: no more connections allowed .*; 'max_client_conn' .* too small",
        ),
        ("no such user: somebody", f"{NAMED} refuses .*: no such user: somebody; .*{{database_url}}"),
        ('"trust" authentication failed', f"{NAMED} refuses .*authentication failed"),
    ],
)
def test_a_refusal_that_stays_ends_the_start_and_names_the_pooler(said: str, told: str) -> None:
    """Whether it refuses the harness's own session, or its log says that it sent an instance away."""
    with answering(error(said)) as port, pytest.raises(EnvironmentFailed, match=told):
        readiness.of_pooler(NAMED, port, "bookings", "bookings", {"jit": "off"})
    line = f"2026-12-01 03:59:47.040 UTC [7] LOG C-0x55d0: (nodb)/(nouser)@127.0.0.1:48792 closing because: {said} (age=0s)\n"
    with pytest.raises(EnvironmentFailed, match=told):
        readiness.of_pooler_log(NAMED, f"{line.replace(said, 'client close request')}{line}")


@pytest.mark.parametrize(
    "said", ["server login failed: FATAL the database system is starting up", "client close request", "client unexpected eof"]
)
def test_what_passes_by_itself_is_waited_for(said: str) -> None:
    """It is told if it lasts too long."""
    readiness.of_pooler_log(NAMED, f"LOG C-0x1: closing because: {said} (age=0s)\n")
    with answering(error(said)) as port:
        assert readiness.of_pooler(NAMED, port, "bookings", "bookings", {}) == f"{NAMED} answers no query on port {port}: {said}"


def test_a_pooler_that_does_not_speak_postgres_is_told() -> None:
    """Whatever listens there."""
    with answering(http("200 OK")) as port:
        assert "not PostgreSQL's protocol" in readiness.of_pooler(NAMED, port, "bookings", "bookings", {})


@pytest.mark.parametrize(
    ("found", "lacking"),
    [
        ({"shard1": "a", "shard2": "b"}, ""),
        ({}, "shard1 is led by nobody, not by a"),
        ({"shard1": "a"}, "shard2 is led by nobody, not by b"),
        ({"shard1": "a", "shard2": "a"}, "shard2 is led by a, not by b"),
        ({"shard1": "a", "shard2": "b", "shard9": "c"}, "etcd knows a leader of shard9, which is no shard of this environment"),
    ],
)
def test_every_shard_must_be_led_by_its_declared_member(found: dict[str, str], lacking: str) -> None:
    """The first shard that is not is told."""
    assert readiness.of_leaders({"shard1": "a", "shard2": "b"}, found) == lacking


@pytest.mark.parametrize(
    ("answer", "wanted", "lacking"),
    [
        (http("200 OK"), Readiness(), ""),
        (http("503 Service Unavailable"), Readiness(), "the edge answers 503 to /health/ready; ready is 200"),
        (http("204 No Content"), Readiness(path="/up", status=204), ""),
        (http("200 OK", b'{"state": "up"}'), Readiness(body='"up"'), ""),
        (
            http("200 OK", b'{"state": "down"}'),
            Readiness(body='"up"'),
            """the edge answers 200 without '"up"' to /health/ready; ready is 200 with '"up"'""",
        ),
        (b"", Readiness(), "the edge does not answer on port"),
        (b"+PONG\r\n", Readiness(), "the edge does not answer on port"),
    ],
)
def test_an_application_must_say_that_it_is_ready(answer: bytes, wanted: Readiness, lacking: str) -> None:
    """By its status or a text in its answer, as its environment file says; anything else is told."""
    with answering(answer) as port:
        said = readiness.of_door("the edge", port, wanted)
        assert said.removesuffix(f" {port}") == lacking


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (http("200 OK", b'{"health": "true"}'), True),
        (http("503 Service Unavailable", b'{"health": "false"}'), False),
        (http("200 OK", b"[]"), False),
        (http("200 OK", b"no JSON"), False),
    ],
)
def test_a_member_of_etcd_must_say_that_it_is_healthy(answer: bytes, healthy: bool) -> None:
    """Whatever its status."""
    with answering(answer) as port:
        assert (readiness.of_etcd(port) == "") is healthy


def test_the_requests_at_an_edge_are_noted(tmp_path: Path) -> None:
    """What is built anew under load asks edges that count customers' requests meanwhile; each question is taken off, whatever the answer is."""
    toy = toys.deployment(tmp_path)
    with answering(http("503 Not ready")) as port:
        edge = Edge(toys.NEAR, f"http://127.0.0.1:{port}", "", "")
        assert readiness.of_edge(toy, edge).startswith(f"the edge of {toys.NEAR} answers 503")
        assert readiness.of_edge(toy, edge)
    assert list(read_lines(tmp_path / OWN_REQUESTS)) == [{"region": toys.NEAR}] * 2


def test_a_part_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """Each with what it was asked for."""
    nobody, toy = toys.free_port(), toys.deployment(tmp_path / "root")
    member = Member(process="shard1-a", shard=1, region=toys.NEAR, port=nobody, api_port=nobody, name="shard1-a")
    store = Store(process="cache-a", tier="cache", group="cache", region=toys.NEAR, port=nobody)
    sentinel = Sentinel(process="sentinel-a", region=toys.NEAR, port=nobody)
    assert readiness.of_replica(store) == "cache-a does not answer"
    assert readiness.of_sentinel(sentinel, "cache", 1, 2) == "sentinel-a does not answer, or does not know cache"
    assert readiness.of_standby(toy, member).startswith("shard1-a does not say who streams from it: connection failed")
    refused = readiness.of_writes(1, nobody, "bookings", "bookings")
    assert refused.startswith(f"shard 1 takes no write through port {nobody}: connection failed")
    assert "\n" not in refused


def test_only_the_first_that_lacks_something_is_asked() -> None:
    """While parts start, every question takes time from them."""
    asked: list[int] = []

    def lacks(number: int) -> str:
        asked.append(number)
        return "starting" if number == 2 else ""

    assert readiness.first(map(lacks, range(5))) == "starting"
    assert asked == [0, 1, 2]
    assert readiness.first(iter(())) == ""
