"""A primary can write no more: PostgreSQL panics over its write-ahead log, and does not come up again before there is room.

A small volume to fill up wants privileges to mount it, and filling the machine's own is out of the question. What the kernel offers to everybody
is a limit on how far a process may write into a file (``RLIMIT_FSIZE``): beyond it the write fails with EFBIG ("File too large"), which takes
the same way through PostgreSQL as ENOSPC. Its write-ahead log is brought beyond the limit before the strike, so that the very next commit fails.
"""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterable
from pathlib import Path

import httpx

from closeshave import processes
from closeshave.clock import now_ns
from closeshave.deployment import Deployment, Process
from closeshave.faults import repair
from closeshave.faults.kind import Aim, Injection, Kind, Proof, Say, Sighting
from closeshave.faults.parts import patroni, postgres
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import SWITCH_BACK, log_of, named, processes_of, shard_of, standbys
from closeshave.faults.waiting import SECOND_NS, after, until, wait_until
from closeshave.plan import Expected
from closeshave.processes import Identity

ROOM_BYTES = 256 << 10
"""For the log of messages, which is a file like any other, and has to tell what happened."""
PREPARED_S = 0.5
"""The log goes beyond the limit so long before the strike that it is there, and so shortly that a busy one is not yet in the next segment."""
REJOINS_WITHIN_S = 20.0
ERROR = "File too large"


def unfit(aim: Aim) -> str:
    """As for every fault of a shard; and the messages' log must end well below a segment of the write-ahead log."""
    if broken := cluster.unfit(aim):
        return broken
    lead = patroni.leader(aim.deployment, shard_of(aim))
    wanted, segment = _limit_bytes(aim.deployment, lead.process), postgres.wal_segment_bytes(aim.deployment, lead)
    return (
        "" if wanted * 2 <= segment else f"the log of {lead.process} is too long already for a limit below its segments of {segment} bytes"
    )


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Limit Patroni, the postmaster and everything that they run, so that nothing which Patroni starts anew has more room."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    process = aim.deployment.process(lead.process)
    bytes_max = _limit_bytes(aim.deployment, lead.process)
    wait_until(strike_ns - round(PREPARED_S * SECOND_NS))
    postgres.fill_segment(aim.deployment, lead, beyond=bytes_max)
    before = {lead.process: log_of(aim.deployment, lead.process).stat().st_size}
    wait_until(strike_ns)
    began_ns = now_ns()
    touched = limit(aim.deployment, process, bytes_max)
    return Injection(aim.label, touched, began_ns, now_ns(), targets=(lead.process,), members=(lead.process,), before=before)


def look(aim: Aim, injection: Injection) -> Sighting | None:
    """Commit something, if nobody else does, and read what PostgreSQL itself has written to its log since the strike."""
    for member in named(aim, injection.members):
        # That it fails is as it should be; the log says why.
        with contextlib.suppress(postgres.Unavailable):
            postgres.write(aim.deployment, member)
        with log_of(aim.deployment, member.process).open("rb") as log:
            log.seek(injection.before[member.process])
            said = [line for line in log.read().decode(errors="replace").splitlines() if "PANIC" in line and ERROR in line]
        if said:
            return Sighting(f"log of {member.process}", said[0])
    return None


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Lift the limits, let Patroni bring the node back, copy it anew if it cannot; then as for every fault of a shard."""
    done = [f"lifted the limit of {name} pid {identity.pid}" for name, identity in lift(aim.deployment, processes_of(aim))]
    for process in processes_of(aim):
        # Patroni remembers that a rewind has failed, and would not try again.
        if processes.daemon(process) is None and (patroni_ := processes.find(Path(aim.deployment.root), process)):
            done.append(f"ended {process.name} pid {patroni_.pid}")
            processes.send([patroni_], signal.SIGKILL)
            processes.gone([patroni_], 2.0)
    done += repair.revive(aim.deployment, [process.name for process in processes_of(aim)], deadline_ns, say)
    if not until(lambda: not cluster.unfit(aim), min(deadline_ns, after(REJOINS_WITHIN_S)), interval_s=0.2):
        done += _copy_anew(aim, say)
    return (*done, *cluster.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Nothing is limited, and the shard is whole."""
    return cluster.prove(aim, lambda: _unlimited(aim))


def _limit_bytes(deployment: Deployment, name: str) -> int:
    return log_of(deployment, name).stat().st_size + ROOM_BYTES


def limit(deployment: Deployment, process: Process, bytes_max: int) -> tuple[str, ...]:
    """The parents first, so that whatever is born meanwhile is limited from birth; then again for those that were missed."""
    limited: dict[Identity, str] = {}

    def all_limited() -> bool:
        new = [each for each in processes.family(Path(deployment.root), process) if each not in limited]
        for identity in new:
            if (hard := _limits(identity)) is not None:
                resource.prlimit(identity.pid, resource.RLIMIT_FSIZE, (bytes_max, hard[1]))
                limited[identity] = f"{process.name} pid {identity.pid} writes no further than {bytes_max} bytes into a file"
        return not new

    until(all_limited, after(2.0), interval_s=0.0)
    return tuple(limited.values())


def lift(deployment: Deployment, parts: Iterable[Process]) -> list[tuple[str, Identity]]:
    """Give back what may be had, parents first, until nobody is limited."""
    lifted: list[tuple[str, Identity]] = []
    wanted = tuple(parts)

    def all_lifted() -> bool:
        found = limited(deployment, wanted)
        for _, identity in found:
            if (limits := _limits(identity)) is not None:
                resource.prlimit(identity.pid, resource.RLIMIT_FSIZE, (limits[1], limits[1]))
        lifted.extend(found)
        return not found

    until(all_lifted, after(5.0))
    return lifted


def limited(deployment: Deployment, parts: Iterable[Process]) -> list[tuple[str, Identity]]:
    """Who of these processes may not write as far into a file as it could, with the name of the process that it belongs to."""
    found = [(process.name, identity) for process in parts for identity in processes.family(Path(deployment.root), process)]
    return [(name, identity) for name, identity in found if (limits := _limits(identity)) is not None and limits[0] != limits[1]]


def _limits(identity: Identity) -> tuple[int, int] | None:
    """Soft and hard; ``None`` for a process that has ended."""
    try:
        return resource.prlimit(identity.pid, resource.RLIMIT_FSIZE)
    except ProcessLookupError:
        return None


def _unlimited(aim: Aim) -> Proof:
    left = [f"{name} pid {identity.pid}" for name, identity in limited(aim.deployment, processes_of(aim))]
    return Proof("no process of the shard is limited in what it writes", not left, ", ".join(left) or "none")


def _copy_anew(aim: Aim, say: Say) -> list[str]:
    """A rewind that ran out of room may have left a directory that no server starts from."""
    try:
        lead = patroni.leader(aim.deployment, shard_of(aim))
        behind = [member for member in standbys(aim.deployment, lead) if postgres.streaming(aim.deployment, lead) == 0]
        for member in behind:
            say(f"copying {member.process} anew")
            patroni.reinitialize(member)
    except (patroni.NoLeader, postgres.Unavailable, httpx.HTTPError) as error:
        say(f"not copied anew: {error}")
        return []
    return [f"copied {member.process} anew" for member in behind]


KIND = Kind(
    name="shard.disk-full",
    does="Keeps the node of the shard's live primary from writing any further into its files (RLIMIT_FSIZE, the error is EFBIG): it panics.",
    observed_by="PostgreSQL's own log has a PANIC over a write to its write-ahead log since the strike.",
    undone_by="Lifts the limits and lets Patroni rejoin the node, or copies it anew; proven by the limits, a write, replicas, roles, applications.",
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
