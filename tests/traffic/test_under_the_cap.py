"""What the guard accepts, the real generators send: counted by a server, no ten seconds hold more than the platform's cap."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.caps import chance
from closeshave.clock import now_ns
from closeshave.deployment import Deployment, Edge, Payments
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.guard import over_caps
from closeshave.plan import Canaries, Limits, Phase, Plan, Role, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import Load, plan_load
from closeshave.trial import fitting
from tests.remote.definitions import remote
from tests.traffic import loads
from tests.traffic.tinyplatform import TinyPlatform

HERE = "us-east-1"
ONE = Topology((HERE,), (Shard(1, 1, 100_000, HERE, HERE),))
RUN_S = 14.0
SOON_NS = 300_000_000


def plan(seed: int, sessions_per_s: float, contests_per_s: float) -> Plan:
    """Visits without pauses: their requests fall into one window, which is the worst that chance can do."""
    return Plan(
        "p", "e", "t", seed, Limits(60, 20_000), (Phase("calm", Role.CALM, RUN_S, sessions_per_s),),
        traffic=Traffic(think_time_scale=0.02, contests_per_s=contests_per_s), canaries=Canaries(home_per_s=4, away_per_s=0),
    )  # fmt: skip


def at_the_edge(definition: Remote, whole: Plan) -> Plan:
    """The plan at the largest rate scale that the guard admits, as ``validate`` would name it."""
    found = fitting.largest(lambda factor: not list(over_caps(definition, one := whole.scaled(factor), one.traffic.requests_per_session)))
    assert found is not None
    assert found < fitting.MOST
    return whole.scaled(found)


def send(run: Path, platform: TinyPlatform, admitted: Plan) -> list[float]:
    """Both generators, from one start to their end; returns when the server saw each request, in seconds."""
    loads.log_everybody_in(run)
    edges = (Edge(HERE, platform.url, "", ""),)
    deployment = Deployment("id", "embedded", "embedded", "/r", ONE, (), (), (), (), (), edges, Payments("p", "", ""), (), "", "")
    load: Load = replace(plan_load(admitted, deployment, run, "20261121-test"), tokens=str(run / "accounts.json"))
    generators = [Generator.start(kind, load) for kind in ("customers", "canary")]
    for generator in generators:
        generator.wait_ready(120)
    before, start_ns = len(platform.arrived_s), now_ns() + SOON_NS
    for generator in generators:
        generator.go(start_ns)
    assert [generator.finish(60) for generator in generators] == [0, 0]
    return sorted(platform.arrived_s[before:])


def fullest_per_s(arrived_s: list[float]) -> float:
    """The mean rate of the fullest window of a live cap."""
    return max(bisect_left(arrived_s, at_s + chance.WINDOW_S) - index for index, at_s in enumerate(arrived_s)) / chance.WINDOW_S


@pytest.mark.servers
@pytest.mark.parametrize(("seed", "sessions_per_s", "contests_per_s"), [(1, 4, 1), (2, 1, 2), (3, 6, 0)])
def test_no_ten_seconds_hold_more_than_the_cap(tmp_path: Path, seed: int, sessions_per_s: float, contests_per_s: float) -> None:
    """Customers, rivals and canaries together; and the load comes close to the cap."""
    definition = remote(tmp_path)
    with TinyPlatform().serving() as platform:
        arrived_s = send(tmp_path, platform, at_the_edge(definition, plan(seed, sessions_per_s, contests_per_s)))
    assert 0.3 * definition.caps.requests_per_s < fullest_per_s(arrived_s) <= definition.caps.requests_per_s


@pytest.mark.servers
def test_a_plan_that_is_refused_would_send_more(tmp_path: Path) -> None:
    """Three times the largest scale: what the test above would see if the guard admitted too much."""
    definition, whole = remote(tmp_path), plan(1, 4, 1)
    with TinyPlatform().serving() as platform:
        arrived_s = send(tmp_path, platform, at_the_edge(definition, whole).scaled(3))
    assert fullest_per_s(arrived_s) > definition.caps.requests_per_s
