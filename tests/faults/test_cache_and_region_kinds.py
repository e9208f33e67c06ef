"""Decisions of cache and region kinds that need no server: limits, refusals, and the steps of kinds that have some."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from closeshave.clients import valkey
from closeshave.clock import now_ns
from closeshave.control.processes import stopped
from closeshave.deployment import Deployment, Link, Process
from closeshave.faults import lifecycle
from closeshave.faults.catalogue import KINDS, check
from closeshave.faults.freezing import StillRunning, freeze
from closeshave.faults.killing import victims_of
from closeshave.faults.kind import Aim, Say, Step
from closeshave.faults.ledger import Ledger, Undo
from closeshave.faults.repair import revive
from closeshave.faults.waiting import after
from closeshave.history import FaultEdge
from closeshave.plan import Expected, Fault
from tests.faults import toys
from tests.faults.timelines import marks


@pytest.mark.parametrize(
    ("words", "declared"),
    [
        (("--maxmemory", "64mb"), 64 << 20),
        (("--maxmemory", "1GB"), 1 << 30),
        (("--maxmemory", "1000"), 1000),
        (("--maxmemory", "0"), 0),
        (("--port", "1"), None),
    ],
)
def test_declared_limit_is_read_from_the_command_line(words: tuple[str, ...], declared: int | None) -> None:
    """In the units that the server itself accepts."""
    assert valkey.declared_limit_bytes(Process("a", "valkey", None, ("valkey-server", *words, "--save", ""))) == declared


def test_partition_is_refused_where_regions_share_a_network() -> None:
    """A cut that leaves etcd and Sentinel connected is not a partition, so it is refused."""
    fault = Fault("f", "region.partitioned", "storm", 0, 10, Expected.RECOVERS, {"region": "us-west-2"}, {})
    (problem,) = check(fault, environment="embedded")
    assert "region.partitioned does not work on embedded environments, because it needs networks" in problem
    assert problem.endswith("it works on: containers")


@pytest.mark.parametrize(
    "kind", ["cache.slow", "region.slow", "region.lossy", "region.flapping", "region.data-links-cut", "region.customers-cut"]
)
def test_links_that_are_not_there_cannot_be_disturbed(kind: str, described: Deployment) -> None:
    """Without Toxiproxy such a fault is not injected, and the reason is stated."""
    scope = {"tier": "cache"} if kind.startswith("cache") else {"region": toys.NEAR}
    assert "no links that can be disturbed" in KINDS[kind].unfit(KINDS[kind].aim(described, scope, {}))


@pytest.mark.parametrize("kind", [name for name in KINDS if name.startswith("cache.")])
def test_unknown_tier_is_no_target(kind: str, described: Deployment) -> None:
    """Nothing is injected into what does not exist."""
    linked = replace(described, links=(Link("to-a-tier", "app-cache", toys.NEAR, 1, 2, 3),))
    assert "has no tier 'cash'" in KINDS[kind].unfit(KINDS[kind].aim(linked, {"tier": "cash"}, {}))


@pytest.mark.parametrize(
    ("kind", "parameters", "after_s"),
    [
        ("region.flapping", {"down_s": 2, "up_s": 3}, [2, 5, 7, 10, 12]),
        ("region.lossy", {"draw_s": 0.5}, [0.5, 1.0, 1.5, 2.0, 2.5]),
        ("region.restored", {"outage_s": 20}, [20]),
        ("region.lost", {}, []),
        ("region.slow", {}, []),
    ],
)
def test_steps_of_a_fault(kind: str, parameters: dict[str, float], after_s: list[float], described: Deployment) -> None:
    """Steps come in time order, as many as fit into the hold."""
    aim = KINDS[kind].aim(described, {"region": toys.NEAR}, parameters)
    assert [stroke.after_s for stroke in islice(KINDS[kind].course(aim), 5)] == after_s


@pytest.mark.parametrize(
    ("edge", "struck"),
    [(FaultEdge.INJECTED, True), (FaultEdge.OBSERVED, True), (FaultEdge.HEALED, False), (FaultEdge.VERIFIED_HEALED, False)],
)
def test_nothing_is_injected_once_healing_has_begun(edge: FaultEdge, struck: bool, described: Deployment, run: Path) -> None:
    """The steps of a fault never undo a healing, whichever process heals."""
    ledger = Ledger(run)
    ledger.plan("f", Undo("region.flapping", {"region": toys.NEAR}, {}, described.root), ttl_s=60, strike_ns=0)
    ledger.passed("f", edge, now_ns(), None)
    strokes: list[str] = []

    def strike(_aim: Aim, _deadline_ns: int, _say: Say) -> tuple[str, ...]:
        strokes.append("struck")
        return ("one change",)

    lifecycle.carry_out_step(ledger, "f", Aim(described, {}, {}), Step(1.0, "it is down", strike), after(5), print)
    assert bool(strokes) is struck
    assert (("note", "f: it is down (1 change)") in marks(run)) is struck


def test_frozen_process_is_stopped_until_it_is_resumed(toy: Deployment) -> None:
    """It exists but does nothing, and continues as the same process."""
    part = toy.process("near-0")
    victims = victims_of(toy, [part])
    done = freeze(victims, now_ns())
    assert done.began_ns <= done.still_ns
    everyone = [victim.identity for victim in victims]
    assert stopped(everyone) == everyone
    assert revive(toy, ["near-0"], after(5), print) == (f"resumed near-0 pid {victims[0].identity.pid}",)
    assert stopped(everyone) == []
    assert victims[0].identity.alive


def test_no_process_to_freeze_is_an_error() -> None:
    """A fault that finds no process was not injected."""
    with pytest.raises(StillRunning):
        freeze([], now_ns())
