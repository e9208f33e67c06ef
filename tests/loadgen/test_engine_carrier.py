"""The journeys' transport on the engine reports the result of a request in the journeys' terms."""

from __future__ import annotations

import socket

import gevent
import pytest

from closeshave.loadgen.carrier import EngineTransport, stop_waiting
from closeshave.loadgen.engine import Engine
from closeshave.loadgen.transport import Answer, Failure, Request
from tests.loadgen.misbehaving import BODY, MisbehavingServer


def request(path: str) -> Request:
    """A write."""
    return Request("book", "POST", path, {"X-Franchise-Id": "7", "Cookie": "csrf_token=c"}, b"{}", writes=True)


def test_an_answer_comes_with_its_headers_and_body(engine: Engine, server: MisbehavingServer) -> None:
    """And the request was sent unchanged."""
    answer = EngineTransport(engine, server.url).send(request("/plain"))
    assert (answer.status, answer.body, answer.headers["content-length"], answer.failure) == (200, BODY, "12", None)
    assert answer.started_ns < answer.ended_ns
    assert b"X-Franchise-Id: 7\r\nCookie: csrf_token=c\r\n" in server.requests[0]


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/reset", Failure.RESET),
        ("/silent-close", Failure.CLOSED),
        ("/mid-body", Failure.CLOSED),
        ("/not-http", Failure.PROTOCOL),
        ("/never", Failure.TIMEOUT),
    ],
)
def test_the_reason_for_no_answer_is_stated(engine: Engine, server: MisbehavingServer, path: str, failure: Failure) -> None:
    """Once: nothing is repeated."""
    timeout_s = 0.2 if path == "/never" else 20.0
    answer = EngineTransport(engine, server.url, total_timeout_s=timeout_s).send(request(path))
    assert (answer.status, answer.failure) == (0, failure)
    assert not failure.before_sending
    assert server.seen[path] == 1


def test_a_refused_connection_fails_before_sending(engine: Engine) -> None:
    """So the journey can say that it certainly did not happen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = EngineTransport(engine, f"http://127.0.0.1:{port}").send(request("/x"))
    assert answer.failure is Failure.REFUSED
    assert answer.failure.before_sending


def test_redirects_are_not_followed_and_a_403_ends_the_connection(engine: Engine, server: MisbehavingServer) -> None:
    """One request here is one on the wire; after a refused CSRF pair the next one opens a connection."""
    transport = EngineTransport(engine, server.url)
    assert transport.send(request("/moved")).status == 302
    assert transport.send(request("/refused")).status == 403
    assert transport.send(request("/plain")).status == 200
    assert server.connections == 2
    transport.close()
    assert transport.send(request("/plain")).status == 200
    assert server.connections == 3


def test_stopping_ends_requests_in_progress_as_stopped(engine: Engine, server: MisbehavingServer) -> None:
    """The customer gets an answer to record."""
    waiting: gevent.Greenlet[[], Answer] = gevent.spawn(EngineTransport(engine, server.url).send, request("/never"))
    with gevent.Timeout(10):
        while not server.seen["/never"]:
            gevent.sleep(0.01)
    stop_waiting()
    assert waiting.get(timeout=10).failure is Failure.STOPPED
