"""The write-ahead ledger of faults: a fault and its undo are on disk before the fault is injected.

One JSON line for each edge, each followed by fsync. A fault is *open* from its ``planned`` line until a ``verified-healed`` (or ``destroyed``) line,
even if the process that wrote it has died. Any process that finds an open fault may heal it, because the line says how.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from closeshave.clock import now_ns
from closeshave.control.waiting import obstacle
from closeshave.deployment import FILE as DEPLOYMENT
from closeshave.faults.waiting import SECOND_NS, left_s
from closeshave.files import append_line, record_of
from closeshave.files.existing import may_exist
from closeshave.history import EdgeEvidence, FaultEdge, FaultEvent, Injection, Planning, evidence_of, record

FILE = "ledger.jsonl"
DESTROYED = "destroyed"
"""The edge of a fault whose environment was removed instead of healed: it is closed, but not verified-healed."""
NAME_BYTES_MAX = 32
"""Length of the name that the healing process writes into its lock."""
CLOSING = frozenset({FaultEdge.VERIFIED_HEALED.value, DESTROYED})


@dataclass(frozen=True, slots=True)
class Undo:
    """All that another process needs to heal a fault."""

    kind: str
    scope: Mapping[str, str | int]
    parameters: Mapping[str, str | int | float | bool]
    deployment: str
    """Root of the environment, where its ``deployment.json`` lies."""


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that may be in effect: planned, and not proven healed."""

    fault: str
    undo: Undo
    planned_ns: int
    ttl_s: float
    """Time to live from ``planned_ns``, in seconds: after it another process must heal the fault."""
    edge: str
    """The last known edge."""
    injection: Injection | None
    """What the injection did; ``None`` unless that was written and can be read."""

    def expired(self, at_ns: int) -> bool:
        """Whether its time to live is over at this instant."""
        return at_ns > self.planned_ns + self.ttl_s * SECOND_NS


_PLANNED = TypeAdapter(OpenFault)


def open_faults(lines: Iterable[Mapping[str, Any]]) -> tuple[OpenFault, ...]:
    """The faults that a ledger's lines leave open, in the order in which they were planned. Lines of another form are ignored. Pure."""
    standing: dict[str, OpenFault] = {}
    for line in lines:
        fault, edge = line.get("fault"), line.get("edge")
        if not isinstance(fault, str) or not isinstance(edge, str):
            continue
        if edge == FaultEdge.PLANNED:
            if (planned := _planned(line)) is not None:
                standing.pop(fault, None)
                standing[fault] = planned
        elif fault in standing and edge in CLOSING:
            del standing[fault]
        elif fault in standing:
            old = standing[fault]
            injection = _injection(line) if edge == FaultEdge.INJECTED else old.injection
            standing[fault] = OpenFault(fault, old.undo, old.planned_ns, old.ttl_s, edge, injection)
    return tuple(standing.values())


def _planned(line: Mapping[str, Any]) -> OpenFault | None:
    try:
        return _PLANNED.validate_python({**line, "planned_ns": line.get("at_ns"), "injection": None})
    except ValidationError:
        return None


def _injection(line: Mapping[str, Any]) -> Injection | None:
    """To heal a fault nothing needs it, so a line that is damaged there still says that the fault was injected."""
    try:
        found = evidence_of(FaultEdge.INJECTED, line.get("evidence"))
    except ValidationError:
        return None
    return found if isinstance(found, Injection) else None


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a ledger; a missing file is empty.

    A line that is not a JSON object was cut off by a crash. Its fsync never returned, so the step that it announces never began: it is ignored.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                yield record_of(line)


def unhealed(path: Path) -> tuple[str, ...]:
    """The IDs of the faults that the ledger at ``path`` leaves open and whose environment still exists.

    When ``path`` lies in an environment's root, the ledgers of every run that injected faults there are read too.
    """
    paths = dict.fromkeys([path, *ledgers(path.parent)])
    faults = [fault for each in paths for fault in open_faults(read(each))]
    return tuple(fault.fault for fault in faults if may_exist(Path(fault.undo.deployment, DEPLOYMENT)))


def close_by_destruction(run: Path) -> None:
    """Note in a run's ledger that the environment was removed: nothing is left to heal, and nothing was proven healed."""
    ledger = Ledger(run)
    for fault in ledger.open():
        ledger.destroyed(fault.fault, "the environment was removed")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one run directory. Every edge is written to the run's timeline too, after it is on disk."""

    run: Path

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.run / FILE

    def open(self) -> tuple[OpenFault, ...]:
        """The faults that are open now."""
        return open_faults(read(self.path))

    def find(self, fault: str) -> OpenFault | None:
        """The open fault with this ID; ``None`` when it was never planned or is closed."""
        return next((found for found in self.open() if found.fault == fault), None)

    def plan(self, fault: str, undo: Undo, ttl_s: float, strike_ns: int) -> None:
        """Write a fault to the ledger before it is injected. Raises :class:`RuntimeError` when one with this ID is still open."""
        if self.find(fault):
            raise RuntimeError(f"fault {fault} is still open in {self.path}: heal it first")
        _enlist(self.path, Path(undo.deployment))
        planning = Planning(strike_ns, undo.kind, undo.scope, undo.parameters)
        self._append(fault, FaultEdge.PLANNED, now_ns(), planning, undo=asdict(undo), ttl_s=ttl_s)

    def passed(self, fault: str, edge: FaultEdge, at_ns: int, evidence: EdgeEvidence | None) -> None:
        """Note that a fault passed an edge at ``at_ns``, when it happened (not when it is written)."""
        self._append(fault, edge, at_ns, evidence)

    def destroyed(self, fault: str, why: str) -> None:
        """Close a fault whose environment is gone. The timeline gets no edge: nothing was healed."""
        self._write({"fault": fault, "edge": DESTROYED, "at_ns": now_ns(), "evidence": {"why": why}})

    @contextmanager
    def healing(self, fault: str, deadline_ns: int) -> Iterator[None]:
        """Let only one process at a time heal a fault; the lock is released when its holder ends. Raises :class:`TimeoutError`."""
        path = self.run / "faults" / f"{fault}.lock"
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if holder := obstacle(lambda: _holder(descriptor), left_s(deadline_ns)):
                raise TimeoutError(f"another process is still healing {fault}: {holder}")
            yield
        finally:
            os.close(descriptor)

    def _append(self, fault: str, edge: FaultEdge, at_ns: int, evidence: EdgeEvidence | None, **more: object) -> None:
        event = FaultEvent(fault, edge.value, at_ns, evidence)
        self._write({**asdict(event), **more})
        record(self.run, event)

    def _write(self, line: Mapping[str, object]) -> None:
        _mend(self.path)
        append_line(self.path, line, durable=True)


def ledgers(deployment_root: Path) -> tuple[Path, ...]:
    """The ledgers of every run that ever planned a fault against this environment and still exist."""
    known = deployment_root / "ledgers.jsonl"
    told = (line.get("ledger") for line in read(known))
    return tuple(dict.fromkeys(path for name in told if isinstance(name, str) and may_exist(path := Path(name))))


def _enlist(ledger: Path, deployment_root: Path) -> None:
    """Register this ledger in the environment, so that the next run finds faults that this one left unhealed."""
    known = deployment_root / "ledgers.jsonl"
    if not any(line.get("ledger") == str(ledger.resolve()) for line in read(known)):
        _mend(known)
        append_line(known, {"ledger": str(ledger.resolve())}, durable=True)


def _mend(path: Path) -> None:
    """End a line that a crash cut off, so that the next one is not appended to it."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def _holder(descriptor: int) -> str:
    """Who holds the lock of this file; empty when it is ours now, and then it names us to others."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        name = os.pread(descriptor, NAME_BYTES_MAX, 0).decode("utf-8", "replace").strip()
        return f"the last to take its lock was {name}" if name else "it has left no name in its lock"
    # A full disk must not keep anybody from healing.
    with suppress(OSError):
        os.pwrite(descriptor, f"pid {os.getpid()}".ljust(NAME_BYTES_MAX).encode(), 0)
    return ""
