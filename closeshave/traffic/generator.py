"""Starts and stops a load generator for the trial: Locust in subprocesses, so that this process is not patched by gevent; they communicate by files
in the run directory.

One process, or Locust's own master with as many workers as the plan says. A worker that dies does not end the load: its records show it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.control import variables
from closeshave.control.processes import Identity, gone, identify, poll_until, send
from closeshave.files import write_atomically
from closeshave.files.shipped import locate
from closeshave.traffic import ports, priority, runfiles
from closeshave.traffic.load import FILE, Load
from closeshave.traffic.priority import Priority
from closeshave.traffic.runfiles import SenderKind

STOP_TIMEOUT_S = 4.0
TAIL_LINES = 15
MODELS: Mapping[SenderKind, str] = {"customers": "CustomerModel", "canary": "CanaryModel"}
"""The class of each Locust file that sends."""
OWN_MODELS: Mapping[str, str] = {"open": "OwnOpenModel", "closed": "OwnClosedModel", "canary": "OwnCanaryModel"}
"""The classes of ``locustfiles/own.py``, which run a Locust file of the user's own: by model, and for canaries."""

_LOCUSTFILES = Path(__file__).parent / "locustfiles"


class GeneratorFailed(Exception):
    """A generator ended before it was ready, or could not be started; the message has the end of its log, unless the load does not fit the platform:
    then it says what in the plan would."""


@dataclass(slots=True)
class Generator:
    """Locust's process, its workers, and the files through which they are controlled."""

    kind: SenderKind
    run: Path
    log: Path
    process: subprocess.Popen[bytes]
    """The only process, or the workers' master."""
    names: tuple[str, ...]
    """The names of the workers."""
    workers: tuple[Identity, ...] = field(default=())
    """The workers' processes, once they are ready."""

    @classmethod
    def start(cls, kind: SenderKind, load: Load) -> Generator:
        """Start the generator of this kind for ``load``; it then waits for :meth:`go`. Raises :class:`OSError`."""
        load.save()
        return cls.launch(kind, load)

    @classmethod
    def launch(cls, kind: SenderKind, load: Load) -> Generator:
        """Start its process, which imports what it needs and waits until ``load`` is saved. Raises :class:`OSError`."""
        run = Path(load.run)
        log = run / "logs" / f"traffic-{kind}.log"
        log.parent.mkdir(exist_ok=True)
        runfiles.go_file(run, kind).parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                _command(kind, load),
                # What a user's own file opens, it names from where the user is.
                cwd=run if load.traffic.locust is None else None,
                env=_environment(run, load),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        priority.prefer(process.pid)
        count = _processes(kind, load)
        return cls(kind, run, log, process, tuple(runfiles.worker(kind, load.placed(index, count)[0]) for index in range(count)))

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until all workers are ready to start.

        Raises :class:`GeneratorFailed` when one fails, or when they are not ready after ``timeout_s``.
        """
        ready = [runfiles.ready_file(self.run, name) for name in self.names]
        failed = [runfiles.failed_file(self.run, name) for name in self.names]
        refused = [runfiles.refused_file(self.run, name) for name in self.names]

        def over() -> bool:
            return self.process.poll() is not None or any(path.exists() for path in (*failed, *refused))

        poll_until(lambda: all(path.exists() for path in ready) or over(), timeout_s)
        if over() or not all(path.exists() for path in ready):
            missing = ", ".join(name for name, path in zip(self.names, ready, strict=True) if not path.exists())
            what = "ended before it was ready" if over() else f"is not ready after {timeout_s:g} s (not yet: {missing})"
            self.stop()
            if reason := next((path.read_text(encoding="utf-8").strip() for path in refused if path.exists()), ""):
                raise GeneratorFailed(reason)
            told = next((path.read_text(encoding="utf-8") for path in failed if path.exists()), "")
            raise GeneratorFailed(f"the load generator for {self.kind} {what}; {told or 'its log ends with:'}\n{self._tail()}")
        self.workers = tuple(filter(None, (identify(int(path.read_text(encoding="utf-8"))) for path in ready)))
        # Not before: until then it may wait for other programs.
        for worker in self.workers:
            priority.hasten(worker.pid, self.kind)

    @property
    def priority(self) -> Priority:
        """The lowest priority of its workers."""
        held = {priority.priority(worker.pid) for worker in self.workers}
        return next((each for each in reversed(Priority) if each in held), Priority.NONE)

    def go(self, start_ns: int) -> None:
        """Start the load at this instant of the monotonic clock, in nanoseconds."""
        write_atomically(runfiles.go_file(self.run, self.kind), str(start_ns))

    def end(self) -> None:
        """The load is over, earlier than planned: it sends nothing more, and ends by itself as at the planned end."""
        write_atomically(runfiles.end_file(self.run, self.kind), "")

    def poll(self) -> int | None:
        """The exit code, ``None`` while it runs."""
        return self.process.poll()

    def finish(self, timeout_s: float) -> int:
        """Wait for it to end by itself, stop it after ``timeout_s``; returns the exit code (negative: the signal that killed it)."""
        poll_until(lambda: self.process.poll() is not None, timeout_s)
        return self.stop()

    def stop(self) -> int:
        """End it: it stops sending at once, records requests in flight and exits; if not, it is killed. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if not poll_until(lambda: self.process.poll() is not None, STOP_TIMEOUT_S):
                self.process.kill()
        code = self.process.wait()
        # A master does not wait for its workers, and one that was killed cannot stop them: they notice by themselves.
        send(gone(self.workers, STOP_TIMEOUT_S), signal.SIGKILL)
        return code

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace", encoding="utf-8").splitlines()[-TAIL_LINES:])


def _command(kind: SenderKind, load: Load) -> list[str]:
    own = load.traffic.locust
    files = [str(_LOCUSTFILES / f"{kind if own is None else 'own'}.py")]
    model = MODELS[kind] if own is None else OWN_MODELS[own.model if kind == "customers" else kind]
    if own is None and kind == "customers":
        files.insert(0, str(scenario(load.traffic.scenario)))
    options = ["--headless", "--only-summary", "--users", "1", "--spawn-rate", "1", "--exit-code-on-error", "0"]
    options += ["--host", next(iter(load.edges.values()))] if own is not None else []
    if (processes := _processes(kind, load)) > 1:
        port = str(ports.free())
        master = ["--master-bind-host", ports.LOOPBACK, "--master-bind-port", port, "--master-host", ports.LOOPBACK, "--master-port", port]
        options += ["--processes", str(processes), *master]
    return [sys.executable, "-m", "closeshave.traffic.bare_locust", "-f", ",".join(files), *options, model]


def _processes(kind: SenderKind, load: Load) -> int:
    return load.traffic.processes if kind == "customers" else 1


def scenario(name: str) -> Path:
    """The Locust file of this name below ``scenarios/``. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return locate("scenarios", name, ".py")


def _environment(run: Path, load: Load) -> dict[str, str]:
    given = {name: value for name, value in variables.without(load.withheld).items() if not name.startswith("LOCUST_")}
    if load.authority and load.traffic.locust is not None:
        # What a user's own file opens, by Python's own TLS or by requests, trusts the environment's authority too.
        given |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), load.authority)
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, given.get("PYTHONPATH")]))
    return {**given, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", runfiles.VARIABLE: str(run / FILE), runfiles.STARTER: str(os.getpid())}
