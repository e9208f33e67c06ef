"""Starts many parts that wait for each other, in one thread: it checks in turn whether milestones are reached, and then starts what follows.

One thread, because it can be interrupted at any instant, and nothing is started after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from closeshave.environments.errors import EnvironmentFailed

PAUSE_S = 0.05
"""Seconds between rounds in which nothing was reached, because checking takes processor time from the starting parts."""
CHECK_S = 0.3
"""Seconds between checks for parts that have ended."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A condition to wait for, and what to do once it is true."""

    name: str
    lacking: Callable[[], str]
    """What it still lacks, in words; empty once it is reached."""
    after: tuple[str, ...] = ()
    """Names of the milestones that must be reached before this one is checked."""
    then: Callable[[], None] = lambda: None


def reach_all(
    milestones: Sequence[Milestone],
    check: Callable[[], None],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, float]:
    """Wait for every milestone; returns when each was reached, in seconds from now. ``check`` is called regularly and raises when a part has ended.

    Raises :class:`EnvironmentFailed` naming what was not reached after ``timeout_s`` seconds, and what each lacked when it was asked last.
    """
    start = checked = clock()
    reached: dict[str, float] = {}
    lacked: dict[str, str] = {}
    while len(reached) < len(milestones):
        progress = False
        for milestone in milestones:
            if milestone.name in reached or not all(name in reached for name in milestone.after):
                continue
            lacked[milestone.name] = milestone.lacking()
            if not lacked[milestone.name]:
                reached[milestone.name] = clock() - start
                milestone.then()
                progress = True
        if clock() - checked > CHECK_S:
            check()
            checked = clock()
        if clock() - start > timeout_s:
            waiting = [_told(milestone, lacked, reached) for milestone in milestones if milestone.name not in reached]
            raise EnvironmentFailed(f"not reached within {timeout_s:.0f} s: {'; '.join(waiting)}")
        if not progress:
            sleep(PAUSE_S)
    return reached


def _told(milestone: Milestone, lacked: Mapping[str, str], reached: Mapping[str, float]) -> str:
    """A milestone that was not reached: what it lacked last, or what it still waits for."""
    before = ", ".join(name for name in milestone.after if name not in reached)
    return f"{milestone.name} ({f'comes after {before}' if before else lacked.get(milestone.name, 'not asked yet')})"
