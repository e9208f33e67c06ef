"""Starts several containers at a time: the engine needs long for each, but can start some at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from closeshave.control import processes
from closeshave.control.engine import EngineFailed
from closeshave.deployment import Process
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed

URGENT = frozenset({"etcd", "patroni"})
"""Roles that all others wait for: they never wait behind the others."""
AT_ONCE = 3
"""How many urgent containers are started at a time, and as many of the others."""
TELL_EVERY = 10


class ConcurrentStarter:
    """Starts the processes of an environment in containers, from two queues (urgent and others), each in order."""

    def __init__(self, root: Path, environment_id: str, say: Say) -> None:
        self._root, self._id, self._say = root, environment_id, say
        self._lanes = {urgent: ThreadPoolExecutor(AT_ONCE, "containers") for urgent in (True, False)}
        self._starting: dict[Future[processes.Identity], Process] = {}
        self._started: list[Process] = []

    def expect(self, role: str) -> None:
        """Does nothing: containers share nothing."""

    def start(self, process: Process) -> None:
        """Queue its start; :meth:`started` returns it once it runs."""
        lane = self._lanes[process.role in URGENT]
        self._starting[lane.submit(processes.start, self._root, self._id, process)] = process

    def started(self) -> Sequence[Process]:
        """The processes that run by now. Raises :class:`EnvironmentFailed` when one could not be started."""
        for future in [future for future in self._starting if future.done()]:
            process = self._starting.pop(future)
            try:
                future.result()
            except (EngineFailed, OSError) as error:
                raise EnvironmentFailed(f"{process.name} cannot be started: {error}") from None
            self._started.append(process)
            if len(self._started) % TELL_EVERY == 0:
                self._say(f"{len(self._started)} containers run")
        return self._started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for the starts in progress; after an error no queued start is begun any more."""
        for lane in self._lanes.values():
            lane.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self.started()
