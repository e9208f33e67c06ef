"""A primary cannot write any more: PostgreSQL panics because of its write-ahead log, and does not start again before there is room.

To mount a small volume that can be filled needs privileges, and the machine's own disk must not be filled. The kernel lets every user limit the size
up to which a process may write a file (``RLIMIT_FSIZE``): beyond it the write fails with EFBIG ("File too large"), which PostgreSQL handles like
ENOSPC. Its write-ahead log is brought beyond the limit before the injection, so that the next commit fails.
"""

from __future__ import annotations

import signal
from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control import file_limit, processes
from closeshave.control.waiting import obstacle
from closeshave.deployment import Deployment, Member
from closeshave.faults import repair
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import SWITCH_BACK, log_of, named, processes_of, shard_of, standbys
from closeshave.faults.waiting import SECOND_NS, after, until, wait_until
from closeshave.history import Before, Injection, Sighting, TouchedFiles
from closeshave.plan import Expected

ROOM_BYTES = 256 << 10
"""Room for the log of messages, which the limit affects too, and which must record what happened."""
PREPARED_S = 0.5
"""The log is brought beyond the limit this long before: early enough to be done, and late enough that a busy log is still in its segment."""
REFUSES_WITHIN_S = 3.0
REJOINS_WITHIN_S = 20.0
ERROR = "File too large"


class StillWriting(RuntimeError):
    """A server without room still accepts writes."""


def unfit(aim: Aim) -> str:
    """As for every fault of a shard; and the log of messages must be much shorter than a segment of the write-ahead log."""
    if broken := cluster.unfit(aim):
        return broken
    lead = patroni.leader(aim.deployment, shard_of(aim))
    wanted, segment = _limit_bytes(aim.deployment, lead.process), postgres.wal_segment_bytes(aim.deployment, lead)
    return (
        "" if wanted * 2 <= segment else f"the log of {lead.process} is too long already for a limit below its segments of {segment} bytes"
    )


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Limit Patroni, the postmaster and all their children, so that a postmaster that Patroni starts again is limited too."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    process = aim.deployment.process(lead.process)
    bytes_max = _limit_bytes(aim.deployment, lead.process)
    wait_until(strike_ns - round(PREPARED_S * SECOND_NS))
    postgres.fill_segment(aim.deployment, lead, beyond=bytes_max)
    before = Before(lead.process, "log_bytes", log_of(aim.deployment, lead.process).stat().st_size)
    wait_until(strike_ns)
    began_ns = now_ns()
    touched = tuple(TouchedFiles(process.name, pid, bytes_max) for pid in file_limit.begin(aim.deployment, process, bytes_max))
    if accepted := obstacle(lambda: _accepted(aim.deployment, lead, bytes_max), REFUSES_WITHIN_S):
        raise StillWriting(
            f"{lead.process} still accepts writes {REFUSES_WITHIN_S:g} s after it was kept from writing: the last at {accepted}"
        )
    return Injection(aim.label, touched, began_ns, now_ns(), targets=(lead.process,), members=(lead.process,), before=(before,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Read what PostgreSQL itself has written to its log since the injection."""
    for member in named(aim, injection.members):
        with log_of(aim.deployment, member.process).open("rb") as log:
            log.seek(injection.before_of(member.process))
            said = [line for line in log.read().decode(errors="replace").splitlines() if "PANIC" in line and ERROR in line]
        if said:
            return Sighting(f"log of {member.process}", said[0])
    return NotSeen(f"no PANIC with {ERROR!r} in the log since the injection")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Lift the limits, let Patroni rejoin the node, copy it again if that fails; then as for every fault of a shard."""
    done = [f"lifted the limit of {who}" for who in file_limit.lift(aim.deployment, processes_of(aim))]
    root = Path(aim.deployment.root)
    for process in processes_of(aim):
        # Patroni remembers that a rewind has failed, and would not try again.
        if processes.daemon(root, process) is None and (patroni_ := processes.find(root, process)):
            done.append(f"ended {process.name} pid {patroni_.pid}")
            processes.send([patroni_], signal.SIGKILL)
            processes.gone([patroni_], 2.0)
    done += repair.revive(aim.deployment, [process.name for process in processes_of(aim)], deadline_ns, say)
    if not until(lambda: not cluster.unfit(aim), min(deadline_ns, after(REJOINS_WITHIN_S)), interval_s=0.2):
        done += _copy_anew(aim, say)
    return (*done, *cluster.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No process is limited, and the shard is healthy."""
    return cluster.prove(aim, lambda: _unlimited(aim))


def _limit_bytes(deployment: Deployment, name: str) -> int:
    return log_of(deployment, name).stat().st_size + ROOM_BYTES


def _accepted(deployment: Deployment, lead: Member, bytes_max: int) -> str:
    """The position of a commit; empty when it fails. There may be no other writer, or a new segment may have begun with room up to the limit."""
    try:
        postgres.fill_segment(deployment, lead, beyond=bytes_max)
        return postgres.write(deployment, lead)
    except postgres.Unavailable:
        return ""


def _unlimited(aim: Aim) -> Proof:
    left = file_limit.limited(aim.deployment, processes_of(aim))
    return Proof("no process of the shard is limited in what it writes", not left, ", ".join(left) or "none")


def _copy_anew(aim: Aim, say: Say) -> list[str]:
    """A rewind that ran out of room may have left a data directory from which no server starts."""
    try:
        lead = patroni.leader(aim.deployment, shard_of(aim))
        behind = [member for member in standbys(aim.deployment, lead) if postgres.streaming(aim.deployment, lead) == 0]
        for member in behind:
            say(f"copying {member.process} again")
            patroni.reinitialize(member)
    except (patroni.NoLeader, postgres.Unavailable, patroni.Unavailable) as error:
        say(f"not copied again: {error}")
        return []
    return [f"copied {member.process} again" for member in behind]


KIND = Kind(
    name="shard.disk-full",
    hold_s=30,
    does="Keeps the node of the shard's live primary from writing any further into its files (RLIMIT_FSIZE, the error is EFBIG): it panics.",
    observed_by="PostgreSQL's own log shows a PANIC for a write to its write-ahead log since the injection.",
    undone_by="Lifts the limits and lets Patroni rejoin the node, or copies it again; proven by the limits, a write, replicas, roles, applications.",
    scope=("shard",),
    parameters=(SWITCH_BACK,),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: 2.0,
    healed_within_s=90.0,
)
