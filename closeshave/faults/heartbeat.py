"""The harness's heartbeat: a file that changes twice a second for as long as the harness runs."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from closeshave.control.processes import Identity, identify, read_identity
from closeshave.faults.waiting import SECOND_NS
from closeshave.files import record_of

FILE = "heartbeat"
BEAT_S = 0.5


class Heartbeat:
    """While the block runs, a thread writes the heartbeat for the janitor twice a second.

    It is a thread of the harness itself, so that the heartbeat stops with the harness however that ends.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / FILE
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)
        identity = identify(os.getpid())
        assert identity is not None
        self._identity = identity

    def __enter__(self) -> Self:
        self._write(0)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        count = 0
        while not self._over.wait(BEAT_S):
            count += 1
            try:
                self._write(count)
            except OSError:
                # A full disk must not look like a dead harness: the file's time changes without needing space.
                with contextlib.suppress(OSError):
                    os.utime(self._path)

    def _write(self, count: int) -> None:
        # Renamed, so that no reader sees half of it; not fsynced, since only another process of this machine has to see it.
        scratch = self._path.with_suffix(".writing")
        scratch.write_text(json.dumps({"pid": self._identity.pid, "started": self._identity.started, "count": count}), encoding="utf-8")
        scratch.replace(self._path)


@dataclass(frozen=True, slots=True)
class Beat:
    """One reading of a heartbeat."""

    harness: Identity
    count: int
    touched_ns: int = 0
    """When the file was last changed, by the file system's clock."""


def read(run: Path) -> Beat | None:
    """The newest heartbeat of a run's harness; ``None`` if there never was one, or if the file does not hold one."""
    harness = read_identity(run / FILE)
    with contextlib.suppress(OSError, ValueError):
        touched_ns = (run / FILE).stat().st_mtime_ns
        count = record_of((run / FILE).read_bytes()).get("count")
        if harness is not None and type(count) is int:
            return Beat(harness, count, touched_ns)
    return None


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a heartbeat is valid. Pure: the caller passes readings and instants (monotonic nanoseconds)."""

    seconds: float
    beat: Beat | None
    since_ns: int
    """When ``beat`` was first seen."""

    def renewed(self, beat: Beat | None, at_ns: int) -> Lease:
        """The lease after another reading: only a beat that differs renews it."""
        return self if beat == self.beat else Lease(self.seconds, beat, at_ns)

    def over(self, at_ns: int) -> bool:
        """Whether no new beat has come for longer than the lease."""
        return at_ns - self.since_ns > self.seconds * SECOND_NS
