"""The adapter to Toxiproxy, against real servers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from closeshave.clients import toxiproxy
from closeshave.clients.toxiproxy import NotAsAsked, Server, Toxic
from closeshave.control.processes import poll_until
from closeshave.environments import parts
from tests.faults import toys

pytestmark = pytest.mark.servers
LATENCY = Toxic("latency", {"latency": 40})


@contextmanager
def toxiproxy_with(proxy: str, tmp_path: Path) -> Iterator[Server]:
    """A real server with one proxy."""
    binary = parts.find_toxiproxy(print)
    if isinstance(binary, str):
        pytest.skip(f"no Toxiproxy here: {binary}")
    config = tmp_path / f"{proxy}.json"
    config.write_text(f'[{{"name": "{proxy}", "listen": "127.0.0.1:{toys.free_port()}", "upstream": "127.0.0.1:1", "enabled": true}}]')
    port = toys.free_port()
    process = subprocess.Popen([binary, "-port", str(port), "-config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert poll_until(lambda: toys.answers(port), 10)
        yield Server(port)
    finally:
        process.kill()
        process.wait()


def test_two_servers_in_one_process(tmp_path: Path) -> None:
    """Each instance speaks to its own server, which the library alone cannot do."""
    with toxiproxy_with("a", tmp_path) as one, toxiproxy_with("b", tmp_path) as other:
        one.add("a", LATENCY)
        assert one.proxies() == {"a": True}
        assert other.proxies() == {"b": True}
        assert other.disturbances() == ()
        assert one.version()


def test_changes_are_read_back_and_undone(tmp_path: Path) -> None:
    """Toxics and closed proxies are listed by name, removed twice without harm, and cleared all at once."""
    with toxiproxy_with("a", tmp_path) as server:
        server.add("a", LATENCY)
        (listed,) = server.toxics("a")
        assert listed.attributes["latency"] == 40
        server.switch("a", enabled=False)
        assert server.disturbances() == ("a is disabled", "a has latency_downstream")
        server.remove("a", LATENCY)
        server.remove("a", LATENCY)
        assert server.disturbances() == ("a is disabled",)
        server.clear()
        assert server.disturbances() == ()


def test_unknown_proxy_and_bad_toxic_are_errors(tmp_path: Path) -> None:
    """What the server refuses, or does not have, never counts as done."""
    with toxiproxy_with("a", tmp_path) as server:
        with pytest.raises(KeyError):
            server.add("b", LATENCY)
        with pytest.raises(toxiproxy.Unavailable):
            server.add("a", Toxic("glue"))
        assert server.disturbances() == ()


def test_change_that_does_not_show_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledged change that reading back does not show is reported, not believed."""
    with toxiproxy_with("a", tmp_path) as server:
        monkeypatch.setattr("toxiproxy.proxy.Proxy.add_toxic", lambda *_self, **_toxic: None)
        with pytest.raises(NotAsAsked, match="latency"):
            server.add("a", LATENCY)


@pytest.mark.parametrize("answer", ["error", "silence"])
def test_failing_server_is_noticed(answer: str) -> None:
    """An HTTP 500 is no success, and the wait for a server that never answers ends."""
    over = threading.Event()

    class Sick(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answer == "error":
                self.send_error(500)
            over.wait(10)

    sick = ThreadingHTTPServer(("127.0.0.1", 0), Sick)
    threading.Thread(target=sick.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with pytest.raises(toxiproxy.Unavailable):
            Server(sick.server_port, timeout_s=0.3).proxies()
    finally:
        over.set()
        sick.shutdown()
        sick.server_close()


def test_toxics_of_different_owners_are_independent(tmp_path: Path) -> None:
    """One fault's toxic on a link is taken away without touching the same toxic of another."""
    one, other = (Toxic("latency", {"latency": 40}, owner=owner) for owner in ("cache.slow@tier:cache", "region.slow@region:us-west-2"))
    with toxiproxy_with("a", tmp_path) as server:
        server.add("a", one)
        server.add("a", other)
        server.remove("a", one)
        assert [toxic.owner for toxic in server.listing()["a"]] == [other.owner]
        server.remove("a", other)
        assert server.disturbances() == ()
