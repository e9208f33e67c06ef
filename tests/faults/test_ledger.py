"""The write-ahead ledger: its content after every kind of ending."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from closeshave import history
from closeshave.faults import ledger
from closeshave.faults.ledger import Ledger, Undo, open_faults
from closeshave.faults.waiting import after
from closeshave.files import read_lines
from closeshave.history import FaultEdge, Injection, TouchedProcess
from tests.faults import toys


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An environment's root."""
    toys.deployment(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    """The ledger of a run."""
    (tmp_path / "run").mkdir()
    return Ledger(tmp_path / "run")


def undo(root: Path) -> Undo:
    """How to heal a fault in the environment at ``root``."""
    return Undo("region.lost", {"region": toys.NEAR}, {"switch_back": True}, str(root))


@pytest.mark.parametrize(
    ("edges", "is_open"),
    [
        ((), False),
        ((FaultEdge.PLANNED,), True),
        ((FaultEdge.PLANNED, FaultEdge.INJECTED), True),
        ((FaultEdge.PLANNED, FaultEdge.INJECTED, FaultEdge.OBSERVED), True),
        ((FaultEdge.PLANNED, FaultEdge.INJECTED, FaultEdge.HEALED), True),
        ((FaultEdge.PLANNED, FaultEdge.HEALED), True),
        ((FaultEdge.PLANNED, FaultEdge.HEALED, FaultEdge.VERIFIED_HEALED), False),
        ((FaultEdge.PLANNED, FaultEdge.HEALED, FaultEdge.VERIFIED_HEALED, FaultEdge.PLANNED), True),
    ],
)
def test_fault_is_open_from_its_plan_until_its_heal_is_proven(
    edges: tuple[FaultEdge, ...], is_open: bool, book: Ledger, root: Path
) -> None:
    """Neither injection nor healing opens or closes a fault: only the plan before and the proof after do."""
    for edge in edges:
        if edge is FaultEdge.PLANNED:
            book.plan("a", undo(root), ttl_s=1, strike_ns=0)
        else:
            book.passed("a", edge, 1, None)
    assert bool(book.open()) is is_open


def test_undo_survives_in_the_file(book: Ledger, root: Path) -> None:
    """Another process reads from the file alone how to heal."""
    book.plan("a", undo(root), ttl_s=7, strike_ns=0)
    (found,) = Ledger(book.run).open()
    assert found.undo == undo(root)
    assert found.ttl_s == 7


def test_time_to_live_ends(book: Ledger, root: Path) -> None:
    """A fault is expired only after its time to live, counted from its plan."""
    book.plan("a", undo(root), ttl_s=7, strike_ns=0)
    (found,) = book.open()
    assert not found.expired(found.planned_ns + 7_000_000_000)
    assert found.expired(found.planned_ns + 7_000_000_001)


def test_same_fault_is_not_planned_twice(book: Ledger, root: Path) -> None:
    """A fault that is still open cannot be planned again."""
    book.plan("a", undo(root), ttl_s=1, strike_ns=0)
    with pytest.raises(RuntimeError, match="still open"):
        book.plan("a", undo(root), ttl_s=1, strike_ns=0)


@pytest.mark.parametrize("torn", [b'{"fault": "b", "ed', b'{"fault"', b"\xc3"])
def test_incomplete_line_is_skipped(torn: bytes, book: Ledger, root: Path) -> None:
    """A line that a crash cut short is skipped, and the next line is not appended to it."""
    book.plan("a", undo(root), ttl_s=1, strike_ns=0)
    with book.path.open("ab") as file:
        file.write(torn)
    assert [fault.fault for fault in book.open()] == ["a"]
    book.plan("c", undo(root), ttl_s=1, strike_ns=0)
    assert [fault.fault for fault in book.open()] == ["a", "c"]


def test_every_edge_is_on_the_timeline(book: Ledger, root: Path) -> None:
    """The run's timeline gets each edge at the instant when it happened."""
    book.plan("a", undo(root), ttl_s=1, strike_ns=5)
    injection = Injection("region:near", (TouchedProcess("x", 1, "app"),), 6, 7, ("x",))
    book.passed("a", FaultEdge.INJECTED, 6, injection)
    lines = [line for line in read_lines(book.run / history.TIMELINE) if line["type"] == "fault"]
    assert [(line["edge"], line["fault"]) for line in lines] == [("planned", "a"), ("injected", "a")]
    assert lines[1]["at_ns"] == 6
    assert history.evidence_of("injected", lines[1]["evidence"]) == injection
    assert [fault.injection for fault in book.open()] == [injection]


def test_environment_knows_the_ledgers_of_its_faults(book: Ledger, root: Path) -> None:
    """What a run left unhealed is found from the environment too, not only from that run's directory."""
    assert ledger.unhealed(root / ledger.FILE) == ()
    book.plan("a", undo(root), ttl_s=1, strike_ns=0)
    assert ledger.unhealed(root / ledger.FILE) == ("a",)
    assert ledger.unhealed(book.path) == ("a",)


def test_destroyed_environment_needs_no_healing(book: Ledger, root: Path) -> None:
    """A fault whose environment is gone is closed, but never reported as healed."""
    book.plan("a", undo(root), ttl_s=1, strike_ns=0)
    (root / "deployment.json").unlink()
    assert ledger.unhealed(book.path) == ()
    ledger.close_by_destruction(book.run)
    assert book.open() == ()
    edges = [line["edge"] for line in read_lines(book.run / history.TIMELINE)]
    assert edges == ["planned"]


def test_order_of_faults_is_the_order_of_plans() -> None:
    """Open faults are listed in the order of their planning, so that healing can use the reverse order."""
    plan: dict[str, Any] = {
        "edge": "planned",
        "at_ns": 0,
        "ttl_s": 1,
        "undo": {"kind": "k", "scope": {}, "parameters": {}, "deployment": "d"},
    }
    lines = [{"fault": "a", **plan}, {"fault": "b", **plan}, {"fault": "a", "edge": "verified-healed"}, {"fault": "a", **plan}]
    assert [fault.fault for fault in open_faults(lines)] == ["b", "a"]


def test_whoever_waits_for_another_healing_is_told_who_it_is(book: Ledger) -> None:
    """Two processes at once would undo each other's work; an operator may want to look at the one that takes so long."""
    held = f"still healing a: the last to take its lock was pid {os.getpid()}$"
    with book.healing("a", after(0)), pytest.raises(TimeoutError, match=held), book.healing("a", after(0)):
        pytest.fail("both heal it")
    with book.healing("a", after(0)):
        pass
