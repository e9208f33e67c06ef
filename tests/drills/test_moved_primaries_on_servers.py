"""Drills on the members of a shard, on real servers: the primary is moved or replaced by hand, a replica added, a region built anew; and killed midway."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment
from closeshave.drills import added_member, backups
from closeshave.drills.catalogue import WAYS_BACK
from closeshave.drills.database import failover_manual
from closeshave.drills.region import rebuild
from closeshave.drills.shard import add_replica
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from tests.drills.killing import Killed, killed_after
from tests.drills.restoring import ADD_REPLICA, MANUAL, REBUILD, SHARD, SWITCHOVER, Customers, carried_out, events

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.usefixtures("whole")]


def test_a_primary_is_moved_and_moved_back(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """PostgreSQL itself proves it; every acknowledged booking is there; the backup server receives from the new primary, and again from the old one."""
    time.sleep(1)
    ended = carried_out(platform, tmp_path / "run", SWITCHOVER)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    told = [line for line in events(tmp_path / "run") if line["type"] == "drill-proof"]
    assert len(told) == 4
    assert all(line["holds"] for line in told)
    customers.over.set()
    # The last booking is under way; its answer is awaited for two seconds at most.
    time.sleep(2.5)
    lead = patroni.leader(platform, SHARD)
    with postgres.session(platform, lead) as connection:
        there = {int(row[0]) for row in connection.execute("SELECT id FROM bookings WHERE franchise_id = 1").fetchall()}
    assert {effect.booking for effect in customers.effects if effect.booking is not None} <= there
    server = backups.server_of(platform, SHARD)
    assert server is not None
    assert until(lambda: postgres.receiving(platform, lead, server.process) is not None, after(20), 0.2)


def test_a_lost_primary_is_replaced_by_hand(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """Nothing fails over by itself meanwhile; no acknowledged booking is lost on a standby that had received all; and automatic failover is on again."""
    time.sleep(1)
    ended = carried_out(platform, tmp_path / "run", MANUAL)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    assert all(line["holds"] for line in events(tmp_path / "run") if line["type"] == "drill-proof")
    assert patroni.paused(platform, SHARD) == []


def test_a_drill_that_is_killed_while_failover_is_off_leaves_it_on(platform: Deployment, tmp_path: Path) -> None:
    """Whoever finds its ledger switches it on, and starts the primary that was killed."""
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(Killed):
        carried_out(platform, run, killed_after(MANUAL, failover_manual.LOSE))
    assert patroni.paused(platform, SHARD)
    assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
    assert patroni.paused(platform, SHARD) == []


def test_a_replica_is_added_and_removed(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """It follows the primary; afterwards no process, file or replication slot of it is left."""
    time.sleep(1)
    ended = carried_out(platform, tmp_path / "run", ADD_REPLICA)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    told = [line for line in events(tmp_path / "run") if line["type"] == "drill-proof"]
    assert [line["holds"] for line in told] == [True, True]
    assert added_member.gone(platform, SHARD).holds


def test_a_replica_that_a_killed_drill_left_is_removed(platform: Deployment, tmp_path: Path) -> None:
    """With its replication slot, which would keep the log."""
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(Killed):
        carried_out(platform, run, killed_after(ADD_REPLICA, add_replica.STREAM))
    assert not added_member.gone(platform, SHARD).holds
    assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
    assert added_member.gone(platform, SHARD).holds


def test_a_region_is_built_anew(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """Everything that it had stored is copied from the others; no acknowledged booking is lost that its standby had."""
    time.sleep(1)
    ended = carried_out(platform, tmp_path / "run", REBUILD, limit_s=120)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    told = {line["step"]: line["facts"] for line in events(tmp_path / "run") if line["type"] == "drill-step"}
    assert {"shard1-us-east-1", "valkey-cache-us-east-1"} & set(told[rebuild.LOSE]["removed"].split(", "))
    assert told[rebuild.ETCD]["joined"] == "etcd-us-east-1"
    assert all(line["holds"] for line in events(tmp_path / "run") if line["type"] == "drill-proof")


@pytest.mark.parametrize("step", [rebuild.LOSE, rebuild.ETCD])
def test_a_rebuilding_that_is_killed_is_finished(platform: Deployment, tmp_path: Path, step: str) -> None:
    """By whoever finds its ledger: half a region is neither the state before nor the state after."""
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(Killed):
        carried_out(platform, run, killed_after(REBUILD, step), limit_s=120)
    assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
    assert Ledger(run).open() == ()
