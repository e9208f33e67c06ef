"""Starts processes of experiments at almost no cost during the load: one process imports everything before, and forks for each fault.

An interpreter that imports Chaos Toolkit and the catalogue uses a processor for about two seconds. Just before an injection, this would change the
figures by which the fault is judged.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.control import variables
from closeshave.control.processes import Identity, identify, send
from closeshave.faults.runmark import RUN_MARK, mark
from closeshave.files.plaintext import log_end

READY_WITHIN_S = 60.0
KNOWN_WITHIN_S = 5.0
"""How long a stop waits for the process that it has to stop."""
END_WITHIN_S = 5.0
LOOK_EVERY_S = 0.05
UNKNOWN_CODE = -signal.SIGKILL
"""The exit code of a process that has ended when the server that could report its code has ended too."""


class NoServer(RuntimeError):
    """The fork server does not run or does not answer; the message says which."""


@dataclass(slots=True)
class ForkServer:
    """The fork server of one trial, as the trial holds it."""

    process: subprocess.Popen[bytes]
    log: Path
    ready: bool = False
    _rest: bytes = b""
    _pids: dict[str, int] = field(default_factory=dict)
    _codes: dict[int, int] = field(default_factory=dict)

    @classmethod
    def start(cls, run: Path, withheld: Iterable[str] = (), module: str = "closeshave.faults.forking") -> ForkServer:
        """Start it; it is ready after about two seconds. Its log is ``RUN/logs/faults.log``.

        ``withheld`` names variables with secrets that faults do not need. ``module`` imports everything and forks. Raises :class:`OSError`.
        """
        path = run / "logs" / "faults.log"
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={**variables.without(withheld), RUN_MARK: mark(run)},
            )
        return cls(process, path)

    def wait_ready(self) -> None:
        """Wait until everything is imported. Raises :class:`NoServer`."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.ready and self._read(max(0.0, deadline - time.monotonic())):
            pass
        if not self.ready:
            code = self.process.poll()
            how = (
                f"was not ready within {READY_WITHIN_S:g} s and still runs"
                if code is None
                else f"ended before it was ready (exit code {code})"
            )
            raise NoServer(f"the fork server {how}; {log_end(self.log)}")

    def fork(self, order: Path) -> Forked:
        """A process for the order in this file, at once or as soon as the server can. Raises :class:`NoServer` if the server cannot fork."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(os.fsencode(order) + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError) as error:
            raise NoServer(f"the fork server accepts no orders: {error}") from None
        return Forked(self, str(order))

    def pid(self, order: str, timeout_s: float = 0.0) -> int | None:
        """The process of this order; ``None`` when there is none within ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while order not in self._pids and self._read(max(0.0, deadline - time.monotonic())):
            pass
        return self._pids.get(order)

    def code(self, pid: int) -> int | None:
        """The exit code of a forked process; ``None`` while it is unknown."""
        while self._read(0.0):
            pass
        return self._codes.get(pid)

    def kill(self) -> None:
        """End the server at once: orders that it has not started are never started."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End the server. Forked processes go on."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(END_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()

    def _read(self, timeout_s: float) -> bool:
        """Take the next line into account; ``False`` when none came in time, or none will come."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self.process.stdout], [], [], timeout_s)
            data = os.read(self.process.stdout.fileno(), 65_536) if readable else b""
            if not data:
                return False
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        match os.fsdecode(line).split(" ", 2):
            case ["ready"]:
                self.ready = True
            case ["started", pid, order]:
                self._pids[order] = int(pid)
            case ["ended", pid, code]:
                self._codes[int(pid)] = int(code)
        return True


@dataclass(slots=True)
class Forked:
    """A process that the fork server started, with the same methods as :class:`subprocess.Popen`."""

    server: ForkServer
    order: str
    _identity: Identity | None = None

    def poll(self) -> int | None:
        """Its exit code; ``None`` while it runs or has not started yet."""
        # In this order: the end of a process is reported after it has ended, and before the server ends.
        gone = self._gone() and self.server.process.poll() is not None
        pid = self.server.pid(self.order)
        code = None if pid is None else self.server.code(pid)
        return UNKNOWN_CODE if code is None and gone else code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises :class:`subprocess.TimeoutExpired` after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(f"the experiment of {self.order}", timeout or 0.0)
            time.sleep(LOOK_EVERY_S)
        return code

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._known(KNOWN_WITHIN_S) is None:
            # A server that hangs would start it later, at an unplanned time.
            self.server.kill()
        if (identity := self._known(0.0)) is not None:
            send([identity], number)

    def _known(self, timeout_s: float) -> Identity | None:
        """Its identity, as soon as it is known. A later process with the same ID is told apart if this was called while the first one ran."""
        if self._identity is None and (pid := self.server.pid(self.order, timeout_s)) is not None and self.server.code(pid) is None:
            self._identity = identify(pid)
        return self._identity

    def _gone(self) -> bool:
        identity = self._known(0.0)
        return identity is None or not identity.alive
