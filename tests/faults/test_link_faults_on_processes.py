"""Faults of links on real processes, small enough to be repeated often: a server behind a real Toxiproxy, and customers who use it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from closeshave.clients.toxiproxy import Server
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment, Link, Process
from closeshave.environments import parts
from closeshave.faults import child
from closeshave.faults.heal import heal_open
from closeshave.plan import Expected, Fault
from tests.faults import toys
from tests.faults.timelines import WHOLE_LIFE, edges, marks, not_observed

pytestmark = [pytest.mark.servers, pytest.mark.timeout(100)]


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Deployment]:
    """A region of one server and its Toxiproxy, with a link for customers and one for its own use."""
    binary = parts.find_toxiproxy(print)
    if isinstance(binary, str):
        pytest.skip(f"no Toxiproxy here: {binary}")
    http, api = toys.server("near-0", toys.NEAR), toys.free_port()
    links = tuple(Link(kind, kind, toys.NEAR, api, toys.free_port(), http.ports[0]) for kind in ("ingress", "app-payments"))
    config = tmp_path / "toxiproxy.json"
    listed = [{"name": link.name, "listen": f"127.0.0.1:{link.port}", "upstream": f"127.0.0.1:{link.upstream_port}"} for link in links]
    config.write_text(json.dumps([{**link, "enabled": True} for link in listed]))
    argv = (str(binary), "-port", str(api), "-config", str(config))
    proxy = Process(f"toxiproxy-{toys.NEAR}", "toxiproxy", toys.NEAR, argv, ports=(api, *(link.port for link in links)))
    toy = replace(toys.deployment(tmp_path / "root", http, proxy), links=links)
    toy.save()
    try:
        for process in toy.processes:
            processes.start(Path(toy.root), toy.id, process)
        assert processes.poll_until(lambda: all(toys.answers(port) for process in toy.processes for port in process.ports), 20)
        yield toy
    finally:
        assert processes.sweep(toy.id) == []


@contextmanager
def customers(toy: Deployment, kinds: tuple[str, ...]) -> Iterator[None]:
    """Requests through the links of these kinds, each on a connection that is kept, until the block ends."""
    over = threading.Event()

    def come(link: Link) -> None:
        while not over.wait(0.02):
            try:
                with httpx.Client(trust_env=False, verify=False, timeout=1) as client:
                    while not over.wait(0.02):
                        client.get(f"http://127.0.0.1:{link.port}/")
            except httpx.HTTPError:
                continue

    threads = [threading.Thread(target=come, args=(link,), daemon=True) for link in toy.links if link.kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def live(kind: str, parameters: Mapping[str, int | float], hold_s: float, toy: Deployment, run: Path, used: tuple[str, ...]) -> None:
    """One fault from its injection to its end, while customers use these links."""
    with customers(toy, used):
        fault = Fault("f", kind, "storm", 0, hold_s, Expected.DEGRADES, {"region": toys.NEAR}, parameters)
        experiment = child.start(toy, run, fault, now_ns())
        assert experiment.wait(60) == 0, (run / "logs" / "fault-f.log").read_text()
    assert Server(toy.links[0].api_port).disturbances() == ()


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("region.slow", {"latency_ms": 60}),
        ("region.customers-cut", {}),
        ("region.lossy", {"share": 0.3}),
        ("region.flapping", {"down_s": 1, "up_s": 1}),
    ],
)
def test_fault_of_links_is_observed_and_healed(kind: str, parameters: Mapping[str, int | float], region: Deployment, run: Path) -> None:
    """It is observed by the users of the links, it ends with its hold, and no toxic is left."""
    live(kind, parameters, 3, region, run, used=("ingress", "app-payments"))
    assert edges(run) == WHOLE_LIFE


def test_flapping_continues_while_it_is_held_and_ends_with_the_links_up(region: Deployment, run: Path) -> None:
    """Down first, then up and down in turn."""
    live("region.flapping", {"down_s": 1, "up_s": 1}, 4.5, region, run, used=("ingress",))
    turns = [detail for _, detail in marks(run) if f"{toys.NEAR} is " in detail]
    assert [turn.split(" (")[0].rsplit(" ", 1)[1] for turn in turns] == ["up", "down", "up", "down"]


@pytest.mark.parametrize(("used", "bites"), [(("ingress",), True), (("app-payments",), False), ((), False)])
def test_fault_on_unused_links_has_no_effect(used: tuple[str, ...], bites: bool, region: Deployment, run: Path) -> None:
    """Toxics that no request meets are added and removed, and never reported as observed."""
    live("region.customers-cut", {}, 8, region, run, used)
    assert edges(run) == [edge for edge in WHOLE_LIFE if bites or edge != "observed"]
    saw = "none of 1 link was used since the injection"
    assert not_observed(run) == ([] if bites else [f"f: not observed within 5 s; the probe last saw: {saw}"])


def test_toxiproxy_that_died_has_lost_its_toxics_and_comes_back_clear(region: Deployment, run: Path) -> None:
    """Its death is healed with the fault: it runs again, and lists nothing."""
    fault = Fault("f", "region.slow", "storm", 0, 600, Expected.DEGRADES, {"region": toys.NEAR}, {})
    with customers(region, ("ingress",)):
        experiment = child.start(region, run, fault, now_ns())
        assert processes.poll_until(lambda: "observed" in edges(run), 60)
        proxy = processes.find(Path(region.root), region.process(f"toxiproxy-{toys.NEAR}"))
        assert proxy is not None
        proxy_process = proxy.handle()
        assert proxy_process is not None
        proxy_process.kill()
        assert child.stop(experiment) == 0, (run / "logs" / "fault-f.log").read_text()
    assert edges(run) == WHOLE_LIFE
    assert Server(region.links[0].api_port).disturbances() == ()


@pytest.mark.parametrize("kind", ["region.slow", "region.flapping"])
def test_toxics_of_a_killed_experiment_are_removed_by_any_healing_process(kind: str, region: Deployment, run: Path) -> None:
    """Their names and the ledger are enough; a second time does no harm."""
    fault = Fault("f", kind, "storm", 0, 600, Expected.DEGRADES, {"region": toys.NEAR}, {})
    with customers(region, ("ingress",)):
        experiment = child.start(region, run, fault, now_ns())
        assert processes.poll_until(lambda: "observed" in edges(run), 60)
        experiment.kill()
        experiment.wait()
    for _ in range(2):
        assert heal_open(run, region, print) == []
        assert Server(region.links[0].api_port).disturbances() == ()
    assert edges(run) == WHOLE_LIFE
