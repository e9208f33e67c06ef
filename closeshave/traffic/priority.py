"""Scheduling priority of senders over the platform, where both share processors: a late sender would measure its own delay."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path

from closeshave.traffic.runfiles import SenderKind

NICE = -10
"""Better than the platform's, for kernels and users that permit no more."""
PRIORITY: dict[SenderKind, int] = {"customers": 1, "canary": 2}
"""Among real-time threads. Canaries are few, and must be on time when the customers' senders keep every processor busy."""
TIME_SHARED = (os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE)


class Priority(StrEnum):
    """The priority that a sender got."""

    REAL_TIME = "real-time"
    """It runs as soon as it is woken."""
    NICE = "nice"
    """A larger share: it may still wait some tens of milliseconds for the platform's."""
    NONE = "none"


def prefer(pid: int) -> None:
    """Give a process that was just started, and those that it will start, a better niceness than the platform's, as far as is permitted.

    Linux shares processors out among sessions first ("autogroups", sched(7)), and a generator has a session of its own: there its nice value
    counts only inside it, so the session gets one too.
    """
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="utf-8")


def hasten(pid: int, kind: SenderKind) -> None:
    """Let the main thread of a sender run in real time, where that is permitted; its other threads, and what it starts later, do not.

    A niceness divides time, and says nothing of when: one busy thread in a container's control group kept a sender of niceness -10 waiting
    for 36 ms. A real-time thread that never sleeps is held to 95 % of a processor by the kernel (``sched_rt_runtime_us``, sched(7)).
    """
    with contextlib.suppress(OSError):  # not ours to set, no budget for it in this control group, or gone
        os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY[kind]))


def priority(pid: int) -> Priority:
    """What this process really has; none, too, when it is gone."""
    try:
        if os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK not in TIME_SHARED:
            return Priority.REAL_TIME
        return Priority.NICE if os.getpriority(os.PRIO_PROCESS, pid) < 0 else Priority.NONE
    except ProcessLookupError:
        return Priority.NONE
