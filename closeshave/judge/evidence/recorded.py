"""One run as it was recorded: its history, plan and target, and the columns that several judges need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.history import PROXY, RATE_LIMITED, SHORTAGE, History, Outcome, Source
from closeshave.judge.evidence.columns import Flags, Ints, equal, ints, member, shard_ids
from closeshave.judge.evidence.joins import numbers, packed
from closeshave.judge.evidence.order import EffectOrder, ordered
from closeshave.judge.evidence.places import Places
from closeshave.judge.evidence.rows import Rows, Table
from closeshave.judge.evidence.texts import alike, hashes
from closeshave.judge.evidence.windows import NEVER_NS, Span
from closeshave.plan import Plan
from closeshave.target import Target
from closeshave.vocabulary import MarkKind

FINAL_STATE = "final state of "
"""The name of a missing part of the final state begins with this."""
IDENTITY = ["franchise", "booking", "found_on", "barber", "starts_at", "minutes", "key"]
"""Rows of the final state that are equal in these columns are one booking that was read several times."""


def once(bookings: pd.DataFrame) -> pd.DataFrame:
    """The final state without duplicates: of each booking only the newest version."""
    # Few are of one booking, if any: only these are compared in all columns.
    some = alike(packed(numbers(bookings, "booking", "franchise"))[0])
    if not bookings.iloc[some].duplicated(IDENTITY).any():
        return bookings
    newest = bookings.iloc[some].sort_values("version", kind="stable", na_position="first").drop_duplicates(IDENTITY, keep="last")
    kept = np.ones(len(bookings), dtype=np.bool_)
    kept[some] = False
    kept[newest.index] = True
    return bookings[kept].reset_index(drop=True)


@dataclass(frozen=True)
class Recorded:
    """A run without any judgement. Not slotted, because what is derived is computed once, when first asked for.

    Columns are arrays that lie parallel to ``history.operations``; selections are masks over them, because copying ten million rows for
    every region, shard and phase would cost more than judging them.
    """

    history: History
    plan: Plan
    target: Target
    """With the objectives that the plan tests."""
    promised: Target | None = None
    """With all objectives of the target file: the error budget is a promise even if this plan does not test it."""

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
        """When each operation ended; ``NEVER_NS`` for one without an end."""
        return ints(self.operations["ended_ns"], NEVER_NS)

    @cached_property
    def order(self) -> EffectOrder:
        """The effects in the order in which they are judged. Cached, because every judge of integrity uses a part of them."""
        return ordered(self.history.effects, self.places, self.started_ns)

    def joined_at(self, effects: Ints, positions: Ints) -> Rows:
        """These rows of the effects, each beside its operation, whose position is given."""
        return Rows([(self.history.effects, effects), (self._beside, positions)], self.history.room, {"position": positions})

    @cached_property
    def _beside(self) -> pd.DataFrame:
        """What an effect needs of its operation."""
        return pd.DataFrame(
            {"outcome": self.operations["outcome"].array, "started_ns": self.started_ns, "ended_ns": self.ended_ns}, copy=False
        )

    @cached_property
    def _key_hashes(self) -> Ints:
        return hashes(self.history.effects["key"], self.history.room)

    def hashes_of(self, rows: Rows) -> Ints:
        """A number for the key of each of these effects."""
        found: Ints = self._key_hashes[rows.sources[0][1]]
        return found

    @cached_property
    def started_s(self) -> float:
        """The wall-clock second of the run's first operation: older rows of a ledger or a database do not belong to this run."""
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
    def final(self) -> pd.DataFrame | None:
        """The final state of bookings, each once: a platform may list a booking in several answers. ``None`` where nothing could be read."""
        return None if self.history.bookings is None else once(self.history.bookings)

    @cached_property
    def unread(self) -> Mapping[str, str]:
        """What of the final state could not be read (``shard 2``, ``client 7``), and why."""
        return {what.removeprefix(FINAL_STATE): why for what, why in self.missing.items() if what.startswith(FINAL_STATE)}

    @property
    def unread_said(self) -> str:
        """The same in words."""
        return "; ".join(f"{what}: {why}" for what, why in self.unread.items())

    def unread_of(self, rows: Table) -> Flags:
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
        """The instant from which answers are no evidence, because the whole environment was being removed, and not by a fault."""
        return min((mark.at_ns for mark in self.history.marks if mark.kind == MarkKind.ENVIRONMENT_LOST), default=None)

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
        """Why all customers share one address and its rate limits; empty where each has its own."""
        return self.missing.get("forwarded_for", "")

    @property
    def void(self) -> Flags:
        """Operations that say nothing about the platform: not sent by the load machine, or refused because of other customers at the same address."""
        own = self.short | self.unpassed
        return own | self.limited if self.one_address else own

    def _of(self, source: Source) -> Flags:
        """Those that ended while the environment existed, and that say something about the platform."""
        found = equal(self.operations["source"], source) & ~self.void
        return found if self.lost_ns is None else found & (self.ended_ns <= self.lost_ns)

    @cached_property
    def shard(self) -> NDArray[np.signedinteger[Any]]:
        """The shard that each operation concerns, -1 where there is none. Not as 64-bit integers, because it stays in memory while the run is judged."""
        column = self.operations["shard"]
        return column.to_numpy() if column.dtype == np.int16 else ints(column, -1).astype(np.int32)

    @cached_property
    def status(self) -> NDArray[np.signedinteger[Any]]:
        """The HTTP status of each operation, 0 without an answer; as wide as in the file."""
        column = self.operations["status"]
        return column.to_numpy() if column.dtype == np.int16 else ints(column, 0)

    @cached_property
    def franchise(self) -> NDArray[np.signedinteger[Any]]:
        """The franchise of each operation, 0 where there is none; as wide as in the file."""
        column = self.operations["franchise"]
        return column.to_numpy() if column.dtype == np.int32 and (column.to_numpy() >= 0).all() else ints(column, 0).clip(min=0)

    @cached_property
    def lookups(self) -> Flags:
        """Operations for which the platform said whether its cache had the answer."""
        return member(self.operations["cache"], ("hit", "miss"))

    @cached_property
    def places(self) -> Places:
        """Where the operation of each ID is."""
        return Places.of(self.ids)

    @cached_property
    def missing(self) -> Mapping[str, str]:
        """What the platform cannot do or report, and the consequence of it, as the trial found it."""
        told = (mark.detail.partition(": ") for mark in self.history.marks if mark.kind == MarkKind.PART_MISSING)
        return {what: why for what, _, why in told}

    @cached_property
    def blind(self) -> tuple[Span, ...]:
        """When a worker that sends customers' requests was dead: the history of this time is incomplete."""
        return tuple(Span(one.from_ns, one.to_ns + 1) for one in self.history.blind if one.source == Source.CUSTOMERS)

    @property
    def error_budget(self) -> float | None:
        """The share of requests that may be not good, from the target's availability objective over everything; ``None`` without one."""
        return (self.promised or self.target).error_budget

    def of_region(self, region: str) -> Flags:
        """Operations that entered at ``region``'s edge."""
        return equal(self.operations["region"], region)

    def of_kinds(self, kinds: Iterable[str]) -> Flags:
        """Operations of any of ``kinds``."""
        return member(self.operations["kind"], kinds)
