"""The launcher of the Toxiproxy of an entrance: its distance is added as soon as the server answers, and whoever looks finds it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from closeshave.deployment import Link
from closeshave.environments import readiness
from closeshave.environments.servers import toxiproxy_start

LINK = "rosario-ingress"


class Api(BaseHTTPRequestHandler):
    """Toxiproxy's API, as far as one toxic needs it."""

    toxics: list[dict[str, object]]

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == f"/proxies/{LINK}/toxics"
        if known:
            self.toxics.append({**told, "toxicity": 1.0})
        self._answer(200 if known else 404, told)

    def do_GET(self) -> None:
        self._answer(200, {LINK: {"toxics": self.toxics}})

    def _answer(self, status: int, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of such an API."""
    monkeypatch.setattr(Api, "toxics", [], raising=False)
    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def link(port: int) -> Link:
    """That of the entrance."""
    return Link(LINK, "ingress", "rosario", port, port, port)


def test_the_distance_is_a_delay_of_every_answer_that_belongs_to_no_fault(port: int) -> None:
    """A start of the environment waits for it."""
    assert readiness.of_distance(link(port), toxiproxy_start.OWNER) == f"the link {LINK} has no distance yet"
    assert toxiproxy_start.add(port, LINK, 26)
    (toxic,) = Api.toxics
    assert (toxic["type"], toxic["stream"], toxic["attributes"]) == ("latency", "downstream", {"latency": 26, "jitter": 0})
    assert readiness.of_distance(link(port), toxiproxy_start.OWNER) == ""
    assert readiness.of_distance(link(port), "shard.slow@1") != ""


def test_a_link_that_is_not_there_has_no_distance(port: int) -> None:
    """Nobody may take that for one."""
    assert not toxiproxy_start.add(port, "mendoza-ingress", 26)
    assert Api.toxics == []


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of the environment fails then, because no distance is there."""
    monkeypatch.setattr(toxiproxy_start, "ANSWERS_S_MAX", 0.05)
    assert not toxiproxy_start.add(1, LINK, 26)
    assert readiness.of_distance(link(1), toxiproxy_start.OWNER) == "the Toxiproxy of rosario does not answer: ConnectionError"
