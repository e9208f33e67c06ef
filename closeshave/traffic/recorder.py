"""The booking journeys' operations and effects in the engine's records: their :class:`closeshave.traffic.session.Recorder`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from closeshave.history import Effect, Operation, Outcome
from closeshave.loadgen.records import Records, Rows
from closeshave.loadgen.rows import METHOD_CODES, OUTCOME_CODES, ROW
from closeshave.traffic.session import Counters

_OUTCOME_CODES = {outcome.value: code for outcome, code in OUTCOME_CODES.items()}
_NAN = float("nan")
_MOST_ARRIVALS = 2**32 - 1
"""The field of a record has four bytes."""


class EngineRecorder:
    """Records operations that a journey has classified. The journeys count by themselves, so the records report their counters."""

    def __init__(self, records: Records) -> None:
        self.counters = records.told = Counters()
        self.recorded = 0
        self._records = records

    def next_id(self) -> int:
        """The ID that the next recorded operation must carry."""
        return self._records.next_id

    def add_effect(self, effect: Effect) -> None:
        """Add an effect of an operation that is recorded already."""
        self._records.add_effect(effect)

    def record(self, operation: Operation, method: str, effect: Effect | None = None, arrival: int | None = None) -> None:
        """Record a finished operation and its effect; ``method`` is for Locust's statistics. ``arrival`` is the number of the arrival that it belongs to:
        :func:`arrivals_of` finds it again."""
        if effect is not None:
            self._records.add_effect(effect)
        code = self._records.texts.code
        self._records.add(
            ROW.pack(
                operation.intended_ns, operation.started_ns, operation.ended_ns, _numbered(arrival), operation.franchise, operation.bytes,
                _NAN if operation.db_ms is None else operation.db_ms, _NAN if operation.cache_ms is None else operation.cache_ms,
                code(operation.kind), code(operation.journey), code(operation.region), code(operation.error), code(operation.served_by),
                code(operation.cache), operation.shard, operation.status, _OUTCOME_CODES[Outcome(operation.outcome).value], operation.good,
                operation.attempt, METHOD_CODES[method],
            )
        )  # fmt: skip
        self.recorded += 1


def _numbered(arrival: int | None) -> int:
    return 0 if arrival is None or arrival >= _MOST_ARRIVALS else arrival + 1


def arrivals_of(rows: Rows) -> npt.NDArray[np.int64]:
    """The number of the arrival that each row belongs to, -1 for none: canaries, and users of the closed model."""
    return rows["customer"].astype(np.int64) - 1
