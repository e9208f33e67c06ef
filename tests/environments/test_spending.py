"""Whose the CPU time is, when processes end between two looks: their own group's, never that of the program that waits for them."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.control import processes
from closeshave.environments.evidence import proctable, spending
from closeshave.environments.evidence.proctable import Entry
from closeshave.environments.evidence.spending import Owned

INIT = 1


def table(*rows: tuple[int, int, int, int], owners: dict[int, str] | None = None, ended: tuple[int, ...] = ()) -> Owned[str]:
    """From rows of process, parent, ticks of its own and ticks of the children that it waited for."""
    entries = {pid: Entry(pid, parent, pid, own, child_ticks=waited, ended=pid in ended) for pid, parent, own, waited in rows}
    return Owned(entries, {pid: owner for pid, owner in (owners or {}).items() if pid in entries})


DATABASE = {20: "database", 21: "database", 22: "database"}
BEFORE = table((INIT, 0, 10, 0), (20, INIT, 500, 300), (21, 20, 200, 0), (22, 20, 100, 0), (30, INIT, 50, 0), owners=DATABASE)
"""A postmaster with two backends, and another program, all children of init or below one."""


def test_a_killed_part_is_not_charged_to_the_program_that_waits_for_it() -> None:
    """Init gets all that the three have used since they started, and what they used since the last look is the database's."""
    after = table((INIT, 0, 11, 1100 + 15), (30, INIT, 50, 0))
    spent = spending.between(BEFORE, after)
    assert (spent.by_owner, spent.others) == ({"database": 15}, 1)


def test_a_part_that_ended_counts_until_it_was_waited_for() -> None:
    """Init may wait for them seconds later: until then their counters stand still, and afterwards nothing is new."""
    later = table(
        (INIT, 0, 10, 0),
        (20, INIT, 505, 300),
        (21, INIT, 207, 0),
        (22, INIT, 100, 0),
        (30, INIT, 50, 0),
        owners=DATABASE,
        ended=(20, 21, 22),
    )
    spent = spending.between(BEFORE, later)
    assert (spent.by_owner, spent.others) == ({"database": 12}, 0)
    spent = spending.between(later, table((INIT, 0, 10, 505 + 300 + 207 + 100), (30, INIT, 50, 0)))
    assert (spent.by_owner, spent.others) == ({}, 0)


def test_another_program_is_seen_in_the_second_of_a_kill() -> None:
    """What runs, and what was waited for by others than the one that took the orphans."""
    after = table((INIT, 0, 10, 1100 + 15), (30, INIT, 130, 40))
    assert spending.between(BEFORE, after).others == 80 + 40


def test_short_processes_count_with_the_one_that_started_them() -> None:
    """A platform that calls pg_rewind uses that time itself; a build's compilers are the build's."""
    before = table((INIT, 0, 0, 0), (40, INIT, 100, 50), (41, INIT, 100, 50), owners={40: "patroni"})
    after = table((INIT, 0, 0, 0), (40, INIT, 103, 90), (41, INIT, 104, 120), owners={40: "patroni"})
    spent = spending.between(before, after)
    assert (spent.by_owner, spent.others) == ({"patroni": 3 + 40}, 4 + 70)


def test_an_unexpected_program_may_take_the_orphans() -> None:
    """Some other program than init adopts the children of dead parents (a subreaper): what was known of them is not its own work."""
    after = table((INIT, 0, 10, 0), (30, INIT, 50, 1100 + 15))
    assert spending.between(BEFORE, after).others == 15


def test_a_circle_of_parents_ends() -> None:
    """IDs are used again while the table is read."""
    before = table((50, 51, 5, 0), (51, 50, 5, 0), owners={50: "app"})
    assert spending.between(before, table((INIT, 0, 0, 0))).others == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans(), st.booleans()), max_size=8))
def test_the_kernels_sums_are_divided_without_a_rest(parts: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever ends: what all have used since the last look is the sum over the owners and the others."""
    before, after, taken = [(INIT, 0, 0, 0)], [], 0
    owners: dict[int, str] = {}
    for pid, (used, more, ends, ours) in enumerate(parts, start=60):
        before.append((pid, INIT, used, 0))
        owners |= {pid: "app"} if ours else {}
        if ends:
            taken += used + more
        else:
            after.append((pid, INIT, used + more, 0))
    spent = spending.between(table(*before, owners=owners), table((INIT, 0, 0, taken), *after, owners=owners))
    assert spent.by_owner.total() + spent.others == sum(more for _, more, _, _ in parts)
    strangers = [more for _, more, _, ours in parts if not ours]
    assert spent.others <= sum(strangers)
    assert spent.others >= sum(more for _, more, ends, ours in parts if not ours and not ends)


BURN = """
import os, time
if not os.fork():
    while True: pass
time.sleep(60)
"""


@pytest.mark.thorough
def test_a_real_orphan_is_not_charged_to_its_new_parent() -> None:
    """A parent and its busy child are killed: whoever waits for the child, its second of work does not become that program's."""
    parent = subprocess.Popen([sys.executable, "-c", BURN])
    identity = processes.identify(parent.pid)
    assert identity is not None
    assert processes.poll_until(lambda: len(processes.descendants(identity)) == 2, 60)
    family = processes.descendants(identity)
    pids = [one.pid for one in family]

    def now() -> Owned[str]:
        entries = {pid: entry for pid, entry in proctable.table(ended=True).items() if pid in {INIT, *pids}}
        return Owned(entries, {pid: "ours" for pid in pids if pid in entries})

    try:
        assert processes.poll_until(lambda: proctable.table()[pids[1]].cpu_ticks >= proctable.TICKS_PER_S, 60)
    finally:
        before = now()
        # The child last: its parent can no longer wait for it.
        parent.kill()
        parent.wait()
        assert processes.gone(family[:1], 10) == []
        processes.send(family, signal.SIGKILL)
        assert processes.gone(family, 10) == []
    for _ in range(2):
        # Ended and not yet waited for, or not: neither must count for anyone else.
        after = now()
        assert spending.between(before, after).others < proctable.TICKS_PER_S / 2
        before = after
        processes.poll_until(lambda: not set(pids) & set(proctable.table(ended=True)), 5)
