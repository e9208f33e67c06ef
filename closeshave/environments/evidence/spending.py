"""Who used the processor between two looks at the process table: groups, other programs, or the kernel; also processes that have ended since.

The kernel adds the whole CPU time of an ended process to the parent that waited for it, and a process whose parent has died is waited for by another
program, such as ``init``. Without care, a killed PostgreSQL would count as seconds of ``init``, in the second in which ``init`` waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic

from closeshave.environments.evidence.proctable import Entry, Incarnation, Owner


@dataclass(frozen=True, slots=True)
class Owned(Generic[Owner]):
    """The process table at one instant with the owners of processes; also of those that have ended and were not yet waited for."""

    entries: Mapping[int, Entry]
    owners: Mapping[int, Owner]


@dataclass(frozen=True, slots=True)
class Spent(Generic[Owner]):
    """Ticks of CPU time between two instants."""

    by_owner: Counter[Owner] = field(default_factory=Counter)
    others: int = 0
    """Of processes without an owner."""
    kernel: int = 0
    """Of the kernel's own threads."""


def between(before: Owned[Owner], after: Owned[Owner]) -> Spent[Owner]:
    """Who spent what. What a process waited for counts with that process, without what its ended children had used by the first look.

    If processes of an owner ended and another program waited for them, then what they used since the first look is not known by itself. All that this
    program waited for in that time and that had been in no table counts with that owner.
    """
    earlier = {entry.incarnation: entry for entry in before.entries.values()}
    now = {entry.incarnation for entry in after.entries.values()}
    counted: Counter[int] = Counter()
    adopted: dict[int, Owner] = {}
    for entry in (entry for incarnation, entry in earlier.items() if incarnation not in now):
        waiting = _who_waited(entry, before.entries, now)
        counted[waiting] += entry.cpu_ticks + entry.child_ticks
        if not entry.ended and entry.pid in before.owners and waiting not in after.owners:
            adopted.setdefault(waiting, before.owners[entry.pid])
    by_owner: Counter[Owner] = Counter()
    others = kernel = unseen_of_others = 0
    for entry in after.entries.values():
        then = earlier.get(entry.incarnation)
        own = entry.cpu_ticks - (then.cpu_ticks if then else 0)
        waited_for = entry.child_ticks - (then.child_ticks if then else 0)
        told = min(waited_for, counted[entry.pid]) if then else 0
        counted[entry.pid] -= told
        owner = after.owners.get(entry.pid)
        if entry.kernel:
            kernel += own
            continue
        if owner is None:
            others += own
        else:
            by_owner[owner] += own
        heir = adopted.get(entry.pid) if owner is None else owner
        if heir is None:
            unseen_of_others += waited_for - told
        else:
            by_owner[heir] += waited_for - told
    # Somebody else than expected waited for these: most likely a program that adopts the children of dead parents.
    return Spent(by_owner, others + max(0, unseen_of_others - counted.total()), kernel)


def _who_waited(entry: Entry, before: Mapping[int, Entry], now: Collection[Incarnation]) -> int:
    """The process that most likely waited for one that has ended: its nearest ancestor that has not ended too."""
    pid, passed = entry.parent, {entry.pid}
    while pid in before and before[pid].incarnation not in now and pid not in passed:
        passed.add(pid)
        pid = before[pid].parent
    return pid
