"""Reading records that are still being written: each once, and no incomplete one."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.history import RATE_LIMITED, SHORTAGE, Effect, Source
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import INFO, OK, ROW
from closeshave.traffic.live import Live, Tally
from closeshave.traffic.runfiles import RECORDS


def worker(run: Path, name: str, number: int, source: Source = Source.CUSTOMERS) -> Records:
    """A worker's records in the run's spool."""
    return Records(run / RECORDS, source, name, number)


def add(records: Records, region: str, shard: int, *, good: bool = True, error: str | None = None) -> None:
    """One request."""
    code, why = records.texts.code(region), records.texts.code(error)
    records.add(ROW.pack(1, 1, 2, 0, 1, 9, 0.0, 0.0, 0, 0, code, why, 0, 0, shard, 200, 0, int(good), 1, 0))


def test_each_record_is_counted_once_by_sender_and_place(tmp_path: Path) -> None:
    """Two workers give the same region different codes; a later reading returns only what is new."""
    one, other = worker(tmp_path, "customers-1", 1), worker(tmp_path, "canary-0", 0, Source.CANARY)
    live = Live(tmp_path)
    for region in ("east", "west", "east"):
        add(one, region, 1, good=region == "west")
    add(other, "west", 2)
    assert live.tallies() == ()
    one.flush()
    other.flush()
    expected = (Tally("canary", "west", 2, 1, 0), Tally("customers", "east", 1, 2, 2), Tally("customers", "west", 1, 1, 0))
    assert live.tallies() == expected
    assert live.tallies() == ()
    add(one, "south", 1)
    one.flush()
    assert live.tallies() == (Tally("customers", "south", 1, 1, 0),)


@pytest.mark.parametrize(("void", "bad"), [((), 3), ((SHORTAGE,), 2), ((SHORTAGE, RATE_LIMITED), 1)])
def test_operations_that_are_no_evidence_are_not_counted(tmp_path: Path, void: tuple[str, ...], bad: int) -> None:
    """An error that first occurs while the load runs is known from then on."""
    records, live = worker(tmp_path, "customers-1", 1), Live(tmp_path, void)
    add(records, "east", 1)
    records.flush()
    assert live.tallies() == (Tally("customers", "east", 1, 1, 0),)
    for error in (SHORTAGE, RATE_LIMITED, "refused"):
        add(records, "east", 1, good=False, error=error)
    records.flush()
    assert live.tallies() == (Tally("customers", "east", 1, bad, bad),)


def test_workers_that_come_later_are_found(tmp_path: Path) -> None:
    """Before there are any there is nothing to count."""
    live = Live(tmp_path)
    assert live.tallies() == ()
    records = worker(tmp_path, "customers-1", 1)
    add(records, "east", 1)
    records.flush()
    assert live.tallies() == (Tally("customers", "east", 1, 1, 0),)


def test_an_incomplete_record_is_left_for_the_next_reading(tmp_path: Path) -> None:
    """Half a row counts when its other half has been written."""
    records = worker(tmp_path, "customers-1", 1)
    add(records, "east", 1)
    records.flush()
    path = tmp_path / RECORDS / "customers-1.rows"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    live = Live(tmp_path)
    assert live.tallies() == ()
    path.write_bytes(whole)
    assert live.tallies() == (Tally("customers", "east", 1, 1, 0),)


def test_effects_are_read_once_and_only_the_requested_ones(tmp_path: Path) -> None:
    """In each worker's order."""
    records = worker(tmp_path, "customers-1", 1)
    create, cancel = (Effect(1, action, 5, 1, booking=3, barber=7, starts_at=900) for action in ("create", "cancel"))
    for effect in (create, Effect(2, "read", 5, 1, read_values="[]"), cancel):
        records.add_effect(effect)
    live = Live(tmp_path)
    records.flush()
    assert live.effects({"create", "cancel"}) == (create, cancel)
    assert live.effects({"create", "cancel"}) == ()


def answer(
    records: Records, region: str, intended_ms: int, ended_ms: int, *, kind: str = "slots", good: bool = True, outcome: int = OK
) -> None:
    """One request of a customer who waited from one instant to the other."""
    code, what = records.texts.code(region), records.texts.code(kind)
    times = (intended_ms * 1_000_000, ended_ms * 1_000_000 - 1, ended_ms * 1_000_000)
    records.add(ROW.pack(*times, 0, 1, 9, 0.0, 0.0, what, 0, code, 0, 0, 0, 1, 200, outcome, int(good), 1, 0))


def test_what_customers_got_is_told_with_each_look(tmp_path: Path) -> None:
    """Response times count from when the answer was wanted; a booking is one that was acknowledged; canaries are no customers."""
    records, canary, live = worker(tmp_path, "customers-1", 1), worker(tmp_path, "canary-0", 0, Source.CANARY), Live(tmp_path)
    answer(records, "east", 10, 40)
    answer(records, "west", 10, 15, kind="book")
    answer(records, "west", 10, 1010, kind="book", good=False, outcome=INFO)
    answer(canary, "west", 10, 15, kind="book")
    records.flush()
    canary.flush()
    live.tallies()
    told = {one.region: (sorted(one.response_ms), one.bad, one.bookings) for one in live.answers()}
    assert told == {"east": ([30.0], 0, 0), "west": ([5.0, 1000.0], 1, 1)}
    live.tallies()
    assert live.answers() == ()
