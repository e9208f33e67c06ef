"""Freshness: a list of free times does not offer a slot that was booked a while ago, and a shop's page shows its manager's last change.

A list may be slightly old, because a replica may answer: so only bookings acknowledged :data:`MOMENT_NS` before the list was requested count. For a
page the promise is stronger: a change invalidates its cache entry, everywhere and at once. Both are promised only for the calm phase: while a primary
is lost, an older answer of a replica is better than none, and a fail-over may lose the last change, which is judged by its loss objective.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.backlog import near
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints, member
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.holding import earliest
from closeshave.judge.evidence.joins import latest_known, numbers, pairs
from closeshave.judge.evidence.rows import Rows
from closeshave.judge.evidence.windows import NEVER_NS, spans, within
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.evidence.writes import joined
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.plurals import plural

MOMENT_NS = 2_000_000_000
SAME_DAY_S = 12 * 3600
"""A list does not say for which day it was requested: a slot this close to a time that it offers counts as being of its day."""
SLOT = ["franchise", "barber", "starts_at"]
CHECKS = ("check_barber", "canary_check")
"""Requests for one slot of one barber."""
SHOP = ["session", "franchise"]


def stale_offers(analysis: Analysis) -> Finding:
    """Lists of one barber's free times that offer a start which an acknowledged booking held before and during the whole request."""
    evidence = analysis.evidence
    lists = joined(evidence, ("offer",))
    calm = within(lists["started_ns"].to_numpy(), spans(evidence.history.manifest, "calm"))
    # A question about a single slot gets no list: the answer "no" says nothing about a day.
    listing = ~member(evidence.operations["kind"].iloc[lists["position"].to_numpy()], CHECKS)
    offers = lists[calm & listing & equal(lists["outcome"], Outcome.OK) & filled(lists, "barber")].frame()
    started, ended = offers["started_ns"].to_numpy(), offers["ended_ns"].to_numpy()
    held = analysis.holdings
    barber, barber_held = numbers(offers, *SLOT[:2]), numbers(held, *SLOT[:2])
    from_ns, until_ns, booking = held["from_ns"].to_numpy(), held["until_ns"].to_numpy(), ints(held["booking"], -1)
    # Most lists are requested before any booking there, and need not be read.
    place, other = pairs(barber, barber_held)
    since_ns = earliest(len(offers), place, from_ns[other], NEVER_NS - MOMENT_NS)
    relevant = np.flatnonzero(since_ns + MOMENT_NS < started)
    listed = _listed(offers, relevant)
    place, other = pairs([*(column[listed.place] for column in barber), listed.start], [*barber_held, ints(held["starts_at"], -1)])
    start, place = listed.start[place], listed.place[place]
    throughout = (from_ns[other] + MOMENT_NS < started[place]) & (until_ns[other] > ended[place])
    columns = (column[throughout].tolist() for column in (place, start, booking[other], from_ns[other]))
    taken = {place: (start, booking, since_ns) for place, start, booking, since_ns in zip(*columns, strict=True)}
    guilty = np.zeros(len(offers), dtype=np.bool_)
    guilty[list(taken)] = True
    guilty, doubt = undisturbed(evidence, guilty, started, ended)
    witnesses = tuple(
        effect_witness(evidence.operations, offers, index, _why(*taken[index], int(started[index])))
        for index in first_and_worst(guilty, started, started, ints(offers["operation"], -1))
    )
    chances = _could_be_wrong(listed, offers, held)
    idle = "" if len(relevant) else f"no customer listed the free times of a barber with a time booked for more than {MOMENT_NS / 1e9:g} s"
    exposure = Exposure(
        chances,
        f"{plural(chances, 'list', 'lists')} of a day with a time that had been booked for more than {MOMENT_NS / 1e9:g} s",
    )
    count = int(np.count_nonzero(guilty))
    what = plural(count, "list offered a time that was already booked", "lists offered times that were already booked")
    return Finding("stale_offers", count, len(offers), what, witnesses, doubt=doubt, exposure=exposure, idle=idle)


@dataclass(frozen=True, slots=True)
class OfferedTimes:
    """Times that lists of free times offer: parallel arrays, list after list."""

    place: Ints
    """Index of the list."""
    start: Ints
    """The time, in seconds since the epoch."""


def _listed(offers: pd.DataFrame, relevant: Ints) -> OfferedTimes:
    """The times that these lists offer."""
    values = offers["read_values"].to_numpy()
    found = [(place, int(start)) for place in relevant.tolist() for start in json.loads(str(values[place]))]
    places, starts = zip(*found, strict=True) if found else ((), ())
    return OfferedTimes(np.array(places, dtype=np.int64), np.array(starts, dtype=np.int64))


def _could_be_wrong(listed: OfferedTimes, offers: pd.DataFrame, held: Rows) -> int:
    """Lists of a day of which some time was held before and during the whole request. Empty lists do not count: some platforms always answer one."""
    day, first = np.unique(listed.place, return_index=True)
    if not len(day):
        return 0
    least, most = np.minimum.reduceat(listed.start, first), np.maximum.reduceat(listed.start, first)
    at, other = pairs([column[day] for column in numbers(offers, *SLOT[:2])], numbers(held, *SLOT[:2]))
    asked, answered = offers["started_ns"].to_numpy()[day[at]], offers["ended_ns"].to_numpy()[day[at]]
    throughout = (held["from_ns"].to_numpy()[other] + MOMENT_NS < asked) & (held["until_ns"].to_numpy()[other] > answered)
    start = ints(held["starts_at"], -1)[other]
    same_day = (start >= most[at] - SAME_DAY_S) & (start <= least[at] + SAME_DAY_S)
    return len(np.unique(at[throughout & same_day]))


def undisturbed(evidence: Evidence, guilty: Flags, started_ns: Ints, ended_ns: Ints) -> tuple[Flags, str]:
    """The wrong reads that no other program disturbed, and an empty text; or, if there are none, all wrong reads and how they were disturbed.

    How old an answer is depends on time: a replica that had to wait for a processor lags behind by that time.
    """
    touched = near(started_ns - MOMENT_NS, ended_ns - started_ns + MOMENT_NS, evidence.doubtful)
    alone = guilty & ~touched
    if alone.any() or not guilty.any():
        return alone, ""
    first = int(started_ns[guilty].min())
    causes = [one.cause for one in evidence.doubtful if one.ended_ns > first - MOMENT_NS]
    return guilty, f"other programs may have caused that: {causes[0]}"


def _why(start: int, booking: int, since_ns: int, asked_ns: int) -> str:
    return f"offered the time {start}, which booking {booking} had taken {(asked_ns - since_ns) / 1e9:.1f} s before"


def stale_pages(analysis: Analysis) -> Finding:
    """Pages that show an older version than the one whose storing was acknowledged to the same session."""
    told = joined(analysis.evidence, ("read_shop", "change_shop"))
    rows = told[equal(told["outcome"], Outcome.OK) & filled(told, "version", "session")].frame()
    rows = rows.assign(version=ints(rows["version"], -1))
    changes = rows[equal(rows["action"], "change_shop")]
    calm = within(rows["started_ns"].to_numpy(), spans(analysis.evidence.history.manifest, "calm"))
    reads = rows[calm & equal(rows["action"], "read_shop")].sort_values("started_ns", kind="stable").reset_index(drop=True)
    newest = latest_known(reads, changes, SHOP, "version")
    behind = np.where(newest >= 0, newest - reads["version"].to_numpy(dtype=np.int64), 0)
    guilty, doubt = undisturbed(analysis.evidence, behind > 0, reads["started_ns"].to_numpy(), reads["ended_ns"].to_numpy())
    behind = np.where(guilty, behind, 0)
    witnesses = tuple(
        effect_witness(
            analysis.evidence.operations,
            reads,
            index,
            f"showed version {int(reads['version'].iloc[index])} after version {int(newest[index])} was acknowledged to the same manager",
        )
        for index in first_and_worst(behind > 0, reads["started_ns"].to_numpy(), behind, ints(reads["operation"], -1))
    )
    n = int(np.count_nonzero(newest >= 0))
    exposure = Exposure(n, plural(n, "page read after an acknowledged change", "pages read after an acknowledged change"))
    count = int(np.count_nonzero(behind > 0))
    what = plural(count, "page was older than an acknowledged change", "pages were older than an acknowledged change")
    return Finding("stale_pages", count, n, what, witnesses, doubt=doubt, exposure=exposure)
