"""Customers and canaries at a platform with the peculiarities of the real application, which its file does not state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pandas as pd
import pytest

from closeshave import history
from closeshave.clock import now_ns
from closeshave.deployment import Capabilities
from closeshave.plan import Canaries, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic import accounts, learning
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import Generator
from closeshave.traffic.runfiles import RECORDS, SenderKind
from closeshave.traffic.steps import LOOK_AGAIN_AFTER_S
from tests.traffic import loads
from truth.plain.running import plain

ONE = Topology(("here",), (Shard(1, 1, 1, "here", "here"),))
RAISED = {"slots": "3000 per 1m", "book": "6000 per 1h", "cancel": "6000 per 1h"}
KINDS: tuple[SenderKind, ...] = ("customers", "canary")


def members(url: str, count: int = 4) -> list[LoggedIn]:
    """Customers who have registered."""
    found = []
    for number in range(count):
        wish = {"first_name": "A", "last_name": "B", "email": f"a{number}@example.com", "password": "aA1!aA1!aA1!"}
        told = httpx.post(f"{url}/api/v2/auth/register-client", json=wish, trust_env=False, verify=False).raise_for_status().json()
        found.append(
            LoggedIn(wish["email"], wish["password"], "here", told["access_token"], told["refresh_token"], "c", str(told["user"]["id"]))
        )
    return found


@pytest.mark.servers
def test_customers_book_where_lists_of_one_barber_are_always_empty(tmp_path: Path) -> None:
    """They hold contests, read the list again after each refusal, avoid the barber who takes no bookings; canaries never request that one."""
    able = Capabilities(franchises=False, keyed_bookings=False, forwarded_for=False, limits=RAISED)
    with plain("--as-seen", "--habit", "zone=UTC", "--habit", "login_ms=0") as platform:
        accounts.save(tmp_path / "accounts.json", members(platform.url))
        traffic = Traffic(think_time_scale=0.02, contests_per_s=3.0)
        given = loads.load(tmp_path, (6.0, 4), traffic=traffic, canaries=Canaries(home_per_s=5, away_per_s=0))
        given = replace(given, topology=ONE, edges={"here": platform.url}, capabilities=able)
        generators = [Generator.start(kind, given) for kind in KINDS]
        for generator in generators:
            generator.wait_ready(60)
        for generator in generators:
            generator.go(now_ns() + 100_000_000)
        assert [generator.finish(30) for generator in generators] == [0, 0]
    collect(tmp_path)
    rows = pd.read_parquet(tmp_path / history.OPERATIONS_FILE)
    effects = pd.read_parquet(tmp_path / history.EFFECTS_FILE)
    booked = rows[(rows["kind"] == "book") & (rows["outcome"] == "ok")]
    refused = rows[(rows["kind"] == "book") & (rows["status"] == 400)]
    checks = rows.loc[rows["kind"] == "check_barber", "id"]
    looks = effects[(effects["action"] == "offer") & effects["barber"].notna() & effects["operation"].isin(checks)]
    assert len(booked) >= 5
    assert len(refused) >= 5, "a contest has a loser"
    assert set(rows[rows["kind"] == "canary_write"]["outcome"]) == {"ok"}
    later = looks.merge(rows, left_on="operation", right_on="id")["intended_ns"]
    in_time = refused["ended_ns"] + round(LOOK_AGAIN_AFTER_S * 1e9)
    in_time = in_time[in_time < rows["intended_ns"].max()]
    assert len(in_time) >= 3
    assert set(in_time) <= set(later), "each looks a moment later whether that barber is free, in the same session"
    notes = learning.notes(tmp_path / RECORDS)
    assert {"slots_by_barber", "zone"} <= set(notes)
    assert not {"bookings", "contests"} & set(notes)
