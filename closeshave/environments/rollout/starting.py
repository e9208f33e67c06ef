"""Starts the processes of a rollout: instances are forked from one interpreter where that is the same, because its imports are what takes the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.environments.warm import Warm


class Starting:
    """Starts processes of one environment, from any thread."""

    def __init__(self, deployment: Deployment) -> None:
        """Begin to import what the instances share. Raises :class:`OSError`."""
        self._root, self._id = Path(deployment.root), deployment.id
        self._turn = Lock()
        modules = deployment.application.preload
        here = all(process.container is None for process in deployment.processes if process.role == "app")
        self._warm = Warm(self._root, self._id, "warm-app", modules) if modules and here else None

    @property
    def alive(self) -> bool:
        """Whether its interpreter can still fork instances; true where it needs none."""
        return self._warm is None or self._warm.alive

    def start(self, process: Process) -> None:
        """Start it. Raises :class:`OSError`, :class:`closeshave.environments.errors.EnvironmentFailed`, and
        :class:`closeshave.control.machine.MachineFailed`."""
        if self._warm is None or process.role != "app" or "-m" not in process.argv:
            processes.start(self._root, self._id, process)
            return
        with self._turn:
            self._warm.start(process)

    def close(self) -> None:
        """End the interpreter; the processes that it started go on."""
        if self._warm is not None:
            self._warm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """As :meth:`close`."""
        self.close()


class KeptInterpreter:
    """Keeps the interpreter of a rollout for the next one of the same environment. After a rollout that failed, the next one has a new one."""

    def __init__(self) -> None:
        """Without one: the first rollout starts it."""
        self._starting: Starting | None = None
        self._environment = ""

    @contextmanager
    def of(self, deployment: Deployment) -> Iterator[Starting]:
        """What starts the processes of a rollout. Raises :class:`OSError`."""
        if self._starting is None or self._environment != deployment.id or not self._starting.alive:
            self.close()
            self._starting, self._environment = Starting(deployment), deployment.id
        try:
            yield self._starting
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it, if there is one; the processes that it started go on."""
        if self._starting is not None:
            self._starting.close()
        self._starting = None
