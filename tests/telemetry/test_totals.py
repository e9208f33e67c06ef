"""What is counted of records that grow: by what, into which class, and each once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import FaultEdge, FaultEvent, Mark, Signal, Source
from closeshave.loadgen.growing import Spool
from closeshave.telemetry.totals import BOUNDS_S, RequestKind, Totals
from closeshave.vocabulary import SPOOL, MarkKind
from tests.telemetry.made import EAST, EVIDENCE, FAULT, WEST, Writer


def seen(writer: Writer, totals: Totals, spool: Spool) -> Totals:
    """The totals after another look."""
    for worker in spool.workers():
        totals.add(worker)
    return totals


def test_requests_are_counted_once_by_everything_that_tells_them_apart(writer: Writer) -> None:
    """Two workers give the same text different codes; a shard below zero is that of a request which concerns none."""
    totals, spool = Totals(), Spool(writer.run / SPOOL)
    writer.requests(3, 0.1)
    writer.requests(2, 0.1, "slots", WEST, shard=-1, outcome="info", good=False)
    writer.requests(1, 0.1, "slots", WEST, source=Source.CANARY)
    expected = {
        RequestKind("customers", "book", EAST, 1, "ok", True): 3,
        RequestKind("customers", "slots", WEST, -1, "info", False): 2,
        RequestKind("canary", "slots", WEST, 1, "ok", True): 1,
    }
    assert seen(writer, totals, spool).requests == expected
    assert seen(writer, totals, spool).requests == expected
    writer.requests(4, 0.1)
    assert seen(writer, totals, spool).requests[RequestKind("customers", "book", EAST, 1, "ok", True)] == 7


@pytest.mark.parametrize(
    ("response_s", "index"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.1, BOUNDS_S.index(0.1)), (0.2, BOUNDS_S.index(0.25)), (10.0, 12), (10.1, 13), (500.0, 13)],
)
def test_a_duration_falls_into_the_class_whose_bound_it_does_not_exceed(writer: Writer, response_s: float, index: int) -> None:
    """As Prometheus and OpenTelemetry both define classes: the upper bound belongs to its class."""
    writer.requests(2, response_s, late_s=response_s)
    totals = seen(writer, Totals(), Spool(writer.run / SPOOL))
    for one in (totals.responses["customers", "book", EAST], totals.lateness["customers"]):
        assert one.counts.tolist() == [2 if at == index else 0 for at in range(len(BOUNDS_S) + 1)]
        assert one.sum_s == pytest.approx(2 * response_s)
        assert one.least_s == one.most_s == pytest.approx(response_s)


def test_response_times_are_kept_apart_by_sender_operation_and_region(writer: Writer) -> None:
    """A slow region does not show in the other's."""
    writer.requests(1, 0.002)
    writer.requests(1, 2.0, region=WEST)
    writer.requests(1, 2.0, "slots")
    totals = seen(writer, Totals(), Spool(writer.run / SPOOL))
    assert {key: int(np.argmax(one.counts)) for key, one in totals.responses.items()} == {
        ("customers", "book", EAST): 1,
        ("customers", "book", WEST): 10,
        ("customers", "slots", EAST): 10,
    }


@given(st.lists(st.sampled_from([FaultEdge.INJECTED, FaultEdge.OBSERVED, FaultEdge.HEALED, FaultEdge.VERIFIED_HEALED]), max_size=6))
def test_a_fault_is_in_effect_from_its_injection_until_its_healing_begins(edges: list[FaultEdge]) -> None:
    """Whatever the order in which the lines are read: several processes write them."""
    totals = Totals()
    totals.note(FaultEvent(FAULT, FaultEdge.PLANNED, 1, EVIDENCE))
    for edge in edges:
        totals.note(FaultEvent(FAULT, edge, 2))
    life = totals.faults[FAULT]
    assert (life.kind, life.scope) == ("shard.primary-killed", "shard:1")
    assert life.in_effect == (FaultEdge.INJECTED in edges and FaultEdge.HEALED not in edges)


def test_a_fault_is_in_effect_no_longer_when_its_repair_begins() -> None:
    """The edge tells the same instant, but only when the repair has been made. A mark on a fault that nobody knows does no harm."""
    totals = Totals()
    totals.note(FaultEvent(FAULT, FaultEdge.PLANNED, 1, EVIDENCE))
    totals.note(FaultEvent(FAULT, FaultEdge.INJECTED, 2))
    for fault in (FAULT, "another"):
        totals.note(Mark(3, MarkKind.HEALING_BEGUN, fault))
    assert not totals.faults[FAULT].in_effect
    assert totals.faults[FAULT].edges[FaultEdge.HEALED] == 3
    assert set(totals.faults) == {FAULT}


def test_phases_marks_and_signals_are_noted() -> None:
    """The last phase that started is the one that runs."""
    totals = Totals()
    for event in (
        Mark(1, MarkKind.PHASE_STARTED, "calm"),
        Mark(2, MarkKind.PHASE_STARTED, "broken"),
        Mark(3, MarkKind.NOTE, "x"),
        Signal(4, "promoted", "shard:1", "patroni.log"),
    ):
        totals.note(event)
    assert totals.phase == "broken"
    assert totals.marks == {"phase-started": 2, "note": 1}
    assert totals.signals == {("promoted", "shard:1"): 1}


def test_a_copy_does_not_change(writer: Writer) -> None:
    """Who shows the totals does so while more is counted."""
    totals, spool = Totals(), Spool(writer.run / SPOOL)
    writer.requests(1, 0.1)
    totals.note(FaultEvent(FAULT, FaultEdge.PLANNED, 1, EVIDENCE))
    before = seen(writer, totals, spool).copy()
    writer.requests(1, 0.1)
    seen(writer, totals, spool)
    totals.note(FaultEvent(FAULT, FaultEdge.INJECTED, 1))
    assert sum(before.requests.values()) == 1
    assert int(before.responses["customers", "book", EAST].counts.sum()) == 1
    assert not before.faults[FAULT].in_effect
