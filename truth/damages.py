"""Damage to the harness itself, done from outside: what each case does, its plan, and the verdict that must be inconclusive, with its reason."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from closeshave import history
from closeshave.clients import postgres
from closeshave.control.processes import identify, poll_until, send
from closeshave.history import FaultEdge
from closeshave.judge.integrity.registry import INVARIANTS
from truth.scene import Scene

DROPPED = 0.001
OFF_NS = 200_000_000
FILE_BYTES = 200_000
"""The largest size of a recorder's file, as on a full disk: some seconds of records."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage to a trial. Exactly one of ``act`` and ``spoil`` is set."""

    name: str
    what: str
    verdicts: tuple[str, ...]
    """IDs of verdicts, of which one must be inconclusive for this reason."""
    reason: str
    """A regular expression that the reason must match."""
    plan: str = "calm"
    act: Callable[[Scene], None] | None = None
    """Called while the trial runs."""
    spoil: Callable[[Path], object] | None = None
    """Called with a copy of a clean run's directory; a context manager that it returns is open while the run is judged."""


def kill_generator(scene: Scene) -> None:
    """Send SIGKILL to the customers' generator in the middle of the calm phase."""
    scene.sleep_until_phase("calm", 8)
    send([identity for pid in scene.workers("customers") if (identity := identify(pid))], signal.SIGKILL)


def fill_disk(scene: Scene) -> None:
    """Limit the size of files of the customers' generator, so that it cannot write any more."""
    scene.sleep_until_phase("calm", 8)
    for pid in scene.workers("customers"):
        # As long as any of its files is now: the next record finds no room.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


def starve(scene: Scene) -> None:
    """Run the customers' generator without real-time priority on one processor, with eight processes that never sleep and have precedence."""
    scene.sleep_until_phase("calm", 6)
    core = min(os.sched_getaffinity(0))
    workers = [int(thread.name) for pid in scene.workers("customers") for thread in Path(f"/proc/{pid}/task").iterdir()]
    for thread in workers:
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(thread, {core})
    hogs = [scene.hog(core) for _ in range(8)]
    try:
        scene.sleep_until_phase("calm", 20)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        for thread in workers:
            with contextlib.suppress(ProcessLookupError):  # a thread that has ended
                os.sched_setaffinity(thread, os.sched_getaffinity(0))


def resume_always(scene: Scene) -> None:
    """Resume every process that the fault stops at once, so that the fault never takes effect."""
    scene.sleep_until_phase("broken", 3)
    pids = scene.processes_of("app", "ap-southeast-1")
    while not scene.over():
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.0005)


def resume_early(scene: Scene) -> None:
    """End the fault four seconds after it was observed, long before the harness heals it."""
    poll_until(lambda: scene.saw(FaultEdge.OBSERVED) or scene.over(), 120)
    deadline = time.monotonic() + 4
    poll_until(lambda: time.monotonic() >= deadline or scene.over(), 10)
    for pid in scene.processes_of("app", "ap-southeast-1"):
        os.kill(pid, signal.SIGCONT)


def blind_canaries(scene: Scene) -> None:
    """Stop the canaries' generator from before the fault until after its recovery, so that the recovery is not seen."""
    scene.sleep_until_phase("broken", 2)
    workers = scene.workers("canary")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    scene.sleep_until_phase("broken", 20)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)


def lock_out(scene: Scene) -> None:
    """After the load, forbid log-ins on one shard to the role that reads the final state."""
    scene.sleep_until_phase("calm", 28)
    shard = scene.deployment.topology.shards[1]
    members = [member for member in scene.deployment.members if member.shard == shard.id]
    ports = [member.port for member in members]
    with postgres.connect(
        ports, scene.deployment.database, "postgres", role="read-write", connect_timeout_s=None, statement_timeout_s=None
    ) as connection:
        connection.execute(f'ALTER ROLE "{scene.deployment.user}" NOLOGIN'.encode())
        try:
            poll_until(scene.over, 180, 0.2)
        finally:
            connection.execute(f'ALTER ROLE "{scene.deployment.user}" LOGIN'.encode())


def drop_records(run: Path) -> None:
    """Remove one operation in a thousand from the history."""
    table = pq.read_table(run / history.OPERATIONS_FILE)
    kept = np.random.default_rng(7).random(table.num_rows) >= DROPPED
    history.save_rows(run / history.OPERATIONS_FILE, table.filter(pa.array(kept)))


def shift_clock(run: Path) -> None:
    """Shift the canaries' times by 200 ms."""
    table = pq.read_table(run / history.OPERATIONS_FILE)
    canary = pa.array([source == "canary" for source in table["source"].to_pylist()])
    for name in ("intended_ns", "started_ns", "ended_ns"):
        moved = pc.if_else(canary, pc.add(table[name], OFF_NS), table[name])
        table = table.set_column(table.schema.get_field_index(name), name, moved)
    history.save_rows(run / history.OPERATIONS_FILE, table)


def truncate(run: Path) -> None:
    """Remove the end of a Parquet file, which describes its contents."""
    path = run / history.OPERATIONS_FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def raising_judge(_run: Path) -> object:
    """Replace a judge by one that raises."""

    def raises(_analysis: object) -> NoReturn:
        raise ZeroDivisionError("division by zero")

    return mock.patch.dict(INVARIANTS, {"lost": replace(INVARIANTS["lost"], search=raises)})


CASES = (
    Damage("dropped-records", "0.1 % of the records are dropped", ("reconciled",), "recorded .* and the history holds", spoil=drop_records),
    Damage("worker-killed", "a worker is killed", ("complete",), "generator for customers ended", act=kill_generator),
    Damage("disk-full", "the recorder's disk is full", ("complete", "reconciled"), "generator for customers|did not finish|recorded", act=fill_disk),
    Damage("starved-generator", "the generator is starved of CPU", ("generator/customers",), "could not keep its schedule", act=starve),
    Damage("fault-never-bites", "a fault never takes effect", ("observed/process-hung",), "no independent probe saw it|never injected", "hung",
           act=resume_always),
    Damage("fault-heals-early", "a fault is over before it is healed", ("observed/process-hung",), "ended before the harness", "hung",
           act=resume_early),
    Damage("blind-canary", "the canaries are blind during the fault", ("recovery/primary-killed",), "could not be measured|could not keep", "failover",
           act=blind_canaries),
    Damage("clock-off", "a clock is 200 ms off", ("clocks",), "0\\.[12]\\d* s", spoil=shift_clock),
    Damage("truncated-file", "a Parquet file is truncated", ("evidence",), re.escape(history.OPERATIONS_FILE), spoil=truncate),
    Damage("raising-judge", "a judge raises", ("judge/lost",), "ZeroDivisionError", spoil=raising_judge),
    Damage("unreadable-final-state", "the final state cannot be read", ("integrity/lost",), "final state", act=lock_out),
)  # fmt: skip
