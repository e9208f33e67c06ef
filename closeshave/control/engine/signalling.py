"""Signals to processes of containers. A signal to a container's first process is a signal to the whole container."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from closeshave.control.engine.client import EngineFailed
from closeshave.control.engine.containers import FIRST, alive, execute, kill, pause, paused, unpause
from closeshave.control.engine.namespace import inner_pid

DEAD_WITHIN_S = 0.3
"""A killed process has ended by then, unless it is frozen or this user may not kill it."""
LOOK_EVERY_S = 0.005


def send(targets: Mapping[str, Iterable[int]], number: signal.Signals) -> set[int]:
    """Send a signal to processes, given by container and by their IDs on this machine; returns those that got it."""
    pids = {container: list(those) for container, those in targets.items()}
    firsts = {container: pid for container, those in pids.items() for pid in those if inner_pid(pid) == FIRST}
    if number == signal.SIGKILL:
        return _kill(pids, firsts)
    if number == signal.SIGCONT:
        unpause([container for container in pids if paused(container)])
    reached: set[int] = set()
    if number == signal.SIGSTOP:
        pause(firsts)
        reached.update(pid for container in firsts for pid in pids.pop(container))
    reached.update(pid for container, those in pids.items() for pid in those if _send(container, pid, number))
    return reached


def _kill(pids: Mapping[str, list[int]], firsts: Mapping[str, int]) -> set[int]:
    """Kill whole containers by a signal of this process if permitted: all at once, while the engine would need time for each."""
    reached = {
        pid for container, those in pids.items() if container not in firsts for pid in those if _send(container, pid, signal.SIGKILL)
    }
    for pid in firsts.values():
        with suppress(PermissionError, ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + DEAD_WITHIN_S
    while (left := [container for container, pid in firsts.items() if inner_pid(pid) is not None]) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    kill(left)
    return reached | {pid for container in firsts for pid in pids[container]}


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
