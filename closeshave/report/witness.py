"""What proves a failure, as tables that a person can read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from closeshave.judge.verdict import Witness
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


def testimony(witness: Witness, zero_ns: int) -> Testimony:
    """Plain values become facts, lists of records become tables with one column for every key that occurs.

    ``zero_ns`` is the start of the run's time axis. What is absent is left out of the facts, and an operation's response time is added.
    """
    facts, tables = [], []
    for name, value in witness.items():
        if name == "why" or value is None:
            continue
        if isinstance(value, Mapping):
            tables.append(_table(name, [value], zero_ns))
        elif _is_records(value):
            tables.append(_table(name, value, zero_ns))
        else:
            facts.append((_label(name), _cell(name, value, zero_ns)))
    intended, ended = witness.get("intended_ns"), witness.get("ended_ns")
    if _is_number(intended) and _is_number(ended):
        facts.append(("response time", words.seconds((ended - intended) / 1e9)))
    return Testimony(words.clean(witness.get("why", ""), _LONGEST_CELL), tuple(facts), tuple(tables))


def _is_records(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(name: str, records: Sequence[Mapping[str, Any]], zero_ns: int) -> Table:
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = tuple(tuple(_cell(key, record.get(key), zero_ns) for key in keys) for record in records)
    return Table(words.spaced(words.clean(name)), tuple(_label(key) for key in keys), rows)


def _label(name: str) -> str:
    return words.spaced(words.clean(name).removesuffix("_ns"))


def _cell(name: str, value: Any, zero_ns: int) -> str:
    """Instants in seconds of the run, slots as dates (UTC), everything else as it is."""
    if value is None:
        return "—"
    if _is_number(value) and name.endswith("_ns"):
        return words.instant((value - zero_ns) / 1e9)
    if _is_number(value) and name == "starts_at" and abs(value) < _LATEST_DATE:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, list | tuple):
        return words.clean(", ".join(str(part) for part in value), _LONGEST_CELL)
    return words.clean(value, _LONGEST_CELL)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
