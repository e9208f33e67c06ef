"""The cache of an edge: the real HAProxy with the settings of the shipped environment, before a small application that says what may be kept."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from closeshave.clients import edges
from closeshave.deployment import Edge
from closeshave.environments import ports
from closeshave.environments.definition import read_embedded
from closeshave.environments.layout import Layout, lay_out, ports_needed
from closeshave.environments.parts import Parts, find_haproxy
from closeshave.environments.servers import haproxy
from closeshave.environments.stack import EdgeCacheOf, EdgesOf, Embedded
from closeshave.files.shipped import locate
from tests.environments.programs import FOUND

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

TTL_S = 3
FRANCHISE = "X-Franchise-Id"
PUBLIC = "public, max-age=0, s-maxage=60"
SAYS: dict[str, dict[str, str]] = {
    "/kept": {"Cache-Control": PUBLIC, "Vary": FRANCHISE},
    "/short": {"Cache-Control": "public, s-maxage=1", "Vary": FRANCHISE.lower()},
    "/encoded": {"Cache-Control": PUBLIC, "Vary": f"Accept-Encoding, {FRANCHISE}"},
    "/depends": {"Cache-Control": PUBLIC, "Vary": f"{FRANCHISE}, X-Forwarded-For"},
    "/depends-on-all": {"Cache-Control": PUBLIC, "Vary": "*"},
    "/private": {"Cache-Control": "private, max-age=60"},
    "/secret": {"Cache-Control": "no-store"},
    "/silent": {},
    "/cookie": {"Cache-Control": PUBLIC, "Set-Cookie": "session=of-the-first"},
    "/refused": {"Cache-Control": PUBLIC},
}
"""What the application says of each page."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of an edge."""

    status: int
    headers: dict[str, str]
    asked: dict[str, object]
    """What the application was asked, as it says itself."""

    @property
    def kept(self) -> bool:
        """Whether it came from the cache; both signs must agree."""
        hit = self.headers["cache-status"].endswith("; hit")
        assert hit is ("age" in self.headers), self.headers
        return hit


class Quiet(ThreadingHTTPServer):
    """Says nothing of a check that HAProxy did not read to its end."""

    daemon_threads = True

    def handle_error(self, _request: object, _client: object) -> None:
        """Nothing."""


class Application(BaseHTTPRequestHandler):
    """Says what it was asked, and how often it was."""

    protocol_version = "HTTP/1.1"
    served: Counter[str]

    def do_GET(self) -> None:
        page = "/" + self.path.partition("?")[0].rpartition("/")[2]
        self.served[self.path] += 1
        asked = {
            "path": self.path,
            "host": self.headers["Host"],
            "names": self.headers.get_all(FRANCHISE),
            "number": sum(self.served.values()),
        }
        body = json.dumps({**asked, "status": "ready"}).encode()
        self.send_response(404 if page == "/refused" else 200)
        for name, value in {**SAYS.get(page, {}), "X-Cache": "miss", "Server-Timing": "db;dur=7"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


def laid_out(definition: Embedded, parts: Parts, root: Path) -> Layout:
    """Its layout on free ports; no Toxiproxy, so that an edge reaches the application's port itself."""
    parts = replace(parts, haproxy=find_haproxy())
    return lay_out("an-id", root, definition, parts, ports.claim(root, ports_needed(definition, parts), directory=root))


@contextmanager
def running(definition: Embedded, parts: Parts, root: Path) -> Iterator[dict[str, Edge]]:
    """The edges of an environment, before the small application."""
    layout = laid_out(definition, parts, root)
    process = layout.deployment.process(haproxy.EDGES)
    settings = Path(process.argv[-1])
    settings.parent.mkdir(parents=True)
    settings.write_text(layout.files[settings])
    Application.served = Counter()
    (balancer,) = layout.deployment.balancers
    with Quiet(("127.0.0.1", balancer.port), Application) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        edge = subprocess.Popen(process.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until_it_serves(layout.deployment.edges[0].url)
            yield {one.region: one for one in layout.deployment.edges}
        finally:
            edge.kill()
            said, _ = edge.communicate()
            server.shutdown()
    # What HAProxy does not understand it says at its start, and goes on.
    assert "[WARNING]" not in said, said


def until_it_serves(url: str) -> None:
    """Its check of the region has to succeed first."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if ask(url, "/health/ready").status == 200:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    raise TimeoutError(url)


@pytest.fixture(scope="module")
def definition() -> Embedded:
    """The shipped file, with a time that a test can wait for."""
    shipped = read_embedded(locate("environments", "embedded-argentina"))
    assert shipped.edges.cache is not None
    assert shipped.edges.cache.keyed_by == (FRANCHISE,)
    return replace(shipped, edges=EdgesOf(cache=replace(shipped.edges.cache, ttl=float(TTL_S))))


@pytest.fixture(scope="module")
def doors(definition: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Edge]]:
    """The edges, running."""
    with running(definition, PARTS, tmp_path_factory.mktemp("edges") / "environment") as found:
        yield found


PARTS = replace(FOUND, toxiproxy=None)
"""Only HAProxy runs."""


def ask(url: str, path: str, *headers: str, method: str = "GET", host: str = "booking.example") -> Told:
    """Word for word what a customer may send: also what no client library lets pass."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5) as connection:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return Told(int(first.split()[1]), found, json.loads(body) if body.startswith(b"{") else {})


FIRST, SECOND = f"{FRANCHISE}: 7", f"{FRANCHISE}: 8"


@pytest.mark.parametrize(
    ("page", "headers", "kept"),
    [
        ("/kept", [FIRST], True),
        ("/kept", [], True),
        ("/kept?x=1", [FIRST], True),
        ("/encoded", [FIRST], True),
        ("/cookie", [FIRST], False),
        ("/private", [FIRST], False),
        ("/secret", [FIRST], False),
        ("/silent", [FIRST], False),
        ("/refused", [FIRST], False),
        ("/depends", [FIRST], False),
        ("/depends-on-all", [FIRST], False),
        ("/kept?who", [FIRST, "Authorization: Bearer a"], False),
        ("/kept?cookie", [FIRST, "Cookie: session=a"], False),
        ("/kept?twice", [FIRST, SECOND], False),
        ("/kept?twice", [FIRST, FIRST], False),
        ("/kept?anew", [FIRST, "Cache-Control: no-cache"], False),
    ],
)
def test_only_what_is_public_is_kept(doors: dict[str, Edge], page: str, headers: list[str], *, kept: bool) -> None:
    """The second customer who asks for the same gets it from the edge, and the application is not asked."""
    url = doors["rosario"].url
    first = ask(url, page, *headers)
    second = ask(url, page, *headers)
    assert not first.kept
    assert second.kept is kept
    assert (second.asked["number"] == first.asked["number"]) is kept
    # The application is asked for what the customer asked for, whatever the key of the cache is.
    assert (first.asked["path"], first.asked["host"]) == (page, "booking.example")


def test_a_kept_answer_says_on_what_it_depends_and_no_times_of_another_one(doors: dict[str, Edge]) -> None:
    """A browser or another cache behind the edge must know; the judge must not count a query that nobody made."""
    url = doors["mendoza"].url
    first, second = (ask(url, "/encoded?a", FIRST) for _ in range(2))
    assert (first.kept, second.kept) == (False, True)
    assert {first.headers["vary"], second.headers["vary"]} == {f"Accept-Encoding, {FRANCHISE}"}
    assert {"x-cache", "server-timing"} <= set(first.headers)
    assert not {"x-cache", "server-timing", "x-edge-vary"} & set(second.headers)
    assert first.headers["cache-status"] == "edge-mendoza; fwd=miss"
    assert ask(url, "/kept", FIRST, method="POST").headers["cache-status"] == "edge-mendoza; fwd=bypass"


@pytest.mark.parametrize(
    ("poison", "victim"),
    [
        ({"headers": [FIRST]}, {"headers": [SECOND]}),
        ({"headers": []}, {"headers": [SECOND]}),
        ({"headers": [f"{FRANCHISE}: "]}, {"headers": [SECOND]}),
        ({"headers": [FIRST, SECOND]}, {"headers": [FIRST]}),
        ({"headers": [SECOND, FIRST]}, {"headers": [FIRST]}),
        ({"headers": [f"{FRANCHISE}: 7,8"]}, {"headers": [SECOND]}),
        ({"headers": [f"{FRANCHISE}: 7/../8"]}, {"headers": [SECOND]}),
        ({"headers": [f"{FRANCHISE}: 8/a"]}, {"headers": [SECOND], "prefix": "/a"}),
        ({"headers": [FIRST], "host": "evil.example"}, {"headers": [FIRST]}),
        # The key begins with the host: it must not be lengthened into the path.
        ({"headers": [FIRST], "host": "booking.example/38"}, {"headers": [SECOND]}),
        ({"headers": [], "host": "booking.example/37"}, {"headers": [FIRST]}),
        ({"headers": [], "prefix": "/38"}, {"headers": [SECOND]}),
        ({"headers": [FIRST], "prefix": "http://evil.example", "host": "evil.example"}, {"headers": [FIRST]}),
        ({"headers": [FIRST], "prefix": "/.."}, {"headers": [FIRST]}),
        ({"headers": [FIRST], "prefix": "/%2e%2e"}, {"headers": [FIRST]}),
        ({"headers": [FIRST], "prefix": "/"}, {"headers": [FIRST]}),
    ],
    ids=str,
)
def test_nobody_gets_the_answer_to_another_question(
    doors: dict[str, Edge], poison: dict[str, object], victim: dict[str, object], request: pytest.FixtureRequest
) -> None:
    """Whatever is sent first: whoever asks after it gets the answer to the own question."""
    url, page = doors["cordoba"].url, f"/kept?{abs(hash(request.node.name))}"

    def sent(by: dict[str, object]) -> Told:
        headers = by["headers"]
        assert isinstance(headers, list)
        return ask(url, f"{by.get('prefix', '')}{page}", *headers, host=str(by.get("host", "booking.example")))

    for _ in range(2):
        sent(poison)
    found = sent(victim)
    wanted = [str(line).partition(": ")[2] for line in victim["headers"]]  # type: ignore[attr-defined]  # a list
    assert found.status == 200
    assert (found.asked["path"], found.asked["host"], found.asked["names"]) == (
        f"{victim.get('prefix', '')}{page}",
        "booking.example",
        wanted,
    )


@pytest.mark.parametrize(("page", "stated_s"), [("/kept?for", TTL_S), ("/short?for", 1)])
def test_an_answer_is_kept_no_longer_than_stated(doors: dict[str, Edge], page: str, stated_s: int) -> None:
    """By the file, or by the answer itself where that is less. HAProxy counts whole seconds."""
    url = doors["buenos-aires"].url
    began = time.monotonic()
    number, ages = ask(url, page, FIRST).asked["number"], []
    while (found := ask(url, page, FIRST)).asked["number"] == number:
        ages.append(int(found.headers["age"]))
        assert time.monotonic() - began < stated_s + 1
        time.sleep(0.05)
    assert max(ages, default=0) <= stated_s
    assert stated_s == 1 or time.monotonic() - began > stated_s - 1


def test_each_city_keeps_its_own_and_counts_its_own(doors: dict[str, Edge]) -> None:
    """What one has learnt, another has not; its counter is what a probe compares with."""
    here, there = doors["rosario"], doors["mendoza"]
    before = [edges.kept_answers(edge) for edge in (here, there)]
    assert [ask(one.url, "/kept?city", FIRST).kept for one in (here, here, there, here)] == [False, True, False, True]
    after = [edges.kept_answers(edge) for edge in (here, there)]
    assert [(now or 0) - (then or 0) for now, then in zip(after, before, strict=True)] == [2, 0]


def test_a_cache_that_is_full_keeps_what_is_new(definition: Embedded, tmp_path: Path) -> None:
    """Its size is that of the file; who asks for an answer that was pushed out gets a new one."""
    small = replace(definition, edges=EdgesOf(cache=EdgeCacheOf(60.0, (FRANCHISE,), 1)))
    with running(small, PARTS, tmp_path / "environment") as found:
        url = found["rosario"].url
        long = "x" * 6000
        ask(url, f"/kept?first&{long}", FIRST)
        assert ask(url, f"/kept?first&{long}", FIRST).kept
        for number in range(300):
            ask(url, f"/kept?{number}&{long}", FIRST)
        assert ask(url, f"/kept?299&{long}", FIRST).kept
        assert not ask(url, f"/kept?first&{long}", FIRST).kept


def test_without_the_key_an_edge_keeps_nothing(definition: Embedded, tmp_path: Path) -> None:
    """As before: no line of it is in the settings."""
    plain = replace(definition, edges=EdgesOf())
    layout = laid_out(plain, PARTS, tmp_path / "environment")
    assert "cache" not in layout.files[Path(layout.deployment.process(haproxy.EDGES).argv[-1])]
    assert {edge.cache for edge in layout.deployment.edges} == {None}
