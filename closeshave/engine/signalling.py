"""Signals to processes of containers. One to a container's first process is for the container as a whole, and the engine's to give."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress

from closeshave.engine.client import EngineFailed
from closeshave.engine.containers import FIRST, alive, execute, kill, pause, paused, unpause
from closeshave.engine.namespace import inner_pid

WHOLE = {signal.SIGKILL: kill, signal.SIGSTOP: pause}


def send(targets: Mapping[str, Iterable[int]], number: signal.Signals) -> set[int]:
    """Send a signal to processes, given by container and by their IDs on this machine; returns those that got it."""
    pids = {container: list(those) for container, those in targets.items()}
    if number == signal.SIGCONT:
        unpause([container for container in pids if paused(container)])
    reached: set[int] = set()
    if number in WHOLE:
        whole = [container for container, those in pids.items() if any(inner_pid(pid) == FIRST for pid in those)]
        WHOLE[number](whole)
        reached.update(pid for container in whole for pid in pids.pop(container))
    reached.update(pid for container, those in pids.items() for pid in those if _send(container, pid, number))
    return reached


def _send(container: str, pid: int, number: signal.Signals) -> bool:
    """To one process only. False when it has ended."""
    with suppress(ProcessLookupError):
        try:
            os.kill(pid, number)
        except PermissionError:
            return _send_from_inside(container, pid, number)
        return True
    return False


def _send_from_inside(container: str, pid: int, number: signal.Signals) -> bool:
    inside = inner_pid(pid)
    if inside is None or alive(container) is None:
        return False
    try:
        execute(container, ["kill", f"-{number.value}", str(inside)])
    except EngineFailed:
        if inner_pid(pid) is not None:
            raise
        return False
    return True
