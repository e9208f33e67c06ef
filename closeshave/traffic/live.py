"""What a running load has recorded since the last look: the rows, counts by place, response times, and the effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import TypeAdapter

from closeshave.deployment import Deployment
from closeshave.history import PROXY, RATE_LIMITED, SHORTAGE, Effect, Source, ids
from closeshave.loadgen.growing import Growing, Spool
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import OK
from closeshave.traffic.runfiles import RECORDS

BOOK = "book"
"""The operation that makes a booking."""
_EFFECT = TypeAdapter(Effect)


@dataclass(frozen=True, slots=True)
class Tally:
    """Operations of one sender in one region and shard that ended since the last call."""

    source: str
    region: str
    """The region of the edge."""
    shard: int
    count: int
    bad: int
    """The number of those whose customer did not get the promised answer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What customers of one region and shard got since the last look."""

    region: str
    """Whose edge was entered."""
    shard: int
    response_ms: npt.NDArray[np.float64]
    """Of each answer, from the instant at which its customer wanted it."""
    bad: int
    """Those that were not the promised answer."""
    bookings: int
    """Bookings that were acknowledged."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows of one worker, as they were recorded."""

    source: str
    texts: Sequence[str]
    """What the codes in the rows stand for, from 1."""
    rows: Rows

    def text(self, code: int) -> str:
        """What a code in a row stands for; empty for none."""
        return self.texts[code - 1] if 0 < code <= len(self.texts) else ""


def void(serving: Deployment) -> frozenset[str]:
    """Errors of operations that say nothing about this platform: where customers share one address, a rate limit may refuse one customer for what
    another did."""
    shared = "forwarded_for" in serving.missing or not serving.capabilities.forwarded_for
    return frozenset({SHORTAGE, PROXY, RATE_LIMITED} if shared else {SHORTAGE, PROXY})


class Live:
    """Reads each record once; no sender ever waits for it."""

    def __init__(self, run: Path, void: Collection[str] = (), rows_max: int | None = None) -> None:
        """``void`` are errors of operations that say nothing about the platform; these are not counted. Of each worker at most ``rows_max`` rows are read
        at a time."""
        self._spool = Spool(run / RECORDS)
        self._void = frozenset(void)
        self._rows_max = rows_max
        self._batches: tuple[RowBatch, ...] = ()

    def read(self) -> tuple[RowBatch, ...]:
        """What was recorded since the last call of this or of :meth:`tallies`, one batch for each worker. Raises :class:`OSError`."""
        self._batches = tuple(
            RowBatch(worker.source, worker.texts, _said(worker, worker.new_rows(self._rows_max), self._void))
            for worker in self._spool.workers()
        )
        return self._batches

    def tallies(self) -> tuple[Tally, ...]:
        """Counts of operations that were recorded since the last call, by sender, region and shard. Raises :class:`OSError`."""
        totals: Counter[tuple[str, str, int]] = Counter()
        bad: Counter[tuple[str, str, int]] = Counter()
        for batch in self.read():
            for place, count, wrong in _counted(batch):
                totals[place] += count
                bad[place] += wrong
        return tuple(Tally(*place, count, bad[place]) for place, count in sorted(totals.items()))

    def answers(self) -> tuple[Answers, ...]:
        """Of the same operations, what customers got: of each worker by region and shard."""
        return answers(self._batches)

    def effects(self, actions: Collection[str]) -> tuple[Effect, ...]:
        """The effects of these actions that were written since the last call, in each worker's order."""
        return tuple(effect for worker in self._spool.workers() for effect in _new_effects(worker, actions))


def _said(worker: Growing, rows: Rows, void: Collection[str]) -> Rows:
    """Those that say something of the platform."""
    unsaid = [code for code, text in enumerate(worker.texts, start=1) if text in void]
    return rows[~np.isin(rows["error"], unsaid)] if unsaid else rows


def answers(batches: Iterable[RowBatch]) -> tuple[Answers, ...]:
    """What customers got: of each worker by region and shard."""
    return tuple(answer for batch in batches if batch.source == Source.CUSTOMERS for answer in _answers(batch))


def _answers(batch: RowBatch) -> Iterator[Answers]:
    rows = batch.rows
    booked = (rows["outcome"] == OK) & np.isin(rows["kind"], [code for code, text in enumerate(batch.texts, start=1) if text == BOOK])
    for region, shard, here in _placed(rows):
        response_ms = (rows["ended_ns"][here] - rows["intended_ns"][here]) / 1e6
        bad, bookings = (int(np.count_nonzero(one[here])) for one in (rows["good"] == 0, booked))
        yield Answers(batch.text(region), shard, response_ms, bad, bookings)


def _counted(batch: RowBatch) -> Iterator[tuple[tuple[str, str, int], int, int]]:
    """Sender, region and shard, with the number of rows and how many of them are not good."""
    for region, shard, here in _placed(batch.rows):
        yield (batch.source, batch.text(region), shard), int(np.count_nonzero(here)), int(np.count_nonzero(batch.rows["good"][here] == 0))


def _placed(rows: Rows) -> Iterator[tuple[int, int, npt.NDArray[np.bool_]]]:
    """Each region's code and shard that occur, with which rows are theirs."""
    # One number for both: sorting numbers is several times faster than sorting rows.
    places = rows["region"].astype(np.uint32) << 16 | rows["shard"].view(np.uint16)
    for place in np.unique(places).tolist():
        yield place >> 16, (place & 0xFFFF) - (0x10000 if place & 0x8000 else 0), places == place


def _new_effects(worker: Growing, actions: Collection[str]) -> list[Effect]:
    found = []
    for line in worker.effects.new():
        # What does not fit is recorded for the judges; the display of a running load does not need it.
        with suppress(ValueError, KeyError, TypeError):
            told = orjson.loads(line)
            if told["action"] in actions:
                found.append(_EFFECT.validate_python(told | {name: ids.number(told.get(name)) for name in ("booking", "barber")}))
    return found
