"""One run on the judges' table: its history, plan and target, and the columns that several judges need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.history import ENVIRONMENT_LOST, PROXY, RATE_LIMITED, SHORTAGE, Edge, History, Outcome, Source
from closeshave.judge.backlog import extended, near
from closeshave.judge.columns import Flags, Ints, equal, flags, ints, member, shard_ids
from closeshave.judge.host import Doubt, disturbances
from closeshave.judge.reconcile import Differences, differences
from closeshave.judge.refusals import Refusals, refusals
from closeshave.judge.windows import NEVER_NS, Late, Span, late_windows, latency_bounds
from closeshave.judge.writes import Order, ordered
from closeshave.plan import Plan
from closeshave.target import Target

SECOND_NS = 1_000_000_000
ASKED_NS = 60 * SECOND_NS
"""An operation without an end was waited for so long at least."""
FINAL_STATE = "final state of "
"""What the name of a missing part of the final state begins with."""
IDENTITY = ["franchise", "booking", "found_on", "barber", "starts_at", "minutes", "key"]
"""Rows of the final state that agree in these are one booking, read several times."""


def once(bookings: pd.DataFrame) -> pd.DataFrame:
    """The final state without rows that were read twice; of one booking its newest version stays."""
    if bookings["booking"].is_unique:
        return bookings
    twice = bookings.duplicated(IDENTITY, keep=False)
    if not twice.any():
        return bookings
    newest = bookings.sort_values("version", kind="stable", na_position="first").drop_duplicates(IDENTITY, keep="last")
    return newest.sort_index().reset_index(drop=True)


@dataclass(frozen=True)
class Case:
    """The arguments of every judge. Not slotted, because what is derived is computed once, when first asked for.

    Columns are arrays that lie parallel to ``history.operations``; selections are masks over them, because copying ten million rows for
    every region, shard and phase would cost more than judging them.
    """

    history: History
    plan: Plan
    target: Target
    """With the objectives that the plan tests."""
    promised: Target | None = None
    """With all of them, where that is more: the error budget is a promise whether this plan tests it or not."""
    spared: Flags | None = None
    """Operations that are taken to have kept every promise; see :meth:`sparing`."""

    def sparing(self, rows: Flags) -> Case:
        """The same run, had these operations been answered well and at once.

        What fails even then was proven by the others alone. To leave the operations out instead would not do: an hour that is good enough as a
        whole may be bad without its undisturbed half, and so a neighbour who disturbs only good minutes would make a pass a fail.
        """
        found = replace(self, spared=rows)
        # What was derived already and does not depend on them is not derived again.
        found.__dict__.update({name: value for name, value in self.__dict__.items() if name not in {"spared", "good", "response_ns"}})
        # Which lookups a warm cache can serve is a question of what was asked, and stays.
        found.__dict__["revisits"] = self.revisits
        return found

    @property
    def operations(self) -> pd.DataFrame:
        """Every operation of every source, in the order of the file."""
        return self.history.operations

    @cached_property
    def ids(self) -> Ints:
        """The operations' IDs."""
        return ints(self.operations["id"], -1)

    @cached_property
    def intended_ns(self) -> Ints:
        """When each operation was due."""
        return ints(self.operations["intended_ns"], NEVER_NS)

    @cached_property
    def started_ns(self) -> Ints:
        """When each operation was sent."""
        return ints(self.operations["started_ns"], NEVER_NS)

    @cached_property
    def ended_ns(self) -> Ints:
        """An operation without an end never ended."""
        return ints(self.operations["ended_ns"], NEVER_NS)

    @cached_property
    def response_ns(self) -> Ints:
        """Intended to end, so that a stall of the platform is charged for everyone who had to wait behind it (coordinated omission)."""
        took = np.where(self.ended_ns == NEVER_NS, NEVER_NS, self.ended_ns - self.intended_ns)
        return took if self.spared is None else np.where(self.spared, 0, took)

    @cached_property
    def good(self) -> Flags:
        """Unknown is not good: a booking that was refused as taken, too, where nobody is known who held the slot."""
        good, unexplained = flags(self.operations["good"]), self.refusals.not_good
        if len(unexplained):
            good = good.copy()
            good[unexplained] = False
        return good if self.spared is None else good | self.spared

    @cached_property
    def order(self) -> Order:
        """The effects in the order in which they are judged. Kept, because every judge of integrity asks for its own of them."""
        return ordered(self)

    @cached_property
    def differences(self) -> Differences:
        """Why operations or effects may be missing from the history."""
        return differences(self)

    @cached_property
    def started_s(self) -> float:
        """The wall-clock second of the run's first operation: what is older in a ledger or a database is not this run's."""
        anchor = self.history.manifest.anchor
        first_ns = int(self.started_ns.min()) if len(self.operations) else anchor.monotonic_ns
        return (anchor.wall_ns + first_ns - anchor.monotonic_ns - anchor.uncertainty_ns) / 1e9

    @cached_property
    def charges(self) -> pd.DataFrame | None:
        """This run's charges in the order in which they were made. ``None`` without the payment provider's ledger."""
        ledger = self.history.captures
        if ledger is None:
            return None
        ledger = ledger[~(ledger["at"] < self.started_s)]
        return ledger.sort_values(["at", "capture"], kind="stable").reset_index(drop=True)

    @cached_property
    def refusals(self) -> Refusals:
        """Bookings that were refused as taken, and whether they were."""
        return refusals(self)

    @cached_property
    def final(self) -> pd.DataFrame | None:
        """The final state of bookings, each once: a platform may list one for several questions. ``None`` where nothing could be read."""
        return None if self.history.bookings is None else once(self.history.bookings)

    @cached_property
    def unread(self) -> Mapping[str, str]:
        """What of the final state could not be read (``shard 2``, ``client 7``), and why."""
        return {what.removeprefix(FINAL_STATE): why for what, why in self.missing.items() if what.startswith(FINAL_STATE)}

    def unread_of(self, rows: pd.DataFrame) -> Flags:
        """Rows of a shard, or of a customer, whose bookings could not be read back. Rows without a shard go by their franchise."""
        found = np.zeros(len(rows), dtype=np.bool_)
        if not self.unread:
            return found
        shards = [what.removeprefix("shard ") for what in self.unread if what.startswith("shard ")]
        clients = [what.removeprefix("client ") for what in self.unread if what.startswith("client ")]
        if shards:
            here = ints(rows["shard"], -1) if "shard" in rows else shard_ids(self.history.manifest.topology, ints(rows["franchise"], 0))
            found |= np.isin(here.astype(str), shards)
        if clients and "client" in rows:
            found |= member(rows["client"], clients)
        return found

    @cached_property
    def ok(self) -> Flags:
        """What certainly happened."""
        return equal(self.operations["outcome"], Outcome.OK)

    @cached_property
    def lost_ns(self) -> int | None:
        """The instant from which answers are no evidence, because all of the environment was being taken away by no fault."""
        return min((mark.at_ns for mark in self.history.marks if mark.kind == ENVIRONMENT_LOST), default=None)

    @cached_property
    def customers(self) -> Flags:
        """Operations of customers: what objectives are judged on."""
        return self._of(Source.CUSTOMERS)

    @cached_property
    def canaries(self) -> Flags:
        """Operations of canaries: what recovery is judged on."""
        return self._of(Source.CANARY)

    @cached_property
    def short(self) -> Flags:
        """Operations that the load machine had no descriptor, port or memory for."""
        return equal(self.operations["error"], SHORTAGE)

    @cached_property
    def unpassed(self) -> Flags:
        """Operations that a proxy on the way to the platform did not pass on."""
        return equal(self.operations["error"], PROXY)

    @cached_property
    def limited(self) -> Flags:
        """Operations that a 429 refused although the stated limits allowed them."""
        return equal(self.operations["error"], RATE_LIMITED)

    @property
    def one_address(self) -> str:
        """Why all customers share one address and its limits; empty where each has its own."""
        return self.missing.get("forwarded_for", "")

    @property
    def void(self) -> Flags:
        """Operations that say nothing of the platform: not sent for lack of something here, or refused for what others at the address did."""
        own = self.short | self.unpassed
        return own | self.limited if self.one_address else own

    def _of(self, source: Source) -> Flags:
        """Those that were over while there was an environment, and that tell something of the platform."""
        found = equal(self.operations["source"], source) & ~self.void
        return found if self.lost_ns is None else found & (self.ended_ns <= self.lost_ns)

    @cached_property
    def shard(self) -> NDArray[np.int32]:
        """The shard that each operation concerns. In half the width of other integers: it is kept for the whole of the judgement."""
        return ints(self.operations["shard"], -1).astype(np.int32)

    @property
    def franchise(self) -> NDArray[np.signedinteger[Any]]:
        """The franchise of each operation, 0 where there is none; as wide as the file has it, because nothing is kept of it."""
        column = self.operations["franchise"]
        return column.to_numpy() if column.dtype == np.int32 and (column.to_numpy() >= 0).all() else ints(column, 0).clip(min=0)

    @cached_property
    def lookups(self) -> Flags:
        """Operations of which the platform said whether its cache had the answer."""
        return member(self.operations["cache"], ("hit", "miss"))

    @cached_property
    def revisits(self) -> Flags:
        """Lookups sent after an earlier one of the same franchise had been answered well: those that a cache can serve."""
        franchise, warming = self.franchise, self.lookups & self.good
        first_ns = np.full(int(franchise.max(initial=0)) + 1, NEVER_NS, dtype=np.int64)
        np.minimum.at(first_ns, franchise[warming], self.ended_ns[warming])
        found: Flags = self.lookups & (self.started_ns > first_ns[franchise])
        return found

    @cached_property
    def in_order(self) -> bool:
        """Whether the IDs ascend through the file, so that nobody needs to sort ten million of them."""
        return bool((self.ids[1:] >= self.ids[:-1]).all())

    @cached_property
    def late(self) -> tuple[Late, ...]:
        """Windows in which the customers' generator could not keep its schedule."""
        rows = self.customers
        return late_windows(self.history.manifest, rows, self.intended_ns, self.started_ns, latency_bounds(self.plan, self.target))

    @cached_property
    def missing(self) -> Mapping[str, str]:
        """What the platform cannot do or tell, and what that costs, as the trial found it."""
        told = (mark.detail.partition(": ") for mark in self.history.marks if mark.kind == "part-missing")
        return {what: why for what, _, why in told}

    @cached_property
    def disturbed(self) -> tuple[Doubt, ...]:
        """Stretches in which somebody else took the machine from the platform or the senders, without what they left behind."""
        return disturbances(self.history.resources, self._broken)

    @cached_property
    def doubtful(self) -> tuple[Doubt, ...]:
        """The same, each up to where the backlog that it left is gone; in time order, apart from each other."""
        rows = self.customers | self.canaries
        return extended(self.disturbed, self.intended_ns[rows], self.response_ns[rows], self.good[rows])

    @cached_property
    def touched(self) -> Flags:
        """Operations that a doubtful stretch touches: due before its end, and not over by its start."""
        return self.touched_within(ASKED_NS)

    def touched_within(self, limit_ns: int) -> Flags:
        """The same of the first ``limit_ns`` of each operation: what was too late before the stretch began is none of its doing."""
        lasted = np.minimum(np.where(self.ended_ns == NEVER_NS, NEVER_NS, self.response_ns), limit_ns)
        return near(self.intended_ns, lasted, self.doubtful)

    def doubts_within(self, from_ns: int, to_ns: int) -> tuple[Doubt, ...]:
        """The doubtful stretches that share a moment with this time."""
        return tuple(one for one in self.doubtful if one.started_ns < to_ns and one.ended_ns > from_ns)

    @property
    def _broken(self) -> tuple[Span, ...]:
        """When faults of ours may have been in effect: from a moment before the injection until the heal was proven, or for ever."""
        begun: dict[str, int] = {}
        over: dict[str, int] = {}
        for event in self.history.faults:
            at_ns = int(event.evidence.get("began_ns", event.at_ns))
            begun[event.fault] = min(begun.get(event.fault, NEVER_NS), at_ns - SECOND_NS)
            if event.edge == Edge.VERIFIED_HEALED:
                over[event.fault] = event.at_ns + SECOND_NS
        return tuple(Span(at_ns, over.get(fault, NEVER_NS)) for fault, at_ns in begun.items())

    @cached_property
    def blind(self) -> tuple[Span, ...]:
        """When a worker of the customers' was dead: what is known of this time is only a part."""
        return tuple(Span(one.from_ns, one.to_ns + 1) for one in self.history.blind if one.source == Source.CUSTOMERS)

    @property
    def error_budget(self) -> float | None:
        """The share of requests that may be not good, by the target's availability objective over everything; ``None`` without one."""
        return (self.promised or self.target).error_budget

    def of_region(self, region: str) -> Flags:
        """Operations that entered at ``region``'s edge."""
        return equal(self.operations["region"], region)

    def of_kinds(self, kinds: Iterable[str]) -> Flags:
        """Operations of any of ``kinds``."""
        return member(self.operations["kind"], kinds)
