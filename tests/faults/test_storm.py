"""A retry storm against a small server that counts what it gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import OWN_REQUESTS, Deployment, Edge
from closeshave.faults import extra_processes
from closeshave.faults.waiting import after, until
from closeshave.files import read_lines
from tests.faults import toys
from tests.tiers import thorough


class Door(ThreadingHTTPServer):
    """An edge that answers in a given way after a delay."""

    request_queue_size = 128

    def __init__(self, status: int, after_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.after_s = after_s
        self.count = 0
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.count += 1
        time.sleep(self.server.after_s)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def door(status: int, after_s: float) -> Iterator[Door]:
    """A server that is gone afterwards."""
    server = Door(status, after_s)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def with_edge(toy: Deployment, server: Door) -> Deployment:
    """The toy, whose far region has an edge at the server."""
    url = f"http://127.0.0.1:{server.server_port}"
    deployment = replace(toy, edges=(Edge(toys.FAR, url, url, "edge"),))
    deployment.save()
    return deployment


def noted(toy: Deployment) -> int:
    """How many requests the storm says that it sent."""
    return len(list(read_lines(Path(toy.root, OWN_REQUESTS))))


@pytest.mark.parametrize(
    ("status", "after_s", "patience_s", "each"),
    [*thorough((200, 0.0, 20, 1)), (503, 0.0, 20, 3), *thorough((200, 0.6, 0.2, 3))],
    ids=["well", "bad", "late"],
)
def test_reads_are_repeated_when_they_are_bad_or_late(status: int, after_s: float, patience_s: float, each: int, toy: Deployment) -> None:
    """Ten reads with two retries each: sent once when all are good, three times when none is; every request is recorded, and no more are sent."""
    with door(status, after_s) as server:
        toy = with_edge(toy, server)
        storm = extra_processes.start_helper(toy, "storm", "storm", toy.root, toys.FAR, "20", "2", str(patience_s), str(now_ns()), "0.5")
        assert processes.gone([storm], 30) == []
        assert server.count == noted(toy) == 10 * each


def test_storm_that_is_ended_waits_for_requests_in_progress(toy: Deployment) -> None:
    """It sends nothing more, and everything that it recorded was received."""
    with door(200, 0.5) as server:
        toy = with_edge(toy, server)
        storm = extra_processes.start_helper(toy, "storm", "storm", toy.root, toys.FAR, "50", "2", "5", str(now_ns()), "60")
        assert until(lambda: server.count > 10, after(20))
        extra_processes.end([storm], polite_s=10)
        assert not storm.alive
        assert server.count == noted(toy) < 3000
