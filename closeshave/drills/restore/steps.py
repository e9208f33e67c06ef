"""What the kinds of restore share: the steps from a base backup to a database that accepts writes, its proof, and its removal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.clock import Anchor
from closeshave.deployment import BackupServer
from closeshave.drills import backups, restored_server
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillStep, DrillWork, Facts
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.shard.cluster import shard_of
from closeshave.faults.waiting import left_s
from closeshave.vocabulary import RESTORED

CHOOSE, RECEIVE, CHECK, COPY, RECOVER = "choose", "wait for the log", "check the backup", "copy the base backup", "recover"
VERIFIED_WITHIN_S = 60.0
SECOND_NS = 1_000_000_000


def instants(work: DrillWork, back_s: float | None) -> Facts:
    """The target on the wall clock, both clocks as they are now, and the base backup to begin with.

    ``back_s`` seconds ago, down to a whole second; ``None``: as far as the log goes.
    """
    server, anchor = server_of(work), Anchor.take()
    wanted_ns = anchor.wall_ns if back_s is None else (anchor.wall_ns - round(back_s * SECOND_NS)) // SECOND_NS * SECOND_NS
    base = backups.base_before(server, wanted_ns)
    if base is None:
        oldest = next(iter(backups.bases(server)), None)
        raise DrillFailed(
            f"no base backup is older than the target{f'; the oldest was finished at {told(oldest.ended_ns)}' if oldest else ''}"
        )
    return {
        "target": told(wanted_ns),
        "target_wall_ns": wanted_ns,
        "exact": back_s is not None,
        "monotonic_ns": anchor.monotonic_ns,
        "wall_ns": anchor.wall_ns,
        "uncertainty_ns": anchor.uncertainty_ns,
        "base": base.name,
        "base_finished": told(base.ended_ns),
    }


def receive(work: DrillWork) -> Facts:
    """Commit something after the target, and wait until the backup server has written the log up to there."""
    return {"position": log_received(work, server_of(work))}


def log_received(work: DrillWork, server: BackupServer) -> str:
    """Commit something, and wait until the backup server has written the log up to there; returns the position."""
    deployment = work.aim.deployment
    try:
        lead = patroni.leader(deployment, server.shard)
        position = postgres.write(deployment, lead)
    except (patroni.NoLeader, postgres.Unavailable) as error:
        raise DrillDisturbed(f"shard {server.shard} takes no write, so the log cannot be waited for: {error}") from error

    def behind() -> str:
        if not backups.runs(deployment, server):
            raise DrillDisturbed(f"{server.process} does not run")
        try:
            written = postgres.written_by(deployment, lead, server.process, position)
        except postgres.Unavailable as error:
            return postgres.first_line(error)
        return "" if written else f"{server.process} has not reported {position}"

    work.until(behind, "the log after the target did not reach the backup server", 0.2)
    return position


def check(work: DrillWork) -> Facts:
    """Compare the base backup with the checksums of its manifest, and look for a gap in the log."""
    return verify(work, server_of(work), base_of(work))


def verify(work: DrillWork, server: BackupServer, base: backups.BaseBackup) -> Facts:
    """What :func:`check` does, with any base backup. Raises :class:`DrillFailed`."""
    said = intact(work, f"base backup {base.name}", base.directory)
    if gap := backups.gap(server, base):
        raise DrillFailed(gap)
    return {"base": base.name, "said": said}


def intact(work: DrillWork, what: str, directory: Path) -> str:
    """Compare a backup with the checksums of its manifest; the last line of what the tool said. Raises :class:`DrillFailed` for a damaged one."""
    deployment, within_s = work.aim.deployment, min(VERIFIED_WITHIN_S, left_s(work.deadline_ns))
    # The log is not in the backup: its own check follows.
    argv = [deployment.programs.of_postgres("pg_verifybackup"), "--no-parse-wal", str(directory)]
    code, said = restored_server.command(deployment, argv, within_s)
    if code:
        raise DrillFailed(f"{what} is damaged: {restored_server.first_error(said)}")
    return said.splitlines()[-1] if said else ""


def copy(work: DrillWork) -> Facts:
    """Copy the base backup beside the running members."""
    base = base_of(work)
    restored_server.copy(work.aim.deployment, shard_of(work.aim), base.directory, left_s(work.deadline_ns))
    return {"to": restored_server.name_of(shard_of(work.aim))}


def recover(work: DrillWork) -> Facts:
    """Start PostgreSQL on the copy, let it recover to the target, and wait until it accepts writes."""
    chosen = work.facts[CHOOSE]
    return recovered_to(work, restored_server.until_time(str(chosen["target"])) if chosen["exact"] else restored_server.TO_THE_END)


def recovered_to(work: DrillWork, target: Mapping[str, str]) -> Facts:
    """As :func:`recover`, as far as the settings ``target`` say."""
    deployment, shard = work.aim.deployment, shard_of(work.aim)
    port = restored_server.start(deployment, server_of(work), target)
    work.until(lambda: restored_server.waits_for(deployment, shard, port), "the restored database does not accept writes")
    return {"port": port}


STEPS = (DrillStep(RECEIVE, receive), DrillStep(CHECK, check), DrillStep(COPY, copy), DrillStep(RECOVER, recover))
"""What follows on the choice of a target."""


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask the restored database by SQL: it accepts a write, and its bookings are read into the run, to be compared with what customers were told."""
    deployment, shard = work.aim.deployment, shard_of(work.aim)
    server = restored_server.member_at(deployment, shard, int(str(work.facts[RECOVER]["port"])))
    refused = postgres.refused_write(server.port, deployment.database, deployment.user)
    accepts = Proof("the restored database accepts a committed write", not refused, refused or "accepted")
    try:
        count = work.read(server, work.keeps / RESTORED)
    except OSError as error:
        return (accepts, Proof("its bookings can be read", False, str(error)))
    return (accepts, Proof("its bookings can be read", True, f"{count:,} bookings of this run"))


def unfit(aim: Aim) -> str:
    """Unfit until the backup server runs, the shard has a primary, and nothing of an earlier restore is left. Whether it has a base backup is what is
    tested."""
    shard = shard_of(aim)
    server = backups.server_of(aim.deployment, shard)
    if server is None:
        return f"shard {shard} has no backup server here"
    if not backups.runs(aim.deployment, server):
        return f"{server.process} does not run"
    left = restored_server.gone(aim.deployment, shard)
    if not left.holds:
        return left.saw
    try:
        patroni.leader(aim.deployment, shard)
    except patroni.NoLeader as error:
        return str(error)
    return ""


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the restored database and remove its files. The running shard was never touched."""
    return restored_server.remove(aim.deployment, shard_of(aim), deadline_ns, say)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Nothing of the restored database is left, and the running shard serves."""
    shard = shard_of(aim)
    return (restored_server.gone(aim.deployment, shard), proofs.shard(aim.deployment, shard, at_home=False)())


def server_of(work: DrillWork) -> BackupServer:
    """The backup server of the drill's shard. Raises :class:`DrillDisturbed` without one."""
    server = backups.server_of(work.aim.deployment, shard_of(work.aim))
    if server is None:
        raise DrillDisturbed(f"shard {shard_of(work.aim)} has no backup server here")
    return server


def base_of(work: DrillWork) -> backups.BaseBackup:
    """The base backup that was chosen. Raises :class:`DrillFailed` if it is gone."""
    name = work.facts[CHOOSE]["base"]
    found = next((base for base in backups.bases(server_of(work)) if base.name == name), None)
    if found is None:
        raise DrillFailed(
            f"base backup {name} is not there any more, or its manifest cannot be read: {Path(server_of(work).bases, str(name)).name}"
        )
    return found


def told(wall_ns: int) -> str:
    """An instant of the wall clock, for the timeline and for ``recovery_target_time``."""
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(sep=" ", timespec="milliseconds")
