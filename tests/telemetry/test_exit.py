"""A command whose receiver is gone ends as soon as it has said so: no thread and no library keeps its process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closeshave.telemetry.exporter import CLOSE_WITHIN_S
from closeshave.telemetry.settings import LOOPBACK
from tests.tiers import thorough

ROOT = Path(__file__).parents[2]
TRIAL = """
import sys
from pathlib import Path
from closeshave.history import FaultEdge
from closeshave.telemetry.exporter import exporting
from closeshave.telemetry.settings import Collector, Grafana, TelemetrySettings
from tests.telemetry.made import MANIFEST, PLAN, Writer

url, place = sys.argv[1], Path(sys.argv[2])
(place / "spool").mkdir(parents=True)
writer = Writer(place)
settings = TelemetrySettings(otlp=Collector(url), grafana=Grafana(url, "t"))
with exporting(settings, lambda text, *_: print(text)) as exporter:
    exporter.begin(place, lambda: MANIFEST, lambda: PLAN)
    writer.requests(3, 0.2)
    writer.fault(*FaultEdge)
    exporter.judged("pass")
"""
STARTED_WITHIN_S = 20.0
"""For an interpreter and its imports, on a machine that is busy."""


@contextmanager
def refusing() -> Iterator[str]:
    """Nobody listens."""
    with socket.socket() as closed:
        closed.bind((LOOPBACK, 0))
        yield f"http://{LOOPBACK}:{closed.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """Connections are made, and nothing is ever read or answered."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"


@contextmanager
def unreachable() -> Iterator[str]:
    """No connection is made, and none is refused: the queue of those that wait for it is full."""
    with socket.create_server((LOOPBACK, 0), backlog=0) as listening:
        address = listening.getsockname()
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        yield f"http://{LOOPBACK}:{address[1]}"
        for one in waiting:
            one.close()


@pytest.mark.thorough
@pytest.mark.parametrize("receiver", [*thorough(refusing), silent, *thorough(unreachable)], ids=lambda one: one.__name__)
def test_the_process_of_a_trial_ends_although_its_receivers_are_gone(receiver, tmp_path):
    """In little more than the time that they are given, with what could not be sent."""
    with receiver() as url:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", TRIAL, url, str(tmp_path / "run")],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=STARTED_WITHIN_S + 4 * CLOSE_WITHIN_S,
        )  # fmt: skip
        took_s = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"could not be sent to {url}") == 2
    assert took_s < STARTED_WITHIN_S + 2 * CLOSE_WITHIN_S
