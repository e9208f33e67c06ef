"""Limits the CPU of a process and its children: they run only for a share of each period, by SIGSTOP and SIGCONT.

``python -m closeshave.faults.helpers.squeeze PID STARTED SHARE PERIOD_S AT_NS LASTS_S``. Limits by the kernel (cgroups) need privileges. The effect
is the same: the process keeps its connections and answers late.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.control.processes import Identity, send
from closeshave.faults.waiting import SECOND_NS, wait_until


def main(target: Identity, share: float, period_s: float, at_ns: int, lasts_s: float) -> None:
    """From the monotonic nanosecond ``at_ns`` on, until told to end, ``lasts_s`` seconds have passed or the target has ended."""
    held: list[int] = []
    try:
        wait_until(at_ns)
        # The parent first and last: while it is stopped it starts no child and reaps none, so that no child's ID is reused.
        while now_ns() < at_ns + round(lasts_s * SECOND_NS) and send([target], signal.SIGSTOP):
            held = children(target.pid)
            _signal(held, signal.SIGSTOP)
            time.sleep(period_s * (1 - share))
            _signal(held, signal.SIGCONT)
            send([target], signal.SIGCONT)
            time.sleep(period_s * share)
    finally:
        _signal(held, signal.SIGCONT)
        send([target], signal.SIGCONT)


def children(pid: int) -> list[int]:
    """The process IDs of a process's children, of one with a single thread; empty when it has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    return []


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pid, started, share, period_s, at_ns, lasts_s = sys.argv[1:]
    main(Identity(int(pid), float(started)), float(share), float(period_s), int(at_ns), float(lasts_s))
