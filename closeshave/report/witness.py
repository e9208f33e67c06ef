"""What proves a failure, as tables that a person can read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from closeshave.history import Operation, Source
from closeshave.judge.witnesses import Witness, answered, operation_of
from closeshave.report import words

_LONGEST_CELL = 400
_LATEST_DATE = 4_102_444_800
"""The year 2100, in seconds since the epoch: beyond it a number is no slot."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below their column names."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Testimony:
    """One witness: why it proves the failure, its plain facts, and the rows of history that it quotes."""

    __test__ = False  # the name tempts pytest

    why: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


def testimony(witness: Witness, zero_ns: int, canary_limit_s: float | None = None) -> Testimony:  # noqa: PT028 - no test, only its name begins so
    """Plain values become facts, lists of records become tables with one column for every key that occurs.

    ``zero_ns`` is the start of the run's time axis, ``canary_limit_s`` how long a canary may take. What is absent is left out of the facts, an
    operation's response time is added, and its caption says what was wrong with it.
    """
    facts, tables = [], []
    told = witness.facts()
    for name, value in told.items():
        if name == "why" or value is None:
            continue
        if isinstance(value, Mapping):
            tables.append(_table(name, [value], zero_ns))
        elif _is_records(value):
            tables.append(_table(name, value, zero_ns))
        else:
            facts.append((_label(name), _cell(name, value, zero_ns)))
    intended, ended = told.get("intended_ns"), told.get("ended_ns")
    if _is_number(intended) and _is_number(ended):
        facts.append(("response time", words.seconds((ended - intended) / 1e9)))
    caption = ": ".join(filter(None, (witness.why, _wrong(operation_of(witness), canary_limit_s))))
    return Testimony(words.clean(caption, _LONGEST_CELL), tuple(facts), tuple(tables))


def _wrong(operation: Operation | None, canary_limit_s: float | None) -> str:
    """What was wrong with the answer to an operation, by its own record; empty for a witness of another kind."""
    if operation is None or not answered(operation):
        return ""
    took_s = (operation.ended_ns - operation.intended_ns) / 1e9
    if not operation.good:
        told = f"answered with status {operation.status}" if operation.status else "no answer"
        return f"{told}{f', {words.spaced(operation.error)}' if operation.error else ''}, after {words.seconds(took_s)}"
    if operation.source == Source.CANARY and canary_limit_s is not None and took_s > canary_limit_s:
        return f"slower than the canary's limit of {words.seconds(canary_limit_s)}, it took {words.seconds(took_s)}"
    return f"it took {words.seconds(took_s)}"


def _is_records(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(name: str, records: Sequence[Mapping[str, Any]], zero_ns: int) -> Table:
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = tuple(tuple(_cell(key, record.get(key), zero_ns) for key in keys) for record in records)
    return Table(words.spaced(words.clean(name)), tuple(_label(key) for key in keys), rows)


def _label(name: str) -> str:
    return words.spaced(words.clean(name).removesuffix("_ns"))


def _cell(name: str, value: Any, zero_ns: int) -> str:
    """Instants in seconds of the run, slots as dates (UTC), fractions rounded, everything else as it is."""
    if value is None or isinstance(value, bool):
        return {None: "—", True: "yes", False: "no"}[value]
    if _is_number(value) and name.endswith("_ns"):
        return words.instant((value - zero_ns) / 1e9)
    if _is_number(value) and name == "starts_at" and abs(value) < _LATEST_DATE:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:,.0f}" if abs(value) >= 1_000 or value.is_integer() else f"{value:.3g}"
    if isinstance(value, list | tuple):
        return words.clean(", ".join(str(part) for part in value), _LONGEST_CELL)
    return words.clean(value, _LONGEST_CELL)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
