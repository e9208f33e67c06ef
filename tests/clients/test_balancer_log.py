"""What a balancer tells of each request: lines as HAProxy writes them, and following several balancers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from closeshave.clients.balancer import Unavailable
from closeshave.clients.balancer_log import BalancedRequest, BalancerLog, parsed, plain_path
from closeshave.control.processes import poll_until
from closeshave.deployment import Balancer

LINE = "request app-here-1 200 12 ---- GET /api/v2/bookings/17 1.0.1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (LINE, BalancedRequest(5.0, "here", "app-here-1", "GET /api/v2/bookings/*", 200, 0.012, given_up=False, release="1.0.1")),
        ("request <NOSRV> 503 -1 SC-- POST /x -", BalancedRequest(5.0, "here", "<NOSRV>", "POST /x", 503, 0.0, given_up=False, release="")),
        (
            "request app-here-0 -1 9000 CH-- GET /x -",
            BalancedRequest(5.0, "here", "app-here-0", "GET /x", -1, 9.0, given_up=True, release=""),
        ),
        (
            "request a 200 1 ---- GET / build 7 of today",
            BalancedRequest(5.0, "here", "a", "GET /", 200, 0.001, given_up=False, release="build 7 of today"),
        ),
        ("Server apps/app-here-0 is UP, reason: Layer7 check passed", None),
        ("", None),
    ],
)
def test_a_line_is_read(line: str, expected: BalancedRequest | None) -> None:
    """Lines about other things are none."""
    assert parsed(line, "here", 5.0) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v2/public/slots", "/api/v2/public/slots"),
        ("/bookings/81f0c9de-44d1-4f0e-8f6f-b1f9f9b0c111/cancel", "/bookings/*/cancel"),
        ("/franchise/25001", "/franchise/*"),
        (f"/t/{'x' * 40}", "/t/*"),
        ("/", "/"),
    ],
)
def test_parts_of_a_path_that_are_no_names_are_left_out(path: str, expected: str) -> None:
    """Requests for different bookings are of one endpoint."""
    assert plain_path(path) == expected


@contextmanager
def balancer(region: str, parts: list[bytes], ends: Event) -> Iterator[Balancer]:
    """Answers each connection with these bytes, one part after another, and ends the first one when told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                # The follower may have left in the middle.
                with connection, suppress(OSError):
                    assert connection.recv(100) == b"show events requests -w -n\n"
                    for part in parts:
                        connection.sendall(part)
                        time.sleep(0.02)
                    ends.wait(5)

        thread = Thread(target=serve)
        thread.start()
        yield Balancer(region, server.getsockname()[1], "apps", tells=True)
        over.set()
        ends.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_balancers_are_followed_also_when_they_end_the_connection() -> None:
    """Each line once, whole, with its region; what was lost is counted."""
    ends = Event()
    with (
        balancer("here", [b"request a 200 1 ---- GET /one -\nrequ", b"est a 500 2 ---- GET /two -\n"], ends) as at,
        BalancerLog([at]) as log,
    ):
        got: list[BalancedRequest] = []

        def both() -> bool:
            got.extend(log.taken())
            return len(got) >= 2

        assert poll_until(both, 5)
        assert [(each.region, each.endpoint, each.status) for each in got] == [("here", "GET /one", 200), ("here", "GET /two", 500)]
        ends.set()
        assert poll_until(lambda: log.losses >= 1, 5)


def test_a_balancer_that_is_not_there_is_said() -> None:
    """Before anything is compared."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unavailable, match="the balancer of here does not answer"):
        BalancerLog([Balancer("here", port, "apps")])
