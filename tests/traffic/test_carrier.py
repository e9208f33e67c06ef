"""The transport under Locust reports truly what happened to each request, whatever the server does, and sends each exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What a customer saw of every misbehaving server; in an interpreter of its own, since Locust patches it."""
    program = [sys.executable, "-m", "tests.traffic.misbehaving"]
    done = subprocess.run(program, cwd=ROOT, env={**os.environ}, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("behaviour", "answer", "connections"),
    [
        ("good", 200, 1),
        ("byte_by_byte", 200, 1),
        ("chunked", 200, 1),
        ("early_hints", 200, 1),
        ("status_503", 503, 1),
        ("binary_500", 500, 1),
        ("redirect", 307, 1),
        ("forbidden", 403, 2),
        ("close_after", 200, 2),
        ("closed_at_once", "closed", 2),
        ("mid_body", "closed", 2),
        ("mid_chunk", "closed", 2),
        ("nonsense", "protocol", 2),
        ("unknown_encoding", "protocol", 2),
        ("bad_gzip", "protocol", 2),
        ("reset", "reset", 2),
        ("hang", "timeout", 2),
        ("drip", "timeout", 2),
    ],
)
def test_two_requests(seen: dict[str, Any], behaviour: str, method: str, answer: int | str, connections: int) -> None:
    """Each answer is what it was, each request was sent once, and a connection is used again only if it can be."""
    found = seen[f"{behaviour}/{method}"]
    assert found["answers"] == [answer, answer]
    assert (found["requests"], found["connections"]) == (2, connections)


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_a_request_ends_in_time(seen: dict[str, Any], behaviour: str) -> None:
    """A server that never answers, or sends very slowly, costs the total timeout and no more (with a large tolerance: the machine may be busy)."""
    assert 0.4 < seen[f"{behaviour}/GET"]["longest_s"] < 3


def test_bodies_and_headers_arrive(seen: dict[str, Any]) -> None:
    """Chunked or in one piece."""
    assert seen["good/GET"]["bodies"] == seen["chunked/GET"]["bodies"] == ["{}", "{}"]
    assert seen["good/GET"]["region"] == "here"


def test_without_a_connection_nothing_was_sent(seen: dict[str, Any]) -> None:
    """Refused, or not established in time: these two certainly had no effect."""
    assert seen["nobody"] == {"refused": "refused", "full": "connect_timeout"}


def test_a_stopped_request_says_so(seen: dict[str, Any]) -> None:
    """It may have happened; its sender still records it."""
    assert seen["stopped"] == "stopped"
