"""Whichever process dies, and at any instant: an injected fault ends healed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from closeshave.faults import lifecycle
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import Aim, Kind, Proof, Say
from closeshave.faults.ledger import Ledger, Undo
from closeshave.history import EdgeEvidence, FaultEdge, Injection, Sighting, TouchedText
from closeshave.plan import Expected
from tests.faults import toys

FAULTS = ("a", "b", "c")


class Crash(BaseException):
    """A kill -9: no handler runs, only files stay."""


@dataclass
class World:
    """What faults really broke, and the instant (in steps from now) at which the acting process is killed."""

    broken: set[str] = field(default_factory=set)
    steps_left: int = 1_000

    def step(self) -> None:
        """Somewhere between two effects the actor may die."""
        self.steps_left -= 1
        if self.steps_left == 0:
            self.steps_left = 1_000
            raise Crash


def kind_of(world: World) -> Kind:
    """A kind that breaks a name in the world; every effect may be the last."""

    def inject(aim: Aim, strike_ns: int) -> Injection:
        world.step()
        world.broken.add(str(aim.scope["region"]))
        world.step()
        return Injection(aim.label, (TouchedText("x"),), strike_ns, strike_ns, ("x",))

    def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        world.step()
        world.broken.discard(str(aim.scope["region"]))
        world.step()
        return ("mended",)

    def prove(aim: Aim) -> tuple[Proof, ...]:
        world.step()
        return (Proof("whole", aim.scope["region"] not in world.broken, "looked"),)

    return Kind(
        name="toy.broken",
        does="",
        observed_by="",
        undone_by="",
        scope=("region",),
        expected=Expected.RECOVERS,
        unfit=lambda _aim: "",
        inject=inject,
        look=lambda aim, _injection: Sighting("look", "broken") if aim.scope["region"] in world.broken else None,
        undo=undo,
        prove=prove,
        lead_s=lambda _aim: 0.0,
        observed_within_s=0.0,
        healed_within_s=0.01,
    )


class CrashingLedger(Ledger):
    """A ledger whose writer may die before, during or after the writing of any line."""

    __slots__ = ("world",)
    world: World

    def _write(self, line: object) -> None:
        self.world.step()
        self._torn()
        super()._write(line)  # type: ignore[arg-type] # the parent's own annotation is narrower than this test needs
        self.world.step()

    def _torn(self) -> None:
        self.world.steps_left -= 1
        if self.world.steps_left == 0:
            self.world.steps_left = 1_000
            with self.path.open("ab") as file:
                file.write(b'{"fault":"a","edge":"verified-hea')
            raise Crash


def crashing(run: Path, world: World, ledger: type[CrashingLedger]) -> Ledger:
    """The ledger of a run, used by a process that may be killed."""
    book = ledger(run)
    object.__setattr__(book, "world", world)
    return book


class WriteBehindLedger(CrashingLedger):
    """A wrong ledger: it writes what was planned only after it has happened."""

    __slots__ = ("planned",)
    planned: tuple[str, Undo, float, int]

    def plan(self, fault: str, undo: Undo, ttl_s: float, strike_ns: int) -> None:
        """Keep it in memory."""
        object.__setattr__(self, "planned", (fault, undo, ttl_s, strike_ns))

    def passed(self, fault: str, edge: FaultEdge, at_ns: int, evidence: EdgeEvidence | None) -> None:
        """Write the delayed lines when a new edge is recorded."""
        if edge is FaultEdge.INJECTED:
            super().plan(*self.planned)
        super().passed(fault, edge, at_ns, evidence)


class Interleavings(RuleBasedStateMachine):
    """Actors inject, observe and heal in any order and die anywhere; then the next one heals what the ledger leaves open."""

    ledger: ClassVar[type[CrashingLedger]] = CrashingLedger

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        (self.directory / "run").mkdir()
        self.deployment = toys.deployment(self.directory / "root")
        self.world = World()
        self.kind = kind_of(self.world)
        self.kinds = {self.kind.name: self.kind}

    def teardown(self) -> None:
        """In the end a process heals without being killed, and everything is healed."""
        self.world.steps_left = 1_000_000
        try:
            assert heal_open(self.directory / "run", self.deployment, lambda _line: None, kinds=self.kinds) == []
            assert self.world.broken == set()
            assert Ledger(self.directory / "run").open() == ()
        finally:
            # Also where a ledger is wrong by intention.
            shutil.rmtree(self.directory)

    @rule(fault=st.sampled_from(FAULTS), dies_after=st.integers(1, 14))
    def inject(self, fault: str, dies_after: int) -> None:
        """An experiment injects, and dies after some steps (or lives, when it takes fewer)."""
        with self.mortal(dies_after) as book:
            lifecycle.inject(book, fault, self.kind, self.aim(fault), 1, 0.0, lambda: False)

    @rule(fault=st.sampled_from(FAULTS), dies_after=st.integers(1, 14))
    def observe(self, fault: str, dies_after: int) -> None:
        """A probe observes, and is killed after some steps."""
        with self.mortal(dies_after) as book:
            lifecycle.observe(book, fault, self.kind, self.aim(fault), lambda: False)

    @rule(fault=st.sampled_from(FAULTS), dies_after=st.integers(1, 14))
    def heal(self, fault: str, dies_after: int) -> None:
        """A process heals, and is killed after some steps."""
        with self.mortal(dies_after) as book:
            lifecycle.heal(book, fault, self.deployment, lambda _line: None, kinds=self.kinds)

    @rule()
    def restart(self) -> None:
        """A new process heals everything that it finds open."""
        heal_open(self.directory / "run", self.deployment, lambda _line: None, kinds=self.kinds)
        assert self.world.broken == set()

    @invariant()
    def what_is_broken_is_in_the_ledger(self) -> None:
        """At no instant is something broken that the ledger does not hold open."""
        opened = {fault.undo.scope["region"] for fault in Ledger(self.directory / "run").open()}
        assert self.world.broken <= opened

    def aim(self, fault: str) -> Aim:
        """Each fault breaks a region of its own name."""
        return self.kind.aim(self.deployment, {"region": fault}, {})

    @contextmanager
    def mortal(self, dies_after: int) -> Iterator[Ledger]:
        """An actor that is killed after this many steps; a refusal, because the fault is still open, ends it too."""
        self.world.steps_left = dies_after
        try:
            with suppress(Crash, RuntimeError):
                yield crashing(self.directory / "run", self.world, self.ledger)
        finally:
            self.world.steps_left = 1_000


Interleavings.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestInterleavings = Interleavings.TestCase


class WriteBehind(Interleavings):
    """The same actors with a ledger that lags behind."""

    ledger = WriteBehindLedger


def test_the_property_fails_for_a_ledger_that_is_not_written_ahead() -> None:
    """A process dies between the injection and its line, and no other process knows what is broken."""
    # That it fails is enough: nobody reads the shortest history in which it does.
    found = settings(max_examples=200, deadline=None, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(WriteBehind, settings=found)
