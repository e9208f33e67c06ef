"""Instructions of operators to running processes: a share of errors, settings of another release, a payment provider that misbehaves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from closeshave.control.processes import poll_until
from closeshave.standin.operations import LOOK_EVERY_S, Operations
from closeshave.standin.payments import CaptureLedger, application
from closeshave.standin.settings import StandinSettings, of_process, to_variables
from closeshave.topology import Shard, Topology
from tests.standin.servers import free_port

CHARGE = {"intent": "pi_1", "booking": 1, "franchise": 2, "amount": 3000, "key": "capture_pi_1"}


@pytest.mark.parametrize(
    ("content", "drawn", "path", "fails"),
    [
        ('{"error_share": 0.5}', 0.4, "/api/v2/locations/", True),
        ('{"error_share": 0.5}', 0.6, "/api/v2/locations/", False),
        ('{"error_share": 1}', 0.4, "/health/ready", False),
        (None, 0.0, "/api/v2/locations/", False),
        ("nonsense", 0.0, "/api/v2/locations/", False),
        ("{}", 0.0, "/api/v2/locations/", False),
    ],
)
def test_a_share_of_requests_fails(content: str | None, drawn: float, path: str, fails: bool, tmp_path: Path) -> None:
    """Only the given share, only routes of the API, never a health check."""
    file = tmp_path / "operations.json"
    if content is not None:
        file.write_text(content)
    answer = Operations(str(file), random=lambda: drawn).failure(path)
    assert (answer is not None) is fails
    assert answer is None or answer.status_code == 500


def test_a_process_notices_that_the_file_appears_and_disappears(tmp_path: Path) -> None:
    """The file is checked regularly, not at every request."""
    now = 0.0
    file = tmp_path / "operations.json"
    operations = Operations(str(file), random=lambda: 0.0, clock=lambda: now)
    assert operations.failure("/api/") is None
    file.write_text('{"error_share": 1}')
    assert operations.failure("/api/") is None
    now += LOOK_EVERY_S
    assert operations.failure("/api/") is not None
    file.unlink()
    now += LOOK_EVERY_S
    assert operations.failure("/api/") is None


def test_a_process_reads_its_settings_from_variables() -> None:
    """They come back as they were written; a release may have another version and a wrong port of all primaries."""
    topology = Topology(("us-east-1",), (Shard(1, 1, 50, "us-east-1", "us-east-1"),))
    declared = StandinSettings(
        "app-0", "us-east-1", 1, topology, {1: 5432}, {1: 5433}, {"us-east-1": 6378}, {"us-east-1": 6378}, 6379, "http://pay", "db", "me", "key.pem",
        "defects", 2.0, operations="word",
    )  # fmt: skip
    environ = to_variables(declared)
    assert of_process(environ) == declared
    changed = of_process({**environ, "VERSION": "2", "DATABASE_PORT": "9"})
    assert (changed.version, changed.primaries, changed.replicas) == ("2", {1: 9}, {1: 5433})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PORT", "none", "invalid literal"),
        ("DATABASE_URLS", "{}", "not a JSON object of URLs"),
        ("CACHE_URLS", '{"us-east-1": "redis://here/0"}', "has no port"),
        ("CACHE_URLS", '{"us-east-1": "redis://there:1/0"}', "one host for all databases and one for all tiers"),
    ],
)
def test_a_setting_that_cannot_be_read_is_an_error(variable: str, value: str, message: str) -> None:
    """It names what is wrong."""
    topology = Topology(("us-east-1",), (Shard(1, 1, 50, "us-east-1", "us-east-1"),))
    places = {"us-east-1": 6379}
    declared = StandinSettings(
        "app", "us-east-1", 1, topology, {1: 2}, {1: 3}, places, places, 6379, "http://pay", "db", "me", "key", "defects"
    )
    with pytest.raises(ValueError, match=message):
        of_process({**to_variables(declared), variable: value})


@contextmanager
def serving(ledger: Path, webhooks: Sequence[str] = ()) -> Iterator[httpx.Client]:
    """The provider's API, in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(CaptureLedger(ledger), webhooks), port=port, log_level="error", lifespan="off"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert poll_until(lambda: server.started, 20)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False, verify=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[httpx.Client]:
    """The provider, without webhooks."""
    with serving(tmp_path / "ledger.jsonl") as client:
        yield client


def test_provider_answers_errors_when_instructed(provider: httpx.Client) -> None:
    """A share of its calls fails and nothing is charged; after a reset all succeed; its health never shows it."""
    told = provider.put("/operations", json={"error_share": 1})
    assert told.json() == provider.get("/operations").json() == {"error_share": 1.0, "late_s": 0.0, "webhook_copies": 1}
    assert provider.post("/captures", json=CHARGE).status_code == 500
    assert provider.post("/intents", json=CHARGE).status_code == 500
    assert provider.get("/health").status_code == 200
    provider.delete("/operations")
    assert provider.get("/captures/capture_pi_1").json() == {"capture": None}
    assert provider.post("/captures", json=CHARGE).status_code == 200


def test_provider_is_late_after_the_charge(provider: httpx.Client) -> None:
    """The charge is in the ledger and its answer waits; an invalid charge is refused just as late, and leaves nothing."""
    provider.put("/operations", json={"late_s": 0.2})
    for body, status in ((CHARGE, 200), ({**CHARGE, "amount": 0, "key": "none"}, 400)):
        began = time.monotonic()
        assert provider.post("/captures", json=body).status_code == status
        assert time.monotonic() - began >= 0.2
    assert provider.get("/captures/capture_pi_1").json()["capture"]
    assert provider.get("/captures/none").json() == {"capture": None}


@pytest.mark.parametrize("behaviour", [{"error_share": 2}, {"late_s": -1}, {"webhook_copies": 0}, {"unheard": 1}])
def test_provider_refuses_invalid_instructions(behaviour: dict[str, float], provider: httpx.Client) -> None:
    """Nothing changes."""
    before = provider.get("/operations").json()
    assert provider.put("/operations", json=behaviour).status_code == 422
    assert provider.get("/operations").json() == before


class Listener(ThreadingHTTPServer):
    """An endpoint for webhooks that refuses the first deliveries."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = refusals
        self.events: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused, self.server.refusals = self.server.refusals > 0, self.server.refusals - 1
        if not refused:
            self.server.events.append(event)
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.mark.parametrize(("copies", "refusals"), [(1, 0), (3, 0), (1, 2)], ids=["once", "copies", "again"])
def test_events_are_delivered(copies: int, refusals: int, tmp_path: Path) -> None:
    """Each charge is announced as often as instructed, again after a refusal, and in spite of an endpoint that does not exist; a repeated charge is
    not announced.
    """
    listener = Listener(refusals)
    Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    urls = ["http://127.0.0.1:9/", f"http://127.0.0.1:{listener.server_port}/"]
    try:
        with serving(tmp_path / "ledger.jsonl", urls) as provider:
            provider.put("/operations", json={"webhook_copies": copies})
            for _ in range(2):
                capture = provider.post("/captures", json=CHARGE).json()["capture"]
            assert poll_until(lambda: len(listener.events) == copies, 10)
            assert listener.events == [{"id": f"evt_{capture}", "type": "capture.succeeded", "booking": 1}] * copies
            listener.events.clear()
            assert provider.post("/ping").status_code == 202
            assert poll_until(lambda: len(listener.events) == copies, 10)
    finally:
        listener.shutdown()
        listener.server_close()
