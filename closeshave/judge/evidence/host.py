"""How other programs on the machine disturbed the platform and the senders, from what was recorded once a second.

The question is not how busy the machine was, but which processes had to wait, and because of which others. A build at niceness 19 uses every idle
second of a processor and delays no other program; a platform that starts more work than two processors can do delays itself, with or without other
programs. So a second counts as disturbed only if both are true:

* *one of our processes waited*: threads that could have run were in the queue of a processor (run-queue delay), pages had to be read again, storage did
  not answer, a process was stopped;
* *other programs caused it*: while a thread waits, another one runs. The share that other programs caused is their share of the processor's busy time.
  For memory it is decided by which programs hold most of it, for storage by which move most data.

Time that the hypervisor takes away (steal) always counts as caused by others. A sampler that could not run for seconds is evidence by itself, unless the
platform's own work explains it. Where the run-queue delay was not recorded, an older and coarser rule holds: hardly anything was idle, and others
took much of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.judge.evidence.windows import Span

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HELD = 0.05
"""Seconds of waiting a second by the effect of other programs. Less cannot make twenty requests a second wait 3 ms each, nor one of them 50 ms."""
OTHERS = 0.15
"""Of the processor's busy time: less is noise of the measurement, the system's own housekeeping, and too little to be why anybody waited."""
STOLEN = 0.05
"""Of the time in which a processor was wanted."""
STALLED = 0.1
"""Of the time some task stood still for lack of memory or storage."""
STALLED_HOST = 0.2
"""The same, where only the whole machine tells of it, and it may be the others' own tasks that stood still."""
FAULTS_PER_S = 20.0
"""Pages that were read again from storage. A part that starts reads some hundreds, so only beside a shortage do they tell anything."""
SCARCE = 0.05
"""Of the machine's memory: with less of it left everybody has to wait for it."""
REMEMBERED_S = 30.0
"""What was written is written to storage up to so much later (``vm.dirty_expire_centisecs``): who writes most is asked over so long."""
LATE_S = 2.5
"""The sampler looks every second. One that came so much later could not run, or its whole machine stood still."""

IDLE = 0.1
"""Of all cores' time, for the old rule: with more of it left nobody waited."""

_TIMES = ["user_s", "system_s", "idle_s", "iowait_s", "steal_s"]
_ASIDE = frozenset({"host", "harness"})
"""Not timed: the harness's own helpers may wait. They are no strangers either."""
SENDERS = "locust"


@dataclass(frozen=True, slots=True)
class Doubt(Span):
    """A stretch in which other programs took the machine, with what they did."""

    cause: str = ""
    """In words: ``other programs delayed the platform by 1.30 s of run-queue time per second``."""


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The record by intervals; arrays of one length, in time order."""

    ends_ns: NDArray[np.int64]
    interval_s: Floats
    host: pd.DataFrame
    groups: pd.DataFrame
    """Of all groups but the host."""

    def of_host(self, name: str) -> Floats:
        """A column of the host's rows; NaN where it was not recorded."""
        return self.host[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in self.host else np.full(len(self.host), np.nan)

    def summed(self, name: str, rows: pd.Series | None = None) -> Floats:
        """A column summed over groups; NaN where no group's is known."""
        return self._of_groups(name, rows, "sum")

    def highest(self, name: str) -> Floats:
        """The worst group's."""
        return self._of_groups(name, None, "max")

    def _of_groups(self, name: str, rows: pd.Series | None, how: str) -> Floats:
        if name not in self.groups:
            return np.full(len(self.host), np.nan)
        chosen = self.groups if rows is None else self.groups[rows]
        by = chosen.groupby("at_ns")[name]
        found = by.sum(min_count=1) if how == "sum" else by.max()
        return found.reindex(self.host.index).to_numpy(dtype=np.float64, na_value=np.nan)

    def rows(self, roles: Iterable[str], *, but: bool = False) -> pd.Series:
        """Which group rows are of these roles, or of all others."""
        found: pd.Series = self.groups["role"].astype(str).isin(list(roles))
        return ~found if but else found


@dataclass(frozen=True, slots=True)
class _Found:
    """Intervals that one cause disturbed, and what to say of each."""

    bad: Flags
    say: str
    """With one place for the figure."""
    figure: Floats


def disturbances(resources: pd.DataFrame | None, broken: Sequence[Span] = ()) -> tuple[Doubt, ...]:
    """The stretches in which others disturbed us, in time order and apart from each other; none where nothing was recorded.

    ``broken`` is when faults of ours were in effect: what was stopped then may have been stopped by them. A stretch begins with the interval in
    which something was noticed; :mod:`closeshave.judge.evidence.backlog` finds how long it has an effect.
    """
    if resources is None or not len(resources):
        return ()
    seconds = _seconds(resources)
    if not len(seconds.host):
        return ()
    starts = seconds.ends_ns - np.round(seconds.interval_s * 1e9).astype(np.int64)
    found = []
    for one in _causes(seconds, broken):
        with np.errstate(invalid="ignore"):
            for place in np.flatnonzero(one.bad):
                found.append(Doubt(int(starts[place]), int(seconds.ends_ns[place]), one.say.format(one.figure[place])))  # noqa: PERF401
    return joined([*found, *_unrecorded(seconds, starts)])


def joined(found: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Stretches that touch as one, which says all that was done in it once, in time order, each by its first figure."""
    merged: list[Doubt] = []
    for one in sorted(found, key=lambda each: (each.started_ns, each.ended_ns, each.cause)):
        if merged and one.started_ns <= merged[-1].ended_ns:
            last = merged[-1]
            told = last.cause.split("; ")
            # One cause goes on for many seconds with another figure each: the first stands for all.
            new = [cause for cause in one.cause.split("; ") if _kind(cause) not in set(map(_kind, told))]
            merged[-1] = replace(last, ended_ns=max(last.ended_ns, one.ended_ns), cause="; ".join([*told, *new]))
        else:
            merged.append(one)
    return tuple(merged)


def _kind(cause: str) -> str:
    return "".join(letter for letter in cause if not letter.isdigit())


def _seconds(resources: pd.DataFrame) -> _Seconds:
    role = resources["role"].astype(str)
    host = resources[role == "host"].drop_duplicates("at_ns").set_index("at_ns").sort_index()
    return _Seconds(
        ends_ns=host.index.to_numpy(dtype=np.int64),
        interval_s=host["interval_s"].to_numpy(dtype=np.float64),
        host=host,
        groups=resources[role != "host"],
    )


def _causes(seconds: _Seconds, broken: Sequence[Span]) -> Iterator[_Found]:
    with np.errstate(invalid="ignore", divide="ignore"):
        yield from _processor(seconds)
        yield _stolen(seconds)
        yield _memory(seconds)
        yield _storage(seconds)
        yield from _stopped(seconds, broken)
        yield _late(seconds)


def _processor(seconds: _Seconds) -> Iterator[_Found]:
    own, others = np.nan_to_num(seconds.summed("cpu_s")), seconds.of_host("others_s")
    share = others / np.maximum(own + others, 1e-9)
    known = np.zeros(len(share), dtype=np.bool_)
    for who, rows in (("the platform", seconds.rows({*_ASIDE, SENDERS}, but=True)), ("the senders", seconds.rows({SENDERS}))):
        held = seconds.summed("delay_s", rows) * share / seconds.interval_s
        known |= ~np.isnan(held)
        # While one of our threads waits, another thread runs; how often that is another program's, their share of the processor time says.
        yield _Found((held >= HELD) & (share >= OTHERS), f"other programs delayed {who} by {{:.2f}} s of run-queue time per second", held)
    capacity = sum((seconds.of_host(name) for name in _TIMES), start=np.zeros(len(share)))
    taken = (seconds.of_host("user_s") + seconds.of_host("system_s") - own) / capacity + seconds.of_host("steal_s") / capacity
    starved = ~known & (seconds.of_host("idle_s") / capacity < IDLE) & (taken > OTHERS)
    yield _Found(starved, "other programs used {:.0%} of the processor time and left hardly any idle", taken)


def _stolen(seconds: _Seconds) -> _Found:
    steal = np.nan_to_num(seconds.of_host("steal_s"))
    share = steal / np.maximum(seconds.of_host("user_s") + seconds.of_host("system_s") + steal, 1e-9)
    bad = (share >= STOLEN) & (steal / seconds.interval_s >= HELD)
    return _Found(bad, "the hypervisor took {:.0%} of the processor time that was needed", share)


def _memory(seconds: _Seconds) -> _Found:
    """Memory is short, one of our tasks waited for it, and other programs hold more of it than ours do."""
    own, used = np.nan_to_num(seconds.summed("memory_bytes")), seconds.of_host("memory_bytes")
    available = seconds.of_host("memory_available_bytes")
    scarce = available / np.maximum(used + available, 1.0) < SCARCE
    stall = seconds.of_host("memory_stall_s") / seconds.interval_s
    pressed = np.where(np.isnan(stall), scarce, stall >= STALLED)
    bad = pressed & (scarce | _read_again(seconds)) & (used - own > own)
    return _Found(bad, "other programs used most of the memory: tasks waited for memory {:.2f} s per second", np.nan_to_num(stall))


def _read_again(seconds: _Seconds) -> Flags:
    """Whether our tasks had to read evicted pages again."""
    found: Flags = np.nan_to_num(seconds.summed("major_faults")) / seconds.interval_s >= FAULTS_PER_S
    return found


def _storage(seconds: _Seconds) -> _Found:
    """Our tasks waited for storage, and other programs moved more data than ours did."""
    own = _recently(seconds, np.nan_to_num(seconds.summed("read_bytes")) + np.nan_to_num(seconds.summed("written_bytes")))
    moved = _recently(seconds, np.nan_to_num(seconds.of_host("read_bytes")) + np.nan_to_num(seconds.of_host("written_bytes")))
    blocked, stall = seconds.summed("blocked_s"), seconds.highest("io_stall_s")
    wide = seconds.of_host("io_stall_s")
    wide = np.where(np.isnan(wide), seconds.of_host("iowait_s"), wide)
    # A task that uses no storage does not wait for it, however long the queue is.
    asked = (own > 0) | _read_again(seconds)
    waited = np.where(
        ~np.isnan(blocked),
        blocked / seconds.interval_s >= HELD,
        np.where(~np.isnan(stall), stall / seconds.interval_s >= STALLED, asked & (wide / seconds.interval_s >= STALLED_HOST)),
    )
    figure = np.where(~np.isnan(blocked), blocked, np.where(~np.isnan(stall), stall, wide)) / seconds.interval_s
    return _Found(waited & (moved - own > own), "other programs kept the storage busy: tasks waited for it {:.2f} s per second", figure)


def _recently(seconds: _Seconds, moved: Floats) -> Floats:
    """Sums over the last half minute."""
    total = np.concatenate([[0.0], np.cumsum(moved)])
    first = np.searchsorted(seconds.ends_ns, seconds.ends_ns - round(REMEMBERED_S * 1e9), side="right")
    found: Floats = total[1:] - total[first]
    return found


def _stopped(seconds: _Seconds, broken: Sequence[Span]) -> Iterator[_Found]:
    """From the sample before the first that saw it to the first that no longer does. Our own faults stop parts of the platform too."""
    for who, rows in (("senders", seconds.rows({SENDERS})), ("parts of the platform", seconds.rows({*_ASIDE, SENDERS}, but=True)),
                      ("helpers of the harness", seconds.rows({"harness"}))):  # fmt: skip
        count = np.nan_to_num(seconds.summed("stopped", rows))
        seen = count > 0
        if who == "parts of the platform":
            for span in broken:
                seen &= ~((seconds.ends_ns >= span.started_ns) & (seconds.ends_ns - seconds.interval_s * 1e9 <= span.ended_ns))
        after = np.concatenate([[False], seen[:-1]])
        yield _Found(seen | after, f"another program stopped {who}", count)


def _late(seconds: _Seconds) -> _Found:
    """A sampler that was late because of the platform's own work is not evidence of other programs."""
    own, others = np.nan_to_num(seconds.summed("cpu_s")), np.nan_to_num(seconds.of_host("others_s"))
    capacity = sum((seconds.of_host(name) for name in _TIMES), start=np.zeros(len(own)))
    by_itself = (seconds.of_host("idle_s") / capacity < IDLE) & (others / np.maximum(own + others, 1e-9) < OTHERS)
    return _Found((seconds.interval_s >= LATE_S) & ~by_itself, "the resource sampler could not run for {:.1f} s", seconds.interval_s)


def _unrecorded(seconds: _Seconds, starts: NDArray[np.int64]) -> list[Doubt]:
    """Gaps between intervals: nothing is known of them. Records of older versions are exempt."""
    if "delay_s" not in seconds.groups:
        return []
    gaps = np.flatnonzero(starts[1:] - seconds.ends_ns[:-1] >= round(LATE_S * 1e9))
    return [Doubt(int(seconds.ends_ns[place]), int(starts[place + 1]), "the use of the machine was not recorded") for place in gaps]
