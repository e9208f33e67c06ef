"""SIGTERM and a lost terminal end pytest as Ctrl-C does: what fixtures started is ended too.

By default both signals end the process at once, and an environment of a fixture stays up.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

STOPPING = (signal.SIGTERM, signal.SIGHUP)
_WORKERS: list[int] = []
"""IDs of the processes of ``pytest -n``. pytest-xdist would give them no chance to end what their fixtures started."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_newgateway(gateway: Any) -> None:
    """Note the worker's process."""
    _WORKERS.append(gateway._rinfo().pid)  # as pytest-xdist itself does


def pytest_configure() -> None:
    """Install the handlers; a signal that the caller ignores (SIGHUP under ``nohup``) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    stopping = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:  # a second signal does not disturb the clean-up; Ctrl-C and SIGKILL still do
            stopping = True
            for worker in _WORKERS:
                with suppress(ProcessLookupError):
                    os.kill(worker, number)
            raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")

    # Who starts pytest with SIGHUP ignored (nohup) wants it to go on without a terminal.
    mine = [number for number in STOPPING if signal.getsignal(number) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, stop)
    _default_in_forked_children(mine, stop)


def _default_in_forked_children(numbers: Collection[signal.Signals], ours: Callable[[int, FrameType | None], None]) -> None:
    """A child that is forked is ended by the signals, as it is without this module, also in its first moments, when Python forgets signals."""
    before: list[set[int]] = []

    def block() -> None:
        before.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, numbers)))

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.pop())

    def reset() -> None:
        for number in numbers:
            if signal.getsignal(number) is ours:
                signal.signal(number, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=reset)
