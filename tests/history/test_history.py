"""From rows to frames to files and back."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave import history
from closeshave.clock import Anchor
from closeshave.files import seal
from closeshave.history import (
    EFFECTS,
    OPERATIONS,
    Before,
    Effect,
    FaultEvent,
    Injection,
    Manifest,
    Mark,
    Operation,
    PhaseTime,
    Sent,
    Signal,
    TouchedProcess,
    TouchedText,
)
from closeshave.topology import Shard, Topology
from closeshave.vocabulary import BLIND, LOAD_MACHINES
from tests.tiers import examples

TOPOLOGY = Topology(("r1",), (Shard(1, 1, 10, "r1", "r1"),))
MANIFEST = Manifest("id", "p", "e", "t", 1, "rehearsed", "0", "2026-11-21T00:00:00", Anchor(1, 2, 3), TOPOLOGY)
OPERATION = Operation(7, "customers", "book", "book", "r1", 1, 5, 10, 11, 12, "ok", True, 200)


def saved(tmp_path):
    """A run directory with one operation and one effect."""
    history.save_manifest(tmp_path, MANIFEST)
    history.save_rows(tmp_path / history.OPERATIONS_FILE, pa.Table.from_pylist([vars_(OPERATION)], schema=OPERATIONS))
    effect = Effect(operation=7, action="create", franchise=5, shard=1, key="k_1", booking=None, starts_at=2**40)
    history.save_rows(tmp_path / history.EFFECTS_FILE, pa.Table.from_pylist([vars_(effect)], schema=EFFECTS))
    return tmp_path


def vars_(row):
    """A row as a mapping."""
    return {name: getattr(row, name) for name in row.__slots__}


def test_a_history_reads_back_as_it_was_written(tmp_path):
    """Operations, effects and all kinds of events survive the files."""
    run = saved(tmp_path)
    injection = Injection("shard:1", (TouchedProcess("a", 1, "postgres"), TouchedText("b")), 5, 6, ("a",), before=(Before("a", "keys", 3),))
    events = (
        FaultEvent("f", "injected", 5, injection),
        FaultEvent("f", "observed", 6),
        Signal(6, "promoted", "shard:1", "patroni"),
        Mark(7, "note", "x"),
    )
    for event in events:
        history.record(run, event)
    read = history.load(run)
    assert read.manifest == MANIFEST
    assert (read.faults, read.signals, read.marks) == (events[:2], (events[2],), (events[3],))
    assert read.operations.iloc[0]["kind"] == "book"


def test_absent_integers_stay_absent_and_large_ones_exact(tmp_path):
    """A booking without an ID in the answer is NA, never 0 or a rounded float."""
    effects = history.load(saved(tmp_path)).effects
    assert effects["booking"].isna().all()
    assert effects["starts_at"].iloc[0] == 2**40
    assert isinstance(effects["booking"].dtype, pd.Int64Dtype)


def test_missing_evidence_is_damage_not_emptiness(tmp_path):
    """A final state that was never read is None and named, so no judge takes it for an empty one."""
    read = history.load(saved(tmp_path))
    assert read.bookings is None
    assert "bookings.parquet is missing" in read.damage


def test_a_truncated_file_is_named(tmp_path):
    """A truncated Parquet file costs its verdicts, not the run."""
    run = saved(tmp_path)
    path = run / history.OPERATIONS_FILE
    path.write_bytes(path.read_bytes()[:-20])
    read = history.load(run)
    assert any(entry.startswith("operations.parquet was changed after it was written") for entry in read.damage)


@given(at=st.integers(0), flipped=st.integers(1, 255))
@settings(max_examples=examples(40), deadline=None)
def test_a_changed_byte_on_the_disk_is_named(tmp_path_factory, at, flipped):
    """Anywhere in the file: otherwise it would be another figure, and a verdict on it."""
    run = saved(tmp_path_factory.mktemp("run"))
    path = run / history.EFFECTS_FILE
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= flipped
    path.write_bytes(content)
    assert any(entry.startswith("effects.parquet was changed after it was written: its checksum is") for entry in history.load(run).damage)


def test_a_file_that_is_written_again_is_sealed_again(tmp_path):
    """The checksum is that of the last file."""
    run = saved(tmp_path)
    history.save_rows(run / history.EFFECTS_FILE, EFFECTS.empty_table())
    read = history.load(run)
    assert not any("effects" in entry for entry in read.damage)
    assert read.effects.empty


def test_a_file_without_a_seal_is_read(tmp_path):
    """A process that was killed before sealing wrote it completely, and older runs had no seals."""
    run = saved(tmp_path)
    (run / f"{history.EFFECTS_FILE}{seal.SUFFIX}").unlink()
    assert not any("effects" in entry for entry in history.load(run).damage)


@pytest.mark.parametrize(
    "name", [history.OPERATIONS_FILE, history.BOOKINGS_FILE, history.EDGE_COUNTS, history.TIMELINE, BLIND, LOAD_MACHINES]
)
@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"PAR1nonsensePAR1"])
def test_damage_names_files_without_their_directory(tmp_path, name, content):
    """A verdict is read, and published, where the run's directory does not exist."""
    run = saved(tmp_path)
    path = run / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    damage = history.load(run).damage
    assert name == history.TIMELINE or any(entry.startswith(path.name) for entry in damage)
    assert not any(str(tmp_path) in entry for entry in damage)


@pytest.mark.parametrize("missing", [True, False])
def test_a_timeline_without_phases_is_damage(tmp_path, missing):
    """A trial records the beginning of its phases; without that, its other records, a failure of its own for example, are missing too."""
    run = saved(tmp_path)
    history.save_manifest(run, replace(MANIFEST, phases=(PhaseTime("calm", "calm", 1, 2),)))
    history.record(run, Mark(1, "phase-started", "calm"))
    assert not any("timeline" in entry for entry in history.load(run).damage)
    (run / history.TIMELINE).unlink()
    if not missing:
        (run / history.TIMELINE).touch()
    assert any(entry.startswith("timeline.jsonl is empty") for entry in history.load(run).damage)


def test_a_directory_is_no_file(tmp_path):
    """A directory with the name of the final state is no empty final state."""
    run = saved(tmp_path)
    (run / history.BOOKINGS_FILE).mkdir(parents=True)
    assert "bookings.parquet is missing" in history.load(run).damage


def test_the_last_counters_of_a_sender_count(tmp_path):
    """Senders write their counters repeatedly; only the last line is compared."""
    run = saved(tmp_path)
    history.record_sent(run, Sent("customers", "0", 1, 1, 1, finished=False))
    history.record_sent(run, Sent("customers", "0", 9, 9, 9, finished=True))
    assert history.load(run).sent == (Sent("customers", "0", 9, 9, 9, finished=True),)
