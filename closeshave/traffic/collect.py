"""After the load: the spools of all workers become ``operations.parquet``, ``effects.parquet`` and ``sent.jsonl``, column by column."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from closeshave import history
from closeshave.history import EFFECTS, OPERATIONS, Sent
from closeshave.traffic.spool import DIRECTORY, DTYPE, HEADER, MAGIC, OUTCOMES, SEQUENCE_BITS, TEXT_FIELDS, SpoolFiles


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found in the spools."""

    operations: int
    effects: int
    sent: tuple[Sent, ...]
    dropped: int
    """Torn or orphaned records: the last thing that a killed worker was writing."""


def collect(run: Path) -> Collected:
    """Convert every spool below ``run``; doing it again replaces the files. Raises :class:`ValueError` for a file that is no spool."""
    operations, effects, sent, dropped = [OPERATIONS.empty_table()], [EFFECTS.empty_table()], [], 0
    for rows in sorted((run / DIRECTORY).glob("*.rows")):
        files = SpoolFiles.of(run, rows.stem)
        worker, table, torn = _operations(files)
        effect_rows, orphans = _effects(files, (worker << SEQUENCE_BITS) + table.num_rows)
        operations.append(table)
        effects.append(effect_rows)
        sent.append(_sent(files, table.num_rows))
        dropped += torn + orphans
    history.save_rows(run / history.OPERATIONS_FILE, pa.concat_tables(operations).unify_dictionaries())
    history.save_rows(run / history.EFFECTS_FILE, pa.concat_tables(effects).unify_dictionaries())
    for one in sent:
        history.record_sent(run, one)
    return Collected(sum(table.num_rows for table in operations), sum(table.num_rows for table in effects), tuple(sent), dropped)


def _operations(files: SpoolFiles) -> tuple[int, pa.Table, int]:
    data = files.rows.read_bytes()
    magic, worker = HEADER.unpack_from(data) if len(data) >= HEADER.size else (b"", 0)
    if magic != MAGIC:
        raise ValueError(f"{files.rows} is not a spool of this version")
    count, torn = divmod(len(data) - HEADER.size, DTYPE.itemsize)
    rows = np.frombuffer(data, DTYPE, count, HEADER.size)
    texts = _texts(files.texts)
    columns: dict[str, Any] = {"id": (worker << SEQUENCE_BITS) + np.arange(count, dtype=np.int64)}
    for name in OPERATIONS.names[1:]:
        if name in TEXT_FIELDS:
            columns[name] = _dictionary(rows[name].astype(np.int32) - 1, texts)
        elif name == "outcome":
            columns[name] = _dictionary(rows[name].astype(np.int32), list(OUTCOMES))
        elif name == "good":
            columns[name] = pa.array(rows[name].astype(np.bool_))
        elif name in {"db_ms", "cache_ms"}:
            columns[name] = pa.array(np.ascontiguousarray(rows[name]), from_pandas=True)
        else:
            columns[name] = pa.array(rows[name].astype(OPERATIONS.field(name).type.to_pandas_dtype()))
    return worker, pa.table(columns, schema=OPERATIONS), int(torn > 0)


def _texts(path: Path) -> list[str]:
    lines = path.read_bytes().split(b"\n")
    # What follows the last line end is torn, or empty.
    return [line.decode() for line in lines[:-1]]


def _dictionary(codes: npt.NDArray[np.int32], texts: list[str]) -> pa.DictionaryArray[Any, Any]:
    """Texts by code; negative codes are absent. Only texts that occur become categories: all columns share the worker's one dictionary."""
    used, compact = np.unique(codes, return_inverse=True)
    absent = used[0] < 0 if len(used) else False
    indices = pa.array(compact.astype(np.int32) - int(absent), pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([texts[code] for code in used.tolist() if code >= 0], pa.string()))


def _effects(files: SpoolFiles, end: int) -> tuple[pa.Table, int]:
    data = files.effects.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    torn = int(len(whole) < len(data))
    if not whole:
        return EFFECTS.empty_table(), torn
    plain = pa.schema([(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in EFFECTS])
    table = pj.read_json(io.BytesIO(whole), parse_options=pj.ParseOptions(explicit_schema=plain))
    kept = table.filter(pc.field("operation") < end)
    return kept.select(EFFECTS.names).cast(EFFECTS), torn + table.num_rows - kept.num_rows


def _sent(files: SpoolFiles, recorded: int) -> Sent:
    """The worker's own counters, with the rows that are really there. A worker killed before its first flush says nothing of itself."""
    worker = files.rows.stem
    if not files.counters.exists():
        return Sent(worker.rpartition("-")[0], worker, intended=recorded, sent=recorded, recorded=recorded, finished=False)
    counters = orjson.loads(files.counters.read_bytes())
    # Rows are flushed before counters, so a killed worker may have left more rows than it says.
    return Sent(**counters | {"recorded": recorded, **{name: max(counters[name], recorded) for name in ("intended", "sent")}})
