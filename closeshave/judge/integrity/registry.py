"""The registry of all kinds of integrity breaches, our own and of packages: the search for each, its title, what it needs, where its count is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from closeshave import extensions
from closeshave.judge.integrity import (
    bookings,
    cached,
    double,
    freshness,
    jobs,
    live,
    logins,
    payments,
    refused,
    residency,
    sessions,
    tenancy,
)
from closeshave.judge.integrity.invariant import Invariant
from closeshave.judge.verdict import IntegrityFigures
from closeshave.operations import CANARY, PAYING, PERSONAL

_READING = ("read_booking", CANARY["read_booking"])
_NOBODY_PAYS = "no journey of this scenario pays"
_NOBODY_READS = "no journey of this scenario reads a booking"


OWN: Mapping[str, Invariant] = {
    "lost": Invariant(title="Lost bookings", search=bookings.lost),
    "phantom": Invariant(title="Phantom bookings", search=bookings.phantom),
    "double_booked": Invariant(title="Double bookings", search=double.double_booked),
    "refused_though_free": Invariant(title="Free slots refused as taken", search=refused.refused_though_free, final_state=False),
    "idempotency": Invariant(title="Idempotency keys booked twice", search=bookings.repeated, summarised=False, needs=("keyed bookings",)),
    "misplaced": Invariant(
        title="Misplaced bookings",
        search=bookings.misplaced,
        placement=True,
        needs=("franchises", "placement"),
        shown_by_all=bookings.one_shard,
    ),
    "residency_breaches": Invariant(
        title="Residency breaches", search=residency.breaches, placement=True, needs=("placement",), shown_by_all=residency.unbound
    ),
    **{
        name: Invariant(
            title=title,
            search=search,
            final_state=final_state,
            summarised=summarised,
            needs=PAYING,
            shown_by_all=payments.unreadable,
            shown_for_certain=payments.readable,
            led_to_by=PAYING,
            idle=_NOBODY_PAYS,
        )
        for name, title, search, final_state, summarised in (
            ("duplicate_payments", "Duplicate payments", payments.duplicate, False, True),
            ("missing_payments", "Missing payments", payments.missing, False, False),
            ("orphan_payments", "Orphan payments", payments.orphan, True, True),
        )
    },
    "stale_sessions": Invariant(
        title="Stale sessions", search=sessions.stale, needs=("read_booking",), led_to_by=_READING, idle=_NOBODY_READS
    ),
    "stale_offers": Invariant(
        title="Booked times shown as free", search=freshness.stale_offers, final_state=False, summarised=False, needs=("slots",)
    ),
    "stale_pages": Invariant(
        title="Stale pages",
        search=freshness.stale_pages,
        final_state=False,
        summarised=False,
        needs=("change_shop",),
        led_to_by=("change_shop",),
        idle="no journey of this scenario changes a page",
    ),
    "stale_cache": Invariant(title="Stale cache entries", search=cached.stale, summarised=False, shown_by_all=cached.closed),
    "leaked": Invariant(
        title="Bookings shown to other customers",
        search=tenancy.leaked,
        final_state=False,
        summarised=False,
        needs=("read_booking",),
        led_to_by=_READING,
        idle=_NOBODY_READS,
    ),
    "lost_sessions": Invariant(
        title="Lost sessions",
        search=logins.lost_sessions,
        final_state=False,
        summarised=False,
        led_to_by=PERSONAL,
        idle="no journey of this scenario logs in",
    ),
    **{
        name: Invariant(title=title, search=search, summarised=False, shown_by_all=jobs.untold)
        for name, title, search in (
            ("jobs_lost", "Lost jobs", jobs.lost),
            ("jobs_twice", "Jobs done twice", jobs.twice),
            ("jobs_late", "Late jobs", jobs.late),
        )
    },
    "updates_missed": Invariant(title="Missed live updates", search=live.missed, summarised=False, shown_by_all=live.unfollowed),
    "unresolved": Invariant(title="Unknown outcomes", search=bookings.unresolved, doubt=True),
}
"""Our own, by the name of the verdict, in the order of the verdicts."""
NAME = re.compile(r"[a-z][a-z0-9_]*")


def _unfit(added: extensions.Extension) -> str:
    """Why what a package adds cannot be searched for; empty when it can."""
    if not isinstance(added.value, Invariant):
        return f"is {type(added.value).__name__}, not closeshave.judge.integrity.invariant.Invariant"
    if not NAME.fullmatch(added.name):
        return "is no name of a check: write small letters, digits and underscores"
    return "has the name of a check that Closeshave has itself" if added.name in OWN or added.name == SPLIT_BRAIN else ""


SPLIT_BRAIN = "split_brain"
"""Found with the data loss of each fault (:mod:`closeshave.judge.verdicts.loss`), and not by a search."""
NO_SPLIT_BRAIN = "Writes that started after the promotion of a new primary and were acknowledged by the old one."
"""What is a breach of it."""
# The summary's counts are those of its published schema; what a package adds has a verdict, like all others.
_ADDED = {added.name: replace(added.value, summarised=False) for added in extensions.load(extensions.CHECKS, _unfit)}
INVARIANTS: Mapping[str, Invariant] = {**OWN, **_ADDED}
"""Every kind of breach that is searched for here: our own, then those of installed packages."""

TITLES: Mapping[str, str] = {name: each.title for name, each in INVARIANTS.items()} | {SPLIT_BRAIN: "Split-brain writes"}
"""Of all measures that count integrity breaches."""

UNKNOWN = IntegrityFigures(None, None, dict.fromkeys(name for name, each in INVARIANTS.items() if each.summarised))
"""The figures of a run in which nothing could be counted."""

BREACHES = frozenset(TITLES) - {name for name, each in INVARIANTS.items() if each.doubt}
"""Measures that count breaches which fail the integrity of a run."""
