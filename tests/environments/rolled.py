"""A small environment for rollouts: the real balancers and edges of a real layout, and instances of a program that starts quickly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

import httpx

from closeshave.clients import balancer
from closeshave.control import processes
from closeshave.deployment import Deployment, load
from closeshave.environments import ports
from closeshave.environments.definition import read_definition
from closeshave.environments.layout import lay_out, ports_needed
from closeshave.environments.parts import Etcd, Parts, find_haproxy
from closeshave.environments.stack import Embedded
from closeshave.environments.unprivileged import Wrapper

HEAD = """\
kind: embedded
name: shop
regions: [here, there]
shards:
  - {id: 1, first: 1, last: 1, home: here, standby: there}
tiers: []
etcd: [here]
sentinels: [here]
apps_per_region: 2
links: []
"""
APPLICATION = """\
application:
  command: ["{python}", -I, -S, server.py]
  variables: {PORT: "{port}", INSTANCE: "{instance}", VERSION: "1"}
  readiness: {path: /ready, within: 12s}
  version: {path: /ready, header: X-App-Version}
  workers:
    - {name: queue, command: ["{python}", -I, -S, worker.py], regions: [here]}
  releases:
    next: {variables: {VERSION: "2"}, version: "2"}
    tuned: {variables: {THREADS: 8}}
    liar: {variables: {VERSION: "1.9"}, version: "2"}
    broken: {variables: {FAILS: no such table}, version: "2"}
    unready: {variables: {VERSION: "2", STATUS: 503}, version: "2"}
    erring: {variables: {VERSION: "2", ERRS: "0.2"}, version: "2"}
    sluggish: {variables: {VERSION: "2", SLOW_AT: /}, version: "2"}
    lazy: {variables: {VERSION: "2", FAILS_ON: worker}, version: "2"}
"""
SERVER = """\
import http.server, os, random, time

if os.environ.get("FAILS"):
    raise SystemExit(os.environ["FAILS"])


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.7)
        if self.path == os.environ.get("SLOW_AT"):
            time.sleep(0.3)
        errs = self.path != "/ready" and random.random() < float(os.environ.get("ERRS", 0))
        self.send_response(500 if errs else int(os.environ.get("STATUS", 200)))
        self.send_header("X-App-Version", os.environ["VERSION"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


# Otherwise connections that come at once are refused.
http.server.ThreadingHTTPServer.request_queue_size = 256
# Whatever is in flight when the process is asked to end is cut off.
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answering).serve_forever()
"""
WORKER = """\
import os, time

if os.environ.get("FAILS_ON") == "worker":
    raise SystemExit("no queue")
time.sleep(3600)
"""
STARTED = ("haproxy", "edge", "app", "worker")


@contextmanager
def running(directory: Path, application: str = APPLICATION) -> Iterator[Deployment]:
    """The environment, without its databases; nothing of it is left."""
    (directory / "server.py").write_text(SERVER)
    (directory / "worker.py").write_text(WORKER)
    (directory / "shop.yaml").write_text(HEAD + application)
    definition = read_definition(directory / "shop.yaml")
    assert isinstance(definition, Embedded)
    root = directory / "root"
    for each in ("config", "logs"):
        (root / each).mkdir(parents=True)
    parts = Parts(
        postgres=Path("/programs/postgres"),
        postgres_version="18.1",
        nobody=Wrapper(),
        valkey=Path("/programs/valkey-server"),
        haproxy=find_haproxy(),
        etcd=Etcd(Path("/programs/etcd"), "3.6", rejoins_empty=False),
        toxiproxy=None,
        versions={},
        missing={},
    )
    first = ports.claim(root, ports_needed(definition, parts))
    layout = lay_out(f"rolled-{first}", root, definition, parts, first)
    deployment = layout.deployment
    for path, text in layout.files.items():
        path.write_text(text)
    deployment.save()
    try:
        for process in deployment.processes:
            if process.role in STARTED:
                processes.start(root, deployment.id, process)
        assert processes.poll_until(lambda: serves(deployment), 60, interval_s=0.2)
        yield deployment
    finally:
        assert processes.sweep(deployment.id) == []
        ports.release(root)


def serves(deployment: Deployment) -> bool:
    """Whether every instance gets requests, and every edge sends some to its region."""
    try:
        views = [balancer.view(at, app.name) for at in deployment.balancers for app in deployment.owned_by(at.region) if app.role == "app"]
        edges = [httpx.get(f"{edge.url}/", timeout=5).status_code for edge in deployment.edges]
    except (httpx.HTTPError, balancer.Unavailable):
        return False
    return all(view.serves for view in views) and set(edges) == {200}


def said(deployment: Deployment) -> dict[str, str]:
    """What each instance answers."""
    apps = [process for process in deployment.processes if process.role == "app"]
    return {app.name: httpx.get(f"http://127.0.0.1:{app.ports[0]}/ready", timeout=10).headers["X-App-Version"] for app in apps}


def pids(deployment: Deployment) -> dict[str, int]:
    """The process of each instance and worker."""
    there = {each.name: processes.find(Path(deployment.root), each) for each in deployment.processes if each.role in {"app", "worker"}}
    return {name: identity.pid for name, identity in there.items() if identity is not None}


def now(deployment: Deployment) -> Deployment:
    """As its file says now."""
    return load(Path(deployment.root))


@dataclass
class Customers:
    """Asks through the edges all the time, quick and slow requests."""

    edges: list[str]
    path: str

    def __post_init__(self) -> None:
        """Begin."""
        self.answered: list[int] = []
        self.failed: list[str] = []
        self._over = Event()
        self._threads = [Thread(target=self._ask, args=(url,)) for url in self.edges]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str) -> None:
        with httpx.Client(timeout=20) as client:
            while not self._over.is_set():
                try:
                    self.answered.append(client.get(f"{url}{self.path}").status_code)
                except httpx.HTTPError as error:
                    self.failed.append(type(error).__name__)
                time.sleep(0.01)

    def stop(self) -> None:
        """Wait for the last answers."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)


@contextmanager
def customers(deployment: Deployment) -> Iterator[list[Customers]]:
    """Of every region, while the block runs."""
    urls = [edge.url for edge in deployment.edges]
    asking = [Customers(urls, "/"), Customers(urls, "/slow")]
    try:
        yield asking
    finally:
        for each in asking:
            each.stop()


def without_balancers(deployment: Deployment) -> Deployment:
    """As an older version wrote it."""
    old = replace(deployment, balancers=())
    old.save()
    return old


PYTHON = sys.executable
