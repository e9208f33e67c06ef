"""The processes of a measurement: servers with a constant answer, and Locust on the load engine. Whoever ends, however, leaves none of them running.

The servers end when their standard input does, which the kernel sees to. A generator's load ends by itself after a stated time.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from closeshave.capacity.loadmachine import answering, orders
from closeshave.capacity.loadmachine.orders import GeneratorOrder
from closeshave.control import variables
from closeshave.control.processes import poll_until
from closeshave.traffic import ports, priority

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
TAIL_LINES = 15
LOCUST_FILE = Path(__file__).with_name("customers.py")


class CannotMeasure(Exception):
    """This machine cannot be measured, or a process of the measurement failed; the message says why."""


@dataclass(frozen=True, slots=True)
class AnswersCounted:
    """What all servers have counted since they were started."""

    requests: int
    read_bytes: int
    written_bytes: int
    open: int
    """Connections that are open now."""


@dataclass(slots=True)
class Answerers:
    """Servers that share one port on loopback."""

    port: int
    _servers: list[subprocess.Popen[bytes]]

    @property
    def url(self) -> str:
        """Their base URL."""
        return f"http://{answering.HOST}:{self.port}"

    def counted(self) -> AnswersCounted:
        """All counts so far. Raises :class:`CannotMeasure` when a server has ended."""
        for server in self._servers:
            self._write(server)
        sums = dict.fromkeys(("requests", "read_bytes", "written_bytes", "open"), 0)
        for server in self._servers:
            counts = json.loads(_line(server))
            sums = {name: value + counts[name] for name, value in sums.items()}
        return AnswersCounted(**sums)

    @staticmethod
    def _write(server: subprocess.Popen[bytes]) -> None:
        assert server.stdin is not None
        try:
            server.stdin.write(b"\n")
            server.stdin.flush()
        except OSError:
            raise CannotMeasure("the server that answers has ended") from None


@contextmanager
def answerers(count: int, scratch: Path) -> Iterator[Answerers]:
    """So many servers, until the end of the block. If this process is killed, the first one removes ``scratch``. Raises :class:`CannotMeasure`."""
    with ExitStack() as stack:
        port = ports.free()
        servers = []
        for index in range(count):
            command = [
                sys.executable,
                "-m",
                "closeshave.capacity.loadmachine.answering",
                str(port),
                *([str(scratch)] if index == 0 else []),
            ]
            server = subprocess.Popen(
                command, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
            stack.callback(_end, server)
            servers.append(server)
        for server in servers:
            if _line(server).strip() != answering.READY.encode():
                raise CannotMeasure(f"the server that answers could not be started: {_errors(server)}")
        yield Answerers(port, servers)


@dataclass(slots=True)
class MachineLoad:
    """One load generator: Locust, alone or with workers. Use as a context manager: at its end it is stopped, whatever happened."""

    user: str
    """The class of :mod:`.customers`."""
    url: str
    told: GeneratorOrder
    scratch: Path
    """Where its records and its log go; records are below ``records/``."""
    lasts_s: float
    """It ends by itself at the latest after so many seconds of load."""
    workers: int = 1
    users: int = 1
    hasty: bool = False
    """Whether its workers go before other programs, as in a trial, as far as this is permitted."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def records(self) -> Path:
        """The directory of its records."""
        return self.scratch / "records"

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        assert self._process is not None
        return self._process.poll() is not None

    def family(self) -> list[psutil.Process]:
        """All its processes; the first is the only one, or the workers' master."""
        assert self._process is not None
        with suppress(psutil.Error):
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def hasten(self) -> None:
        """Let its workers go before other programs."""
        if self.hasty:
            for worker in self.senders():
                priority.hasten(worker.pid, "customers")

    def senders(self) -> list[psutil.Process]:
        """The processes that send."""
        if self.workers > 1:
            return self.family()[1:]
        assert self._process is not None
        with suppress(psutil.Error):
            return [psutil.Process(self._process.pid)]
        return []

    def failed(self) -> CannotMeasure:
        """That it ended too early, with the end of its log."""
        text = (self.scratch / "log").read_text(encoding="utf-8", errors="replace")
        last = "\n".join(text.splitlines()[-TAIL_LINES:])
        return CannotMeasure(f"the load generator ended too early; its log ends with:\n{last}")

    def wait(self) -> None:
        """Until it ends by itself. Raises :class:`CannotMeasure` where it failed, or does not end."""
        assert self._process is not None
        try:
            code = self._process.wait(self.lasts_s + START_TIMEOUT_S + STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise CannotMeasure(f"the load generator did not end within {self.lasts_s + START_TIMEOUT_S + STOP_TIMEOUT_S:.0f} s") from None
        if code != 0:
            raise self.failed()

    def __enter__(self) -> Self:
        self.scratch.mkdir(parents=True)
        with (self.scratch / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=_environment() | orders.variables(self.told),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # Locust itself raises the limit to ten thousand only.
        with suppress(ProcessLookupError):
            resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (most := resource.getrlimit(resource.RLIMIT_NOFILE)[1], most))
        if self.hasty:
            priority.prefer(self._process.pid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            poll_until(lambda: self.ended, STOP_TIMEOUT_S)
        # Its session has its own process group, in which its workers are too.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _command(self) -> list[str]:
        options = ["--headless", "--only-summary", "--loglevel", "WARNING", "--exit-code-on-error", "0", "--host", self.url]
        options += ["--users", str(self.users), "--spawn-rate", str(self.users), "--run-time", f"{self.lasts_s:.0f}s"]
        options += ["--records", str(self.records)]
        if self.workers > 1:
            port = str(ports.free())
            options += ["--master-bind-host", ports.LOOPBACK, "--master-bind-port", port, "--master-host", ports.LOOPBACK]
            options += ["--master-port", port, "--processes", str(self.workers)]
        return [sys.executable, "-m", "closeshave.traffic.bare_locust", "-f", str(LOCUST_FILE), *options, self.user]


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="closeshave-load-", ignore_cleanup_errors=True) as place:
        yield Path(place)


def files_max() -> int:
    """The hard limit of open files of a process, at most a thousand million."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 10**9 if most == resource.RLIM_INFINITY else min(most, 10**9)


def _environment() -> dict[str, str]:
    given = {name: value for name, value in variables.without(()).items() if not name.startswith(("LOCUST_", orders.PREFIX))}
    package = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, [package, given.get("PYTHONPATH")]))
    return {**given, "PYTHONPATH": path}


def _line(server: subprocess.Popen[bytes]) -> bytes:
    """The next line that a server says. Raises :class:`CannotMeasure` when it has ended, or says nothing."""
    assert server.stdout is not None
    # It says one line at a time, and only when it is asked: nothing is left in the buffer.
    ready = select.select([server.stdout], [], [], START_TIMEOUT_S)[0]
    line = server.stdout.readline() if ready else b""
    if not line:
        raise CannotMeasure(f"the server that answers has ended: {_errors(server)}")
    return line


def _errors(server: subprocess.Popen[bytes]) -> str:
    assert server.stderr is not None
    server.kill()
    return server.stderr.read().decode(errors="replace").strip().rpartition("\n")[2] or "it says nothing"


def _end(server: subprocess.Popen[bytes]) -> None:
    server.kill()
    server.wait()
    for stream in (server.stdin, server.stdout, server.stderr):
        if stream is not None:
            stream.close()
