"""Restores on the real servers of the embedded environment: to the second, to the end, of every backup, across regions and switchovers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.drills import backups, incremental, restored_server
from closeshave.drills.backup import verify
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore import steps
from closeshave.faults import catalogue
from closeshave.faults.waiting import after, until
from tests.drills.restoring import (
    LATEST,
    LOG_INTERVAL,
    OTHER_REGION,
    POINT,
    SHARD,
    SNAPSHOT,
    SWITCHOVER,
    VERIFY,
    Customers,
    carried_out,
    compared,
    events,
)

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.usefixtures("whole")]


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_shard_is_restored_to_the_second(platform: Deployment, customers: Customers, tmp_path: Path, back: int) -> None:
    """Nothing that was acknowledged before it is missing, nothing that was sent after it is there."""
    time.sleep(back + 2.5)
    ended = carried_out(platform, tmp_path / "run", POINT, back=back)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    assert all(line["holds"] for line in events(tmp_path / "run") if line["type"] == "drill-proof")
    found = compared(tmp_path / "run", customers)
    assert (found.missing_count, found.beyond_count) == (0, 0)
    assert min(found.before, found.after) > 5
    assert found.unsure_ns < 5_000_000


def test_all_that_the_log_holds_is_restored(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """What is missing of it was acknowledged in the last moments: that is the loss."""
    time.sleep(3)
    assert carried_out(platform, tmp_path / "run", LATEST)["how"] == "carried-out"
    found = compared(tmp_path / "run", customers)
    assert found.before > 5
    assert found.oldest_missing_ns is None or found.at_ns - found.oldest_missing_ns < 2_000_000_000


def drawn(name: str) -> DrillKind:
    """An examination that restores this backup, and none by chance."""

    def choose(work: DrillWork) -> Facts:
        return {**verify.choose(work), "drawn": name, "base": backups.bases(steps.server_of(work))[-1].name}

    return replace(VERIFY, steps=tuple(DrillStep(steps.CHOOSE, choose) if step.name == steps.CHOOSE else step for step in VERIFY.steps))


@pytest.mark.parametrize("name", ["000001", incremental.NAME])
def test_every_backup_is_examined_and_one_is_restored(platform: Deployment, customers: Customers, tmp_path: Path, name: str) -> None:
    """A full one or an incremental one: with the log after it both hold all that was acknowledged but in the last moments."""
    time.sleep(3)
    ended = carried_out(platform, tmp_path / "run", drawn(name))
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    (checked,) = [line["facts"] for line in events(tmp_path / "run") if line["type"] == "drill-step" and line["step"] == verify.CHECK]
    assert checked == {"checked": 2}
    found = compared(tmp_path / "run", customers)
    assert found.before > 5
    assert found.oldest_missing_ns is None or found.at_ns - found.oldest_missing_ns < 2_000_000_000


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"kept": 2}, "read the catalogue: 1 complete base backup is there, but 2 are promised"),
        ({"reach": 86_400}, "read the catalogue: the oldest base backup was finished"),
    ],
)
def test_a_retention_that_is_not_kept_fails_the_drill(
    platform: Deployment, customers: Customers, tmp_path: Path, parameters: dict[str, int], why: str
) -> None:
    """Too few base backups, or none that reaches back far enough."""
    ended = carried_out(platform, tmp_path / "run", VERIFY, **parameters)
    assert ended["how"] == "failed"
    assert ended["why"].startswith(why)


@pytest.fixture
def home_lost(platform: Deployment, customers: Customers) -> Iterator[None]:
    """The home region of the shard is lost after three seconds of bookings; afterwards it is there again."""
    home = next(shard.home for shard in platform.topology.shards if shard.id == SHARD)
    region_lost = catalogue.KINDS["region.lost"]
    aim = region_lost.aim(platform, {"region": home}, {})
    time.sleep(3)
    assert region_lost.inject is not None
    assert region_lost.undo is not None
    assert region_lost.prove is not None
    prove = region_lost.prove
    region_lost.inject(aim, now_ns())
    yield
    region_lost.undo(aim, after(150), print)
    assert until(lambda: all(proof.holds for proof in prove(aim)), after(60), 0.5)


def test_a_shard_is_restored_while_its_home_region_is_lost(
    platform: Deployment, customers: Customers, home_lost: None, tmp_path: Path
) -> None:
    """From what lies in the region of its backup server, and nothing else of the shard has to run there."""
    ended = carried_out(platform, tmp_path / "run", OTHER_REGION)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    found = compared(tmp_path / "run", customers)
    assert found.before > 5
    assert found.different_count == 0
    assert found.oldest_missing_ns is None or found.at_ns - found.oldest_missing_ns < 5_000_000_000


def test_a_region_that_is_not_lost_disturbs_the_drill(platform: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would show a restore as any other."""
    monkeypatch.setattr("closeshave.drills.lifecycle.FIT_WITHIN_S", 1.0)
    ended = carried_out(platform, tmp_path / "run", OTHER_REGION)
    assert ended["how"] == "disturbed"
    assert "it could not begin: the home region us-east-1 of shard 1 is not lost" in ended["why"]


def test_a_snapshot_holds_what_was_there_when_it_was_taken(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """All bookings of this test came later: they are its loss."""
    time.sleep(3)
    assert carried_out(platform, tmp_path / "run", SNAPSHOT)["how"] == "carried-out"
    found = compared(tmp_path / "run", customers)
    assert found.missing_count == found.before > 5


def test_a_log_that_comes_once_in_an_interval_loses_the_interval(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """And no more; afterwards the receiver goes on."""
    time.sleep(2)
    ended = carried_out(platform, tmp_path / "run", LOG_INTERVAL, interval=4, stands_for=900)
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    found = compared(tmp_path / "run", customers)
    assert found.oldest_missing_ns is not None
    assert 3e9 < found.at_ns - found.oldest_missing_ns < 7e9
    server = backups.server_of(platform, SHARD)
    assert server is not None
    assert postgres.receiving(platform, patroni.leader(platform, SHARD), server.process) is not None


def test_a_restore_crosses_a_switchover(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """The log goes on on another timeline."""
    carried_out(platform, tmp_path / "moved", SWITCHOVER)
    time.sleep(8)
    assert carried_out(platform, tmp_path / "run", POINT, back=2)["how"] == "carried-out"
    found = compared(tmp_path / "run", customers)
    assert (found.missing_count, found.beyond_count) == (0, 0)
    assert min(found.before, found.after) > 5


def off_by(seconds: int) -> DrillKind:
    """A restore that stops so many seconds too late, and says nothing of it."""

    def recover(work: DrillWork) -> Facts:
        target = datetime.fromisoformat(str(work.facts[steps.CHOOSE]["target"])) + timedelta(seconds=seconds)
        return steps.recovered_to(work, restored_server.until_time(target.isoformat(sep=" ")))

    return replace(POINT, steps=tuple(DrillStep(steps.RECOVER, recover) if step.name == steps.RECOVER else step for step in POINT.steps))


@pytest.mark.parametrize(("seconds", "why"), [(-1, "acknowledged before the target"), (1, "requested only after the target")])
def test_a_restore_that_is_a_second_off_is_found(
    platform: Deployment, customers: Customers, tmp_path: Path, seconds: int, why: str
) -> None:
    """By the rows: its procedure was carried out."""
    time.sleep(5)
    assert carried_out(platform, tmp_path / "run", off_by(seconds), back=3)["how"] == "carried-out"
    found = compared(tmp_path / "run", customers)
    early = seconds < 0
    assert (found.missing_count > 1, found.beyond_count > 1) == (early, not early)
    assert all(witness.why.startswith(why) for witness in (found.missing if early else found.beyond))
