"""Short requests to running servers. If a server does not answer, the result is ``None`` or 0, never an exception."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, cast

from closeshave.clients import postgres, sentinel
from closeshave.environments.addresses import LOOPBACK
from closeshave.files import foreign

TIMEOUT_S = 1.0


def http_status(port: int, path: str, method: str = "GET") -> int:
    """The status that the server answers with; 0 when none does."""
    return _ask(port, path, method)[0]


def get_json(port: int, path: str) -> dict[str, Any] | None:
    """The JSON object that the server answers with, whatever the status; ``None`` when none does."""
    return _object(_ask(port, path, "GET")[1])


def get_list(port: int, path: str) -> list[object] | None:
    """The JSON list that the server answers with; ``None`` when none does."""
    try:
        answer = foreign.loads(_ask(port, path, "GET")[1])
    except ValueError:
        return None
    return answer if isinstance(answer, list) else None


def post_json(port: int, path: str, question: Mapping[str, Any], host: str = LOOPBACK) -> dict[str, Any] | None:
    """The JSON object that the server answers a JSON question with, whatever the status; ``None`` when none does."""
    return _object(_ask(port, path, "POST", json.dumps(question).encode(), host)[1])


def valkey_info(port: int, section: str) -> dict[str, Any] | None:
    """A section of ``INFO`` of a Valkey node."""
    try:
        with sentinel.session(port, decode=False) as client:
            answer: dict[str, Any] = client.info(section)
            return answer
    except sentinel.Unavailable:
        return None


def sentinel_group(port: int, group: str) -> dict[str, Any] | None:
    """What the sentinel at ``port`` reports about the group."""
    try:
        with sentinel.session(port, decode=False) as client:
            return cast("dict[str, Any]", client.sentinel_master(group))
    except sentinel.Unavailable:
        return None


def takes_writes(port: int, database: str, user: str) -> bool:
    """Whether a write can be committed at the database behind ``port``; it is written to the log on disk and leaves no row."""
    try:
        with postgres.connect(port, database, user) as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'closeshave', 'takes writes')")
            return True
    except postgres.Unavailable:
        return False


def streaming_standbys(port: int, database: str, user: str) -> int | None:
    """How many standbys stream from the server behind ``port``; ``None`` when it does not answer."""
    try:
        with postgres.connect(port, database, user) as connection:
            row = connection.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").fetchone()
            return int(row[0]) if row else None
    except postgres.Unavailable:
        return None


def _ask(port: int, path: str, method: str, body: bytes | None = None, host: str = LOOPBACK) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = foreign.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
