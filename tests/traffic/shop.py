"""A small web shop that the tests load with Locust files of the shapes of Locust's documentation. It counts for itself, and can be broken."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(ThreadingHTTPServer):
    """Answers every path with its name as JSON; ``/missing`` 404, ``/slow`` after a second, ``/hang`` never, ``/moved`` with a redirect."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: Counter[str] = Counter()
        self.order: list[str] = []
        self.broken = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.requests[f"{self.command} {self.path}"] += 1
            self.server.order.append(self.path)
        if self.path == "/slow":
            time.sleep(1)
        if self.path == "/hang":
            time.sleep(30)
        status = 503 if self.server.broken else {"/missing": 404, "/moved": 302}.get(self.path, 200)
        body = f'{{"path": "{self.path}", "id": 17}}'.encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop that serves until the block ends."""
    shop = Shop()
    threading.Thread(target=shop.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield shop
    finally:
        shop.shutdown()
        shop.server_close()
