"""Refused bookings: a conflict is a promised answer only where somebody held the slot. Who did is known from our own history, or was read back.

* *Held*: a booking of ours, acknowledged or in doubt, of an overlapping slot of the same barber (or of the same customer), that may have stood at
  the moment of the refusal. It may have from the sending of its request to the answer of the cancel or move that gave the slot up, and a moment
  longer, since a replica may be behind. Or the next list of free times of that session does not offer the slot.
* *Free*: nobody of us held it, and a list that was asked for more than a moment after the refusal still offers all of the slot.
* *Untold*: neither. Such a refusal is not good, because nobody can say that it was right; it convicts nobody of refusing what was free.
* *Lost*: no effect tells which slot was asked for, since its row is missing. Not good either, for the same reason.

A list does not name its day. One that offers times within half a day of the slot is of that day. An empty one tells of a day without free times only
where lists of its sort (of one barber, or of all) are not always empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.columns import Flags, Ints, equal, flags, ints, member
from closeshave.judge.finding import Finding
from closeshave.judge.verdict import Exposure
from closeshave.judge.windows import NEVER_NS
from closeshave.judge.witness import first_and_worst, row
from closeshave.judge.writes import beside, effect, joined

if TYPE_CHECKING:
    from closeshave.judge.case import Case
    from closeshave.judge.dossier import Dossier

NAME = "refused_though_free"
ASKING = ("create", "reschedule")
"""Actions that ask for a slot."""
CONFLICTS = (400, 409)
"""The API tells a conflict by either; that it was one, and no other refusal, is what its sender called good."""
MOMENT_NS = 2_000_000_000
"""How long after a change a replica may still show what was before."""
SOON_NS = 30_000_000_000
"""A list that was asked for later tells of another time."""
SAME_DAY_S = 12 * 3600
STEP_S = 1800
"""Between the starts of a list, where it offers too few to tell."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refused bookings of a run. The masks lie parallel to ``rows``; a refusal that is neither held nor free is untold."""

    rows: pd.DataFrame
    """As :func:`closeshave.judge.writes.joined` gives them."""
    held: Flags
    free: Flags
    lost: Ints
    """Positions of the refused operations of which no effect tells the slot."""

    @property
    def not_good(self) -> Ints:
        """Positions of the operations that were refused for no holder that is known."""
        return np.concatenate([ints(self.rows["position"][~self.held], -1), self.lost])


def refusals(case: Case) -> Refusals:
    """Find the holder of every slot that was refused as taken. Costs next to nothing where no booking was refused."""
    operations = case.operations
    refused = np.isin(ints(operations["status"], 0), CONFLICTS) & equal(operations["outcome"], Outcome.FAIL) & flags(operations["good"])
    effects = case.history.effects
    asked = member(effects["action"], ASKING)
    if refused.any():
        asked &= effects["operation"].isin(case.ids[refused]).to_numpy(dtype=np.bool_)
    rows = beside(case, effects[asked] if refused.any() else effects.iloc[:0])
    lost = np.flatnonzero(refused & ~np.isin(case.ids, effects["operation"].to_numpy())) if refused.any() else np.zeros(0, dtype=np.int64)
    held = np.zeros(len(rows), dtype=np.bool_)
    if not len(rows):
        return Refusals(rows, held, held.copy(), lost)
    holders = _holders(case, rows)
    held |= _meet(rows, holders, ["franchise", "barber"])
    rest = np.flatnonzero(~held)
    held[rest] |= _meet(rows.iloc[rest].reset_index(drop=True), holders, ["client"])
    told = _read_back(case, rows, np.flatnonzero(~held))
    free = np.zeros(len(rows), dtype=np.bool_)
    for index, is_free in told.items():
        (free if is_free else held)[index] = True
    return Refusals(rows, held, free, lost)


def refused_though_free(dossier: Dossier) -> Finding:
    """Bookings that were refused as taken although nobody held the slot."""
    case, found = dossier.case, dossier.case.refusals
    started = found.rows["started_ns"].to_numpy()
    why = "refused as taken, although nobody held the slot and a list went on to offer it"
    witnesses = tuple(
        row(case.operations, int(found.rows["position"].iloc[index]), why, effect=effect(found.rows, index))
        for index in first_and_worst(found.free, started, started, ints(found.rows["operation"], -1))
    )
    count, untold = int(np.count_nonzero(found.free)), int(np.count_nonzero(~found.held & ~found.free))
    asked = joined(case, ASKING)
    served = int(np.count_nonzero(equal(asked["outcome"], Outcome.OK)))
    untold += len(found.lost)
    gap = f"{untold:,} bookings were refused as taken, and nobody can tell who held their slots: no booking of ours did, and no list of free times was read back that tells"  # noqa: E501
    return Finding(
        NAME,
        count,
        len(asked),
        "bookings were refused as taken although their slots were free",
        witnesses,
        doubt=dossier.incomplete,
        exposure=Exposure(served + count, "bookings asked for of a slot that was free"),
        gap=gap if untold else "",
    )


def _holders(case: Case, refused: pd.DataFrame) -> pd.DataFrame:
    """What may have been held, and from when until when: at the refused chairs, or by the refused customers."""
    effects = case.history.effects
    near = effects["franchise"].isin(refused["franchise"]) | effects["client"].isin(refused["client"].dropna())
    rows = beside(case, effects[near.to_numpy(dtype=np.bool_) & member(effects["action"], (*ASKING, "cancel"))])
    rows = rows[~equal(rows["outcome"], Outcome.FAIL)]
    asking = rows[member(rows["action"], ASKING)]
    asking = asking[asking[["starts_at", "minutes"]].notna().all(axis=1)].reset_index(drop=True)
    # Only what was acknowledged gave a slot up for certain.
    releasing = rows[~equal(rows["action"], "create") & equal(rows["outcome"], Outcome.OK)]
    releasing = releasing[["franchise", "booking", "operation", "ended_ns"]].dropna(subset=["booking"])
    pairs = asking[["franchise", "booking", "operation", "started_ns"]].reset_index()
    pairs = pairs.merge(releasing, on=["franchise", "booking"], suffixes=("", "_by"))
    pairs = pairs[(pairs["operation"] != pairs["operation_by"]) & (pairs["ended_ns"] > pairs["started_ns"])]
    released = pairs.groupby("index")["ended_ns"].min().astype("Int64").reindex(asking.index)
    return asking.assign(until_ns=ints(released, NEVER_NS - MOMENT_NS))


def _meet(rows: pd.DataFrame, holders: pd.DataFrame, by: list[str]) -> Flags:
    """Which refusals met a booking that may have stood at that moment."""
    columns = ["franchise", "booking", "starts_at", "minutes", "started_ns", "ended_ns"]
    mine = rows[list(dict.fromkeys([*by, *columns]))].reset_index().dropna(subset=[*by, "starts_at"])
    theirs = holders[list(dict.fromkeys([*by, *columns, "until_ns"]))].dropna(subset=by)
    if "client" in by:
        mine, theirs = (frame.assign(client=frame["client"].astype("string")) for frame in (mine, theirs))
    both = mine.merge(theirs, on=by, suffixes=("", "_held"))
    start, other = ints(both["starts_at"], 0), ints(both["starts_at_held"], 0)
    overlap = (start < other + 60 * ints(both["minutes_held"], 0)) & (other < start + 60 * np.maximum(1, ints(both["minutes"], 1)))
    standing = (both["started_ns_held"].to_numpy() < both["ended_ns"].to_numpy()) & (
        both["until_ns"].to_numpy() + MOMENT_NS > both["started_ns"].to_numpy()
    )
    # Nobody is in the way of moving one's own booking.
    franchise_held = both["franchise_held"] if "franchise_held" in both else both["franchise"]
    own = (ints(both["booking"], -1) == ints(both["booking_held"], -2)) & (both["franchise"] == franchise_held).to_numpy(dtype=np.bool_)
    found = np.zeros(len(rows), dtype=np.bool_)
    found[both["index"].to_numpy()[overlap & standing & ~own]] = True
    return found


def _read_back(case: Case, rows: pd.DataFrame, unexplained: Ints) -> dict[int, bool]:
    """Whether the slot was free, by the lists that the same sessions asked for next; nothing of those that no list tells of."""
    sessions = rows["session"].iloc[unexplained].dropna()
    if not len(sessions):
        return {}
    effects = case.history.effects
    offers = effects[equal(effects["action"], "offer")]
    filled = offers["read_values"].notna() & (offers["read_values"] != "[]")
    usual = {sort: bool(filled[offers["barber"].notna() == sort].any()) for sort in (True, False)}
    lists = beside(case, offers[offers["session"].isin(sessions).to_numpy(dtype=np.bool_)])
    lists = lists[equal(lists["outcome"], Outcome.OK) & lists["read_values"].notna().to_numpy()]
    of_session = dict(iter(lists.groupby("session", observed=True)))
    found = {}
    for index in unexplained.tolist():
        refused = rows.iloc[index]
        mine = of_session.get(refused["session"])
        if mine is None or pd.isna(refused["starts_at"]):
            continue
        answer = next((told for told in _told(refused, mine, usual) if told is not None), None)
        if answer is not None:
            found[index] = answer
    return found


def _told(refused: pd.Series, lists: pd.DataFrame, usual: dict[bool, bool]) -> Iterator[bool | None]:
    """What each list of the session after the refusal says of the slot, in order of time: free, held, or nothing."""
    start, ended = int(refused["starts_at"]), int(refused["ended_ns"])
    minutes = 30 if pd.isna(refused["minutes"]) else int(refused["minutes"])
    later = lists[
        (lists["franchise"] == refused["franchise"]) & lists["started_ns"].between(ended, ended + SOON_NS).to_numpy(dtype=np.bool_)
    ]
    for sent_ns, barber, values in zip(later["started_ns"], later["barber"], later["read_values"], strict=True):
        of_one, asked_one = not pd.isna(barber), not pd.isna(refused["barber"])
        if of_one and asked_one and int(barber) != int(refused["barber"]):
            continue
        offered = sorted(json.loads(str(values)))
        if not offered:
            # Of one barber it says nothing of all; of all it says that nobody is free.
            yield False if usual[of_one] and (asked_one or not of_one) else None
        elif not offered[0] - SAME_DAY_S <= start <= offered[-1] + SAME_DAY_S:
            continue
        elif start not in offered:
            yield False if asked_one or not of_one else None
        else:
            step = min((b - a for a, b in pairwise(offered) if b > a), default=STEP_S)
            whole = all(at in offered for at in range(start, start + 60 * minutes, step))
            # That somebody of all is free does not say that the one asked for is.
            yield True if whole and (of_one or not asked_one) and sent_ns > ended + MOMENT_NS else None
