"""What a backup server holds, read from its files: base backups by their manifests, gaps in the log."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeshave.deployment import BackupServer
from closeshave.drills.backup.verify import promised
from closeshave.drills.backups import BaseBackup, base_before, bases, gap
from closeshave.drills.catalogue import KINDS
from closeshave.drills.kind import DrillWork
from closeshave.drills.restore.other_region import choose
from closeshave.faults.waiting import after
from tests.faults import toys
from tests.tiers import examples

SIZE = 4 << 20
A_SECOND_NS = 10**9


def server(directory: Path) -> BackupServer:
    """An empty backup server."""
    made = BackupServer("backup-shard1", 1, "east", str(directory))
    for place in (made.log, made.bases):
        Path(place).mkdir(parents=True, exist_ok=True)
    return made


def segment(number: int, timeline: int = 1) -> str:
    """The name of a segment of four megabytes."""
    high, low = divmod(number, (1 << 32) // SIZE)
    return f"{timeline:08X}{high:08X}{low:08X}"


def received(made: BackupServer, *names: str) -> None:
    """Segments of the log, sparse."""
    for name in names:
        with Path(made.log, name).open("wb") as file:
            file.truncate(SIZE)


def base(made: BackupServer, start: str = "0/800028", name: str = "000001", manifest: object | None = None) -> None:
    """A base backup that needs the log from a position on."""
    place = Path(made.bases, name)
    place.mkdir()
    told = {"WAL-Ranges": [{"Timeline": 1, "Start-LSN": start, "End-LSN": start}]} if manifest is None else manifest
    (place / "backup_manifest").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([segment(2), segment(3), f"{segment(4)}.partial"], ""),
        ([segment(1), segment(2), f"{segment(3)}.partial"], ""),
        ([segment(2), f"{segment(4)}.partial"], f"segment {segment(3)} is missing; the newest is {segment(4)}.partial"),
        ([segment(3), segment(4)], f"segment {segment(2)} is missing"),
        ([segment(2), segment(7)], "and 3 more"),
        ([segment(2), segment(3), segment(3, 2), segment(4, 2), "00000002.history"], ""),
        ([segment(2), segment(3, 2), segment(5, 2)], f"segment {segment(4)} is missing"),
        ([], "has received no log"),
    ],
)
def test_a_gap_in_the_log_is_named(tmp_path: Path, names: list[str], expected: str) -> None:
    """From the base backup's start on: what is before it is not needed, and a new timeline goes on in the same or the next segment."""
    made = server(tmp_path)
    base(made)
    received(made, *names)
    found = gap(made, bases(made)[0])
    assert (expected in found) if expected else (found == "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(25))
@given(first=st.integers(0, 3000), count=st.integers(3, 12), missing=st.integers(1, 10))
def test_any_missing_segment_is_found(tmp_path_factory: pytest.TempPathFactory, first: int, count: int, missing: int) -> None:
    """Also where the upper half of a segment's number changes."""
    made = server(tmp_path_factory.mktemp("log"))
    numbers = [first + index for index in range(count)]
    received(made, *map(segment, numbers))
    needed = BaseBackup("000001", tmp_path_factory.getbasetemp(), 1, first * SIZE + 40, 0)
    assert gap(made, needed) == ""
    lost = numbers[min(missing, count - 2)]
    Path(made.log, segment(lost)).unlink()
    assert segment(lost) in gap(made, needed)


def test_base_backups_are_known_by_their_manifests(tmp_path: Path) -> None:
    """One that is still being made has none; one that cannot be read is not used. The newest that is old enough is chosen."""
    made = server(tmp_path)
    base(made)
    base(made, "1/A00028", "000002")
    base(made, name="000003", manifest={"WAL-Ranges": []})
    Path(made.bases, "000004").mkdir()
    found = bases(made)
    assert [(each.name, each.timeline, each.starts_at) for each in found] == [("000001", 1, 0x800028), ("000002", 1, (1 << 32) + 0xA00028)]
    assert base_before(made, found[1].ended_ns + A_SECOND_NS) == found[1]
    assert base_before(made, found[0].ended_ns - A_SECOND_NS) is None


@pytest.mark.parametrize(
    ("ages_s", "kept", "reach_s", "lacking"),
    [
        ((10,), 1, 0, ""),
        ((100, 50, 10), 3, 100, ""),
        ((100, 50, 10), 4, 0, "3 complete base backups are there, but 4 are promised"),
        ((), 1, 0, "0 complete base backups are there, but 1 is promised"),
        ((), 0, 0, "0 complete base backups are there, but 1 is promised"),
        ((100, 50), 1, 101, "the oldest base backup was finished 100 s ago, but a restore to 101 s ago is promised"),
    ],
)
def test_a_retention_is_kept_or_what_it_lacks_is_said(ages_s: tuple[int, ...], kept: int, reach_s: int, lacking: str) -> None:
    """So many base backups, and one that is old enough."""
    now_ns = 10**18
    found = tuple(BaseBackup(str(age), Path(), 1, 0, now_ns - age * A_SECOND_NS) for age in ages_s)
    assert promised(found, kept, reach_s, now_ns) == lacking


@pytest.mark.parametrize("back", [0, 7])
def test_a_restore_in_another_region_goes_to_the_end_of_the_log_or_to_a_chosen_second(tmp_path: Path, back: int) -> None:
    """A chosen second is a whole one, and exact: nothing from before it may be missing."""
    made = server(tmp_path / "backup")
    base(made)
    before_ns = time.time_ns() - 60 * A_SECOND_NS
    os.utime(Path(made.bases, "000001", "backup_manifest"), ns=(before_ns, before_ns))
    there = replace(toys.described(tmp_path), backups=(made,))
    aim = KINDS["restore.other-region"].way_back.aim(there, {"shard": 1}, {"back": back})
    work = DrillWork("drill", aim, tmp_path, after(10), lambda: False, lambda _member, _path: 0, print)
    facts = choose(work)
    ago_ns = int(str(facts["wall_ns"])) - int(str(facts["target_wall_ns"]))
    assert facts["exact"] is (back > 0)
    assert facts["base"] == "000001"
    assert back * A_SECOND_NS <= ago_ns < (back + 1) * A_SECOND_NS if back else ago_ns == 0
    assert not back or int(str(facts["target_wall_ns"])) % A_SECOND_NS == 0
