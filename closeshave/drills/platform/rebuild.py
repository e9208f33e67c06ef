"""Everything of the platform is lost, and built anew from its files and its backups."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from closeshave.deployment import Deployment
from closeshave.drills import backups, rebuilt
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.drills.platform import record, stages
from closeshave.drills.restore.steps import log_received
from closeshave.faults import proofs
from closeshave.faults.affected import Affected
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import left_s, until
from closeshave.history import TIMED

CUT, LOSE, RESTORE, START = "cut the customers off", "lose everything", "restore the databases", "start every part"
POSITIONS = "positions"
RESTORED_WITHIN_S = 120.0
"""For one shard, when a rebuilding is resumed."""


def cut_off(work: DrillWork) -> Facts:
    """End the application, back up the files, and wait until every backup server has received the log: what a sudden loss costs is measured by
    ``restore.latest``."""
    deployment = work.aim.deployment
    stages.keep_files(deployment)
    killed = stages.cut_off(deployment)
    received = {server.shard: log_received(work, server) for server in deployment.backups}
    return {"killed": killed, POSITIONS: ", ".join(f"shard {shard} {position}" for shard, position in received.items())}


def lose(work: DrillWork) -> Facts:
    """Kill every process of the platform, and remove all files and data but the backups. The duration counts from here on."""
    killed, emptied = stages.lose(work.aim.deployment)
    if not emptied:
        raise DrillDisturbed("no part had stored anything, so that nothing would have to be built anew")
    return {
        "killed": killed,
        "parts_emptied": emptied,
        "lost_wall_s": stages.current(Path(work.aim.deployment.root)).lost_wall_s,
        TIMED: True,
    }


def restore(work: DrillWork) -> Facts:
    """Restore every shard from its newest base backup and all of its log."""
    facts: dict[str, str | float] = {}
    for server in work.aim.deployment.backups:
        began_s = time.monotonic()
        base = stages.restore(work.aim.deployment, server, work.until, max(0.1, left_s(work.deadline_ns)))
        facts |= {f"shard {server.shard}": f"base backup {base}", f"shard {server.shard} s": round(time.monotonic() - began_s, 3)}
    return dict(facts)


def start(work: DrillWork) -> Facts:
    """Write every settings file from the environment's definition, and start all parts in order: etcd and databases first, the application last."""
    deployment = work.aim.deployment
    stages.begin_program(deployment)
    work.until(lambda: "it is under way" if stages.program_runs(deployment) else "", "not everything was started", 0.3)
    result = stages.program_result(deployment)
    if not isinstance(result, dict):
        raise DrillFailed(f"the platform cannot be started: {result or 'the program ended without a word; see logs/rebuild.log'}")
    stages.finish(deployment)
    return {f"{name} s": round(at, 3) for name, at in result.items()}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask the databases themselves, the backup servers and the edges: all of it is from after the loss, and works."""
    deployment, lost_s = work.aim.deployment, float(str(work.facts[LOSE]["lost_wall_s"]))
    return (
        *(rebuilt.renewed(deployment, member, lost_s) for member in deployment.members),
        *(rebuilt.follows(deployment, member) for member in deployment.members),
        _backed_up(deployment, lost_s),
        *proofs.together([proofs.edges(deployment)]),
    )


def _backed_up(deployment: Deployment, lost_s: float) -> Proof:
    old = [server.process for server in deployment.backups if not any(base.ended_ns > lost_s * 1e9 for base in backups.bases(server))]
    return Proof("every backup server has a base backup from after the loss", not old, f"none: {', '.join(old)}" if old else "all of them")


def unfit(aim: Aim) -> str:
    """Unfit unless the platform is whole, and every shard has a backup server that runs."""
    deployment = aim.deployment
    if left := record.read(Path(deployment.root)):
        return left.told()
    backed = {server.shard for server in deployment.backups if backups.runs(deployment, server)}
    if missing := sorted({member.shard for member in deployment.members} - backed):
        return f"no backup server runs of shard {', '.join(map(str, missing))}: what is lost could not be restored"
    broken = [str(proof) for proof in _whole(deployment) if not proof.holds]
    return "; ".join(broken)


def _whole(deployment: Deployment) -> tuple[Proof, ...]:
    return proofs.together(_everything(deployment).checks(at_home=True))


def _everything(deployment: Deployment) -> Affected:
    return Affected(
        deployment,
        tuple(process.name for process in deployment.processes),
        tuple(dict.fromkeys(store.group for store in deployment.stores)),
        tuple(sorted({member.shard for member in deployment.members})),
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Resume the rebuilding where it was cut off, from any process; before anything was lost, start what does not run."""
    deployment, root = aim.deployment, Path(aim.deployment.root)
    left = record.read(root)
    if left is None:
        return _everything(deployment).mend(deadline_ns, say, at_home=True)
    say(left.told())
    try:
        return _resumed(deployment, deadline_ns, say)
    except (DrillFailed, DrillDisturbed) as error:
        # It stays unfinished, and the proof says so.
        return (f"the rebuilding was resumed, and is not finished: {error}",)


def _resumed(deployment: Deployment, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Every stage that is not done. Raises :class:`DrillOverdue` when the time is over; then it can be resumed again."""
    root, done = Path(deployment.root), []

    def wait(look: Callable[[], str], what: str) -> None:
        if not until(lambda: not look(), deadline_ns, 0.3):
            raise DrillOverdue(f"{what}: {look()}")

    if not stages.current(root).lost:
        killed, emptied = stages.lose(deployment)
        done.append(f"lost the rest: {killed} processes, {emptied} parts")
    for server in () if stages.current(root).aside else deployment.backups:
        if server.shard not in stages.current(root).restored:
            say(f"restoring shard {server.shard}")
            done.append(
                f"restored shard {server.shard} from {stages.restore(deployment, server, wait, min(RESTORED_WITHIN_S, max(0.1, left_s(deadline_ns))))}"
            )
    if not stages.program_runs(deployment) and not isinstance(stages.program_result(deployment), dict):
        say("starting every part")
        stages.begin_program(deployment)
    wait(lambda: "it is under way" if stages.program_runs(deployment) else "", "not everything was started")
    result = stages.program_result(deployment)
    if not isinstance(result, dict):
        raise DrillFailed(f"the platform cannot be started: {result or 'the program ended without a word'}")
    stages.finish(deployment)
    return (*done, "started every part")


def safe(aim: Aim) -> tuple[Proof, ...]:
    """No rebuilding is unfinished, and everything runs, is healthy, and is reached."""
    left = record.read(Path(aim.deployment.root))
    return (Proof("no rebuilding is unfinished", left is None, left.told() if left else "none"), *_whole(aim.deployment))


KIND = DrillKind(
    name="platform.rebuild",
    does="Cuts the customers off, kills every process of the platform in all regions, and removes all its files and data but the backups: databases, "
    "etcd, caches, sessions, settings. Builds everything anew: databases from base backups and log, settings from the environment's definition, caches "
    "and sessions empty: customers are logged out, and log in again. That breaks `integrity/lost_sessions` unless the plan allows it (`lost_sessions`). "
    "Edges (which stand for DNS) and the payment provider are no part of the platform. Its duration counts from the loss.",
    proven_by="SQL to every database: each has files and a server from after the loss, and has what was just committed on its primary. Backup servers "
    "have base backups from after the loss, and every edge leads to its own region. The final state is compared with all that customers were told.",
    put_back_by="Resumes the rebuilding where it was cut off: until it is finished it is marked as unfinished (`rebuilding.json` in the environment's "
    "root), and `closeshave heal` resumes it. Proven by writes, replication, sentinels, etcd, edges.",
    scope=(),
    steps=(DrillStep(CUT, cut_off), DrillStep(LOSE, lose), DrillStep(RESTORE, restore), DrillStep(START, start)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    uses=("backups", "rows"),
    proven_within_s=20.0,
    put_back_within_s=240.0,
)
