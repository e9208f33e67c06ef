"""What the machine and every group of processes used during a run, once a second: so that a report can say *why*.

``python -m closeshave.environments.evidence.resources --deployment ROOT --run RUN`` appends to ``RUN/spool/resources.jsonl`` until SIGTERM or until
its parent is gone; :func:`collect` converts it to ``RUN/resources.parquet``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from closeshave.clock import now_ns
from closeshave.control import processes, variables
from closeshave.deployment import Deployment, load
from closeshave.environments.evidence import meter, proctable
from closeshave.environments.evidence.meter import ProcessGroup
from closeshave.environments.evidence.proctable import Entry, Incarnation
from closeshave.environments.python import python_environ
from closeshave.files import append_line, read_lines
from closeshave.history import save_rows
from closeshave.vocabulary import RESOURCES_FILE, RUN_VARIABLE

SPOOL, FILE = "spool/resources.jsonl", RESOURCES_FILE
INTERVAL_S = 1.0
STOP_TIMEOUT_S = 5.0

RUN_MARK = RUN_VARIABLE
"""Every process that a harness starts carries the name of its run directory in this variable."""

SENDER = "closeshave.traffic.bare_locust"
"""The module with which every load generator, and no other helper, is started."""

LOCUST, HARNESS, ENGINE = ProcessGroup("locust", None), ProcessGroup("harness", None), ProcessGroup("engine", None)

ENGINES = ("dockerd", "docker-proxy", "containerd", "runc", "podman", "conmon", "rootlessport", "slirp4netns", "pasta")
"""The beginnings of the names of programs that forward a container environment's traffic and carry out the harness's commands."""

_TEXT: Any = pa.dictionary(pa.int32(), pa.string())  # its stub knows less than the library: as a field type it is refused
SCHEMA = pa.schema(
    [
        ("at_ns", pa.int64()), ("interval_s", pa.float64()), ("role", _TEXT), ("region", _TEXT), ("processes", pa.int32()),
        ("cpu_s", pa.float64()), ("memory_bytes", pa.int64()), ("read_bytes", pa.int64()), ("written_bytes", pa.int64()),
        ("user_s", pa.float64()), ("system_s", pa.float64()), ("idle_s", pa.float64()), ("iowait_s", pa.float64()),
        ("steal_s", pa.float64()), ("load_1min", pa.float64()), ("memory_available_bytes", pa.int64()), ("received_bytes", pa.int64()),
        ("sent_bytes", pa.int64()),
        ("others_s", pa.float64()), ("delay_s", pa.float64()), ("blocked_s", pa.float64()), ("major_faults", pa.int64()),
        ("stopped", pa.int32()), ("cpu_stall_s", pa.float64()), ("memory_stall_s", pa.float64()), ("io_stall_s", pa.float64()),
    ]
)  # fmt: skip
"""A row for the host and each group in each interval: ``at_ns`` is the interval's end (monotonic), the rest is :class:`meter.Usage`."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """The handle of the sampler's process."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, root: Path, run: Path, withheld: Iterable[str] = ()) -> Sampler:
        """Sample the environment under ``root`` and this process's own helpers into ``run``; ``withheld`` names variables that it does not need.

        Raises :class:`OSError`.
        """
        command = [sys.executable, "-m", __name__, "--deployment", str(root), "--run", str(run), "--parent", str(os.getpid())]
        for folder in ("logs", "spool"):
            (run / folder).mkdir(exist_ok=True)
        with (run / "logs" / "resources.log").open("ab") as output:
            # Its own session: Ctrl-C at the terminal is for the trial, which stops the sampler when the load has ended.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**variables.without(withheld), **python_environ()},
            )
        return cls(process)

    def stop(self) -> int:
        """End it; returns its exit code, 0 for success."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def collect(run: Path) -> None:
    """Convert the sampler's file to ``resources.parquet``. Raises :class:`OSError` if it is empty or damaged."""
    try:
        table = samples(read_lines(run / SPOOL))
    except ValueError as error:
        raise OSError(f"{SPOOL} is damaged: {error}") from None
    if not table.num_rows:
        raise FileNotFoundError(f"the sampler recorded nothing in {SPOOL}; see logs/resources.log")
    save_rows(run / FILE, table)


def samples(lines: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The sampler's lines as a table with the columns of :data:`SCHEMA`. Raises :class:`ValueError` for a line that is not a sample."""
    try:
        rows = [{**usage, "at_ns": line["at_ns"], "interval_s": line["interval_s"]} for line in lines for usage in line["usage"]]
        return pa.Table.from_pylist(rows, schema=SCHEMA)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


@dataclass(slots=True)
class Census:
    """Which process belongs to which group: by the environment's records first, else by the run's mark, else as at the last look.

    The last is for processes whose parent was killed, and for those that have ended. Records are read again only when one was written; otherwise only
    the process table is read.
    """

    deployment: Deployment
    run_id: str
    parent: int
    """The harness itself."""
    _recorded: dict[Incarnation, ProcessGroup] = field(default_factory=dict)
    _records_ns: int = 0
    _marks: dict[Incarnation, ProcessGroup | None] = field(default_factory=dict)
    _seen: frozenset[Incarnation] = frozenset()
    _last: dict[Incarnation, ProcessGroup] = field(default_factory=dict)
    """The groups of processes at the last look."""

    def owners(self, entries: Mapping[int, Entry]) -> dict[int, ProcessGroup]:
        """The group of every process that has one."""
        environment = proctable.owners(entries, self._environment(entries))
        rest = {pid: group for pid, entry in entries.items() if pid not in environment and (group := self._marked(entry))}
        # The trial set the mark for its children; it has none itself.
        rest.setdefault(self.parent, HARNESS)
        self._seen = frozenset(entry.incarnation for entry in entries.values())
        self._marks = {incarnation: group for incarnation, group in self._marks.items() if incarnation in self._seen}
        found = {**self._engine(entries), **proctable.owners(entries, {**rest, **environment})}
        left = {pid: group for pid, entry in entries.items() if pid not in found and (group := self._last.get(entry.incarnation))}
        found = {**proctable.owners(entries, left), **found}
        self._last = {entries[pid].incarnation: group for pid, group in found.items() if pid in entries}
        return found

    def _engine(self, entries: Mapping[int, Entry]) -> dict[int, ProcessGroup]:
        """The container engine's own processes, if the environment uses one; without other users' containers."""
        if not self.deployment.networks:
            return {}
        return {pid: ENGINE for pid, entry in entries.items() if entry.name.startswith(ENGINES)}

    def _environment(self, entries: Mapping[int, Entry]) -> dict[int, ProcessGroup]:
        """The processes that the environment started, and daemons (PostgreSQL) that are not their descendants any more."""
        self._read_records(entries)
        roots = {pid: group for (pid, started), group in self._recorded.items() if pid in entries and entries[pid].started_ticks == started}
        root = Path(self.deployment.root)
        for process in self.deployment.processes:
            daemon = processes.daemon(root, process)
            if daemon is not None and daemon.pid in entries:
                roots[daemon.pid] = ProcessGroup(process.role, process.region)
        return roots

    def _read_records(self, entries: Mapping[int, Entry]) -> None:
        if not self.deployment.processes:
            # A remote platform: nothing of it runs here.
            return
        root = Path(self.deployment.root)
        written_ns = (root / "processes").stat().st_mtime_ns
        if written_ns == self._records_ns:
            return
        told = [(processes.find(root, process), ProcessGroup(process.role, process.region)) for process in self.deployment.processes]
        found = [(identity.pid, group) for identity, group in told if identity is not None]
        self._recorded = {entries[pid].incarnation: group for pid, group in found if pid in entries}
        # One that was started after the table was read is found at the next look.
        self._records_ns = written_ns if all(pid in entries for pid, _ in found) else 0

    def _marked(self, entry: Entry) -> ProcessGroup | None:
        if entry.incarnation in self._marks:
            return self._marks[entry.incarnation]
        group = None
        if f"{RUN_MARK}={self.run_id}" in proctable.environ(entry.pid):
            group = LOCUST if SENDER in proctable.command(entry.pid) else HARNESS
        # Between fork and exec a new process still looks like its parent: only a second reading counts.
        if entry.incarnation in self._seen:
            self._marks[entry.incarnation] = group
        return group


def sample(census: Census, spool: Path, stop: threading.Event) -> None:
    """Append a line to ``spool`` every second until ``stop`` is set or this process has another parent than the census says."""
    before, before_ns = meter.look(census.owners), now_ns()
    due_ns = before_ns
    while os.getppid() == census.parent:
        due_ns = max(due_ns + round(INTERVAL_S * 1e9), now_ns())
        if stop.wait((due_ns - now_ns()) / 1e9):
            return
        after, after_ns = meter.look(census.owners), now_ns()
        line = {
            "at_ns": after_ns,
            "interval_s": (after_ns - before_ns) / 1e9,
            "usage": [{name: value for name, value in asdict(one).items() if value is not None} for one in meter.usage(before, after)],
        }
        append_line(spool, line)
        before, before_ns = after, after_ns


def main() -> None:
    """Sample until SIGTERM."""
    parser = argparse.ArgumentParser(description="Record what the host and every group of processes use, once a second.")
    parser.add_argument("--deployment", type=Path, required=True, help="root of the running environment")
    parser.add_argument("--run", type=Path, required=True, help="run directory")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end when this process ends")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    census = Census(load(arguments.deployment), arguments.run.resolve().name, arguments.parent)
    sample(census, arguments.run / SPOOL, stop)


if __name__ == "__main__":
    main()
