"""Starts many Python programs with one import: an interpreter imports the modules that they share and forks a child for each.

On two cores, eight applications and eight Patronis would need half of the start to import the same modules. A child is the same as if
``processes.start`` had started it: its log, session and niceness, and its record. A later restart is done in the usual way from the same
:class:`Process`.
"""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from pydantic import TypeAdapter

from closeshave.control import processes, variables
from closeshave.control.local import rank_session
from closeshave.deployment import Process
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.logs import tail
from closeshave.environments.python import python_environ
from closeshave.environments.unprivileged import Wrapper

MODULES = MappingProxyType(
    {
        "patroni": ("patroni.__main__", "patroni.api", "patroni.ha", "patroni.postgresql", "patroni.dcs.etcd3"),
    }
)
"""The modules that the processes of a role import, besides those of the application."""

_CODEC = TypeAdapter(Process)


class Warm:
    """An interpreter that has imported ``modules`` and forks processes of the environment."""

    def __init__(self, root: Path, environment_id: str, name: str, modules: Sequence[str], words: Sequence[str] = ()) -> None:
        """Start it under the wrapper ``words``. Raises :class:`OSError`."""
        self._root, self._name = root, name
        with (root / "logs" / f"{name}.log").open("ab") as log:
            self._interpreter = subprocess.Popen(
                [*words, sys.executable, "-m", "closeshave.environments.warm", str(root), *modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=root,
                start_new_session=True,
                env={**variables.for_parts(), **python_environ(), processes.MARK: environment_id},
            )

    def start(self, process: Process) -> None:
        """Fork ``process``, a Python module with arguments, and record it. Raises :class:`EnvironmentFailed`."""
        assert self._interpreter.stdin is not None
        assert self._interpreter.stdout is not None
        try:
            self._interpreter.stdin.write(_CODEC.dump_json(process) + b"\n")
            self._interpreter.stdin.flush()
            answer = self._interpreter.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise EnvironmentFailed(f"{self._name} failed:\n{tail(self._root, self._name)}")
        processes.record(self._root, process, int(answer))

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._interpreter.poll() is None

    def close(self) -> None:
        """End the interpreter; the processes that it started go on."""
        self._interpreter.communicate()


class WarmStarter:
    """Starts the processes of an environment as plain processes, those in Python from warm interpreters."""

    def __init__(self, root: Path, environment_id: str, nobody: Wrapper, preload: Sequence[str] = ()) -> None:
        """``nobody``: how PostgreSQL, and so Patroni, is started. ``preload``: what the application's instances import, if they are to be forked."""
        self._root, self._id = root, environment_id
        self._modules = {**MODULES, "app": tuple(preload)}
        self._words = {"patroni": nobody.words}
        self._warm: dict[str, Warm] = {}
        self._started: list[Process] = []

    def expect(self, role: str) -> None:
        """Begin to import what processes of this role share."""
        if modules := self._modules[role]:
            self._warm[role] = Warm(self._root, self._id, f"warm-{role}", modules, self._words.get(role, ()))

    def start(self, process: Process) -> None:
        """Start it. Raises :class:`EnvironmentFailed` or :class:`OSError`."""
        if process.role in self._warm and "-m" in process.argv:
            self._warm[process.role].start(process)
        else:
            processes.start(self._root, self._id, process)
        self._started.append(process)

    def started(self) -> Sequence[Process]:
        """All processes that were started so far."""
        return self._started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the interpreters; after an error they end with the environment."""
        if kind is None:
            for warm in self._warm.values():
                warm.close()


def main() -> None:
    """Import, then fork a child for every process that is written to standard input, and answer with its ID."""
    root, modules = Path(sys.argv[1]), sys.argv[2:]
    for module in modules:
        importlib.import_module(module)
    # Shared pages stay shared: no garbage collection may write to memory that the children inherit.
    gc.collect()
    gc.freeze()
    for line in sys.stdin.buffer:
        process = _CODEC.validate_json(line)
        pid = os.fork()
        if pid == 0:
            break
        print(pid, flush=True)  # noqa: T201  the answer, on a pipe
    else:
        # Shared memory is not cleaned up: that would copy every page of it.
        os._exit(0)
    _become(root, process)


def _become(root: Path, process: Process) -> None:
    """Make this forked child the process ``process``."""
    os.setsid()
    os.nice(process.nice)
    rank_session(os.getpid(), process.nice)
    log = os.open(root / "logs" / f"{process.name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(log)
    os.close(nothing)
    os.environ.update(process.environ)
    if process.directory:
        os.chdir(process.directory)
    module, *arguments = process.argv[process.argv.index("-m") + 1 :]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
