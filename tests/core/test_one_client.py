"""Servers are asked through the clients of :mod:`closeshave.clients`: nobody else imports a driver or opens a connection, but for a few with reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = "closeshave/clients/"
DRIVERS = {
    "aiohttp",
    "asyncpg",
    "boto3",
    "botocore",
    "docker",
    "ftplib",
    "http.client",
    "httpx",
    "psycopg",
    "psycopg_pool",
    "redis",
    "requests",
    "simple_websocket",
    "telnetlib",
    "toxiproxy",
    "urllib.request",
    "urllib3",
    "valkey",
}
"""Libraries that speak to a server."""
OPENING = {"connect", "connect_ex", "create_connection", "create_unix_connection", "open_connection", "open_unix_connection"}
"""Functions of the standard library's ``socket`` and ``asyncio`` that connect to one."""
SOCKETS = {"asyncio", "socket"}
NAMED = {name.partition(".")[0] for name in DRIVERS | SOCKETS}
"""One of these stands in every module that speaks to a server."""
ELSEWHERE: Mapping[str, tuple[set[str], str]] = {
    "closeshave/control/engine/": (
        {"docker", "requests", "connect"},
        "the client of the container engine; it lies where processes are started, below everything that asks servers",
    ),
    "closeshave/environments/servers/toxiproxy_start.py": (
        {"http.client"},
        "runs with nothing but the standard library, beside the server that its process is about to become",
    ),
    "closeshave/environments/servers/valkey_start.py": (
        {"create_connection"},
        "runs with nothing but the standard library, in place of the server that it is about to become",
    ),
    "closeshave/faults/helpers/storm.py": (
        {"open_connection"},
        "is customers' load, not a question: hundreds of connections at once, each with one request",
    ),
    "closeshave/loadgen/": ({"connect", "connect_ex"}, "the load engine: its own client is what makes the load exact"),
    "closeshave/machines/": (
        {"create_connection"},
        "no server of an environment: a run and its load machines, which know each other by certificates of the run",
    ),
    "closeshave/standin/background/ledger.py": ({"psycopg"}, "the stand-in is a platform: its workers' links to its databases are its own"),
    "closeshave/standin/database.py": ({"asyncpg"}, "the stand-in is a platform: its links to its databases are its own"),
    "closeshave/standin/defective/database.py": ({"asyncpg"}, "the same, with planted defects"),
    "closeshave/standin/live/": ({"asyncpg"}, "the stand-in is a platform: how it hears of changes is its own"),
    "closeshave/standin/pool.py": ({"asyncpg"}, "the same"),
    "closeshave/standin/seed.py": ({"psycopg"}, "opens nothing: it fills a database over the session that it is given"),
    "closeshave/standin/wire.py": (
        {"create_connection"},
        "the stand-in is a platform: its links to its caches and to the provider are its own",
    ),
    "closeshave/telemetry/grafana.py": ({"httpx"}, "no server of an environment: the operator's own Grafana is told, and never asked"),
    "truth/capacity.py": ({"http.client"}, "no server of an environment: it loads a scripted server of its own, as a customer would"),
    "truth/plain/running.py": (
        {"httpx"},
        "the plain platform imports nothing of the package, so that it shares no code with what judges it",
    ),
}
"""Files and folders outside the clients that open connections themselves: what each uses for it, and why."""


def speakers(text: str) -> Iterator[str]:
    """The drivers that a module imports, and the functions by which it connects to a server."""
    if not any(name in text for name in NAMED):
        # Many modules: to read them would take seconds.
        return
    bound: set[str] = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            above = "" if isinstance(node, ast.Import) else f"{node.module}."
            names = [above[:-1], *(f"{above}{alias.name}" for alias in node.names)]
            bound.update(alias.asname or alias.name for alias in node.names)
            yield from (driver for driver in DRIVERS if any(name == driver or name.startswith(f"{driver}.") for name in names))
    if not bound & SOCKETS:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OPENING:
            owner = node.func.value
            # A function of this name of something else that is imported, such as one of our own classes, is asked in its own module.
            if not (isinstance(owner, ast.Name) and owner.id in bound - SOCKETS):
                yield node.func.attr


def found() -> Mapping[str, set[str]]:
    """What every module of the harness and its tests of itself uses to speak to servers, by its path."""
    paths = [path for folder in ("closeshave", "truth", "proving") for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 300
    return {str(path.relative_to(ROOT)): used for path in paths if (used := set(speakers(path.read_text(encoding="utf-8"))))}


def test_nobody_but_the_clients_opens_a_connection() -> None:
    """What is listed above is all, and nothing is listed for nothing."""
    elsewhere: dict[str, set[str]] = {}
    for path, used in found().items():
        if not path.startswith(CLIENTS):
            place = next((listed for listed in ELSEWHERE if path == listed or (listed.endswith("/") and path.startswith(listed))), path)
            elsewhere.setdefault(place, set()).update(used)
    assert elsewhere == {place: used for place, (used, _) in ELSEWHERE.items()}


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("import psycopg", {"psycopg"}),
        ("from psycopg.rows import dict_row", {"psycopg"}),
        ("def late():\n    import redis", {"redis"}),
        ("from urllib import request", {"urllib.request"}),
        ("import http.client", {"http.client"}),
        ("import socket\nsocket.create_connection(('127.0.0.1', 80))", {"create_connection"}),
        ("import asyncio\nasync def ask():\n    await asyncio.open_connection('127.0.0.1', 80)", {"open_connection"}),
        ("import socket\nplain = socket.socket()\nplain.connect(('127.0.0.1', 80))", {"connect"}),
        ("from urllib.parse import urlsplit\nfrom http import HTTPStatus", set()),
        ("import socket\nsocket.create_server(('127.0.0.1', 0))", set()),
        ("import asyncio\nfrom closeshave.clients import postgres\npostgres.connect(1, 'd', 'u')", set()),
    ],
)
def test_what_opens_a_connection_is_found(text: str, speaks: set[str]) -> None:
    """The test above can fail."""
    assert set(speakers(text)) == speaks
