"""Small histories written by hand: two regions, two shards, three phases; times in seconds after the start unless a name says otherwise."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any
from unittest import mock

import pandas as pd
import pyarrow as pa

from closeshave.clock import Anchor
from closeshave.faults.catalogue import KINDS
from closeshave.history import (
    BOOKINGS,
    CACHE_ENTRIES,
    CAPTURES,
    DIVERGED,
    EFFECTS,
    OPERATIONS,
    PLACEMENTS,
    Booking,
    CacheEntry,
    Capture,
    Diverged,
    EdgeCount,
    Effect,
    FaultEvent,
    History,
    Injection,
    Manifest,
    Mark,
    Operation,
    PhaseTime,
    Placement,
    Sent,
    Signal,
    to_frame,
)
from closeshave.judge import assess
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.judge.verdict import Assessment, Verdict
from closeshave.plan import Canaries, Drill, Expected, Fault, Limits, Phase, Plan, Role
from closeshave.target import Claim, Measure, Objective, Target
from closeshave.topology import Shard, Topology

_ASSESS = importlib.import_module("closeshave.judge.assess")
"""The module: its package has a function of this name."""
START_NS = 1_000_000_000_000
WALL_START_S = 1_800_000_000
"""The wall-clock second of the run's start."""
EIGHT = 1_900_000_800
"""A slot far in the future, seconds since the epoch."""

TOPOLOGY = Topology(("east", "west"), (Shard(1, 1, 100, "east", "west"), Shard(2, 101, 200, "west", "east")))
PHASES = (("warm-up", Role.WARM_UP, 0, 10), ("calm", Role.CALM, 10, 110), ("break", Role.FAULT, 110, 190))

KILL = Fault("kill", "shard.primary-killed", "break", 10, 30, Expected.RECOVERS, {"shard": 1})
"""Injected at second 120, healed by the harness at second 150."""

CANARIES = Canaries(home_per_s=10, away_per_s=0, latency=1.0, hold=5.0)
"""Each shard is probed from its home; tests that probe from elsewhere too say so."""

RECOVERY = Objective("recovery", ("C1",), Measure.RECOVERY, at_most=20.0, faults=("shard.*",))
LOSS = Objective("loss", ("C1",), Measure.LOSS, at_most=5.0, faults=("shard.*",))
INTEGRITY = Objective("integrity", ("C1",), Measure.INTEGRITY)
LATENCY = Objective("latency", ("C1",), Measure.LATENCY, at_most=0.1, percentile=0.95)
AVAILABILITY = Objective("availability", ("C1",), Measure.AVAILABILITY, at_least=0.99)


def ns(seconds: float) -> int:
    """The instant on the monotonic axis, exact to the nanosecond for the decimal fractions that tests write."""
    return START_NS + round(seconds * 1e9)


@dataclass(repr=False)
class Run:
    """A history in the making. Methods return what they added, so that a test can point at it in a verdict."""

    objectives: tuple[Objective, ...] = ()
    faults: tuple[Fault, ...] = ()
    canaries: Canaries = CANARIES
    operations: list[Operation] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    bookings: list[Booking] | None = field(default_factory=list)
    captures: list[Capture] | None = field(default_factory=list)
    entries: list[CacheEntry] | None = None
    """What the caches hold; ``None``: nobody can look into them."""
    placements: list[Placement] = field(default_factory=list)
    diverged: list[Diverged] | None = None
    """What the lost side of a partition held alone; ``None``: nobody read two sides."""
    events: list[FaultEvent] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    drills: tuple[Drill, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the history to replace at the end: damage, sent, edges, manifest."""
    next_id: int = 1
    uncertainty_ns: int = 0
    _told: tuple[list[Any], dict[frozenset[str], Assessment]] | None = field(default=None, init=False, compare=False)
    """What this history was when it was judged the last time, and what was said of it then."""

    # -- operations ---------------------------------------------------------------------------------------------------------------------

    def op(self, at: float, took: float = 0.01, *, late: float = 0.0, **fields: Any) -> Operation:
        """A request due ``at``, sent ``late`` seconds after that, and ended ``took`` seconds after it was due."""
        intended = ns(at)
        defaults: dict[str, Any] = {
            "id": self.next_id, "source": "customers", "kind": "slots", "journey": "browse", "region": "east", "shard": 1, "franchise": 1,
            "intended_ns": intended, "started_ns": intended + round(late * 1e9), "ended_ns": intended + round(took * 1e9),
            "outcome": "ok", "good": True, "status": 200,
        }  # fmt: skip
        added = Operation(**{**defaults, **fields})
        self.next_id = max(self.next_id, added.id) + 1
        self.operations.append(added)
        return added

    def bad(self, at: float, took: float = 0.01, **fields: Any) -> Operation:
        """A request that got no promised answer."""
        return self.op(at, took, **{"outcome": "info", "good": False, "status": 503, "error": "unavailable", **fields})

    def steady(self, count: int, start: float = 10.0, end: float = 110.0, **fields: Any) -> None:
        """``count`` requests spread evenly over a stretch, all good."""
        for index in range(count):
            self.op(start + (end - start) * index / count, **fields)

    def canary(self, at: float, *, ok: bool = True, **fields: Any) -> Operation:
        """A canary's booking at shard 1 from its home region, without an effect: recovery uses operations only."""
        add = self.op if ok else self.bad
        return add(at, **{"source": "canary", "kind": "canary_write", "journey": "canary", **fields})

    def probes(self, start: float, end: float, *, per_s: int = 10, down: tuple[tuple[float, float], ...] = (), **fields: Any) -> None:
        """Canaries at a steady rate; those due inside a stretch of ``down`` fail."""
        for index in range(round((end - start) * per_s)):
            at = round(start + index / per_s, 6)
            self.canary(at, ok=not any(low <= at < high for low, high in down), **fields)

    # -- bookings -----------------------------------------------------------------------------------------------------------------------

    def act(self, action: str, at: float, took: float = 0.01, **fields: Any) -> tuple[Operation, Effect]:
        """A write (or a session's read) with its effect; names of either row's fields go where they belong."""
        kind = {"create": "book", "capture": "pay_confirm", "intent": "pay_intent", "read": "read_booking"}.get(action, action)
        own = {name: value for name, value in fields.items() if name in Operation.__dataclass_fields__}
        rest = {name: value for name, value in fields.items() if name in Effect.__dataclass_fields__ and name not in {"franchise", "shard"}}
        operation = self.op(at, took, **{"kind": kind, "journey": "book", **own})
        effect = Effect(operation.id, action, operation.franchise, operation.shard, **rest)
        self.effects.append(effect)
        return operation, effect

    def book(self, at: float, booking: int | None, *, final: bool = True, **fields: Any) -> tuple[Operation, Effect]:
        """A create of ``booking`` at slot ``starts_at`` of barber 1, and its row in the final state unless ``final`` is false."""
        slot = {"barber": 1, "starts_at": EIGHT + 3600 * (booking or 0), "minutes": 30, "version": 1, "key": f"key-{booking}"}
        operation, effect = self.act("create", at, booking=booking, **{**slot, **fields})
        if final:
            assert booking is not None
            self.row(booking, operation.franchise, barber=effect.barber, starts_at=effect.starts_at, minutes=effect.minutes, key=effect.key,
                     created_at=WALL_START_S + at)  # fmt: skip
        return operation, effect

    def row(self, booking: int, franchise: int = 1, **fields: Any) -> Booking:
        """A row of the final state."""
        defaults: dict[str, Any] = {
            "booking": booking, "franchise": franchise, "found_on": 1 if franchise <= 100 else 2, "barber": 1, "client": "c",
            "starts_at": EIGHT + 3600 * booking, "minutes": 30, "status": "scheduled", "version": 1, "key": f"key-{booking}",
            "created_at": float(WALL_START_S + 100), "price_cents": 3000,
        }  # fmt: skip
        added = Booking(**{**defaults, **fields})
        assert self.bookings is not None
        self.bookings.append(added)
        return added

    def capture(self, booking: int, at: float = 60, franchise: int = 1, **fields: Any) -> Capture:
        """An entry of the provider's ledger."""
        assert self.captures is not None
        number = len(self.captures) + 1
        added = Capture(**{"capture": f"cap-{number}", "booking": booking, "franchise": franchise, "amount": 3000, "key": None, "at": WALL_START_S + at, **fields})  # fmt: skip  # noqa: E501
        self.captures.append(added)
        return added

    def entry(self, franchise: int, version: int | None = 1, *, now: int | None = None, **fields: Any) -> CacheEntry:
        """A cache entry of this version, and the database's, which is the same unless given; ``None``: only its key was read."""
        says = version if now is None else now
        defaults: dict[str, Any] = {
            "store": "cache-east", "region": "east", "key": f"franchise:{franchise}", "franchise": franchise,
            "cached": None if version is None else _page(franchise, version), "stored": None if says is None else _page(franchise, says),
            "cached_version": version, "stored_version": says,
        }  # fmt: skip
        added = CacheEntry(**{**defaults, **fields})
        self.entries = [*(self.entries or []), added]
        return added

    def place(self, member: str, shard: int, region: str, resident: str, franchises: int) -> Placement:
        """The shops of a bound region that a database member holds. With access to members there is access to caches too."""
        added = Placement(member, shard, region, resident, franchises)
        self.placements.append(added)
        self.entries = self.entries or []
        return added

    # -- faults -------------------------------------------------------------------------------------------------------------------------

    def life(self, fault: str = "kill", *, injected: float = 120, observed: float | None = 120.5, healed: float | None = 150,
             verified: float | None = 155, **evidence: Any) -> None:  # fmt: skip
        """The edges of a fault, each at its second; ``evidence`` belongs to the injection."""
        told = {"scope": "shard:1", "touched": (), "began_ns": ns(injected), "dead_ns": None, "targets": (), **evidence}
        edges: tuple[tuple[str, float | None, Injection | None], ...] = (
            ("injected", injected, Injection(**told)),
            ("observed", observed, None),
            ("healed", healed, None),
            ("verified-healed", verified, None),
        )
        self.events += [FaultEvent(fault, edge, ns(at), more) for edge, at, more in edges if at is not None]

    def signal(self, at: float, kind: str = "promoted", scope: str = "shard:1", source: str = "patroni.log") -> None:
        """The platform's own word."""
        self.signals.append(Signal(ns(at), kind, scope, source))

    # -- the whole ----------------------------------------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan that this run followed."""
        phases = tuple(Phase(name, role, end - start, 1.0) for name, role, start, end in PHASES)
        return Plan("p", "e", "t", 1, Limits(600, 10**6), phases, self.faults, self.drills, canaries=self.canaries)

    @property
    def target(self) -> Target:
        """The promises it is judged by."""
        return Target("t", "T", (Claim("C1", "a promise", ("load",)),), self.objectives)

    @property
    def history(self) -> History:
        """What a harness would have left of it."""
        manifest = Manifest(
            id="r", plan="p", environment="e", target="t", seed=1, evidence="rehearsed", version="0", started_at="2027-01-15T08:00:00+00:00",
            anchor=Anchor(START_NS, WALL_START_S * 10**9, self.uncertainty_ns), topology=TOPOLOGY,
            phases=tuple(PhaseTime(name, role, ns(start), ns(end)) for name, role, start, end in PHASES), ended_at="2027-01-15T08:04:00+00:00",
            looked_inside=self.entries is not None, kinds=tuple(sorted(KINDS)),
        )  # fmt: skip
        history = History(
            manifest=manifest,
            operations=_frame(self.operations, OPERATIONS),
            effects=_frame(self.effects, EFFECTS),
            faults=tuple(self.events),
            signals=tuple(self.signals),
            marks=tuple(self.marks),
            sent=self.sent(),
            edges=(EdgeCount("east", sum(operation.status > 0 for operation in self.operations)),),
            bookings=None if self.bookings is None else _frame(self.bookings, BOOKINGS),
            captures=None if self.captures is None else _frame(self.captures, CAPTURES),
            cache_entries=None if self.entries is None else _frame(self.entries, CACHE_ENTRIES),
            placements=None if self.entries is None else _frame(self.placements, PLACEMENTS),
            diverged=None if self.diverged is None else _frame(self.diverged, DIVERGED),
        )
        return replace(history, **self.changes)

    def sent(self) -> tuple[Sent, ...]:
        """What correct senders would report of these operations."""
        counts: dict[str, int] = {}
        for operation in self.operations:
            counts[operation.source] = counts.get(operation.source, 0) + 1
        return tuple(Sent(source, "1", n, n, n, finished=True, requests=n) for source, n in sorted(counts.items()))

    @property
    def evidence(self) -> Evidence:
        """What one judge is given."""
        return Evidence(self.history, self.plan, self.target)

    def assess(self, *, breaches: bool | Collection[str] = True) -> Assessment:
        """What all judges say: of a history to which nothing was added since they were asked, they are not asked again.

        ``breaches``: nobody searches for those of integrity, or only for those of these names. The searches take most of the time, none uses what
        another one found, and no other judge's figures depend on them but those of resilience.
        """
        names = frozenset(breaches if isinstance(breaches, Collection) else INVARIANTS if breaches else ())
        state = [*self._state()]
        if (
            self._told is None
            or len(state) != len(self._told[0])
            or any(new is not old for new, old in zip(state, self._told[0], strict=True))
        ):
            self._told = state, {}
        told = self._told[1]
        if names not in told:
            with mock.patch.object(_ASSESS, "INVARIANTS", {name: each for name, each in INVARIANTS.items() if name in names}):
                told[names] = assess(self.history, self.plan, self.target)
        return told[names]

    def _state(self) -> Iterator[Any]:
        """Every value that the history is made of; all of them are immutable."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "_told":
                continue
            if isinstance(value, list):
                yield len(value)
                yield from value
            elif isinstance(value, dict):
                yield from (part for item in value.items() for part in item)
            else:
                yield value

    def verdict(self, id: str) -> Verdict:
        """The one verdict with this ID. Raises :class:`KeyError` that lists what there is."""
        kind, _, name = id.partition("/")
        breaches = {name} if kind == "integrity" else kind in {"judge", "resilience"}
        found = {verdict.id: verdict for verdict in self.assess(breaches=breaches).verdicts}
        return found[id] if id in found else _missing(id, found)

    def shuffled(self, seed: int) -> Run:
        """The same history with the rows of every table in another order."""
        order = random.Random(seed)
        names = ("operations", "effects", "bookings", "captures", "entries", "placements", "events", "signals")
        tables = {name: list(rows) for name in names if (rows := getattr(self, name)) is not None}
        for rows in tables.values():
            order.shuffle(rows)
        return replace(self, **tables)  # type: ignore[arg-type]  # each list goes back where it came from


def _page(franchise: int, version: int) -> str:
    """A shop's page as JSON, as far as judges care."""
    return json.dumps({"franchise": {"id": franchise, "name": f"Shop {version}", "version": version}, "services": [1, 2]})


def _frame(rows: Sequence[Any], schema: pa.Schema) -> pd.DataFrame:
    """As ``closeshave.history.frame``, by columns and without its deep copies: properties make thousands of rows."""
    if not rows:
        return _empty(schema).copy(deep=False)
    columns = zip(*map(attrgetter(*schema.names), rows), strict=True)
    return to_frame(pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema))


@cache
def _empty(schema: pa.Schema) -> pd.DataFrame:
    return to_frame(schema.empty_table())


def _missing(id: str, found: dict[str, Verdict]) -> Verdict:
    raise KeyError(f"{id}; there is {', '.join(found)}")


def starving(*stretches: tuple[int, int]) -> Any:
    """What the machine did, second for second: other programs had all of it in these."""
    rows = []
    for second in range(100, 190):
        hungry = any(low <= second < high for low, high in stretches)
        times = {"user_s": 2.0, "idle_s": 0.0} if hungry else {"user_s": 0.2, "idle_s": 1.8}
        rows.append(
            {
                "at_ns": ns(second + 1),
                "role": "host",
                "cpu_s": 0.0,
                "interval_s": 1.0,
                "system_s": 0.0,
                "iowait_s": 0.0,
                "steal_s": 0.0,
                **times,
            }
        )
    return pd.DataFrame(rows)
