"""Run as a program, in an interpreter that Locust has patched: sends requests to servers that misbehave and prints the results as JSON."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Callable

import locust  # noqa: F401  # first of all: it patches the interpreter

import gevent  # isort: skip
from gevent import server  # isort: skip

from closeshave.loadgen.carrier import EngineTransport, stop_waiting  # isort: skip
from closeshave.loadgen.engine import Engine, Settings  # isort: skip
from closeshave.loadgen.transport import Request  # isort: skip

ENGINE = Engine(Settings())

GET = Request("slots", "GET", "/x", {"Accept": "application/json"})
POST = Request("book", "POST", "/x", {"Content-Type": "application/json"}, b"{}", writes=True)
PUT = Request("cancel", "PUT", "/x", {"Content-Type": "application/json"}, b"{}", writes=True)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Region: here\r\n\r\n{}"


Behaviour = Callable[[socket.socket, int], bool]
"""What to do with a connection's request of this number; returns whether the connection goes on."""


class Server:
    """Answers each connection with what the case says, and counts connections and requests."""

    def __init__(self, behave: Behaviour) -> None:
        self.connections = self.requests = 0
        self._behave = behave
        self._server = server.StreamServer(("127.0.0.1", 0), self._handle)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _handle(self, connection: socket.socket, _address: object) -> None:
        self.connections += 1
        while connection.recv(65536):
            self.requests += 1
            if not self._behave(connection, self.requests):
                break
        connection.close()


def say(*parts: bytes, pause_s: float = 0.0, go_on: bool = True) -> Behaviour:
    """Send these parts."""

    def behave(connection: socket.socket, _count: int) -> bool:
        for part in parts:
            connection.sendall(part)
            gevent.sleep(pause_s)
        return go_on

    return behave


def reset(connection: socket.socket, _count: int) -> bool:
    """Break the connection without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(_connection: socket.socket, _count: int) -> bool:
    """Send nothing for longer than any timeout."""
    gevent.sleep(30)
    return False


BEHAVIOURS: dict[str, Behaviour] = {
    "good": say(GOOD),
    "byte_by_byte": say(*(bytes([byte]) for byte in GOOD)),
    "chunked": say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
    "early_hints": say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD),
    "status_503": say(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"),
    "binary_500": say(b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n\xff\xfe"),
    "redirect": say(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /x/\r\nContent-Length: 0\r\n\r\n"),
    "forbidden": say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"),
    "close_after": say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", go_on=False),
    "closed_at_once": say(go_on=False),
    "mid_body": say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", go_on=False),
    "mid_chunk": say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", go_on=False),
    "nonsense": say(b"220 smtp.example.com ESMTP\r\n", go_on=False),
    "unknown_encoding": say(b"HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\n{}"),
    "bad_gzip": say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    "reset": reset,
    "hang": hang,
    "drip": say(*[b"HTTP/1.1 200 OK\r\n"] + [b"X-Slow: 1\r\n"] * 40, pause_s=0.1),
}


def case(behaviour: str, request: Request, times: int = 2) -> dict[str, object]:
    """What one customer sees who asks so often."""
    target = Server(BEHAVIOURS[behaviour])
    carrier = EngineTransport(ENGINE, target.url, connect_timeout_s=0.3, total_timeout_s=0.5)
    found = [carrier.send(request) for _ in range(times)]
    carrier.close()
    return {
        "answers": [answer.failure or answer.status for answer in found],
        "bodies": [answer.body.decode("latin-1") for answer in found],
        "region": found[-1].headers.get("x-region"),
        "longest_s": max(answer.ended_ns - answer.started_ns for answer in found) / 1e9,
        "connections": target.connections,
        "requests": target.requests,
    }


def nobody_listens() -> dict[str, object]:
    """A port without a listener, and one with a full backlog."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = EngineTransport(ENGINE, f"http://127.0.0.1:{port}").send(POST).failure
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        late = EngineTransport(ENGINE, f"http://127.0.0.1:{port}", connect_timeout_s=0.2).send(POST).failure
        for one in crowd:
            one.close()
    return {"refused": refused, "full": late}


def stopped() -> str | None:
    """A request under way when the generator must end."""
    target = Server(hang)
    waiting = gevent.spawn(lambda: EngineTransport(ENGINE, target.url).send(POST))
    while not target.requests:
        gevent.sleep(0.001)
    stop_waiting()
    failure: str | None = waiting.get(timeout=1).failure
    return failure


if __name__ == "__main__":
    results = {f"{name}/{request.method}": case(name, request) for name in BEHAVIOURS for request in (GET, POST, PUT)}
    json.dump({**results, "nobody": nobody_listens(), "stopped": stopped()}, sys.stdout)
