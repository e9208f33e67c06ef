"""Customers and canaries against the embedded environment: real parts, the stand-in platform, edges with counters of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from closeshave import history
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.environments.evidence import edge_counts
from closeshave.files.shipped import locate
from closeshave.loadgen.convert import Converted
from closeshave.plan import Canaries, Limits, Phase, Plan, Role, Traffic
from closeshave.traffic import logins
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import plan_load

pytestmark = pytest.mark.servers

DURATION_S = 15.0
SESSIONS_PER_S = 22.0
SETTLING_S = 4.0


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The environment, up."""
    definition = read_embedded(locate("environments", "embedded"))
    deployed = embedded.up(definition, say=print)
    yield deployed
    assert not embedded.down(Path(deployed.root))


@pytest.fixture(scope="module")
def run(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory after the load."""
    directory = tmp_path_factory.mktemp("run")
    plan = Plan(
        "p", "embedded", "t", 11, Limits(600, 100_000), (Phase("calm", Role.CALM, DURATION_S, SESSIONS_PER_S),),
        traffic=Traffic(think_time_scale=0.1), canaries=Canaries(home_per_s=5, away_per_s=1),
    )  # fmt: skip
    load = plan_load(plan, deployment, directory, "test")
    assert logins.log_in(deployment, directory, print) == len(deployment.accounts)
    generators = [Generator.start("customers", load), Generator.start("canary", load)]
    for generator in generators:
        generator.wait_ready(60)
    before = edge_counts.read(deployment)
    start_ns = now_ns() + 500_000_000
    for generator in generators:
        generator.go(start_ns)
    for generator in generators:
        assert generator.finish(DURATION_S + 30) == 0
    history.save_edges(directory, edge_counts.between(before, edge_counts.read(deployment)))
    return directory


@pytest.fixture(scope="module")
def collected(run: Path) -> Converted:
    """What the generators say of themselves."""
    return collect(run)


@pytest.fixture(scope="module")
def rows(run: Path, collected: Converted) -> pd.DataFrame:
    """All operations."""
    assert collected.torn == 0
    return pd.read_parquet(run / history.OPERATIONS_FILE)


def test_every_sender_is_reconciled(collected: Converted) -> None:
    """Intended, sent and recorded are one number."""
    for sent in collected.sent:
        assert sent.finished
        assert sent.intended == sent.sent == sent.recorded == sent.requests


def test_every_answer_is_good(rows: pd.DataFrame) -> None:
    """Nothing is broken, so no request is refused."""
    bad = rows[~rows["good"]]
    assert bad.empty, bad[["kind", "status", "error"]].value_counts().to_string()


def test_the_mix_has_the_documented_ratio_of_searches_to_bookings(rows: pd.DataFrame) -> None:
    """In requests of ordinary visits."""
    kinds = rows[rows["journey"] == "customer"]["kind"]
    classes = {
        "search": ("slots",), "franchise page": ("franchise", "services", "barbers"), "account": ("login", "profile"), "book": ("book",),
        "cancel": ("cancel",),
    }  # fmt: skip
    counts = {name: kinds.isin(members).sum() for name, members in classes.items()}
    shares = {name: 100 * count / sum(counts.values()) for name, count in counts.items()}
    expected = {"search": (70, 4), "franchise page": (20, 3), "account": (6, 1.5), "book": (3, 1.5), "cancel": (1, 0.8)}
    assert all(abs(shares[name] - share) < tolerance for name, (share, tolerance) in expected.items()), shares


def test_enough_is_booked(rows: pd.DataFrame) -> None:
    """At least five a second, by customers, once the first visits have had the time to book."""
    settled = rows[rows["intended_ns"] > rows["intended_ns"].min() + SETTLING_S * 1e9]
    assert len(settled.query("kind == 'book' and outcome == 'ok'")) / (DURATION_S - SETTLING_S) >= 5


def test_the_edges_counted_the_same(run: Path, collected: Converted) -> None:
    """Over all senders and edges: every request that was sent was received."""
    counted = json.loads((run / history.EDGE_COUNTS).read_bytes())
    assert sum(edge["requests"] for edge in counted) == sum(sent.requests for sent in collected.sent)


def test_every_probe_of_a_canary_is_written_and_read(rows: pd.DataFrame) -> None:
    """For every shard, from every region; what was not acknowledged is not read."""
    canaries = rows[rows["source"] == "canary"]
    assert len(canaries.query("kind == 'canary_write' and outcome == 'ok'")) == len(canaries.query("kind == 'canary_read'"))
    assert len(canaries.groupby(["region", "shard"], observed=True)) == 16
