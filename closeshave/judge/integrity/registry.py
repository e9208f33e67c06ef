"""The registry of all kinds of integrity breaches: the search for each, its title, what it needs, and where its count is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.integrity import bookings, cached, double, freshness, logins, payments, refused, residency, sessions, tenancy
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import IntegrityFigures

Search = Callable[[Analysis], Finding]
Why = Callable[[Evidence], str]

_PAYING = ("pay_intent", "pay_confirm")
_READING = ("read_booking", "canary_read")
_NOBODY_PAYS = "no journey of this scenario pays"
_NOBODY_READS = "no journey of this scenario reads a booking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """Everything about one kind of breach. A new kind needs a search and a row of :data:`INVARIANTS`, nothing else."""

    title: str
    """For reports."""
    search: Search
    final_state: bool = True
    """Whether a pass needs the whole final state."""
    placement: bool = False
    """Whether it is visible only in the databases."""
    doubt: bool = False
    """Whether a breach makes the run inconclusive and never failed.

    Such a kind needs no exposure: without an unknown outcome there is nothing to test.
    """
    summarised: bool = True
    """Whether ``summary.json`` and the report's counts show its count, in addition to its verdict."""
    needs: tuple[str, ...] = ()
    """Parts of a platform (:attr:`Evidence.missing`) without which it cannot show the breach. Booking is not one of them: a run without bookings cannot
    pass a booking platform, so the invariants that depend on bookings are still asked for, and are inconclusive because no booking could break them."""
    shown_by_all: Why | None = None
    """Why this platform cannot show it, whatever its environment file says; empty when it can."""
    shown_for_certain: Callable[[Evidence], bool] | None = None
    """Whether the evidence of this run shows it although a part is missing."""
    led_to_by: tuple[str, ...] = ()
    """At least one of these operations must have been sent. If empty, every run with bookings tests the invariant."""
    idle: str = ""
    """Why the invariant is not asked for if none of them was sent."""


INVARIANTS: Mapping[str, Invariant] = {
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
            needs=_PAYING,
            shown_by_all=payments.unreadable,
            shown_for_certain=payments.readable,
            led_to_by=_PAYING,
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
        led_to_by=logins.PERSONAL,
        idle="no journey of this scenario logs in",
    ),
    "unresolved": Invariant(title="Unknown outcomes", search=bookings.unresolved, doubt=True),
}
"""Every kind of breach that is searched for, by the name of its verdict, in the order of the verdicts."""

TITLES: Mapping[str, str] = {name: each.title for name, each in INVARIANTS.items()} | {"split_brain": "Split-brain writes"}
"""Of all measures that count integrity breaches. Split brain is found with the data loss of each fault (:mod:`closeshave.judge.verdicts.loss`)."""

UNKNOWN = IntegrityFigures(None, None, dict.fromkeys(name for name, each in INVARIANTS.items() if each.summarised))
"""The figures of a run in which nothing could be counted."""

BREACHES = frozenset(TITLES) - {name for name, each in INVARIANTS.items() if each.doubt}
"""Measures that count breaches which fail the integrity of a run."""
