"""Requests to BookedBarber V2 are what they were before its dialect became a file: recorded then, byte for byte, headers in their order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from closeshave.deployment import Account, Capabilities
from closeshave.environments.remote.api import Api
from closeshave.traffic import dialect
from closeshave.traffic.dialect import Caller, Slot

CUSTOMERS = json.loads(Path(__file__).with_name("golden-customers.json").read_bytes())
"""192 requests: each function of the dialect with 12 callers, slots and texts, braces and quotes among them."""
HARNESS = json.loads(Path(__file__).with_name("golden-harness.json").read_bytes())
"""The calls of the harness itself, as they arrived at a server."""
UNTOLD = {"accept", "cookie", "x-csrf-token", "content-type"}
"""Headers of the harness's own calls that are now sent as customers send them: to a log-in too, and not to a read."""


def test_customers_requests_are_the_same() -> None:
    """Method, path, headers and body."""
    for each in CUSTOMERS:
        slot = Slot(each["slot"]["barber"], date.fromisoformat(each["slot"]["day"]), each["slot"]["time"], each["slot"]["zone"])
        known = {"SLOT": slot, each["slot"]["day"]: slot.day}
        arguments = [known.get(argument, argument) if isinstance(argument, str) else argument for argument in each["args"]]
        request = getattr(dialect, each["call"])(Caller(**each["caller"]), *arguments)
        body = None if request.body is None else request.body.decode()
        told = [request.kind, request.method, request.path, [list(pair) for pair in request.headers.items()], body, request.writes]
        assert told == [each["request"][name] for name in ("kind", "method", "path", "headers", "body", "writes")]


@contextmanager
def _hearing() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps what it gets."""
    heard: list[dict[str, Any]] = []

    class Ear(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
            told = json.dumps({"id": 7, "access_token": "T", "refresh_token": "R", "csrf_token": "C", "user": {"id": 3}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 -- the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Not logged."""

    server = HTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("name", "able", "franchise"), [("whole", Capabilities(), 5), ("plain", Capabilities(franchises=False, forwarded_for=False), None)]
)
def test_calls_of_the_harness_itself_are_the_same(name: str, able: Capabilities, franchise: int | None) -> None:
    """Register, log in, renew, ask who it is, list, book, cancel. Headers that say nothing about the call are left out of the comparison."""
    with _hearing() as (url, heard), closing(Api(url, able)) as api:
        api.register(Account("a@example.com", "pw", "r"))
        who = api.log_in("a@example.com", "pw")
        api.refresh(who)
        assert api.whoami(who) == "7"
        api.page(who, "my_bookings", "/api/v2/appointments/?skip=100&limit=100", franchise)
        api.book(who, {"day": date(2026, 12, 1), "time": "09:30", "zone": "UTC", "tag": "n"}, franchise, "zone_k")
        api.cancel(who, 7, franchise)
    assert [_core(dict(each["headers"]), each) for each in HARNESS[name]] == [_core(each["headers"], each) for each in heard]
    for each in heard:
        pair = each["headers"].get("cookie", ""), each["headers"].get("x-csrf-token")
        assert (pair[0] == f"csrf_token={pair[1]}") is (each["method"] != "GET")


def _core(headers: dict[str, str], each: dict[str, Any]) -> tuple[Any, ...]:
    ignored = {*UNTOLD, "host", "user-agent", "accept-encoding", "connection", "content-length"}
    return each["method"], each["path"], each["body"], {name: value for name, value in headers.items() if name not in ignored}
