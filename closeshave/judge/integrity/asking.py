"""Which invariants a run is asked for, and which not.

The rule
--------
An objective that *names* an invariant gets its verdict always. One that names none asks for all that no other one names, except those that cannot be
answered, each listed once with its reason (``Assessment.not_asked``) and in no run's way:

* what this platform cannot show: :func:`unshowable`, an operation that its file switches off included;
* what no journey of this scenario does: no operation that leads to it was ever sent (:data:`LED_TO_BY`), or nobody could know it (``Finding.idle``).

Everything else must be put to the test: an invariant whose operations were sent, but which no answer gave a chance to break, is inconclusive. And
whatever the reason, a breach that was seen convicts.
"""

from __future__ import annotations

from collections.abc import Mapping

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.integrity import cached, residency
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.integrity.logins import PERSONAL

PAYMENTS = frozenset({"duplicate_payments", "missing_payments", "orphan_payments"})

_PAYING: tuple[str, ...] = ("pay_intent", "pay_confirm")
_READING = ("read_booking", "canary_read")

LED_TO_BY: Mapping[str, tuple[tuple[str, ...], str]] = {
    "stale_pages": (("change_shop",), "no journey of this scenario changes a page"),
    "leaked": (_READING, "no journey of this scenario reads a booking"),
    "stale_sessions": (_READING, "no journey of this scenario reads a booking"),
    "lost_sessions": (PERSONAL, "no journey of this scenario needs a session"),
    **dict.fromkeys(PAYMENTS, (_PAYING, "no journey of this scenario pays")),
}
"""Operations of which one must have been sent, and why nobody asks where none was. What is not named here every run that books puts to the test."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "stale_pages": ("change_shop",),
    "stale_offers": ("slots",),
    "leaked": ("read_booking",),
    "stale_sessions": ("read_booking",),
    "idempotency": ("keyed bookings",),
    "misplaced": ("franchises", "placement"),
    "residency_breaches": ("placement",),
    **dict.fromkeys(PAYMENTS, _PAYING),
}
"""Parts of a platform (:attr:`Evidence.missing`) without which it cannot show the breach. Booking is not among them: a run in which nobody may book cannot
acquit a booking platform, so what rests on bookings stays asked, and is inconclusive for want of a chance."""


def unasked(case: Evidence, finding: Finding) -> str:
    """Why an objective that does not name this invariant does not ask for it; empty when it does."""
    if finding.count:
        return ""
    return unshowable(case, finding.name) or _idle(case, finding)


def unshowable(case: Evidence, name: str) -> str:
    """Why this platform cannot show whether it keeps the invariant; empty when it can."""
    manifest = case.history.manifest
    if name in PAYMENTS and case.history.captures is not None:
        return ""
    lacking = next((part for part in NEEDS.get(name, ()) if part in case.missing), "")
    why = {
        "residency_breaches": "" if manifest.topology.resident else residency.UNBOUND,
        "stale_cache": "" if manifest.looked_inside else cached.CLOSED,
        "misplaced": "" if len(manifest.topology.shards) > 1 else "there is one shard, so nothing can be misplaced",
        **dict.fromkeys(PAYMENTS, "" if manifest.payments_ledger else "nobody can read the payment provider's ledger"),
    }.get(name, "")
    return why or (f"{lacking}: {case.missing[lacking]}" if lacking else "")


def _idle(case: Evidence, finding: Finding) -> str:
    if finding.exposure is not None and finding.exposure.chances:
        return ""
    if finding.idle:
        return finding.idle
    kinds, why = LED_TO_BY.get(finding.name, ((), ""))
    return why if kinds and not case.of_kinds(kinds).any() else ""
