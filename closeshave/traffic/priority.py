"""Gives senders a higher scheduling priority than the platform if both share processors: a late sender would measure its own delay."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path

from closeshave.traffic.runfiles import SenderKind

NICE = -10
"""A niceness below the platform's, for kernels and users without permission for real time."""
PRIORITY: dict[SenderKind, int] = {"customers": 1, "canary": 2}
"""Real-time priorities. Canaries send little, and must be on time even if the customers' senders use every processor."""
TIME_SHARED = (os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE)


class Priority(StrEnum):
    """The priority that a sender got."""

    REAL_TIME = "real-time"
    """It runs as soon as it is woken."""
    NICE = "nice"
    """It gets a larger share of the processors, but may wait some tens of milliseconds for the platform's threads."""
    NONE = "none"


def prefer(pid: int) -> None:
    """Give a process that was just started, and its later children, a lower niceness than the platform's, as far as this is permitted.

    Linux divides processors between sessions first ("autogroups", sched(7)), and a generator has its own session: a process's niceness counts only
    inside its session, so the session gets one too.
    """
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="utf-8")


def hasten(pid: int, kind: SenderKind) -> None:
    """Let the main thread of a sender run in real time if this is permitted; its other threads and its later children do not.

    A niceness divides time, but does not say when a thread runs: one busy thread in a container's control group delayed a sender with niceness -10 by
    36 ms. A real-time thread that never sleeps is held to 95 % of a processor by the kernel (``sched_rt_runtime_us``, sched(7)).
    """
    with contextlib.suppress(OSError):  # not permitted, no budget for it in this control group, or ended
        os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY[kind]))


def priority(pid: int) -> Priority:
    """The priority that this process really has; ``NONE`` also if it has ended."""
    try:
        if os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK not in TIME_SHARED:
            return Priority.REAL_TIME
        return Priority.NICE if os.getpriority(os.PRIO_PROCESS, pid) < 0 else Priority.NONE
    except ProcessLookupError:
        return Priority.NONE
