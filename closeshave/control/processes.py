"""The operating-system processes of an environment: start, find, signal, sweep; by record, never by guessing names.

A process ID may be used again by another process, so every record also holds the start time. Records are files below the deployment's root, so that
the trial, an experiment and the janitor all see the same processes and none must be the parent.

A process in a container is a process of this machine too, and is known by its ID on this machine; only its start and its signals are different.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from closeshave.control import engine, machine
from closeshave.control.engine import namespace, signalling
from closeshave.control.local import reap
from closeshave.deployment import Process
from closeshave.files import record_of, write_atomically
from closeshave.vocabulary import ENVIRONMENT_VARIABLE

MARK = ENVIRONMENT_VARIABLE
"""Every process of an environment has the environment's ID in this variable, so that clean-up finds it even without a record."""

PID_FILE_SLACK_S = 2.0
"""Tolerance of start times in seconds: the kernel computes them from a boot time in whole seconds."""

PID_MAX = 2**22
"""The highest process ID of Linux (proc(5), pid_max)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, identified by its ID and its start time (seconds since the epoch, as the kernel reports)."""

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """Whether this process still runs and is not a zombie."""
        return self.handle() is not None

    def handle(self) -> psutil.Process | None:
        """The running process, or ``None`` when it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < 0.05 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def read_identity(path: Path) -> Identity | None:
    """The process in a file with ``pid`` and ``started``; ``None`` if the file is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        told = record_of(path.read_bytes())
        pid, started = told.get("pid"), told.get("started")
        if type(pid) is int and 0 < pid <= PID_MAX and isinstance(started, int | float):
            return Identity(pid, float(started))
    return None


def identify(pid: int) -> Identity | None:
    """The process with the ID ``pid`` now, ``None`` when there is none."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return Identity(pid, process.create_time())
    return None


def start(root: Path, environment_id: str, process: Process) -> Identity:
    """Start a process in a session or a container of its own, its output appended to ``logs/NAME.log``, and record it.

    Raises :class:`OSError` when the program cannot be run, and :class:`closeshave.control.engine.EngineFailed` when its container cannot.
    """
    marked = replace(process, environ={**process.environ, MARK: environment_id})
    return record(root, process, machine.of(marked).launch(root, environment_id))


def record(root: Path, process: Process, pid: int) -> Identity:
    """Record that ``process`` runs as ``pid``, so that other processes find it."""
    identity = identify(pid) or Identity(pid, time.time())
    _record(root, process).parent.mkdir(exist_ok=True)
    write_atomically(_record(root, process), json.dumps({"pid": identity.pid, "started": identity.started}))
    return identity


def find(root: Path, process: Process) -> Identity | None:
    """The running process of ``process``, ``None`` when it is not running."""
    reap()
    identity = read_identity(_record(root, process))
    return identity if identity is not None and identity.alive else None


def daemon(root: Path, process: Process) -> Identity | None:
    """The daemon of ``process`` that wrote its ID into ``pid_file`` (Patroni's postmaster)."""
    if process.pid_file is None:
        return None
    path = Path(process.pid_file)
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = abs(int(path.read_text(encoding="utf-8").splitlines()[0]))
        identity = known_as(root, process, pid) if pid <= PID_MAX else None
        # A killed daemon leaves its file behind: a process that started after it was written only reuses the ID.
        if identity is not None and identity.started <= path.stat().st_mtime + PID_FILE_SLACK_S:
            return identity
    return None


def known_as(root: Path, process: Process, pid: int) -> Identity | None:
    """The live process that ``process`` knows by this ID; the ID inside a container differs from the one on this machine."""
    first = find(root, process)
    outer = machine.of(process).outer_pid(first.pid if first else None, pid)
    return None if outer is None else identify(outer)


def family(root: Path, process: Process) -> list[Identity]:
    """Every running process that belongs to ``process``: itself, its daemon and all their descendants; parents first."""
    roots = [identity for identity in (find(root, process), daemon(root, process)) if identity]
    return with_descendants(roots)


def descendants(identity: Identity) -> list[Identity]:
    """``identity`` and all its live descendants, parents first."""
    return with_descendants([identity])


def with_descendants(roots: Iterable[Identity]) -> list[Identity]:
    """The live ones of ``roots`` and all their live descendants, parents first, each once. Reads the process table only once."""
    children: dict[int, list[Identity]] = {}
    for process in psutil.process_iter(["ppid", "create_time", "status"]):
        if process.info["status"] not in {psutil.STATUS_ZOMBIE, None}:
            children.setdefault(process.info["ppid"], []).append(Identity(process.pid, process.info["create_time"]))
    found = dict.fromkeys(root for root in roots if root.alive)
    waiting = list(found)
    while waiting:
        new = [child for child in children.get(waiting.pop(0).pid, []) if child not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return list(found)


def send(targets: Iterable[Identity], number: signal.Signals) -> list[Identity]:
    """Send a signal to each live target; returns those that got it. Containers get it from their engine."""
    reached = []
    contained: dict[str, dict[int, Identity]] = {}
    for target in targets:
        if not target.alive:
            continue
        if container := namespace.container_of(target.pid):
            contained.setdefault(container, {})[target.pid] = target
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(target.pid, number)
            reached.append(target)
    if contained:
        got = signalling.send(contained, number)
        reached += [target for those in contained.values() for pid, target in those.items() if pid in got]
    return reached


def stopped(targets: Iterable[Identity]) -> list[Identity]:
    """Those of the live targets that are stopped, each by a signal or together with its container."""
    frozen: dict[str, bool] = {}
    found = []
    for target in targets:
        with contextlib.suppress(psutil.NoSuchProcess):
            handle = target.handle()
            container = namespace.container_of(target.pid) if handle else None
            if container and container not in frozen:
                frozen[container] = engine.paused(container)
            if handle and (handle.status() == psutil.STATUS_STOPPED or (container and frozen[container])):
                found.append(target)
    return found


def state(target: Identity) -> str:
    """What the kernel says that a process does: ``running``, ``sleeping``, ``disk-sleep``, ``stopped`` …; ``gone`` when it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        handle = target.handle()
        if handle is not None:
            return str(handle.status())
    return "gone"


def gone(targets: Iterable[Identity], timeout_s: float) -> list[Identity]:
    """Wait until every target has ended; returns those that still run after ``timeout_s`` seconds."""
    waiting = list(targets)
    poll_until(lambda: not any(target.alive for target in waiting), timeout_s, interval_s=0.005)
    return [target for target in waiting if target.alive]


def marked(environment_id: str) -> list[Identity]:
    """Every live process on this machine that carries the environment's mark, and all their descendants."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == environment_id and process.pid != os.getpid():
                found.append(Identity(process.pid, process.create_time()))
    return with_descendants(found)


def sweep(environment_id: str, also: Iterable[Identity] = (), timeout_s: float = 5.0) -> list[Identity]:
    """Kill every process with the mark, and ``also``, until none is left; returns those that still run (empty when none does)."""
    extra = list(also)
    deadline = time.monotonic() + timeout_s
    while True:
        targets = [*marked(environment_id), *(target for target in extra if target.alive)]
        if not targets or time.monotonic() > deadline:
            return targets
        send(targets, signal.SIGKILL)
        gone(targets, 0.5)


def poll_until(ready: Callable[[], bool], timeout_s: float, interval_s: float = 0.03) -> bool:
    """Call ``ready`` until it returns true or ``timeout_s`` seconds have passed; returns whether it returned true."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def _record(root: Path, process: Process) -> Path:
    return root / "processes" / f"{process.name}.json"
