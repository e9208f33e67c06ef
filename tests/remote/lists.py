"""A small server of lists: one form of paging each, as public APIs have them, peculiarities included."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Query = dict[str, str]
Shape = Callable[[list[Any], Query, str], tuple[int, Any, dict[str, str]]]
"""All rows, the query and the server's own URL → status, body and headers."""


def _cut(rows: list[Any], start: int, size: int) -> list[Any]:
    return rows[start : start + size]


def skip_limit(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """As the real application: at most 100 rows, with the total; a larger limit is refused."""
    limit = int(query.get("limit", 100))
    if limit > 100:
        return 422, {"detail": []}, {}
    return 200, {"appointments": _cut(rows, int(query.get("skip", 0)), limit), "total": len(rows)}, {}


def offset_limit(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Paging by ``offset``, the total in a member of its own."""
    cut = _cut(rows, int(query.get("offset", 0)), int(query.get("limit", 20)))
    return 200, {"data": cut, "meta": {"total": str(len(rows)), "offset": 0}}, {}


def pages(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Pages counted from 1, and their number stated."""
    page, size = int(query.get("page", 1)), 25
    return 200, {"items": _cut(rows, (page - 1) * size, size), "page": page, "total_pages": -(-len(rows) // size)}, {}


def pages_from_0_untold(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Pages counted from 0, a bare list, without a total."""
    return 200, _cut(rows, int(query.get("page", 0)) * 50, 50), {}


def strict_page_alone(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Refuses every parameter but ``page``."""
    if set(query) - {"page"}:
        return 400, {"error": "unknown parameter"}, {}
    return 200, {"results": _cut(rows, (int(query.get("page", 1)) - 1) * 30, 30), "total": len(rows)}, {}


def cursor(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """An opaque cursor."""
    start = int(query.get("cursor", "c0")[1:])
    body = {"data": _cut(rows, start, 40), "has_more": start + 40 < len(rows)}
    return 200, body | ({"next_cursor": f"c{start + 40}"} if body["has_more"] else {}), {}


def next_link(rows: list[Any], query: Query, base: str) -> tuple[int, Any, dict[str, str]]:
    """An absolute link to the next page in the body."""
    start = int(query.get("from", 0))
    onward = f"{base}/list?from={start + 40}" if start + 40 < len(rows) else None
    return 200, {"results": _cut(rows, start, 40), "count": len(rows), "next": onward}, {}


def link_header(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """RFC 8288, a bare list."""
    start = int(query.get("from", 0))
    more = {"Link": f'</list?from=0>; rel="first", </list?from={start + 40}>; rel="next"'} if start + 40 < len(rows) else {}
    return 200, _cut(rows, start, 40), more


def everything(rows: list[Any], _query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """All of it at once, without a total."""
    return 200, {"appointments": rows}, {}


def total_of_the_page(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Its total is the page's own count."""
    cut = _cut(rows, int(query.get("skip", 0)), 100)
    return 200, {"appointments": cut, "total": len(cut)}, {}


def first_100_alone(rows: list[Any], _query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """The first hundred and no way on."""
    return 200, {"appointments": rows[:100]}, {}


def first_100_of_total(rows: list[Any], _query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """The first hundred, an honest total and no way on."""
    return 200, {"appointments": rows[:100], "total": len(rows)}, {}


def total_too_high(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Says that it holds more than it ever shows."""
    return 200, {"appointments": _cut(rows, int(query.get("skip", 0)), 100), "total": len(rows) + 7}, {}


def repeating(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """From the third page on it is the second one."""
    return 200, {"appointments": _cut(rows, min(100, int(query.get("skip", 0))), 100), "total": len(rows)}, {}


def endless(_rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """There is always a next page."""
    start = int(query.get("cursor", 0))
    return 200, {"data": [{"id": start}], "next_cursor": start + 1}, {}


def elsewhere(rows: list[Any], _query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Its next page is on another host."""
    return 200, {"results": rows[:40], "next": "http://127.0.0.2:9/list?page=2"}, {}


def in_a_circle(rows: list[Any], _query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Its next page is itself."""
    return 200, {"results": rows[:40], "next": "/list"}, {}


def breaks_off(rows: list[Any], query: Query, _base: str) -> tuple[int, Any, dict[str, str]]:
    """Its third page answers 500."""
    if int(query.get("skip", 0)) >= 200:
        return 500, {"error": "Internal server error"}, {}
    return skip_limit(rows, query, _base)


@contextmanager
def serving(shape: Shape, rows: list[Any]) -> Iterator[tuple[str, list[str]]]:
    """The form on a port of its own: its URL and every requested path."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            status, body, headers = shape(rows, query, url)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield url, asked
    finally:
        server.shutdown()
        server.server_close()
