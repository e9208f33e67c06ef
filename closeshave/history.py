"""What a trial did and saw, as files: the only thing that judges read.

``Operation`` and ``Effect`` are rows; a history holds them as columns (pandas over Parquet), because a run may have ten million of them. The
dataclasses state what a row means, and tests build small histories from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from closeshave import seal
from closeshave.clock import Anchor
from closeshave.files import append_line, write_atomically
from closeshave.topology import Topology

if TYPE_CHECKING:
    import pandas as pd


class Outcome(StrEnum):
    """Jepsen's three: it happened, it certainly did not, it may have."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Source(StrEnum):
    """Who sent an operation. Canaries are never counted among the customers; ``setup`` is outside every judgement."""

    CUSTOMERS = "customers"
    CANARY = "canary"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request as its sender saw it. Times are monotonic nanoseconds; response time = ended − intended."""

    id: int
    """Unique in the run: the worker's number in the upper bits, its sequence below."""
    source: str
    kind: str
    """``slots``, ``franchise``, ``login``, ``profile``, ``book``, ``read_booking``, ``reschedule``, ``cancel``, ``pay_intent``, ``pay_confirm`` …"""
    journey: str
    """The customer's errand: ``browse``, ``book``, ``contest``; ``canary`` for canaries."""
    region: str
    """The region whose edge was entered."""
    shard: int
    franchise: int
    intended_ns: int
    started_ns: int
    ended_ns: int
    outcome: str
    good: bool
    """The customer got the promised answer: a 2xx, a true conflict, a refusal within the stated rate limit."""
    status: int
    """HTTP status; 0 when there was no answer."""
    error: str | None = None
    """Why there was none, or why it is not good: ``timeout``, ``reset``, ``refused``, ``wrong_body`` …"""
    attempt: int = 1
    bytes: int = 0
    served_by: str | None = None
    """``X-Region``: the region that answered."""
    cache: str | None = None
    """``X-Cache``: hit, miss or bypass."""
    db_ms: float | None = None
    cache_ms: float | None = None
    """From ``Server-Timing``."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One row more for an operation that changes state or belongs to a session."""

    operation: int
    action: str
    """``create``, ``cancel``, ``reschedule``, ``intent``, ``capture`` or ``read``; ``offer`` (a list of free times), ``read_shop``, ``change_shop``."""
    franchise: int
    shard: int
    key: str | None = None
    """The idempotency key that was sent."""
    booking: int | None = None
    """As answered; ``None`` when no answer told it."""
    barber: int | None = None
    starts_at: int | None = None
    """The slot, seconds since the epoch."""
    minutes: int | None = None
    version: int | None = None
    amount: int | None = None
    """Cents."""
    session: str | None = None
    client: str | None = None
    read_values: str | None = None
    """What a read returned, as JSON (booking, status, version), for session guarantees."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking in the final state, read from a promoted primary after heal and quiesce."""

    booking: int
    franchise: int
    found_on: int
    """The shard whose primary held the row."""
    barber: int
    client: str | None
    starts_at: int
    minutes: int
    status: str
    """``scheduled``, ``cancelled`` …"""
    version: int
    key: str | None
    created_at: float
    """Seconds since the epoch."""
    price_cents: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A charge in the payment provider's own ledger."""

    capture: str
    booking: int
    franchise: int
    amount: int
    key: str | None
    at: float


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A franchise's entry in a cache after heal and quiesce, read from the node itself; for a sample of them, what it should hold beside it."""

    store: str
    """The node."""
    region: str
    """Where that node stands."""
    key: str
    franchise: int
    cached: str | None = None
    """What the cache holds, as JSON; ``None`` where only the key was looked at."""
    stored: str | None = None
    """What the promoted primary says, read after the cache, in the same form."""
    cached_version: int | None = None
    stored_version: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """What one database member holds of a region whose rows may not leave it, counted at that member itself."""

    member: str
    shard: int
    region: str
    """Where the member stands."""
    resident: str
    """The region that the rows are bound to."""
    franchises: int
    """How many of its franchises' own rows are there."""


@dataclass(frozen=True, slots=True)
class Diverged:
    """A booking, or a state of it, that a member on the lost side of a partition held and the leader of its shard did not."""

    member: str
    shard: int
    franchise: int
    booking: int
    key: str | None
    status: str
    version: int
    created_at: float
    """Seconds since the epoch."""


class Edge(StrEnum):
    """The edges of a fault's life, in order."""

    PLANNED = "planned"
    INJECTED = "injected"
    OBSERVED = "observed"
    HEALED = "healed"
    VERIFIED_HEALED = "verified-healed"


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A fault passed an edge of its life; ``evidence`` holds what it touched and what the probe saw."""

    fault: str
    edge: str
    at_ns: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signal:
    """The platform's own word: from a log, an alert, a failover event. Never from the harness's injection."""

    at_ns: int
    kind: str
    """``suspected`` (a part was noticed missing), ``promoted`` (a new primary), ``demoted`` (decided, begun or done), ``stopped`` (a server has ended
    its last session) or ``alert``."""
    scope: str
    """``shard:1``, ``store:cache``, ``region:us-west-2``."""
    source: str
    """Where it was read: a log file's name."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Anything else on the timeline: ``phase-started``, ``phase-ended``, ``abort``, ``note``."""

    at_ns: int
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """When a phase of the plan really ran. ``role`` is warm-up, calm or fault."""

    name: str
    role: str
    started_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What one sender says of itself, to be reconciled with what was recorded."""

    source: str
    worker: str
    intended: int
    """Operations that were due, whether sent or not."""
    sent: int
    recorded: int
    """Rows that it handed to its spool."""
    finished: bool
    """It ended by itself and wrote this last."""
    requests: int = 0
    """HTTP requests that it believes it put on the wire, redirects and retries included."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A worker was killed: of its share of the load nothing is known from ``from_ns`` to ``to_ns``."""

    source: str
    worker: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """Requests that an edge endpoint counted by itself between the first and the last operation."""

    region: str
    requests: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is true of the whole run and known when it starts, plus the phases as they happened."""

    id: str
    plan: str
    environment: str
    target: str
    seed: int
    evidence: str
    """``rehearsed`` for a stand-in, ``measured`` for the platform itself."""
    version: str
    started_at: str
    anchor: Anchor
    topology: Topology
    phases: tuple[PhaseTime, ...] = ()
    ended_at: str | None = None
    interrupted: str | None = None
    """Why the run ended early; ``None`` when it ran to its end."""
    payments_ledger: bool = True
    """Whether the payment provider's own ledger can be read; else its absence is no damage, and what needs it is unknown."""
    edge_counters: bool = True
    """Whether anybody but the senders counts what passes the edges; else nothing can be compared with them."""
    looked_inside: bool = False
    """Whether the final state tells what caches and database members hold, each asked by itself; from outside a platform nobody can."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything a judge may look at. Frames have the columns of their row dataclass; missing evidence is ``None``, never an empty frame."""

    manifest: Manifest
    operations: pd.DataFrame
    effects: pd.DataFrame
    faults: tuple[FaultEvent, ...]
    signals: tuple[Signal, ...]
    marks: tuple[Mark, ...]
    sent: tuple[Sent, ...]
    edges: tuple[EdgeCount, ...] | None
    bookings: pd.DataFrame | None
    captures: pd.DataFrame | None
    resources: pd.DataFrame | None = None
    """What the machine and every group of processes used, about once a second; see ``closeshave/environments/resources.py``."""
    damage: tuple[str, ...] = ()
    """What could not be read and why; each makes the judgements that need it inconclusive."""
    blind: tuple[Blind, ...] = ()
    """What the workers that were killed leave in the dark."""
    cache_entries: pd.DataFrame | None = None
    placements: pd.DataFrame | None = None
    diverged: pd.DataFrame | None = None
    """What the lost side of a partition held alone; ``None`` where nobody had two sides to read."""


_TEXT: Any = pa.dictionary(pa.int32(), pa.string())  # its stub knows less than the library: as a field type it is refused
OPERATIONS = pa.schema(
    [
        ("id", pa.int64()), ("source", _TEXT), ("kind", _TEXT), ("journey", _TEXT), ("region", _TEXT), ("shard", pa.int16()),
        ("franchise", pa.int32()), ("intended_ns", pa.int64()), ("started_ns", pa.int64()), ("ended_ns", pa.int64()), ("outcome", _TEXT),
        ("good", pa.bool_()), ("status", pa.int16()), ("error", _TEXT), ("attempt", pa.int8()), ("bytes", pa.int32()), ("served_by", _TEXT),
        ("cache", _TEXT), ("db_ms", pa.float32()), ("cache_ms", pa.float32()),
    ]
)  # fmt: skip
EFFECTS = pa.schema(
    [
        ("operation", pa.int64()), ("action", _TEXT), ("franchise", pa.int32()), ("shard", pa.int16()), ("key", pa.string()),
        ("booking", pa.int64()), ("barber", pa.int64()), ("starts_at", pa.int64()), ("minutes", pa.int32()), ("version", pa.int32()),
        ("amount", pa.int64()), ("session", pa.string()), ("client", pa.string()), ("read_values", pa.string()),
    ]
)  # fmt: skip
BOOKINGS = pa.schema(
    [
        ("booking", pa.int64()), ("franchise", pa.int32()), ("found_on", pa.int16()), ("barber", pa.int64()), ("client", pa.string()),
        ("starts_at", pa.int64()), ("minutes", pa.int32()), ("status", _TEXT), ("version", pa.int32()), ("key", pa.string()),
        ("created_at", pa.float64()), ("price_cents", pa.int64()),
    ]
)  # fmt: skip
DIVERGED = pa.schema(
    [
        ("member", _TEXT), ("shard", pa.int16()), ("franchise", pa.int32()), ("booking", pa.int64()), ("key", pa.string()), ("status", _TEXT),
        ("version", pa.int32()), ("created_at", pa.float64()),
    ]
)  # fmt: skip
_CAPTURE: dict[str, Any] = {
    "capture": pa.string(), "booking": pa.int64(), "franchise": pa.int32(), "amount": pa.int64(), "key": pa.string(), "at": pa.float64(),
}  # fmt: skip
CAPTURES = pa.schema(_CAPTURE)
CACHE_ENTRIES = pa.schema(
    [
        ("store", _TEXT), ("region", _TEXT), ("key", pa.string()), ("franchise", pa.int32()), ("cached", pa.string()), ("stored", pa.string()),
        ("cached_version", pa.int64()), ("stored_version", pa.int64()),
    ]
)  # fmt: skip
_PLACEMENT: dict[str, Any] = {
    "member": pa.string(), "shard": pa.int16(), "region": pa.string(), "resident": pa.string(), "franchises": pa.int64(),
}  # fmt: skip
PLACEMENTS = pa.schema(_PLACEMENT)


def frame(rows: Iterable[Any], schema: pa.Schema) -> pd.DataFrame:
    """Rows (instances of a row dataclass) as a frame with the dtypes that reading the Parquet file gives. Integers that may be absent are nullable."""
    return to_frame(pa.Table.from_pylist([asdict(row) for row in rows], schema=schema))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A frame in which absent integers stay integers (nullable ``Int64``) and repeated text is categorical."""
    # Here alone: it takes two seconds of processor time, which every process that only records would spend in the middle of a trial.
    import pandas as pd  # noqa: PLC0415

    nullable = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    optional = {field.name for field in table.schema if field.type in nullable and table.column(field.name).null_count}
    optional |= {name for name in ("booking", "barber", "starts_at", "minutes", "version", "amount") if name in table.schema.names}
    plain = table.select([name for name in table.schema.names if name not in optional]).to_pandas()
    for name in table.schema.names:
        if name in optional:
            plain[name] = nullable[table.schema.field(name).type].__from_arrow__(table.column(name))  # type: ignore[attr-defined]  # pandas' stubs lack it
    return plain[table.schema.names]


# -- files of a run directory ----------------------------------------------------------------------------------------------------------------

MANIFEST, TIMELINE, SENT, EDGE_COUNTS, BLIND = "manifest.json", "timeline.jsonl", "sent.jsonl", "edges.json", "blind.json"
OPERATIONS_FILE, EFFECTS_FILE = "operations.parquet", "effects.parquet"
BOOKINGS_FILE, CAPTURES_FILE = "final_state/bookings.parquet", "final_state/captures.parquet"
CACHE_ENTRIES_FILE, PLACEMENTS_FILE = "final_state/cache_entries.parquet", "final_state/placements.parquet"
DIVERGED_FILE = "final_state/diverged.parquet"
RESOURCES_FILE = "resources.parquet"

_MANIFEST = TypeAdapter(Manifest)
_EDGES = TypeAdapter(tuple[EdgeCount, ...])
_BLIND = TypeAdapter(tuple[Blind, ...])
_SENT = TypeAdapter(Sent)
_LINES: dict[str, TypeAdapter[Any]] = {"fault": TypeAdapter(FaultEvent), "signal": TypeAdapter(Signal), "mark": TypeAdapter(Mark)}


def record(run: Path, event: FaultEvent | Signal | Mark) -> None:
    """Append one event to the run's timeline; safe from several processes at once."""
    kind = {FaultEvent: "fault", Signal: "signal", Mark: "mark"}[type(event)]
    append_line(run / TIMELINE, {"type": kind, **asdict(event)})


def record_sent(run: Path, sent: Sent) -> None:
    """Append what a sender says of itself; the newest line of a worker counts."""
    append_line(run / SENT, asdict(sent))


def save_manifest(run: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    write_atomically(run / MANIFEST, _MANIFEST.dump_json(manifest, indent=1))


def load_manifest(run: Path) -> Manifest:
    """Raises :class:`FileNotFoundError` or :class:`ValueError`: without its manifest a directory is no run."""
    return _MANIFEST.validate_json((run / MANIFEST).read_bytes())


def save_edges(run: Path, counts: Iterable[EdgeCount]) -> None:
    """Write what the edge endpoints counted."""
    write_atomically(run / EDGE_COUNTS, _EDGES.dump_json(tuple(counts)))


def save_blind(run: Path, windows: Iterable[Blind]) -> None:
    """Write what killed workers leave in the dark."""
    write_atomically(run / BLIND, _BLIND.dump_json(tuple(windows)))


WRITING: Mapping[str, Any] = MappingProxyType({"compression": "zstd", "compression_level": 1})
"""How Parquet files are written. They are sealed as a whole, so their pages need no checksums of their own."""


def save_rows(path: Path, rows: pa.Table) -> None:
    """Write a Parquet file whole or not at all, and seal it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".writing")
    pq.write_table(rows, scratch, **WRITING)
    seal.finish(scratch, path)


def load(run: Path) -> History:
    """Read a run directory. What is missing or broken is named in ``damage``, down to the line; only a missing or broken manifest raises."""
    # The default allocator keeps what decompression needed, which for ten million rows is an eighth of all that judging takes.
    pa.set_memory_pool(pa.system_memory_pool())
    damage: list[str] = []
    manifest = load_manifest(run)
    events = _lines(run / TIMELINE, lambda line: _LINES[line.pop("type")].validate_python(line), damage)
    if manifest.phases and not events:
        damage.append(f"{TIMELINE} tells nothing, not even that phases began")
    sent = _lines(run / SENT, _SENT.validate_python, damage)
    operations = _rows(run / OPERATIONS_FILE, OPERATIONS, damage)
    effects = _rows(run / EFFECTS_FILE, EFFECTS, damage)
    return History(
        manifest=manifest,
        operations=operations if operations is not None else to_frame(OPERATIONS.empty_table()),
        effects=effects if effects is not None else to_frame(EFFECTS.empty_table()),
        faults=tuple(event for event in events if isinstance(event, FaultEvent)),
        signals=tuple(event for event in events if isinstance(event, Signal)),
        marks=tuple(event for event in events if isinstance(event, Mark)),
        sent=tuple({(one.source, one.worker): one for one in sent}.values()),
        edges=_whole(run / EDGE_COUNTS, _EDGES, None, damage),
        bookings=_rows(run / BOOKINGS_FILE, BOOKINGS, damage),
        captures=_rows(run / CAPTURES_FILE, CAPTURES, damage) if manifest.payments_ledger else None,
        resources=_rows(run / RESOURCES_FILE, None, damage) if (run / RESOURCES_FILE).exists() else None,
        cache_entries=_rows(run / CACHE_ENTRIES_FILE, CACHE_ENTRIES, damage) if manifest.looked_inside else None,
        placements=_rows(run / PLACEMENTS_FILE, PLACEMENTS, damage) if manifest.looked_inside else None,
        diverged=_rows(run / DIVERGED_FILE, DIVERGED, damage) if (run / DIVERGED_FILE).exists() else None,
        damage=tuple(damage),
        blind=_whole(run / BLIND, _BLIND, (), damage),
    )


def _rows(path: Path, schema: pa.Schema | None, damage: list[str]) -> pd.DataFrame | None:
    if not path.is_file():
        damage.append(f"{path.name} is missing")
        return None
    try:
        if reason := seal.broken(path):
            damage.append(f"{path.name} is not what was written: {reason}")
            return None
        names = schema.names if schema is not None else pq.read_schema(path).names
        # Column by column: a table of ten million rows and its frame side by side would need twice the memory.
        return _beside({name: to_frame(pq.read_table(path, columns=[name], schema=schema))[name] for name in names})
    except (pa.ArrowException, OSError, ValueError) as error:
        damage.append(f"{path.name} cannot be read: {_told(error, path)}")
        return None


def _beside(columns: dict[str, pd.Series]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - see to_frame

    return pd.DataFrame(columns, copy=False)


def _whole(path: Path, codec: TypeAdapter[Any], otherwise: Any, damage: list[str]) -> Any:
    """A JSON file; ``otherwise`` where there is none, or none that can be read."""
    if not path.exists():
        return otherwise
    try:
        return codec.validate_json(path.read_bytes())
    except (ValueError, OSError) as error:
        damage.append(f"{path.name} cannot be read: {_told(error, path)}")
        return otherwise


def _lines(path: Path, parse: Callable[[Any], Any], damage: list[str]) -> list[Any]:
    """The records of a JSON-lines file. A line that is torn or is no record is named and left out: the others still tell."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True) if path.exists() else (), start=1):
        if not line.endswith(b"\n"):
            damage.append(f"{path.name}:{number} is torn: its writer was stopped in the middle of it")
            continue
        try:
            found.append(parse(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            damage.append(f"{path.name}:{number} cannot be read: {_told(error, path)}")
    return found


def _told(error: Exception, path: Path) -> str:
    """The first line of an error, with the file's name for its path: a verdict is read where the run's directory is no more."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].replace(str(path), path.name)
