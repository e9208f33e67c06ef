"""Damage to the harness itself, done from outside: what each does, on which plan, and the verdict that must be inconclusive, with its reason."""

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
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from closeshave import history
from closeshave.control.processes import identify, poll_until, send
from closeshave.history import FaultEdge
from closeshave.judge.integrity.registry import INVARIANTS
from truth.scene import Scene

DROPPED = 0.001
OFF_NS = 200_000_000
FILE_BYTES = 200_000
"""A recorder's file may grow so long, as on a full disk: some seconds of records."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to harm a trial. Exactly one of ``act`` and ``spoil`` is there."""

    name: str
    what: str
    verdicts: tuple[str, ...]
    """IDs, of which one must be inconclusive for this reason."""
    reason: str
    """A regular expression that its reason must match."""
    plan: str = "calm"
    act: Callable[[Scene], None] | None = None
    """While the trial runs."""
    spoil: Callable[[Path], object] | None = None
    """To a copy of a clean run's directory; a context manager that it returns is held while the run is judged."""


def kill_generator(scene: Scene) -> None:
    """SIGKILL to the customers' generator in the middle of the calm phase."""
    scene.sleep_until_phase("calm", 8)
    send([identity for pid in scene.workers("customers") if (identity := identify(pid))], signal.SIGKILL)


def fill_disk(scene: Scene) -> None:
    """No file of the customers' generator may grow any more."""
    scene.sleep_until_phase("calm", 8)
    for pid in scene.workers("customers"):
        # As long as any of its files is now: the next record finds no room.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


def starve(scene: Scene) -> None:
    """The customers' generator without its real-time priority on one processor, with eight others that never sleep and go first."""
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
    """Every process that the fault stops is resumed at once, so that the fault never takes effect."""
    scene.sleep_until_phase("broken", 3)
    pids = scene.processes_of("app", "ap-southeast-1")
    while not scene.over():
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.0005)


def resume_early(scene: Scene) -> None:
    """The fault takes effect, is seen, and is over four seconds later, long before it is healed."""
    poll_until(lambda: scene.saw(FaultEdge.OBSERVED) or scene.over(), 120)
    deadline = time.monotonic() + 4
    poll_until(lambda: time.monotonic() >= deadline or scene.over(), 10)
    for pid in scene.processes_of("app", "ap-southeast-1"):
        os.kill(pid, signal.SIGCONT)


def blind_canaries(scene: Scene) -> None:
    """The canaries' generator stands still from before the fault until it must have recovered, and then goes on: it is unknown whether it had."""
    scene.sleep_until_phase("broken", 2)
    workers = scene.workers("canary")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    scene.sleep_until_phase("broken", 20)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)


def lock_out(scene: Scene) -> None:
    """The role that reads the final state may not log in on one shard any more once the load is over."""
    scene.sleep_until_phase("calm", 28)
    shard = scene.deployment.topology.shards[1]
    members = [member for member in scene.deployment.members if member.shard == shard.id]
    ports = ",".join(str(member.port) for member in members)
    where = f"host={','.join(['127.0.0.1'] * len(members))} port={ports} dbname={scene.deployment.database} user=postgres"
    with psycopg.connect(f"{where} target_session_attrs=read-write", autocommit=True) as connection:
        connection.execute(f'ALTER ROLE "{scene.deployment.user}" NOLOGIN'.encode())
        try:
            poll_until(scene.over, 180, 0.2)
        finally:
            connection.execute(f'ALTER ROLE "{scene.deployment.user}" LOGIN'.encode())


def drop_records(run: Path) -> None:
    """One operation in a thousand is lost between the recorder and the history."""
    table = pq.read_table(run / history.OPERATIONS_FILE)
    kept = np.random.default_rng(7).random(table.num_rows) >= DROPPED
    history.save_rows(run / history.OPERATIONS_FILE, table.filter(pa.array(kept)))


def shift_clock(run: Path) -> None:
    """The canaries' clock is 200 ms ahead of all others."""
    table = pq.read_table(run / history.OPERATIONS_FILE)
    canary = pa.array([source == "canary" for source in table["source"].to_pylist()])
    for name in ("intended_ns", "started_ns", "ended_ns"):
        moved = pc.if_else(canary, pc.add(table[name], OFF_NS), table[name])
        table = table.set_column(table.schema.get_field_index(name), name, moved)
    history.save_rows(run / history.OPERATIONS_FILE, table)


def truncate(run: Path) -> None:
    """The end of a Parquet file, which says what is in it, is missing."""
    path = run / history.OPERATIONS_FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def raising_judge(_run: Path) -> object:
    """A judge with a bug."""

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
