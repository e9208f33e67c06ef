"""Plain Locust loads this machine, and platforms that a file names; no other host by mistake."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from closeshave.traffic import hosts
from tests.traffic.loads import ROOT, SCENARIOS


@pytest.mark.parametrize(
    ("url", "named", "allowed"),
    [
        ("http://127.0.0.1:8000", [], True),
        ("http://127.8.9.10", [], True),
        ("http://[::1]:8000", [], True),
        ("http://localhost:8000", [], True),
        ("https://api.example.com", [], False),
        ("https://api.example.com", ["https://api.example.com/"], True),
        ("https://api.example.com.evil.example.net", ["https://api.example.com"], False),
        ("http://api.example.com", ["https://api.example.com"], False),
        ("http://127.0.0.1.example.com", [], False),
        ("http://localhost.example.com", [], False),
        ("http://127.0.0.1@example.com", [], False),
        ("http://0x7f.1", [], False),
        ("http://10.0.0.1", [], False),
        ("None", [], False),
        ("", [], False),
    ],
)
def test_only_this_machine_and_named_platforms_are_loaded(url: str, named: list[str], allowed: bool) -> None:
    """The whole address counts, not its beginning."""
    assert (hosts.refusal(url, named) == "") is allowed


def test_production_is_not_named() -> None:
    """Of the shipped files, those of staging name a platform; those without a stage, or for production, do not."""
    named = hosts.named()
    assert "https://staging-api.bookedbarber.example.com" in named
    assert "https://api.bookedbarber.example.com" not in named


class Counting(BaseHTTPRequestHandler):
    """Counts all requests."""

    seen = 0

    def do_POST(self) -> None:
        """Count it."""
        type(self).seen += 1
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def test_locust_by_hand_is_refused_for_other_hosts() -> None:
    """With exit code 2 and the reason, before a single request; a name of this machine other than loopback represents any other host."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1.nip.example.com:{server.server_address[1]}"
    command = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / "booking.py"), "--headless", "-u", "2", "-t", "5s", "--host", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    server.shutdown()
    server.server_close()
    assert "is neither this machine nor a platform" in done.stderr + done.stdout
    assert done.returncode == 2, done.stderr
    assert Counting.seen == 0
