"""Drills on the real servers of the embedded environment; and sabotage: whatever is wrong with a backup or a restore must fail the drill."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import Anchor, now_ns
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment
from closeshave.drills import added_member, backups, incremental, restored_server
from closeshave.drills.backup import verify
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.database import failover_manual
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.region import rebuild
from closeshave.drills.restore import steps
from closeshave.drills.shard import add_replica
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.environments.evidence import final_state
from closeshave.faults import catalogue, proofs, repair
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from closeshave.history import BOOKINGS, EFFECTS, OPERATIONS, Effect, Operation, to_frame
from closeshave.judge.measures.restored import Instant, Restoration, compare
from closeshave.vocabulary import RESTORED
from tests.drills.killing import Killed, killed_after

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
SHARD = 1
LIMIT_S = 60.0
PAUSE_S = 0.02
POINT, LATEST, VERIFY, SWITCHOVER = (
    KINDS[name] for name in ("restore.point-in-time", "restore.latest", "backup.verify", "database.switchover")
)
SNAPSHOT, LOG_INTERVAL = KINDS["restore.snapshot"], KINDS["backup.log-interval"]
REBUILD = KINDS["region.rebuild"]
OTHER_REGION, MANUAL, ADD_REPLICA = (KINDS[name] for name in ("restore.other-region", "database.failover-manual", "shard.add-replica"))
BOOK = """
    INSERT INTO bookings (franchise_id, barber_id, guest_name, guest_email, guest_phone, service_id, service_name, starts_at, minutes, price_cents,
                          idempotency_key)
    VALUES (1, 11, 'g', 'g@example.com', '1', 1, 'cut', %s, 30, 3000, %s) RETURNING id, version
"""


@dataclass
class Customers:
    """A client that books all the time at the primary of shard 1, and remembers what it was told."""

    deployment: Deployment
    operations: list[Operation] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    first: Anchor = field(default_factory=Anchor.take)

    def book(self) -> None:
        """One booking after the other; those that get no answer are remembered as unknown."""
        run = random.randrange(10**9)
        begin = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=run % 30_000)
        while not self.over.is_set():
            with (
                suppress(postgres.Unavailable, patroni.NoLeader),
                postgres.session(self.deployment, patroni.leader(self.deployment, SHARD)) as connection,
            ):
                while not self.over.is_set():
                    self._book(connection, begin, run)

    def _book(self, connection: postgres.Connection, begin: datetime, run: int) -> None:
        """Raises what the session raises."""
        number = len(self.operations) + 1
        slot, key, started = begin + timedelta(minutes=30 * number), f"drill-{run}-{number}", now_ns()
        row = None
        try:
            row = connection.execute(BOOK, (slot, key)).fetchone()
        finally:
            outcome, (booking, version) = "info" if row is None else "ok", (None, None) if row is None else (int(row[0]), int(row[1]))
            told: dict[str, Any] = {"source": "customers", "kind": "book", "journey": "book", "region": "us-east-1", "shard": SHARD}
            times: dict[str, Any] = {"intended_ns": started, "started_ns": started, "ended_ns": now_ns()}
            self.operations.append(Operation(id=number, franchise=1, **told, **times, outcome=outcome, good=row is not None, status=201))
            self.effects.append(Effect(number, "create", 1, SHARD, key, booking, 11, int(slot.timestamp()), 30, version))
        time.sleep(PAUSE_S)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The writes beside their operations, and the operations."""
        effects = list(self.effects)
        operations = to_frame(_table(self.operations[: len(effects)], OPERATIONS))
        writes = to_frame(_table(effects, EFFECTS))
        writes["position"] = range(len(writes))
        for name in ("outcome", "started_ns", "ended_ns"):
            writes[name] = operations[name].array
        return writes, operations


def _table(rows: list[Any], schema: Any) -> Any:
    names = schema.names
    return pa.Table.from_pylist([{name: getattr(row, name) for name in names} for row in rows], schema=schema)


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The embedded environment with its backup servers; every test must leave it whole."""
    definition = replace(read_embedded(locate("environments", "embedded")), links=())
    deployment = embedded.up(definition, say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture
def customers(platform: Deployment) -> Iterator[Customers]:
    """They book before, during and after the drill."""
    found = Customers(platform)
    thread = threading.Thread(target=found.book)
    thread.start()
    yield found
    found.over.set()
    thread.join()


@pytest.fixture(autouse=True)
def whole(platform: Deployment) -> Iterator[None]:
    """Nothing of a drill is left: no restored database, roles as declared, every part runs."""
    yield
    assert restored_server.gone(platform, SHARD).holds
    assert all(incremental.gone(server).holds for server in platform.backups)
    assert not any("restored" in " ".join(_argv(one)) for one in processes.marked(platform.id))
    assert proofs.shard(platform, SHARD, at_home=True)().holds
    assert all(processes.find(Path(platform.root), process) for process in platform.processes)


def _argv(identity: processes.Identity) -> list[str]:
    handle = identity.handle()
    return handle.cmdline() if handle else []


def scope_of(platform: Deployment, kind: DrillKind) -> dict[str, Any]:
    """The shard, or its home region."""
    return (
        {"shard": SHARD}
        if kind.scope == ("shard",)
        else {"region": next(shard.home for shard in platform.topology.shards if shard.id == SHARD)}
    )


def carried_out(platform: Deployment, run: Path, kind: DrillKind, *, limit_s: float = LIMIT_S, **parameters: int) -> dict[str, Any]:
    """Carry a drill out now; its ending. What it changed is put back."""
    run.mkdir(exist_ok=True)

    def read(server: Any, path: Path) -> int:
        return final_state.export_of(platform, server, run, time.time() - 3600, path)

    aim = kind.way_back.aim(platform, scope_of(platform, kind), parameters)
    work = DrillWork("drill", aim, run / "drills" / "drill", after(limit_s), lambda: False, read, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), limit_s) == []
    assert Ledger(run).open() == ()
    return next(line for line in events(run) if line["type"] == "drill-end")


def events(run: Path) -> list[dict[str, Any]]:
    """The timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def compared(run: Path, customers: Customers) -> Restoration:
    """What the judges' comparison finds."""
    (chosen,) = [line["facts"] for line in events(run) if line["type"] == "drill-step" and line["step"] == steps.CHOOSE]
    then = Anchor(chosen["monotonic_ns"], chosen["wall_ns"], chosen["uncertainty_ns"])
    writes, operations = customers.frames()
    rows = to_frame(pq.read_table(run / "drills" / "drill" / RESTORED, schema=BOOKINGS))
    return compare(writes, operations, rows, None, Instant.of(chosen["target_wall_ns"], then, customers.first))


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
