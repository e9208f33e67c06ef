"""What a running load has recorded since the last call: counts by region and shard, and effects.

The only reader of files that are still being written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from pydantic import TypeAdapter

from closeshave.history import Effect, ids
from closeshave.loadgen.records import RecordFiles
from closeshave.loadgen.rows import DTYPE, HEADER, ROW
from closeshave.traffic.runfiles import RECORDS

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


@dataclass(slots=True)
class _Worker:
    """How far one worker's files were read."""

    files: RecordFiles
    source: str
    rows_at: int = HEADER.size
    effects_at: int = 0
    texts: list[str] = field(default_factory=list)
    texts_at: int = 0


class Live:
    """Reads each record once; no sender ever waits for it."""

    def __init__(self, run: Path, void: Collection[str] = ()) -> None:
        """``void`` are errors of operations that say nothing about the platform; these are not counted."""
        self._directory = run / RECORDS
        self._void = frozenset(void)
        self._workers: dict[Path, _Worker] = {}

    def tallies(self) -> tuple[Tally, ...]:
        """Counts of operations that were recorded since the last call, by sender, region and shard."""
        totals: Counter[tuple[str, str, int]] = Counter()
        bad: Counter[tuple[str, str, int]] = Counter()
        for worker in self._known():
            for place, count, wrong in _counted(worker, self._void):
                totals[place] += count
                bad[place] += wrong
        return tuple(Tally(*place, count, bad[place]) for place, count in sorted(totals.items()))

    def effects(self, actions: Collection[str]) -> tuple[Effect, ...]:
        """The effects of these actions that were written since the last call, in each worker's order."""
        return tuple(effect for worker in self._known() for effect in _new_effects(worker, actions))

    def _known(self) -> list[_Worker]:
        for path in sorted(self._directory.glob("*.rows")):
            if path not in self._workers and path.stat().st_size >= HEADER.size:
                with path.open("rb") as file:
                    source = HEADER.unpack(file.read(HEADER.size))[3].rstrip(b"\0").decode()
                self._workers[path] = _Worker(RecordFiles.of(path.parent, path.stem), source)
        return list(self._workers.values())


def _counted(worker: _Worker, void: Collection[str]) -> Iterator[tuple[tuple[str, str, int], int, int]]:
    """Sender, region and shard, with the number of new rows, and how many of them are not good."""
    with worker.files.rows.open("rb") as file:
        file.seek(worker.rows_at)
        data = file.read()
    # An incomplete row is left for the next reading.
    whole = len(data) - len(data) % ROW.size
    worker.rows_at += whole
    rows = np.frombuffer(data[:whole], DTYPE)
    # Only now: a row's texts are always written before it.
    _read_texts(worker)
    unsaid = [code for code, text in enumerate(worker.texts, start=1) if text in void]
    if unsaid:
        rows = rows[~np.isin(rows["error"], unsaid)]
    places, which = np.unique(rows[["region", "shard"]], return_inverse=True)
    counts = np.bincount(which, minlength=len(places))
    bad = np.bincount(which, weights=rows["good"] == 0, minlength=len(places))
    for place, count, wrong in zip(places, counts, bad, strict=True):
        code = int(place["region"])
        region = worker.texts[code - 1] if 0 < code <= len(worker.texts) else ""
        yield (worker.source, region, int(place["shard"])), int(count), int(wrong)


def _read_texts(worker: _Worker) -> None:
    lines, worker.texts_at = _whole_lines(worker.files.texts, worker.texts_at)
    worker.texts += [line.decode("utf-8", "replace") for line in lines]


def _new_effects(worker: _Worker, actions: Collection[str]) -> list[Effect]:
    lines, worker.effects_at = _whole_lines(worker.files.effects, worker.effects_at)
    found = []
    for line in lines:
        # What does not fit is recorded for the judges; the display of a running load does not need it.
        with suppress(ValueError, KeyError, TypeError):
            told = orjson.loads(line)
            if told["action"] in actions:
                found.append(_EFFECT.validate_python(told | {name: ids.number(told.get(name)) for name in ("booking", "barber")}))
    return found


def _whole_lines(path: Path, at: int) -> tuple[list[bytes], int]:
    """The complete lines after the byte ``at``, and where the next one begins."""
    with path.open("rb") as file:
        file.seek(at)
        data = file.read()
    whole = data.rfind(b"\n") + 1
    return data[:whole].split(b"\n")[:-1], at + whole
