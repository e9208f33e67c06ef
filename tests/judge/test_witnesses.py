"""Witnesses of verdicts: what stands in a file of each sort, and that reading it back loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest

from closeshave.history import Booking, CacheEntry, Capture, Effect, Job, Operation, Placement
from closeshave.judge.witnesses import (
    AlertWitness,
    BookingWitness,
    CacheEntryWitness,
    ChargeWitness,
    Differing,
    DrillWitness,
    EffectWitness,
    JobWitness,
    KeyWitness,
    LostWriteWitness,
    OperationWitness,
    OtherWitness,
    OverlapWitness,
    PlacementWitness,
    StaleEntryWitness,
    Witness,
    franchise_of,
    witness_of,
)

OPERATION = Operation(1, "customers", "book", "book", "east", 1, 7, 10, 11, 12, "ok", good=True, status=201, db_ms=0.5)
EFFECT = Effect(1, "create", 7, 1, "key-1", booking=50, barber=3, starts_at=1_900_000_000, minutes=30)
BOOKING = Booking(50, 7, 1, 3, None, 1_900_000_000, 30, "scheduled", 1, "key-1", 1.5, 3000)
ENTRY = CacheEntry("cache-east", "east", "franchise:7", 7)
JOB = Job(4, 3, 7, 1, "receipt", 1.0, 31.0, None, None, 60.0)
# Each with the franchise that it is about, and how many rows of the history it quotes.
SORTS: tuple[tuple[Witness, int | None, int], ...] = (
    (OperationWitness("late", OPERATION), 7, 1),
    (EffectWitness("leaked", OPERATION, EFFECT), 7, 2),
    (LostWriteWitness("lost", OPERATION, EFFECT, None), 7, 2),
    (LostWriteWitness("undone", OPERATION, EFFECT, BOOKING), 7, 3),
    (BookingWitness("misplaced", BOOKING), 7, 1),
    (OverlapWitness("in the final state", BOOKING, "2030-03-17T17:46:40+00:00", 15.0, replace(BOOKING, booking=51)), 7, 2),
    (OverlapWitness("for a while", EFFECT, "2030-03-17T17:46:40+00:00", 15.0, replace(EFFECT, booking=51)), 7, 2),
    (KeyWitness("twice", "key-1", (50, 51)), None, 0),
    (ChargeWitness("orphan", Capture("ch_1", 50, 7, 3000, "key-1", 2.5), (EFFECT,)), 7, 2),
    (CacheEntryWitness("abroad", ENTRY), 7, 1),
    (StaleEntryWitness("differs", "cache-east", "east", "franchise:7", 7, 1, 2, (Differing("name", "a", {"b": [1]}),)), 7, 0),
    (PlacementWitness("abroad", Placement("member", 1, "east", "west", 9)), None, 1),
    (JobWitness("this receipt has no effect", JOB, (JOB,)), 7, 2),
    (DrillWitness("this step could not be done", "restore", "recover", "FATAL: it ended"), None, 0),
    (AlertWitness("it never ended", "DatabaseDown", "critical", "database", "2030-03-17T17:46:40+00:00", None, {"shard": "1"}), None, 0),
    (OtherWitness("from elsewhere", {"unheard": [1]}), None, 0),
)


def test_every_sort_is_here() -> None:
    """A new sort gets a row above."""
    assert {type(witness) for witness, _, _ in SORTS} == set(get_args(Witness))


@pytest.mark.parametrize(("witness", "franchise", "rows"), SORTS, ids=[witness.why for witness, _, _ in SORTS])
def test_a_witness_is_read_back_as_it_was_written(witness: Witness, franchise: int | None, rows: int) -> None:
    """Through JSON, as one flat object with its reason. Whose shop it is about and which rows it quotes is known."""
    told = json.loads(json.dumps(witness.facts(), allow_nan=False))
    assert told["why"] == witness.why
    assert witness_of(told) == witness
    assert franchise_of(witness) == franchise
    assert len(witness.rows) == rows


@pytest.mark.parametrize(
    "told",
    [
        {**OperationWitness("late", OPERATION).facts(), "new": 1},
        {**OperationWitness("late", OPERATION).facts(), "intended_ns": "soon"},
        {**BookingWitness("without a version", BOOKING).facts(), "version": None},
        {"why": "odd"},
        {},
    ],
)
def test_what_another_version_wrote_is_kept_as_it_is(told: dict[str, object]) -> None:
    """Nothing is dropped, and nothing is guessed."""
    found = witness_of(told)
    assert isinstance(found, OtherWitness)
    assert found.facts() == {"why": "", **told}
