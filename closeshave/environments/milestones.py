"""Start many parts that wait for each other, in one thread: milestones are asked in turn whether they are reached, and start what follows.

One thread, because it can be interrupted at any instant and then nothing goes on starting things.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from closeshave.environments.errors import EnvironmentFailed

PAUSE_S = 0.05
"""Between rounds in which nothing was reached: asking takes processor time from those who are starting."""
CHECK_S = 0.3
"""How often is looked for parts that died."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something to wait for, and what to do once it is there."""

    name: str
    reached: Callable[[], bool]
    after: tuple[str, ...] = ()
    """Names of the milestones that come before: until they are reached this one is not asked."""
    then: Callable[[], None] = lambda: None


def reach_all(
    milestones: Sequence[Milestone],
    check: Callable[[], None],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, float]:
    """Reach every milestone; returns when, in seconds from now. ``check`` is called now and then, and raises when a part died.

    Raises :class:`EnvironmentFailed` naming what was not reached after ``timeout_s`` seconds.
    """
    start = checked = clock()
    reached: dict[str, float] = {}
    while len(reached) < len(milestones):
        progress = False
        for milestone in milestones:
            if milestone.name in reached or not all(name in reached for name in milestone.after):
                continue
            if milestone.reached():
                reached[milestone.name] = clock() - start
                milestone.then()
                progress = True
        if clock() - checked > CHECK_S:
            check()
            checked = clock()
        if clock() - start > timeout_s:
            waiting = [milestone.name for milestone in milestones if milestone.name not in reached]
            raise EnvironmentFailed(f"not reached within {timeout_s:.0f} s: {', '.join(waiting)}")
        if not progress:
            sleep(PAUSE_S)
    return reached
