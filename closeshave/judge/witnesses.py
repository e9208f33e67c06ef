"""What proves a failure: rows of the history, why they do, and what was derived from them; one frozen value for each sort of proof.

In ``summary.json`` a witness is one flat object: :meth:`facts` of each makes it, and :func:`witness_of` reads it back. Fields are named there as the
columns of the history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from closeshave.history import Booking, CacheEntry, Capture, Effect, Job, Operation, Placement

QuotedRow = Operation | Effect | Booking | Capture | CacheEntry | Placement | Job


@dataclass(frozen=True, slots=True)
class OperationWitness:
    """A request."""

    why: str
    """What is wrong with it, as a clause."""
    operation: Operation

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.operation,)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.operation), "why": self.why}


@dataclass(frozen=True, slots=True)
class EffectWitness:
    """A request, and what it was to change or to show."""

    why: str
    operation: Operation
    effect: Effect

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.operation, self.effect)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.operation), "effect": asdict(self.effect), "why": self.why}


@dataclass(frozen=True, slots=True)
class LostWriteWitness:
    """An acknowledged write, and the booking's row in the final state; ``None`` where there is no such row."""

    why: str
    operation: Operation
    effect: Effect
    final: Booking | None

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.operation, self.effect, *((self.final,) if self.final else ()))

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        final = asdict(self.final) if self.final else None
        return {**asdict(self.operation), "effect": asdict(self.effect), "final": final, "why": self.why}


@dataclass(frozen=True, slots=True)
class BookingWitness:
    """A booking of the final state."""

    why: str
    booking: Booking

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.booking,)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.booking), "why": self.why}


@dataclass(frozen=True, slots=True)
class OverlapWitness:
    """Two bookings of one barber at one time: rows of the final state, or writes that were acknowledged and held at the same instant."""

    why: str
    booking: Booking | Effect
    """The one whose slot starts later."""
    slot: str
    """Where the overlap starts, ISO 8601."""
    overlap_minutes: float
    other: Booking | Effect

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.booking, self.other)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        derived = {"slot": self.slot, "overlap_minutes": self.overlap_minutes, "other": asdict(self.other)}
        return {**asdict(self.booking), **derived, "why": self.why}


@dataclass(frozen=True, slots=True)
class KeyWitness:
    """An idempotency key, and the bookings that it made."""

    why: str
    key: str
    bookings: tuple[int, ...]

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return ()

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {"key": self.key, "bookings": list(self.bookings), "why": self.why}


@dataclass(frozen=True, slots=True)
class ChargeWitness:
    """A charge in the payment provider's ledger, and the payments that customers made for its booking."""

    why: str
    capture: Capture
    payments: tuple[Effect, ...]

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.capture, *self.payments)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.capture), "why": self.why, "payments": [asdict(payment) for payment in self.payments]}


@dataclass(frozen=True, slots=True)
class CacheEntryWitness:
    """An entry of a cache."""

    why: str
    entry: CacheEntry

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.entry,)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.entry), "why": self.why}


@dataclass(frozen=True, slots=True)
class Differing:
    """A field that a cache and the database tell otherwise: values as JSON has them."""

    field: str
    """Its path in the entry, ``franchise.name``; empty where they differ as a whole."""
    cached: object
    stored: object


@dataclass(frozen=True, slots=True)
class StaleEntryWitness:
    """An entry of a cache that says something else than the database."""

    why: str
    store: str
    """The node."""
    region: str
    """Where that node stands."""
    key: str
    franchise: int
    cached_version: int | None
    stored_version: int | None
    differs: tuple[Differing, ...]

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return ()

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        told = asdict(self)
        why, differs = told.pop("why"), list(told.pop("differs"))
        return {**told, "differs": differs, "why": why}


@dataclass(frozen=True, slots=True)
class PlacementWitness:
    """What a database member holds of a region whose rows may not leave it."""

    why: str
    placement: Placement

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.placement,)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.placement), "why": self.why}


@dataclass(frozen=True, slots=True)
class JobWitness:
    """A job that workers should do for a booking, and what it did."""

    why: str
    job: Job
    others: tuple[Job, ...] = ()
    """The other effects of the same job."""

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return (self.job, *self.others)

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self.job), "others": [asdict(other) for other in self.others], "why": self.why}


@dataclass(frozen=True, slots=True)
class DrillWitness:
    """A step or a proof of a drill, and what was seen there."""

    why: str
    drill: str
    step: str
    """The step, or what should hold."""
    saw: str

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return ()

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AlertWitness:
    """An alert, or one that is missing. Its texts come from the monitoring."""

    why: str
    alert: str
    """The name of its rule."""
    severity: str
    category: str
    raised_at: str | None
    """When the harness learned of it, ISO 8601; ``None`` if it was not raised."""
    resolved_at: str | None
    """When it learned of its end; ``None`` if it did not end."""
    labels: Mapping[str, str]

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return ()

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**asdict(self), "labels": dict(self.labels)}


@dataclass(frozen=True, slots=True)
class OtherWitness:
    """A witness of a sort that this version does not know: of an installed package's check, or in a summary of another version."""

    why: str
    told: Mapping[str, Any]
    """As it stands in the file, without ``why``."""

    @property
    def rows(self) -> tuple[QuotedRow, ...]:
        """The rows of the history that it quotes."""
        return ()

    def facts(self) -> dict[str, Any]:
        """As it stands in a file, and as reports show it."""
        return {**self.told, "why": self.why}


Witness = (
    OperationWitness
    | EffectWitness
    | LostWriteWitness
    | BookingWitness
    | OverlapWitness
    | KeyWitness
    | ChargeWitness
    | CacheEntryWitness
    | StaleEntryWitness
    | PlacementWitness
    | JobWitness
    | DrillWitness
    | AlertWitness
    | OtherWitness
)
Told = Mapping[str, Any]


def operation_of(witness: Witness) -> Operation | None:
    """The request that the witness is about; ``None`` where it is about none."""
    return witness.operation if isinstance(witness, OperationWitness | EffectWitness | LostWriteWitness) else None


def answered(operation: Operation) -> bool:
    """Whether an answer came, or a failure that took its place: a row may lack its end."""
    ended_ns: int | None = operation.ended_ns
    return ended_ns is not None


def franchise_of(witness: Witness) -> int | None:
    """Whose shop the witness is about; ``None`` where it is about no single one."""
    if (operation := operation_of(witness)) is not None:
        return operation.franchise
    match witness:
        case BookingWitness(booking=row) | OverlapWitness(booking=row) | ChargeWitness(capture=row) | CacheEntryWitness(entry=row):
            return row.franchise
        case JobWitness(job=row):
            return row.franchise
        case StaleEntryWitness(franchise=franchise):
            return franchise
        case _:
            return None


# By which fields a sort is known in a file, the more telling first; and which of its values are made of which part of the flat object.
_SORTS: tuple[tuple[frozenset[str], TypeAdapter[Witness], Callable[[Told], Told]], ...] = (
    (
        frozenset({"overlap_minutes", "other"}),
        TypeAdapter(OverlapWitness),
        lambda told: {**told, "booking": told},
    ),
    (frozenset({"key", "bookings"}), TypeAdapter(KeyWitness), dict),
    (frozenset({"capture", "payments"}), TypeAdapter(ChargeWitness), lambda told: {**told, "capture": told}),
    (frozenset({"intended_ns", "effect", "final"}), TypeAdapter(LostWriteWitness), lambda told: {**told, "operation": told}),
    (frozenset({"intended_ns", "effect"}), TypeAdapter(EffectWitness), lambda told: {**told, "operation": told}),
    (frozenset({"intended_ns"}), TypeAdapter(OperationWitness), lambda told: {**told, "operation": told}),
    (frozenset({"store", "differs"}), TypeAdapter(StaleEntryWitness), dict),
    (frozenset({"store", "cached"}), TypeAdapter(CacheEntryWitness), lambda told: {**told, "entry": told}),
    (frozenset({"member", "resident"}), TypeAdapter(PlacementWitness), lambda told: {**told, "placement": told}),
    (frozenset({"late_at", "others"}), TypeAdapter(JobWitness), lambda told: {**told, "job": told}),
    (frozenset({"alert", "raised_at"}), TypeAdapter(AlertWitness), dict),
    (frozenset({"drill", "step", "saw"}), TypeAdapter(DrillWitness), dict),
    (frozenset({"booking", "found_on"}), TypeAdapter(BookingWitness), lambda told: {**told, "booking": told}),
)


def witness_of(told: Told) -> Witness:
    """A witness as a file tells it. What does not fit any sort of this version is an :class:`OtherWitness`."""
    for fields, codec, parts in _SORTS:
        if fields <= told.keys():
            try:
                found = codec.validate_python(parts(told))
            except ValidationError:
                break
            # Reading must lose nothing, whatever another version has added.
            if found.facts() == told:
                return found
            break
    return OtherWitness(str(told.get("why", "")), {name: value for name, value in told.items() if name != "why"})
