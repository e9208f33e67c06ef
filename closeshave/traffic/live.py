"""What a running load has recorded since the last look: counts by place, response times, and the effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import TypeAdapter

from closeshave.history import Effect, Source, ids
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
    """What customers of one region got since the last look."""

    region: str
    """Whose edge was entered."""
    response_ms: npt.NDArray[np.float64]
    """Of each answer, from the instant at which its customer wanted it."""
    bad: int
    """Those that were not the promised answer."""
    bookings: int
    """Bookings that were acknowledged."""


class Live:
    """Reads each record once; no sender ever waits for it."""

    def __init__(self, run: Path, void: Collection[str] = ()) -> None:
        """``void`` are errors of operations that say nothing about the platform; these are not counted."""
        self._spool = Spool(run / RECORDS)
        self._void = frozenset(void)
        self._answers: list[Answers] = []

    def tallies(self) -> tuple[Tally, ...]:
        """Counts of operations that were recorded since the last call, by sender, region and shard."""
        totals: Counter[tuple[str, str, int]] = Counter()
        bad: Counter[tuple[str, str, int]] = Counter()
        self._answers.clear()
        for worker in self._spool.workers():
            rows = _new_rows(worker, self._void)
            for place, count, wrong in _counted(worker, rows):
                totals[place] += count
                bad[place] += wrong
            if worker.source == Source.CUSTOMERS:
                self._answers += _answers(worker, rows)
        return tuple(Tally(*place, count, bad[place]) for place, count in sorted(totals.items()))

    def answers(self) -> tuple[Answers, ...]:
        """Of the same operations, what customers got: of each worker by region."""
        return tuple(self._answers)

    def effects(self, actions: Collection[str]) -> tuple[Effect, ...]:
        """The effects of these actions that were written since the last call, in each worker's order."""
        return tuple(effect for worker in self._spool.workers() for effect in _new_effects(worker, actions))


def _new_rows(worker: Growing, void: Collection[str]) -> Rows:
    """Those that say something of the platform."""
    rows = worker.new_rows()
    unsaid = [code for code, text in enumerate(worker.texts, start=1) if text in void]
    return rows[~np.isin(rows["error"], unsaid)] if unsaid else rows


def _answers(worker: Growing, rows: Rows) -> Iterator[Answers]:
    booked = (rows["outcome"] == OK) & np.isin(rows["kind"], [code for code, text in enumerate(worker.texts, start=1) if text == BOOK])
    for code in np.unique(rows["region"]):
        here = rows["region"] == code
        response_ms = (rows["ended_ns"][here] - rows["intended_ns"][here]) / 1e6
        yield Answers(
            worker.text(int(code)), response_ms, int(np.count_nonzero(rows["good"][here] == 0)), int(np.count_nonzero(booked[here]))
        )


def _counted(worker: Growing, rows: Rows) -> Iterator[tuple[tuple[str, str, int], int, int]]:
    """Sender, region and shard, with the number of rows and how many of them are not good."""
    places, which = np.unique(rows[["region", "shard"]], return_inverse=True)
    counts = np.bincount(which, minlength=len(places))
    bad = np.bincount(which, weights=rows["good"] == 0, minlength=len(places))
    for place, count, wrong in zip(places, counts, bad, strict=True):
        yield (worker.source, worker.text(int(place["region"])), int(place["shard"])), int(count), int(wrong)


def _new_effects(worker: Growing, actions: Collection[str]) -> list[Effect]:
    found = []
    for line in worker.effects.new():
        # What does not fit is recorded for the judges; the display of a running load does not need it.
        with suppress(ValueError, KeyError, TypeError):
            told = orjson.loads(line)
            if told["action"] in actions:
                found.append(_EFFECT.validate_python(told | {name: ids.number(told.get(name)) for name in ("booking", "barber")}))
    return found
