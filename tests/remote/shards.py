"""A small server that lists bookings of several shards, with the peculiarities that matter when they are read back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Told = Callable[[str, int | None], tuple[int, Any]]
"""Who asks, and the franchise of the header → status and body of the list."""


class Platform:
    """The requests that it got, and what was cancelled. Passwords are not checked; tokens are ``t:EMAIL``, and only those that it issued are valid."""

    def __init__(self, told: Told) -> None:
        self.told, self.log_ins, self.cancelled = told, [], []  # type: ignore[var-annotated]
        self.url = ""
        self.clients = {"a@x.test": 1001, "b@x.test": 1002, "c@x.test": 1003}

    def answer(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/api/v2/auth/login":
            self.log_ins.append(body["email"])
            return 200, {"access_token": f"t:{body['email']}", "refresh_token": "r", "csrf_token": "c"}
        email = headers.get("authorization", "").removeprefix("Bearer t:")
        if email not in self.clients:
            return 401, {"error": {"message": "Could not validate credentials"}}
        if path == "/api/v2/auth/refresh":
            return 401, {}
        if path == "/api/v2/auth/me":
            return 200, {"id": self.clients[email], "email": email}
        franchise = int(headers["x-franchise-id"]) if "x-franchise-id" in headers else None
        if path.startswith("/api/v2/appointments/") and method == "PUT":
            self.cancelled.append((email, path.split("/")[4], franchise))
            return 200, {}
        return self.told(email, franchise)


@contextmanager
def serving(told: Told) -> Iterator[Platform]:
    """On a port of its own."""
    platform = Platform(told)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = platform.answer(self.command, self.path.partition("?")[0], headers, json.loads(sent or b"{}"))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 -- the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
