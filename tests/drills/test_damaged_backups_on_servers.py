"""Sabotage, on real servers: whatever is wrong with a backup, its server or its log must fail a drill, or disturb it."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment
from closeshave.drills import backups, restored_server
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.restore import steps
from closeshave.faults import repair
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from tests.drills.killing import Killed, killed_after
from tests.drills.restoring import LATEST, POINT, SHARD, VERIFY, Customers, carried_out, compared, events

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.usefixtures("whole")]


@pytest.fixture
def spoilt(platform: Deployment, tmp_path: Path) -> Iterator[Path]:
    """The directory of the shard's backups, which a test may damage: it is put back from a copy, but for what was received since."""
    server = backups.server_of(platform, SHARD)
    assert server is not None
    kept = tmp_path / "kept"
    shutil.copytree(server.bases, kept / "bases", symlinks=True)
    shutil.copytree(server.log, kept / "log")
    yield Path(server.directory)
    shutil.rmtree(server.bases)
    shutil.copytree(kept / "bases", server.bases, symlinks=True)
    for path in (kept / "log").iterdir():
        if not Path(server.log, path.name).exists() and not path.name.endswith(".partial"):
            shutil.copy2(path, server.log)


def flip_a_page(directory: Path) -> None:
    """One byte in the middle of the largest table of the base backup."""
    flip_within(directory / "bases")


def flip_within(directory: Path) -> None:
    """The same, of any directory of backups."""
    largest = max((path for path in directory.rglob("base/*/*") if path.is_file()), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xFF]))


def lose_a_segment(directory: Path) -> None:
    """One in the middle of those that the base backup needs."""
    whole = sorted(
        path for path in (directory / "log").iterdir() if backups.SEGMENT.fullmatch(path.name) and not path.name.endswith(".partial")
    )
    base = backups.bases(_server(directory))[0]
    needed = [path for path in whole if int(path.name[16:], 16) > base.starts_at // path.stat().st_size]
    needed[len(needed) // 2 - 1].unlink()


def _server(directory: Path) -> BackupServer:
    return BackupServer(directory.name, SHARD, "", str(directory))


def lose_the_bases(directory: Path) -> None:
    """As a retention job does that removes too much."""
    for path in (directory / "bases").iterdir():
        shutil.rmtree(path)


def take_another_shards(directory: Path) -> None:
    """The base backup of shard 2."""
    other = next(directory.parent.glob("backup-shard2-*"))
    shutil.rmtree(directory / "bases")
    shutil.copytree(other / "bases", directory / "bases", symlinks=True)


def several_segments(platform: Deployment) -> None:
    """Write enough log for the damage to lie in the middle."""
    lead = patroni.leader(platform, SHARD)
    with postgres.connect(lead.port, platform.database, "postgres") as connection:
        for _ in range(4):
            connection.execute("SELECT pg_logical_emit_message(true, 'closeshave', 'sabotage')")
            connection.execute("SELECT pg_switch_wal()")
            time.sleep(0.3)


UNCHECKED = replace(POINT, steps=tuple(step for step in POINT.steps if step.name != steps.CHECK))
"""A restore that does not look at its backup first."""


@pytest.mark.parametrize(
    ("damage", "kind", "why"),
    [
        (flip_a_page, POINT, "check the backup: base backup 000001 is damaged: checksum mismatch for file"),
        (lose_a_segment, POINT, "check the backup: the log has a gap: segment"),
        (
            lose_a_segment,
            UNCHECKED,
            "recover: PostgreSQL did not start from the backup: .*recovery ended before configured recovery target was reached",
        ),
        (flip_a_page, VERIFY, "check every backup: base backup 000001 is damaged: checksum mismatch for file"),
        (lose_a_segment, VERIFY, "check every backup: the log has a gap: segment"),
        (lose_the_bases, VERIFY, "read the catalogue: 0 complete base backups are there, but 1 is promised"),
        (lose_the_bases, LATEST, "choose: no base backup is older than the target"),
        (take_another_shards, POINT, "recover: PostgreSQL did not start from the backup|check the backup: the log has a gap"),
    ],
)
def test_a_damaged_backup_fails_the_drill(
    platform: Deployment, customers: Customers, tmp_path: Path, spoilt: Path, damage: Callable[[Path], None], kind: DrillKind, why: str
) -> None:
    """With what is wrong as its reason; and nothing of it is left."""
    several_segments(platform)
    time.sleep(3)
    damage(spoilt)
    ended = carried_out(platform, tmp_path / "run", kind, **({"back": 1} if kind.name == POINT.name else {}))
    assert ended["how"] == "failed"
    assert re.search(why, ended["why"]), ended["why"]


@pytest.fixture
def one_base_more(platform: Deployment) -> Iterator[Callable[[], list[str]]]:
    """What base backups there are that were not there before; they are removed afterwards."""
    before = {path for server in platform.backups for path in Path(server.bases).iterdir()}

    def more() -> list[Path]:
        return [path for server in platform.backups for path in sorted(Path(server.bases).iterdir()) if path not in before]

    yield lambda: [path.parent.parent.name for path in more()]
    for path in more():
        shutil.rmtree(path)


def instances(platform: Deployment) -> dict[str, processes.Identity | None]:
    """The process of each instance of the application."""
    return {app.name: processes.find(Path(platform.root), app) for app in platform.processes if app.role == "app"}


def deployed(platform: Deployment, run: Path, kind: DrillKind) -> dict[str, Any]:
    """Carry out a deploy now; its ending. It is put back."""
    run.mkdir()
    aim = kind.way_back.aim(platform, {}, {"release": "next"})
    work = DrillWork("drill", aim, run / "drills" / "drill", after(200), lambda: False, lambda _member, _path: 0, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), 200) == []
    return next(line for line in events(run) if line["type"] == "drill-end")


def test_a_deploy_begins_when_every_shard_has_a_verified_backup(
    platform: Deployment, tmp_path: Path, one_base_more: Callable[[], list[str]]
) -> None:
    """The proof finds each in its files, finished before the first process of the release began."""
    ended = deployed(platform, tmp_path / "run", KINDS["deploy.backup-first"])
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    proven = {line["what"]: line["holds"] for line in events(tmp_path / "run") if line["type"] == "drill-proof"}
    assert all(proven.values()), proven
    assert sum("was begun in this drill and finished before" in what for what in proven) == 4
    assert one_base_more() == [server.process for server in platform.backups]


def test_nothing_is_deployed_after_a_backup_that_is_damaged(
    platform: Deployment, tmp_path: Path, one_base_more: Callable[[], list[str]]
) -> None:
    """Every instance is the one from before."""

    def damage(_work: DrillWork) -> Facts:
        flip_within(backups.bases(platform.backups[1])[-1].directory)
        return {}

    kind = KINDS["deploy.backup-first"]
    before = instances(platform)
    ended = deployed(platform, tmp_path / "run", replace(kind, steps=(kind.steps[0], DrillStep("damage", damage), *kind.steps[1:])))
    assert ended["how"] == "failed"
    assert re.match("check the backups: base backup 000002 is damaged: checksum mismatch", ended["why"]), ended["why"]
    assert instances(platform) == before
    assert one_base_more()


def receiver(platform: Deployment) -> processes.Identity:
    """The process that receives the shard's log."""
    server = backups.server_of(platform, SHARD)
    assert server is not None
    found = processes.find(Path(platform.root), platform.process(server.process))
    assert found is not None
    return found


def test_a_log_that_is_never_received_fails_the_drill(platform: Deployment, customers: Customers, tmp_path: Path) -> None:
    """The receiver runs and writes nothing: the promise of a restore to any second is broken."""
    time.sleep(3)
    frozen = receiver(platform)
    processes.send([frozen], signal.SIGSTOP)
    try:
        ended = carried_out(platform, tmp_path / "run", POINT, back=1, limit_s=6)
    finally:
        processes.send([frozen], signal.SIGCONT)
    assert ended["how"] == "overdue"
    assert "wait for the log: the log after the target did not reach the backup server" in ended["why"]


def test_a_backup_server_that_does_not_run_disturbs_the_drill(
    platform: Deployment, customers: Customers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing about the backups; started again, the receiver goes on where it was."""
    monkeypatch.setattr("closeshave.drills.lifecycle.FIT_WITHIN_S", 1.0)
    dead = receiver(platform)
    processes.send([dead], signal.SIGKILL)
    processes.gone([dead], 5)
    ended = carried_out(platform, tmp_path / "run", POINT)
    server = backups.server_of(platform, SHARD)
    assert server is not None
    repair.revive(platform, [server.process], after(10), print)
    assert ended["how"] == "disturbed"
    assert "backup-shard1-ap-southeast-1 does not run" in ended["why"]
    time.sleep(8)
    assert carried_out(platform, tmp_path / "again", POINT, back=2)["how"] == "carried-out"
    found = compared(tmp_path / "again", customers)
    assert (found.missing_count, found.beyond_count) == (0, 0)


def test_what_a_killed_drill_left_is_removed_by_whoever_finds_its_ledger(
    platform: Deployment, customers: Customers, tmp_path: Path
) -> None:
    """A restored database that runs, and the ledger of a process that is gone."""
    run = tmp_path / "run"
    run.mkdir()
    time.sleep(3)
    with pytest.raises(Killed):
        carried_out(platform, run, killed_after(POINT, steps.RECOVER), back=1)
    assert not restored_server.gone(platform, SHARD).holds
    assert [each.undo.kind for each in Ledger(run).open()] == [POINT.name]
    assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
    assert Ledger(run).open() == ()
