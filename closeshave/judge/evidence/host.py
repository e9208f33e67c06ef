"""How other programs on the machine disturbed the platform and the senders, from the machine's figures that were recorded once a second.

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
import numpy.typing as npt
import pandas as pd

from closeshave.judge.evidence.columns import Flags, Floats, Ints
from closeshave.judge.evidence.windows import Span

HELD = 0.05
"""Seconds of waiting per second that other programs caused. With less, neither can twenty requests per second wait 3 ms each, nor one of them 50 ms."""
OTHERS = 0.15
"""Share of the processor's busy time. Less is noise of the measurement or the system's own work, and too little to be the reason for a wait."""
STOLEN = 0.05
"""Share of the time in which a processor was needed."""
STALLED = 0.1
"""Share of the time in which some task waited for memory or storage."""
STALLED_HOST = 0.2
"""The same, where it is known only for the whole machine, so that the waiting tasks may be those of other programs."""
FAULTS_PER_S = 20.0
"""Pages that were read again from storage. A part that starts reads some hundreds, so they count only together with a shortage of memory."""
SCARCE = 0.05
"""Share of the machine's memory: with less of it left, all programs have to wait for memory."""
REMEMBERED_S = 30.0
"""The kernel writes changed pages to storage up to so much later (``vm.dirty_expire_centisecs``), so writes are summed over this time."""
LATE_S = 2.5
"""The sampler takes a sample every second. If one is this much later, the sampler or the whole machine could not run."""

IDLE = 0.1
"""Share of all cores' time, for the older rule: with more of it idle, no program waited."""

_TIMES = ["user_s", "system_s", "idle_s", "iowait_s", "steal_s"]
_ASIDE = frozenset({"host", "harness"})
"""The harness's own helpers: they may wait, and they do not count as other programs either."""
SENDERS = "locust"


@dataclass(frozen=True, slots=True)
class Doubt(Span):
    """A stretch of time in which other programs used the machine, and what they did."""

    cause: str = ""
    """A sentence such as ``other programs delayed the platform by 1.30 s of run-queue time per second``."""


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The record by intervals; arrays of one length, in time order."""

    ends_ns: Ints
    interval_s: Floats
    host: pd.DataFrame
    groups: pd.DataFrame
    """Of all groups but the host."""
    places: Ints
    """Of each row of the groups: its interval, or -1 where the host has none."""
    roles: npt.NDArray[np.str_]
    """Of each row of the groups."""

    def of_host(self, name: str) -> Floats:
        """A column of the host's rows; NaN where it was not recorded."""
        return _floats(self.host[name]) if name in self.host else np.full(len(self.host), np.nan)

    def summed(self, name: str, rows: Flags | None = None) -> Floats:
        """A column summed over groups; NaN where no group's is known."""
        places, values = self._known(name, rows)
        n = len(self.host)
        return np.where(np.bincount(places, minlength=n) > 0, np.bincount(places, weights=values, minlength=n), np.nan)

    def highest(self, name: str) -> Floats:
        """The worst group's."""
        places, values = self._known(name, None)
        found = np.full(len(self.host), -np.inf)
        np.maximum.at(found, places, values)
        return np.where(np.isneginf(found), np.nan, found)

    def _known(self, name: str, rows: Flags | None) -> tuple[Ints, Floats]:
        """The intervals and values of these rows, of those that have one."""
        if name not in self.groups:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        values = _floats(self.groups[name])
        known = ~np.isnan(values) & (self.places >= 0)
        known = known if rows is None else known & rows
        return self.places[known], values[known]

    def rows(self, roles: Iterable[str], *, but: bool = False) -> Flags:
        """Which group rows are of these roles, or of all others."""
        return np.isin(self.roles, list(roles), invert=but)


def _floats(column: pd.Series) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


@dataclass(frozen=True, slots=True)
class _Found:
    """Intervals that one cause disturbed, and what to say of each."""

    bad: Flags
    say: str
    """With one place for the figure."""
    figure: Floats


def disturbances(resources: pd.DataFrame | None, broken: Sequence[Span] = ()) -> tuple[Doubt, ...]:
    """The stretches in which other programs disturbed the platform or the senders, in time order and without overlap; none where nothing was recorded.

    ``broken`` is when faults of the plan were in effect: they may have stopped processes in that time. A stretch begins with the interval in which
    the disturbance was first seen; :mod:`closeshave.judge.evidence.backlog` finds how long it has an effect.
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
    """Stretches that touch are joined into one, which names each cause once, in time order, with its first figure."""
    merged: list[Doubt] = []
    for one in sorted(found, key=lambda each: (each.started_ns, each.ended_ns, each.cause)):
        if merged and one.started_ns <= merged[-1].ended_ns:
            last = merged[-1]
            told = last.cause.split("; ")
            # One cause lasts for many seconds with a different figure in each: the first one is shown.
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
    groups = resources[role != "host"]
    return _Seconds(
        ends_ns=host.index.to_numpy(dtype=np.int64),
        interval_s=host["interval_s"].to_numpy(dtype=np.float64),
        host=host,
        groups=groups,
        places=host.index.get_indexer(pd.Index(groups["at_ns"])),
        roles=role[role != "host"].to_numpy(dtype=np.str_),
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
    """Memory is short, a task of the platform or the senders waited for it, and other programs hold more of it than they do."""
    own, used = np.nan_to_num(seconds.summed("memory_bytes")), seconds.of_host("memory_bytes")
    available = seconds.of_host("memory_available_bytes")
    scarce = available / np.maximum(used + available, 1.0) < SCARCE
    stall = seconds.of_host("memory_stall_s") / seconds.interval_s
    pressed = np.where(np.isnan(stall), scarce, stall >= STALLED)
    bad = pressed & (scarce | _read_again(seconds)) & (used - own > own)
    return _Found(bad, "other programs used most of the memory: tasks waited for memory {:.2f} s per second", np.nan_to_num(stall))


def _read_again(seconds: _Seconds) -> Flags:
    """Whether tasks of the platform or the senders had to read evicted pages again."""
    found: Flags = np.nan_to_num(seconds.summed("major_faults")) / seconds.interval_s >= FAULTS_PER_S
    return found


def _storage(seconds: _Seconds) -> _Found:
    """Tasks of the platform or the senders waited for storage, and other programs moved more data than they did."""
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
    """From the sample before the first that saw a stopped process to the first that no longer does.

    The plan's own faults stop parts of the platform too.
    """
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


def _unrecorded(seconds: _Seconds, starts: Ints) -> list[Doubt]:
    """Gaps between intervals, of which nothing is known. Records of older versions are exempt."""
    if "delay_s" not in seconds.groups:
        return []
    gaps = np.flatnonzero(starts[1:] - seconds.ends_ns[:-1] >= round(LATE_S * 1e9))
    return [Doubt(int(seconds.ends_ns[place]), int(starts[place + 1]), "the use of the machine was not recorded") for place in gaps]
