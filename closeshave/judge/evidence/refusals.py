"""Refused bookings: a conflict is a promised answer only if the slot was held. Whether it was is known from our own history, or was read back.

* *Held*: a booking of ours, acknowledged or in doubt, of an overlapping slot of the same barber (or of the same customer), that may have stood at
  the moment of the refusal. It may have from the sending of its request to the answer of the cancel or move that gave the slot up, and a moment
  longer, since a replica may be behind. Or the next list of free times of that session does not offer the slot, or the list from which it chose did
  not offer all of it: a service of 45 minutes needs two times of half an hour, and the second may be booked by a customer outside this run, or lie past
  closing time.
* *Free*: no customer of ours held it, and a list that was requested more than a moment after the refusal still offers all of the slot.
* *Unknown*: neither is known. Such a refusal is not good, because it may have been wrong; but it does not count as a free slot that was refused.
* *Lost*: the slot is unknown, because the row of its effect is missing. Not good either, for the same reason.

A list does not name its day. One that offers times within half a day of the slot is of that day. An empty list means a day without free times only if
lists of its kind (of one barber, or of all) are not always empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, flags, ints, member
from closeshave.judge.evidence.holding import earliest, of_same_booking
from closeshave.judge.evidence.joins import held_in, pairs
from closeshave.judge.evidence.recorded import Recorded
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.evidence.writes import with_operations

ASKING = ("create", "reschedule")
"""Actions that ask for a slot."""
CONFLICTS = (400, 409)
"""The API reports a conflict by either status. The sender marked an operation as good only if it was a true conflict and not another refusal."""
MOMENT_NS = 2_000_000_000
"""How long after a change a replica may still show the state before it."""
SOON_NS = 30_000_000_000
"""A list that was requested later than this is not compared."""
SAME_DAY_S = 12 * 3600
STEP_S = 1800
"""The step between the times of lists, used if all lists offer too few times to find it."""
LISTS_ENOUGH = 500
"""At least so many offered times are needed to find the step.

From a list with only two times, hours apart, the step would be hours, and its first time would count as free for hours.
"""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refused bookings of a run. The masks lie parallel to ``rows``; a refusal that is neither held nor free is unknown."""

    rows: pd.DataFrame
    """As :func:`closeshave.judge.evidence.writes.joined` gives them, all columns."""
    held: Flags
    free: Flags
    lost: Ints
    """Positions of the refused operations whose slot is unknown, because their effect is missing."""

    @property
    def not_good(self) -> Ints:
        """Positions of the operations that were refused although no holder of the slot is known."""
        return np.concatenate([ints(self.rows["position"][~self.held], -1), self.lost])


def refusals(evidence: Recorded) -> Refusals:
    """Find the holder of every slot that was refused as taken. Costs next to nothing where no booking was refused."""
    operations = evidence.operations
    refused = (
        np.logical_or.reduce([evidence.status == status for status in CONFLICTS])
        & equal(operations["outcome"], Outcome.FAIL)
        & flags(operations["good"])
    )
    effects = evidence.history.effects
    asked = np.zeros(len(effects), dtype=np.bool_)
    if refused.any():
        asked = member(effects["action"], ASKING) & held_in(ints(effects["operation"], -1), evidence.ids[refused])
    rows = with_operations(evidence, asked).frame()
    lost = (
        np.flatnonzero(refused)[~held_in(evidence.ids[refused], ints(effects["operation"], -1))]
        if refused.any()
        else np.zeros(0, dtype=np.int64)
    )
    held = np.zeros(len(rows), dtype=np.bool_)
    if not len(rows):
        return Refusals(rows, held, held.copy(), lost)
    holders = _holders(evidence, rows)
    held |= _meet(rows, holders, "barber")
    rest = np.flatnonzero(~held)
    held[rest] |= _meet(rows.iloc[rest], holders, "client")
    free = np.zeros(len(rows), dtype=np.bool_)
    for index, is_free in _read_back(evidence, rows, np.flatnonzero(~held)).items():
        (free if is_free else held)[index] = True
    return Refusals(rows, held, free, lost)


def _holders(evidence: Recorded, refused: pd.DataFrame) -> pd.DataFrame:
    """Slots that may have been held, and from when until when: of the refused barbers, or by the refused customers."""
    effects = evidence.history.effects
    near = effects["franchise"].isin(refused["franchise"]) | effects["client"].isin(refused["client"].dropna())
    writes = with_operations(evidence, near.to_numpy(dtype=np.bool_) & member(effects["action"], (*ASKING, "cancel")))
    rows = writes[~equal(writes["outcome"], Outcome.FAIL)].frame()
    own = np.flatnonzero(member(rows["action"], ASKING) & filled(rows, "starts_at", "minutes"))
    # Only an acknowledged write certainly released a slot.
    releasing = np.flatnonzero(~equal(rows["action"], "create") & equal(rows["outcome"], Outcome.OK) & filled(rows, "booking"))
    one, by = of_same_booking(rows, own, releasing)
    ended_ns = rows["ended_ns"].to_numpy()[releasing[by]]
    later = ended_ns > rows["started_ns"].to_numpy()[own[one]]
    until_ns = earliest(len(own), one[later], ended_ns[later], NEVER_NS - MOMENT_NS)
    return rows.iloc[own].reset_index(drop=True).assign(until_ns=until_ns)


def _meet(rows: pd.DataFrame, holders: pd.DataFrame, by: str) -> Flags:
    """Which refusals met a booking that may have stood at that moment: of the same ``barber``, or of the same ``client``."""
    found = np.zeros(len(rows), dtype=np.bool_)
    mine, theirs = np.flatnonzero(filled(rows, by, "starts_at")), np.flatnonzero(filled(holders, by))
    if not len(mine) or not len(theirs):
        return found
    if by == "barber":
        at, other = pairs(
            *([ints(frame[name], -1)[places] for name in ("franchise", by)] for frame, places in ((rows, mine), (holders, theirs)))
        )
    else:
        client = pd.factorize(pd.concat([rows[by].iloc[mine], holders[by].iloc[theirs]]).astype(object))[0].astype(np.int64)
        at, other = pairs([client[: len(mine)]], [client[len(mine) :]])
    at, other = mine[at], theirs[other]
    start, start_held = ints(rows["starts_at"], 0)[at], ints(holders["starts_at"], 0)[other]
    minutes, minutes_held = np.maximum(1, ints(rows["minutes"], 1))[at], ints(holders["minutes"], 0)[other]
    overlap = (start < start_held + 60 * minutes_held) & (start_held < start + 60 * minutes)
    standing = (holders["started_ns"].to_numpy()[other] < rows["ended_ns"].to_numpy()[at]) & (
        holders["until_ns"].to_numpy()[other] + MOMENT_NS > rows["started_ns"].to_numpy()[at]
    )
    # A booking does not prevent its own move.
    own = (ints(rows["booking"], -1)[at] == ints(holders["booking"], -2)[other]) & (
        ints(rows["franchise"], -1)[at] == ints(holders["franchise"], -1)[other]
    )
    found[at[overlap & standing & ~own]] = True
    return found


def _read_back(evidence: Recorded, rows: pd.DataFrame, unexplained: Ints) -> dict[int, bool]:
    """Whether the slot was free, by the lists that the same sessions requested next; refusals without such a list are left out."""
    sessions = rows["session"].iloc[unexplained].dropna()
    if not len(sessions):
        return {}
    effects = evidence.history.effects
    offers = effects[equal(effects["action"], "offer")]
    some = offers["read_values"].notna() & (offers["read_values"] != "[]")
    usual = {sort: bool(some[offers["barber"].notna() == sort].any()) for sort in (True, False)}
    answers = with_operations(evidence, equal(effects["action"], "offer") & effects["session"].isin(sessions).to_numpy(dtype=np.bool_))
    lists = answers[equal(answers["outcome"], Outcome.OK) & filled(answers, "read_values")].frame()
    of_session = dict(iter(lists.groupby("session", observed=True)))
    # Barbers whose times begin at other minutes make the step of a merged list shorter than that of any of them.
    step_s = {sort: _step_s(offers["read_values"][some & (offers["barber"].notna() == sort)]) for sort in (True, False)}
    found = {}
    for index in unexplained.tolist():
        refused = rows.iloc[index]
        mine = of_session.get(refused["session"])
        if mine is None or pd.isna(refused["starts_at"]):
            continue
        answer = next((said for said in _told(refused, mine, usual, step_s) if said is not None), None)
        if answer is None and _held_before(refused, mine, step_s):
            answer = False
        if answer is not None:
            found[index] = answer
    return found


def _step_s(filled: pd.Series) -> int:
    """Seconds between the times that lists offer: the shortest distance in any list."""
    times = (sorted(json.loads(str(values))) for values in filled.iloc[:LISTS_ENOUGH])
    return min((later - earlier for offered in times for earlier, later in pairwise(offered) if later > earlier), default=STEP_S)


def _held_before(refused: pd.Series, lists: pd.DataFrame, step_s: dict[bool, int]) -> bool:
    """Whether the last list before the request that offered the beginning of the slot did not offer the rest of it."""
    start, sent = int(refused["starts_at"]), int(refused["started_ns"])
    earlier = lists[
        (lists["franchise"] == refused["franchise"]) & lists["ended_ns"].between(sent - SOON_NS, sent).to_numpy(dtype=np.bool_)
    ].sort_values("ended_ns", ascending=False)
    for barber, values in zip(earlier["barber"], earlier["read_values"], strict=True):
        of_another = not pd.isna(barber) and (pd.isna(refused["barber"]) or int(barber) != int(refused["barber"]))
        offered = sorted(json.loads(str(values)))
        if start in offered and not of_another:
            return not _whole(refused, offered, step_s[not pd.isna(barber)])
    return False


def _whole(refused: pd.Series, offered: list[int], step_s: int) -> bool:
    """Whether a list offers the whole slot, and not only its beginning."""
    start, minutes = int(refused["starts_at"]), 30 if pd.isna(refused["minutes"]) else int(refused["minutes"])
    return all(at in offered for at in range(start, start + 60 * minutes, step_s))


def _told(refused: pd.Series, lists: pd.DataFrame, usual: dict[bool, bool], step_s: dict[bool, int]) -> Iterator[bool | None]:
    """What each later list of the session says about the slot, in time order: free, held, or nothing."""
    start, ended = int(refused["starts_at"]), int(refused["ended_ns"])
    later = lists[
        (lists["franchise"] == refused["franchise"]) & lists["started_ns"].between(ended, ended + SOON_NS).to_numpy(dtype=np.bool_)
    ]
    for sent_ns, barber, values in zip(later["started_ns"], later["barber"], later["read_values"], strict=True):
        of_one, asked_one = not pd.isna(barber), not pd.isna(refused["barber"])
        if of_one and asked_one and int(barber) != int(refused["barber"]):
            continue
        offered = sorted(json.loads(str(values)))
        if not offered:
            # A list of one barber says nothing about all; an empty list of all says that no barber is free.
            yield False if usual[of_one] and (asked_one or not of_one) else None
        elif not offered[0] - SAME_DAY_S <= start <= offered[-1] + SAME_DAY_S:
            continue
        elif start not in offered:
            yield False if asked_one or not of_one else None
        else:
            # One of all barbers is free, but not necessarily the requested one.
            yield True if _whole(refused, offered, step_s[of_one]) and (of_one or not asked_one) and sent_ns > ended + MOMENT_NS else None
