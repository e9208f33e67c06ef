"""Evidence of the edges of a fault's life: typed in memory, JSON objects in the files, and older files stay readable."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import get_args

import pytest

from closeshave.history import (
    Before,
    EdgeEvidence,
    FaultEvent,
    Healing,
    HealProof,
    Injection,
    Planning,
    SeenMeanwhile,
    Sighting,
    Touched,
    TouchedCpu,
    TouchedFiles,
    TouchedKeys,
    TouchedLeader,
    TouchedLink,
    TouchedMemory,
    TouchedNetwork,
    TouchedProcess,
    TouchedRows,
    TouchedSettings,
    TouchedText,
    TouchedUser,
    evidence_of,
)

TEXTS: tuple[tuple[Touched, str], ...] = (
    (TouchedProcess("shard1-east", 7, "postgres"), "postgres shard1-east pid 7"),
    (TouchedProcess("storm-east", 7), "storm-east pid 7"),
    (TouchedProcess("app-1", 7, note="skewed"), "app-1 pid 7, skewed"),
    (
        TouchedLink("east-payments", ("latency downstream", "reset_peer upstream")),
        "toxics latency downstream, reset_peer upstream on link east-payments",
    ),
    (TouchedNetwork("app-1", "wan"), "app-1 off wan"),
    (TouchedCpu("app-1", 0.1), "container of app-1 limited to 0.1 of a CPU"),
    (TouchedMemory("cache-east", 1024), "cache-east limited to 1024 bytes of memory"),
    (TouchedMemory("app-1", 1024, container=True), "container of app-1 limited to 1024 bytes of memory"),
    (TouchedFiles("shard1-east", 7, 1024), "shard1-east pid 7 can write at most 1024 bytes into a file"),
    (TouchedKeys("cache-east", 1), "1 key of cache-east"),
    (TouchedKeys("cache-east", 1200), "1,200 keys of cache-east"),
    (TouchedUser("sentinel", "cache-east"), "user sentinel at cache-east may do nothing"),
    (TouchedRows((7, 9)), "bookings of franchises 7, 9"),
    (TouchedSettings("payments", 'set to {"late_s": 5.0}'), 'payments, set to {"late_s": 5.0}'),
    (TouchedLeader("shard1-east"), "leader shard1-east"),
    (TouchedLeader("shard1-west", "switched over"), "leader shard1-west: switched over"),
    (TouchedText("inject of the hook ended with exit code 0"), "inject of the hook ended with exit code 0"),
)
EDGES: tuple[tuple[str, EdgeEvidence], ...] = (
    ("planned", Planning(5, "shard.primary-killed", {"shard": 1}, {"node": False, "share": 0.5})),
    (
        "injected",
        Injection("shard:1", tuple(each for each, _ in TEXTS), 5, 6, ("shard1-east",), ("shard1-east",), before=(Before("a", "keys", 3),)),
    ),
    ("injected", Injection("shard:1", (), 5, None, (), returned_ns=9, ended_ns=(6, 7), seen=SeenMeanwhile("hook", "exit code 0", 8, ""))),
    ("observed", Sighting("TCP to port 1", "ConnectionRefusedError")),
    ("healed", Healing(7, 8, ("started shard1-east",))),
    ("verified-healed", HealProof(("1 process runs: all of them",))),
)


def test_every_sort_of_what_is_touched_is_here() -> None:
    """A new sort gets a row above."""
    sorts = get_args(get_args(Touched)[0])
    assert {type(each) for each, _ in TEXTS} == set(sorts)


@pytest.mark.parametrize(("touched", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_what_was_touched_is_told_in_words(touched: Touched, text: str) -> None:
    """By name and ID."""
    assert str(touched) == text


@pytest.mark.parametrize(("edge", "evidence"), EDGES, ids=[edge for edge, _ in EDGES])
def test_evidence_is_read_back_as_it_was_written(edge: str, evidence: EdgeEvidence) -> None:
    """Through the JSON of the timeline and of the ledger."""
    assert evidence_of(edge, json.loads(json.dumps(asdict(evidence)))) == evidence


def test_older_versions_told_what_they_touched_in_words_and_figures_by_process() -> None:
    """Their lines are read as far as they go."""
    told = {
        "scope": "shard:1",
        "touched": ["postgres x pid 7"],
        "began_ns": 5,
        "dead_ns": 6,
        "targets": ["x"],
        "before": {"x": 3},
        "seen": {},
    }
    assert evidence_of("injected", told) == Injection(
        "shard:1", (TouchedText("postgres x pid 7"),), 5, 6, ("x",), before=(Before("x", "", 3),)
    )
    half = {**told, "seen": {"probe": "hook", "saw": "exit code 0", "at_ns": 8}}
    found = evidence_of("injected", half)
    assert isinstance(found, Injection)
    assert found.seen == SeenMeanwhile("hook", "exit code 0", 8)
    assert found.before_of("x") == 3


@pytest.mark.parametrize("told", [None, {}])
@pytest.mark.parametrize("edge", ["injected", "verified-healed", "unheard"])
def test_an_edge_without_evidence_is_still_an_edge(edge: str, told: object) -> None:
    """Nothing is made up for it."""
    assert evidence_of(edge, told) is None


@pytest.mark.parametrize(
    ("edge", "told"),
    [
        ("injected", {"dead_ns": 6}),
        ("observed", {"probe": 1}),
        ("healed", ["x"]),
        ("planned", "soon"),
        ("injected", {**asdict(EDGES[2][1]), "touched": [1]}),
    ],
)
def test_what_is_no_evidence_of_an_edge_is_refused(edge: str, told: object) -> None:
    """The reader of the run says which line it is."""
    with pytest.raises(ValueError, match="validation error"):
        evidence_of(edge, told)


@pytest.mark.parametrize(
    ("event", "began_ns"),
    [
        (FaultEvent("f", "injected", 9, EDGES[1][1]), 5),
        (FaultEvent("f", "healed", 9, Healing(7, 8, ())), 7),
        (FaultEvent("f", "observed", 9, Sighting("a", "b")), 9),
        (FaultEvent("f", "injected", 9), 9),
    ],
)
def test_an_edge_began_when_its_evidence_says(event: FaultEvent, began_ns: int) -> None:
    """Or at its own instant."""
    assert event.began_ns == began_ns
