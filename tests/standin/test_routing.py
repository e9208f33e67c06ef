"""Where franchises were moved to, as an instance of the stand-in reads it; and writes that wait while their franchise moves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from closeshave.files import write_atomically
from closeshave.standin import direct
from closeshave.standin.errors import Fenced
from closeshave.standin.platform import Platform
from closeshave.standin.routing import CODEC, LOOK_EVERY_S, RoutingTable
from closeshave.standin.serving import ServedRequest
from closeshave.standin.shards import ID_STEP, Shards
from closeshave.standin.visit import CURRENT
from closeshave.topology import Move, Routing, Shard, Topology

TOPOLOGY = Topology(
    ("east",), (Shard(1, 1, 100, "east", "east"), Shard(2, 101, 200, "east", "east")), (), (Shard(5, 1, 0, "east", "east"),)
)
MOVED = Routing(1, (Move(1, 10, 1, 5),))


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def written(path: Path, routing: Routing) -> None:
    """As an operator replaces the file."""
    write_atomically(path, CODEC.dump_json(routing))


def test_a_process_notices_a_new_routing_and_keeps_it_when_the_file_is_damaged(tmp_path: Path) -> None:
    """It looks every few milliseconds, and reads only what is new. Without the file nothing is moved."""
    path, clock = tmp_path / "routing.json", Clock()
    table = RoutingTable(str(path), clock)
    assert table.now() == Routing()
    written(path, MOVED)
    assert table.now() == Routing()
    clock.now += 2 * LOOK_EVERY_S
    assert table.now() == MOVED
    path.write_text("{")
    clock.now += 2 * LOOK_EVERY_S
    assert table.now() == MOVED
    path.unlink()
    clock.now += 2 * LOOK_EVERY_S
    assert table.now() == Routing()


class Rows(Shards):
    """Shards that hold these bookings, by shard: booking → franchise."""

    def __init__(self, path: Path, held: dict[int, dict[int, int]]) -> None:
        super().__init__(TOPOLOGY, {}, {}, RoutingTable(str(path)))
        self.held = held
        self.asked: list[int] = []

    async def read_latest(self, shard: Shard, sql: str, *arguments: Any) -> Any:
        """The franchise of a booking."""
        self.asked.append(shard.id)
        franchise = self.held.get(shard.id, {}).get(int(arguments[0]))
        return [] if franchise is None else [{"franchise_id": franchise}]

    async def read(self, shard: Shard, sql: str, *arguments: Any) -> Any:
        """All bookings."""
        return [{"id": booking, "franchise_id": franchise} for booking, franchise in self.held.get(shard.id, {}).items()]


BEFORE, MADE, ELSEWHERE = ID_STEP + 1, ID_STEP + 2, 5 * ID_STEP + 1


@pytest.mark.parametrize(
    ("held", "booking", "shard", "asked"),
    [
        # The old rows are still there for a while, or gone already; either way the new shard answers.
        ({1: {BEFORE: 7}, 5: {BEFORE: 7}}, BEFORE, 5, [1]),
        ({5: {BEFORE: 7}}, BEFORE, 5, [1, 5]),
        ({1: {MADE: 50}}, MADE, 1, [1]),
        ({5: {ELSEWHERE: 7}}, ELSEWHERE, 5, []),
        ({}, MADE, 1, [1, 5]),
        ({}, 2 * ID_STEP + 1, 2, []),
    ],
)
def test_a_booking_is_found_where_its_franchise_lies_now(
    tmp_path: Path, held: dict[int, dict[int, int]], booking: int, shard: int, asked: list[int]
) -> None:
    """Its ID says only where it was made. Bookings of shards from which nothing moved cost no further query."""
    written(tmp_path / "routing.json", MOVED)
    shards = Rows(tmp_path / "routing.json", held)
    assert asyncio.run(shards.of_booking(booking)).id == shard
    assert shards.asked == asked


def test_a_franchise_lies_where_the_routing_says(tmp_path: Path) -> None:
    """Otherwise where the topology says; and nowhere outside of it."""
    written(tmp_path / "routing.json", MOVED)
    shards = Rows(tmp_path / "routing.json", {})
    found = [shards.of_franchise(franchise) for franchise in (1, 10, 11, 150, 201)]
    assert [shard.id if shard else None for shard in found] == [5, 5, 1, 2, None]


def test_a_list_over_all_shards_shows_a_moved_booking_once(tmp_path: Path) -> None:
    """While it is on both shards. Before a move is in force, the spare shard is not asked: it has what was copied so far."""
    held = {1: {BEFORE: 7, MADE: 50}, 5: {BEFORE: 7}}
    shards = Rows(tmp_path / "routing.json", held)
    assert sorted(row["id"] for row in asyncio.run(shards.read_everywhere(""))) == [BEFORE, MADE]
    written(tmp_path / "moved.json", MOVED)
    moved = Rows(tmp_path / "moved.json", held)
    assert sorted(row["id"] for row in asyncio.run(moved.read_everywhere(""))) == [BEFORE, MADE]


@pytest.fixture
def request_of_7(tmp_path: Path) -> ServedRequest:
    """A request for franchise 7, which is on shard 1."""
    platform = cast("Platform", SimpleNamespace(shards=Rows(tmp_path / "routing.json", {})))
    visit = ServedRequest(platform)
    visit.franchise, visit.shard = 7, TOPOLOGY.shard(1)
    return visit


def test_a_write_waits_for_the_move_and_goes_to_the_new_shard(request_of_7: ServedRequest, tmp_path: Path) -> None:
    """The endpoint is called again, with the place of the request found anew, and limits do not count it twice."""
    seen: list[tuple[int, bool]] = []

    async def book() -> str:
        assert request_of_7.shard is not None
        seen.append((request_of_7.shard.id, request_of_7.again))
        if request_of_7.shard.id == 1:
            written(tmp_path / "routing.json", MOVED)
            raise Fenced("franchises 1 to 10 are being moved")
        return "booked"

    async def served() -> Any:
        CURRENT.set(request_of_7)
        return await direct._served(book, {})

    assert asyncio.run(served()) == "booked"
    assert (seen[0], seen[-1]) == ((1, False), (5, True))


def test_a_write_that_waited_in_vain_is_refused(request_of_7: ServedRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 503, and when to try again."""
    monkeypatch.setattr(direct, "FENCE_S", 0.05)

    async def book() -> str:
        raise Fenced("franchises 1 to 10 are being moved")

    async def served() -> Any:
        CURRENT.set(request_of_7)
        return await direct._served(book, {})

    with pytest.raises(Fenced) as refused:
        asyncio.run(served())
    answer = refused.value.response()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
