"""The share of a load machine: got ready, sent by this machine's own generator, stopped, and handed over as files. Speaks to nobody."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from closeshave import private
from closeshave.clock import now_ns
from closeshave.files import write_atomically
from closeshave.machines import planfiles
from closeshave.machines.messages import MachineStanding, PrepareShare, Stage
from closeshave.machines.planfiles import FilesDiffer
from closeshave.machines.recordfiles import LOG, SUFFIXES
from closeshave.machines.sums import FileSums, sums_of
from closeshave.traffic import redealing, runfiles
from closeshave.traffic.generator import STOP_TIMEOUT_S, Generator
from closeshave.traffic.load import ACCOUNTS_FILE, Load, of_json
from closeshave.traffic.redealing import Redeals

READY_S = 120.0
DISK_BYTES_FULL = 1 << 16
"""With less than this free a disk takes no batch of records."""


class MachineShare:
    """What one load machine sends in one run."""

    def __init__(self, place: Path, plan_directory: Path) -> None:
        """``place`` is the directory of the records, which does not exist yet."""
        self.place, self._plan_directory = place, plan_directory
        self.standing = MachineStanding("joined")
        self._generator: Generator | None = None
        self._ready_by_ns = 0
        self._why_stopped = ""
        self._kill_at_ns: int | None = None
        self._granted_ns = -1

    @property
    def idle(self) -> bool:
        """Whether nothing of it runs."""
        return self.standing.stage in {"joined", "ended", "failed"}

    @property
    def begun(self) -> bool:
        """Whether it has a directory with records."""
        return self._generator is not None

    def prepare(self, wanted: PrepareShare, accounts: bytes) -> None:
        """Start the generator, which then waits for :meth:`go`. What is in the way becomes the standing."""
        try:
            load = planfiles.placed(of_json(wanted.load), self._plan_directory)
            other = planfiles.difference(planfiles.digests(load, self._plan_directory), wanted.files)
            if other:
                self._stand("failed", other)
                return
            self._generator = Generator.start("customers", self._kept(load, wanted.authority, accounts))
        except (FilesDiffer, ValueError, OSError) as error:
            self._stand("failed", str(error))
            return
        self._ready_by_ns = now_ns() + int(READY_S * 1e9)
        self._stand("preparing")

    def grant(self, until_ns: int | None) -> None:
        """The senders may begin what is due before this instant, in nanoseconds after the load's start; ``None``: no such bound. It only ever grows."""
        if until_ns is None or until_ns <= self._granted_ns or self._generator is None:
            return
        # Replaced as a whole: a sender that reads it meanwhile must not see another number. A full disk grants nothing, and is said elsewhere.
        lease = runfiles.lease_file(self.place)
        scratch = lease.with_suffix(".writing")
        with suppress(OSError):
            scratch.write_text(str(until_ns), encoding="ascii")
            scratch.replace(lease)
            self._granted_ns = until_ns

    def deal_again(self, steps: Redeals) -> None:
        """Which lost shares were dealt again: all steps so far."""
        if self._generator is None:
            return
        try:
            redealing.save(runfiles.redeals_file(self.place), steps)
        except OSError as error:
            self.stop(f"what it takes over cannot be written: {error}")

    def go(self, start_ns: int) -> None:
        """Start the load at this instant of this machine's clock."""
        if self._generator is not None and self.standing.stage == "ready":
            self._generator.go(start_ns)
            self._stand("sending")

    def end(self) -> None:
        """The load is over for everybody, earlier than planned."""
        if self._generator is not None:
            self._generator.end()

    def stop(self, why: str) -> None:
        """Send nothing more, and record what is in flight; what does not stop is killed by :meth:`look`."""
        if self._generator is None or self.idle or self._kill_at_ns is not None:
            return
        self._why_stopped = why
        self._kill_at_ns = now_ns() + int((STOP_TIMEOUT_S - 1.0) * 1e9)
        if self._generator.poll() is None:
            self._generator.process.send_signal(signal.SIGTERM)

    def look(self) -> None:
        """Renew the lease of the load, and see what has become of its generator."""
        generator = self._generator
        if generator is None or self.idle:
            return
        with suppress(OSError):
            os.utime(runfiles.lease_file(self.place))
        if self._kill_at_ns is not None and now_ns() > self._kill_at_ns:
            generator.stop()
        code = generator.poll()
        if code is not None:
            self._ended(generator, code)
        elif self.standing.stage == "preparing" and all(runfiles.ready_file(self.place, name).exists() for name in generator.names):
            # All are there, so this does not wait.
            generator.wait_ready(1.0)
            self._stand("ready", priority=generator.priority.value)
        elif self.standing.stage == "preparing" and now_ns() > self._ready_by_ns:
            generator.stop()

    def leave(self) -> None:
        """End whatever runs, and forget the accounts. The records stay."""
        if self._generator is not None:
            self._generator.stop()
        with suppress(OSError):
            private.forget(self.place)

    def files(self) -> dict[str, Path]:
        """Everything that is ever handed over, by name: no name that another machine says becomes a path."""
        if self._generator is None:
            return {}
        spool = self.place / runfiles.RECORDS
        found = {f"{name}{suffix}": spool / f"{name}{suffix}" for name in self._generator.names for suffix in SUFFIXES}
        return {**found, LOG: self._generator.log}

    def sums(self) -> dict[str, FileSums]:
        """The checksums of all files that are there. Takes a second for half a gigabyte. Raises :class:`OSError`."""
        return {name: sums_of(path) for name, path in self.files().items() if path.is_file()}

    def _kept(self, load: Load, authority: str, accounts: bytes) -> Load:
        """The load with this machine's paths, and the files that it needs. Raises :class:`OSError`."""
        self.place.mkdir(parents=True)
        own = private.make(self.place)
        write_atomically(own / ACCOUNTS_FILE, accounts, 0o600)
        if authority:
            write_atomically(self.place / "authority.pem", authority)
        lease = runfiles.lease_file(self.place)
        lease.parent.mkdir()
        lease.touch()
        trusted = str(self.place / "authority.pem") if authority else ""
        return replace(load, run=str(self.place), tokens=str(own / ACCOUNTS_FILE), authority=trusted)

    def _ended(self, generator: Generator, code: int) -> None:
        # Locust's master does not wait for its workers.
        generator.stop()
        if self.standing.stage in {"preparing", "ready"}:
            told = [path(self.place, name) for name in generator.names for path in (runfiles.refused_file, runfiles.failed_file)]
            said = next((path.read_text(encoding="utf-8").strip() for path in told if path.exists()), "")
            said = said or self._why_stopped or f"its load generator ended with code {code}; see {generator.log} there"
            self._stand("failed", said, code=code)
            return
        reason = self._why_stopped or (f"its load generator ended with code {code}" if code else "")
        # The cause, whoever noticed it first: a sender that cannot write its records may also wait until it is stopped.
        reason = self._full() or reason
        self._stand("ended", reason, code=code, early=bool(reason))

    def _full(self) -> str:
        with suppress(OSError):
            if shutil.disk_usage(self.place).free < DISK_BYTES_FULL:
                return f"its disk is full: {self.place}"
        return ""

    def _stand(self, stage: Stage, reason: str = "", priority: str | None = None, code: int | None = None, *, early: bool = False) -> None:
        kept = self.standing.priority if priority is None else priority
        self.standing = MachineStanding(stage, reason[:2000], kept, code, early)
