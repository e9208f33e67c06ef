"""A run is read as far as it goes, from its first file to its end; what is damaged is said and harms nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from closeshave import history
from closeshave.control.processes import identify
from closeshave.history import AlertNote, FaultEdge
from closeshave.live import watcher as watching
from closeshave.live.picture import HowKnown, Stage
from closeshave.live.watcher import Watcher
from closeshave.vocabulary import MarkKind
from tests.live.made import FAULT, Scripted


def watcher(run: Path, pid: int = 0) -> Watcher:
    """Of a run whose trial is this process, or another one."""
    harness = identify(pid or os.getpid())
    assert harness is not None
    return Watcher(run, harness)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at seldom is looked at each time."""
    monkeypatch.setattr(watching, "SLOW_EVERY_S", 0.0)


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    """A run that has 20 seconds of load behind it."""
    made = Scripted(tmp_path)
    made.manifest()
    made.ordinary()
    return made


@pytest.mark.usefixtures("always")
def test_a_run_is_shown_from_its_first_file_on(tmp_path: Path) -> None:
    """Nothing, then what it is, then its load, then its end."""
    shown = watcher(tmp_path)
    assert shown.look().stage is Stage.STARTING
    made = Scripted(tmp_path)
    made.manifest(phases=())
    picture = shown.look()
    assert (picture.stage, picture.reading) == (Stage.STARTING, None)
    assert picture.about is not None
    assert picture.about.plan == "smoke"
    made.manifest()
    made.ordinary()
    picture = shown.look()
    assert (picture.stage, picture.phase, picture.total_s, picture.trouble) == (Stage.LOADED, "calm", 60.0, "")
    assert picture.reading is not None
    assert picture.reading.all.bookings == 944


@pytest.mark.usefixtures("always")
def test_everything_that_the_trial_tells_is_there(scripted: Scripted) -> None:
    """Faults, signals, parts, senders, the budget, integrity as far as it is known."""
    scripted.fault(FaultEdge.PLANNED, FaultEdge.INJECTED, FaultEdge.OBSERVED)
    scripted.signal(13.5)
    scripted.mark(MarkKind.NOTE, "app-1 has ended", 14.0)
    picture = watcher(scripted.path).look()
    (fault,) = picture.disruptions
    assert (fault.id, fault.injected_s, fault.observed_s, fault.healed_s, fault.in_effect) == (FAULT, 11.0, 12.0, None, True)
    assert [one.text for one in picture.told] == ["injected", "observed 1.0 s after its injection", "app-1 has ended"]
    (signal,) = picture.signals
    assert (signal.kind, signal.scope) == ("promoted", "shard:1")
    assert signal.at_s == pytest.approx(13.5, abs=0.1)
    assert picture.parts is not None
    assert [one.name for one in picture.parts if not one.running] == ["gone"]
    assert (picture.budget.burnt, picture.budget.burnt_max) == (0.02, 0.5)
    assert [(one.source, one.intended, one.lateness_p99_ms) for one in picture.senders] == [("customers", 1000, 0.2), ("canary", 200, 0.2)]
    known = {one.title: one.known for one in picture.integrity}
    assert known["Double bookings"] is HowKnown.NONE_SEEN
    assert known["Lost bookings"] is HowKnown.UNKNOWN


def test_alerts_are_signals_from_their_beginning_to_their_end(scripted: Scripted) -> None:
    """As they were told; the one that always fires is none."""
    zero_ns = scripted.zero_ns
    for note in (
        AlertNote(zero_ns + 10**9, "firing", "w", "Watchdog", "none", "", 1),
        AlertNote(zero_ns + 12 * 10**9, "firing", "p", "PrimaryDown", "critical", "database", 1, None, {"shard": "1"}),
        AlertNote(zero_ns + 16 * 10**9, "resolved", "p", "PrimaryDown", "critical", "database", 1, 2, {"shard": "1"}),
    ):
        history.note_alert(scripted.path, note)
    shown = [(one.at_s, one.kind, one.scope, one.detail) for one in watcher(scripted.path).look().signals]
    assert shown == [(12.0, "alert", "shard:1", "PrimaryDown (critical) was over after 4 s")]


def test_what_nobody_can_know_yet_is_never_shown_as_good(scripted: Scripted) -> None:
    """Before the trial has told anything, double bookings are unknown too; a breach that it saw is one."""
    (scripted.path / "spool" / "standing.json").unlink()
    shown = watcher(scripted.path)
    picture = shown.look()
    assert {one.known for one in picture.integrity} == {HowKnown.UNKNOWN, HowKnown.COUNTED}
    assert picture.budget.burnt is None
    assert picture.budget.why_unknown
    scripted.standing(doubled="bookings 1 and 2 were both acknowledged", burnt=None)
    picture = watcher(scripted.path).look()
    assert [one.detail for one in picture.integrity if one.known is HowKnown.BROKEN] == ["bookings 1 and 2 were both acknowledged"]
    assert "promises no availability" in picture.budget.why_unknown


def test_writes_without_a_known_outcome_are_counted(scripted: Scripted) -> None:
    """They may have happened."""
    picture = watcher(scripted.path).look()
    (unresolved,) = (one for one in picture.integrity if one.title == "Unknown outcomes")
    assert unresolved.count is not None
    assert unresolved.count > 10


def test_what_was_offered_comes_from_the_senders_own_counters(scripted: Scripted) -> None:
    """Requests that hang have been offered too, and are in no record."""
    shown = watcher(scripted.path)
    before = shown.look().reading
    scripted.counters(more=400)
    after = shown.look().reading
    assert before is not None
    assert after is not None
    assert after.offered_per_s == pytest.approx(before.offered_per_s + 40, abs=3)
    assert after.all.completed_per_s == pytest.approx(before.all.completed_per_s, rel=0.2)


def test_a_server_that_starts_late_catches_up_step_by_step(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how far it is; the figures of the last seconds are right when it is done."""
    monkeypatch.setattr(watching, "ROWS_MAX", 300)
    shown = watcher(scripted.path)
    first = shown.look()
    assert shown.catching_up
    assert first.read_share == pytest.approx(0.3)
    assert first.reading is not None
    assert first.reading.all.completed_per_s < 10
    looks = 1
    while shown.catching_up:
        last = shown.look()
        looks += 1
    assert looks == 4
    assert last.read_share is None
    whole = watcher(scripted.path)
    monkeypatch.setattr(watching, "ROWS_MAX", 10**6)
    assert last.reading is not None
    reading = whole.look().reading
    assert reading is not None
    assert last.reading.all.bookings == reading.all.bookings
    assert last.reading.all.completed_per_s == pytest.approx(reading.all.completed_per_s, rel=0.05)


def test_the_figures_of_a_server_that_starts_late_are_those_of_the_last_seconds(scripted: Scripted) -> None:
    """Not those of the whole run: ten seconds later they would be the same as everybody's, and until then a reader would be misled."""
    scripted.requests(np.linspace(19, 19.9, 300), 5.0)
    reading = watcher(scripted.path).look().reading
    assert reading is not None
    assert reading.all.completed_per_s == pytest.approx(50 + 30, rel=0.1)
    assert reading.offered_per_s == pytest.approx(50 + 30, rel=0.1)
    assert reading.all.bookings == 944 + 300


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"{"),
        ("deployment.json", b"[]"),
        ("timeline.jsonl", b'{"type": "fault"}\n\xff\xfe\n[[[\n'),
        ("spool/standing.json", b"no"),
        ("spool/resources.jsonl", b'{"usage": []}\n{}\nnull\n'),
        ("spool/customers-1.counters.json", b'{"source": 1}'),
        ("plan.yaml", b"name: ["),
        ("nemesis.json", b"{}"),
    ],
)
@pytest.mark.usefixtures("always")
def test_a_damaged_file_is_said_and_nothing_else_is_lost(scripted: Scripted, name: str, content: bytes) -> None:
    """The next look reads it again."""
    place = scripted.path / name
    kept = place.read_bytes() if place.exists() else None
    place.write_bytes(content)
    shown = watcher(scripted.path)
    shown.look()
    if kept is None:
        place.unlink()
    else:
        place.write_bytes(kept)
    picture = shown.look()
    assert picture.trouble == ""
    assert picture.reading is not None
    assert picture.reading.all.bookings == 944


def test_the_end_is_seen_with_its_verdict(scripted: Scripted) -> None:
    """When the trial's process is gone; without a summary there is no verdict, and none is made up."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    shown = watcher(scripted.path, child.pid)
    assert shown.look().stage is Stage.LOADED
    child.kill()
    child.wait()
    assert (shown.look().stage, shown.look().verdict) == (Stage.OVER, "")
    for told, verdict in ({"status": "pass"}, "pass"), ({"status": "<b>"}, ""), ({}, ""), ([], ""):
        (scripted.path / "summary.json").write_text(json.dumps(told))
        assert shown.look().verdict == verdict
    assert shown.look().reading is not None


def test_a_late_sender_is_late_and_a_silent_one_is_silent(scripted: Scripted) -> None:
    """The bound is that of the judges: a tenth of the tightest latency bound in force."""
    scripted.requests(np.linspace(19, 19.5, 200), 5.0, late_ms=90.0)
    place = scripted.path / "spool" / "canary-1.counters.json"
    os.utime(place, (place.stat().st_mtime - 9,) * 2)
    customers, canary = watcher(scripted.path).look().senders
    assert customers.lateness_p99_ms is not None
    assert customers.lateness_max_ms is not None
    assert customers.lateness_p99_ms > customers.lateness_max_ms
    assert canary.silent_s >= 9 > customers.silent_s
