"""The instructions to the generators are unchanged after the file between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.deployment import Deployment, Edge, Payments
from closeshave.plan import Canaries, Limits, LocustFile, Phase, Plan, Role, Traffic
from closeshave.traffic import generator
from closeshave.traffic.load import load, part, plan_load
from tests.traffic import loads


def deployment() -> Deployment:
    """A deployment with nothing but its edges."""
    edges = tuple(Edge(region, f"http://127.0.0.1:{index}", "", "") for index, region in enumerate(loads.FOUR.regions, 1))
    return Deployment("id", "embedded", "embedded", "/r", loads.FOUR, (), (), (), (), (), edges, Payments("p", "", ""), (), "", "")


def test_a_load_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Every value, durations and nested ones too."""
    written = loads.load(tmp_path, (1.5, 20), (3, 40), traffic=Traffic(zipf=1.0), canaries=Canaries(latency=0.25, hold=7.5))
    assert load(written.save()) == written


def test_a_plan_becomes_a_load(tmp_path: Path) -> None:
    """Phases follow each other, every region has its edge, and what is created carries the run's tag."""
    phases = (Phase("warm-up", Role.WARM_UP, 5, 10), Phase("calm", Role.CALM, 20, 30))
    plan = Plan("p", "embedded", "t", 42, Limits(60, 1000), phases)
    made = plan_load(plan, deployment(), tmp_path, "run-1")
    assert [(phase.starts_s, phase.ends_s, phase.sessions_per_s) for phase in made.phases] == [(0, 5, 10), (5, 25, 30)]
    assert (made.duration_s, made.seed, made.tag) == (25, 42, "closeshave:run-1")
    assert made.edges["eu-west-1"] == "http://127.0.0.1:3"


@pytest.mark.parametrize(("most", "of_canaries"), [(1000, 500), (20_000, 4301), (200_000, 4301)])
def test_customers_and_canaries_share_the_largest_number(tmp_path: Path, most: int, of_canaries: int) -> None:
    """Canaries get what their rates can send, at most half; customers the rest: together never more than the plan says."""
    plan = Plan(
        "p", "embedded", "t", 42, Limits(60, most), (Phase("calm", Role.CALM, 50, 30),), canaries=Canaries(home_per_s=10, away_per_s=1)
    )
    made = plan_load(plan, deployment(), tmp_path, "run-1")
    assert (made.most("customers"), made.most("canary")) == (most - of_canaries, of_canaries)


def test_a_file_that_is_no_load_is_refused(tmp_path: Path) -> None:
    """A generator must not start with half of its instructions."""
    (tmp_path / "load.json").write_text('{"run": "x"}')
    with pytest.raises(ValueError, match="run_id"):
        load(tmp_path / "load.json")


@given(st.integers(0, 10**9), st.integers(1, 64))
def test_workers_parts_are_the_total_and_nearly_equal(total: int, workers: int) -> None:
    """A limit on requests is one limit for any number of workers."""
    parts = [part(total, worker, workers) for worker in range(workers)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


def test_what_a_users_own_file_opens_trusts_the_environments_authority(tmp_path: Path) -> None:
    """By Python's own TLS and by requests; nothing is changed for our own customers, who are told by the load, nor without an authority."""
    own = replace(loads.load(tmp_path, (1.0, 1.0)), authority="/tls/authority.pem", traffic=Traffic(locust=LocustFile("crowd.py")))
    told = generator._environment(tmp_path, own)
    assert [told[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")] == ["/tls/authority.pem"] * 2
    for other in (replace(own, authority=""), replace(own, traffic=Traffic())):
        assert "/tls/authority.pem" not in generator._environment(tmp_path, other).values()
