"""Faults that are open at the same time: which are healed together, and which wait for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest

from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.faults import lifecycle
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import Aim, Kind, Proof, Say
from closeshave.faults.ledger import Ledger, OpenFault, Undo
from closeshave.faults.overlapping import apart, others_in_effect
from closeshave.history import FaultEdge, Injection, Sighting, TouchedText
from closeshave.plan import Expected
from closeshave.topology import Shard, Topology
from tests.faults import toys

TOPOLOGY = Topology(("east", "west"), (Shard(1, 1, 100, "east", "west"), Shard(2, 101, 200, "west", "west")))
SECOND = 1_000_000_000


def standing(name: str, kind: str, edge: str = "observed", **scope: str | int) -> OpenFault:
    """An open fault."""
    return OpenFault(name, Undo(kind, scope, {}, "/nowhere"), 0, 60, edge, None)


ONE, TWO = standing("one", "shard.x", shard=1), standing("two", "shard.x", shard=2)
CACHE, EAST, WEST = (
    standing("cache", "cache.x", tier="cache"),
    standing("east", "region.x", region="east"),
    standing("west", "region.x", region="west"),
)


@pytest.mark.parametrize(
    ("faults", "groups"),
    [
        ([], []),
        ([ONE], [["one"]]),
        ([ONE, TWO, CACHE], [["one"], ["two"], ["cache"]]),
        ([EAST, ONE], [["east", "one"]]),
        ([ONE, EAST], [["one", "east"]]),
        ([TWO, EAST, ONE], [["two"], ["east", "one"]]),
        ([ONE, CACHE, TWO, WEST], [["one", "cache", "two", "west"]]),
    ],
)
def test_faults_that_share_a_part_are_healed_one_after_the_other(faults: list[OpenFault], groups: list[list[str]]) -> None:
    """Also when only a third one joins them; within a group the order stays."""
    found = apart(faults, TOPOLOGY)
    assert sorted([fault.fault for fault in group] for group in found) == sorted(groups)


class Broken:
    """What faults of two shards broke, in a toy environment whose proof of healing demands that everything is healed."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.names: set[str] = set()
        self.together: Barrier | None = None
        self.kinds: Mapping[str, Kind] = {"shard.x": self._kind()}

    def _kind(self) -> Kind:
        def inject(aim: Aim, strike_ns: int) -> Injection:
            self.names.add(aim.label)
            return Injection(aim.label, (TouchedText("x"),), strike_ns, strike_ns, ("x",))

        def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
            if self.together is not None:
                self.together.wait(20)
            self.names.discard(aim.label)
            return ("mended",)

        return Kind(
            name="shard.x", does="", observed_by="", undone_by="", scope=("shard",), expected=Expected.RECOVERS, unfit=lambda _aim: "",
            inject=inject, look=lambda _aim, _injection: Sighting("look", "broken"), undo=undo,
            prove=lambda _aim: (Proof("all", not self.names, f"broken: {sorted(self.names)}"),), lead_s=lambda _aim: 0.0, healed_within_s=0.2,
        )  # fmt: skip

    def inject(self, run: Path, name: str, shard: int) -> None:
        """Break a shard."""
        kind = self.kinds["shard.x"]
        assert lifecycle.inject(Ledger(run), name, kind, kind.aim(self.deployment, {"shard": shard}, {}), None, 60, lambda: False)

    def heal(self, run: Path, name: str) -> list[str]:
        """Heal one."""
        return lifecycle.heal(Ledger(run), name, self.deployment, lambda _line: None, kinds=self.kinds)


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """Nothing yet."""
    return Broken(toys.deployment(tmp_path / "root"))


@contextmanager
def aside() -> Iterator[ThreadPoolExecutor]:
    """Another actor at the same time."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_proof_waits_for_a_fault_that_is_still_in_effect(run: Path, broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time has long passed when the other one is healed; then both are proven."""
    monkeypatch.setattr(lifecycle, "ASK_OTHERS_S", 0.05)
    broken.inject(run, "one", 1)
    broken.inject(run, "two", 2)
    with aside() as other:
        first = other.submit(broken.heal, run, "one")
        assert poll_until(lambda: "shard:1" not in broken.names, 20)
        assert not poll_until(first.done, 0.5)
        assert broken.heal(run, "two") == []
        assert first.result(20) == []
    assert Ledger(run).open() == ()


def test_a_proof_that_no_other_fault_disturbs_fails_in_time(run: Path, broken: Broken) -> None:
    """The part that stays broken is named."""
    broken.inject(run, "one", 1)
    broken.names.add("something")
    assert broken.heal(run, "one") == ["one: all: broken: ['something']"]


def test_faults_apart_are_undone_at_the_same_time(run: Path, broken: Broken) -> None:
    """Neither undo waits for the other's end: here each waits for the other's beginning."""
    broken.inject(run, "one", 1)
    broken.inject(run, "two", 2)
    broken.together = Barrier(2)
    assert heal_open(run, broken.deployment, lambda _line: None, kinds=broken.kinds) == []
    assert Ledger(run).open() == ()


@pytest.mark.parametrize(
    ("edge", "shard", "at_s", "waits"),
    [
        (FaultEdge.PLANNED, 2, 1, True),
        (FaultEdge.OBSERVED, 2, 1, True),
        (FaultEdge.HEALED, 2, 1, False),
        (FaultEdge.OBSERVED, 1, 1, False),
        (FaultEdge.OBSERVED, 2, 10**6, False),
    ],
)
def test_only_faults_in_effect_on_other_parts_are_waited_for(
    run: Path, described: Deployment, edge: FaultEdge, shard: int, at_s: int, waits: bool
) -> None:
    """Not those that are undone, that touch the same part (they wait for this one), or whose time has passed."""
    book = Ledger(run)
    for name, on in (("mine", 1), ("other", shard)):
        book.plan(name, Undo("shard.x", {"shard": on}, {}, described.root), ttl_s=60, strike_ns=0)
    if edge is not FaultEdge.PLANNED:
        book.passed("other", edge, now_ns(), None)
    mine = next(fault for fault in book.open() if fault.fault == "mine")
    assert others_in_effect(book, mine, TOPOLOGY, now_ns() + at_s * SECOND) is waits
