"""What is said of faults while they happen, from a timeline that grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.history import FaultEdge, FaultEvent, Healing, Mark, Sighting, record
from closeshave.plan import Expected, Fault
from closeshave.trial.happenings import Course, Tail
from closeshave.trial.schedule import Due
from closeshave.vocabulary import TIMELINE, MarkKind

SECOND = 1_000_000_000
KILL = Due(Fault("kill", "shard.primary-killed", "storm", 10, 14, Expected.RECOVERS, {"shard": 1}), 10 * SECOND)
LIFE = (
    (FaultEdge.PLANNED, 9.0, "", "due"),
    (FaultEdge.INJECTED, 10.0, "injected", "injected 1 s ago, not observed yet"),
    (FaultEdge.OBSERVED, 10.3, "observed 0.3 s after its injection: no answer", "in effect for 1 s"),
    (FaultEdge.HEALED, 24.0, "healing begins 14.0 s after its injection", "healing for 1 s"),
    (FaultEdge.VERIFIED_HEALED, 26.5, "healed and proven 2.5 s after healing began", "healed"),
)


def test_each_edge_is_said_once_and_changes_the_state() -> None:
    """From planned to proven healed."""
    course = Course((KILL,))
    assert course.standing(2 * SECOND)[0].state == "in 8 s"
    for edge, at_s, sentence, state in LIFE:
        at_ns = round(at_s * SECOND)
        said = course.take(FaultEvent("kill", edge, at_ns, Sighting("a probe", "no answer") if edge is FaultEdge.OBSERVED else None))
        assert (said.sentence if said else "") == sentence
        (standing,) = course.standing(max(at_ns, 10 * SECOND) + SECOND)
        assert (standing.id, standing.what, standing.state) == ("kill", "shard.primary-killed shard 1", state)
        assert standing.over == (edge is FaultEdge.VERIFIED_HEALED)


def test_that_healing_begins_is_said_when_it_begins_and_once() -> None:
    """The edge comes only when the repair has been made. A repair that is made again is said again; a run of an older version has no such mark."""
    course = Course((KILL,))
    course.take(FaultEvent("kill", FaultEdge.INJECTED, 10 * SECOND))

    def repaired(at_s: int) -> FaultEvent:
        return FaultEvent("kill", FaultEdge.HEALED, at_s * SECOND, Healing(at_s * SECOND, (at_s + 6) * SECOND, ()))

    said = course.take(Mark(24 * SECOND, MarkKind.HEALING_BEGUN, "kill"))
    assert said is not None
    assert said.sentence == "healing begins 14.0 s after its injection"
    assert course.standing(25 * SECOND)[0].state == "healing for 1 s"
    assert course.take(repaired(24)) is None
    assert course.take(Mark(40 * SECOND, MarkKind.HEALING_BEGUN, "kill")) is not None
    assert course.take(repaired(40)) is None
    assert course.take(repaired(60)) is not None


@pytest.mark.parametrize(
    ("kind", "detail", "sentence", "state"),
    [
        (MarkKind.FAULT_NOT_OBSERVED, "kill", "no probe saw it in effect", "no probe saw it in effect"),
        (
            MarkKind.FAULT_NOT_OBSERVED,
            "kill: not observed within 5 s; the probe last saw: the primary is still pg-1",
            "not observed within 5 s; the probe last saw: the primary is still pg-1",
            "no probe saw it in effect",
        ),
        (MarkKind.FAULT_SKIPPED, "kill", "", "skipped"),
        (MarkKind.NOTE, "kill", "", "in 10 s"),
    ],
)
def test_marks_about_a_fault_are_said_too(kind: MarkKind, detail: str, sentence: str, state: str) -> None:
    """Those of which nobody else speaks; with what the mark says of the fault, if it says anything."""
    course = Course((KILL,))
    said = course.take(Mark(0, kind, detail))
    assert (said.sentence if said else "") == sentence
    assert course.standing(0)[0].state == state


def test_a_growing_timeline_is_read_once_and_only_in_whole_lines(tmp_path: Path) -> None:
    """A damaged line is left for the judges to report, and so is one of a kind that nobody knows."""
    tail = Tail(tmp_path)
    assert list(tail.new()) == []
    event, mark = FaultEvent("kill", "observed", 5, Sighting("a probe", "no answer")), Mark(6, "note", "a note")
    record(tmp_path, event)
    with (tmp_path / TIMELINE).open("ab") as file:
        file.write(b'{"type": "fault"}\n[]\n\xff\xfe\n{"type": "signal"}\n')
    record(tmp_path, mark)
    with (tmp_path / TIMELINE).open("ab") as file:
        file.write(b'{"type": "mark", "at_ns"')
    assert list(tail.new()) == [event, mark]
    with (tmp_path / TIMELINE).open("ab") as file:
        file.write(b': 7, "kind": "note", "detail": "torn"}\n')
    assert list(tail.new()) == [Mark(7, "note", "torn")]
    assert list(tail.new()) == []
