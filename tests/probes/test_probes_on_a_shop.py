"""Each probe on a small platform that keeps its promises, and on the same one with one lie: it holds, and it says broken."""

from __future__ import annotations

import pytest

from closeshave.probes.catalogue import PROBES
from closeshave.probes.values import ProbeOutcome
from tests.probes.rounds import asked

BROKEN_BY = {
    "routing.first-of-each-range": ["wrong-first"],
    "routing.last-of-each-range": ["wrong-last"],
    "routing.outside-refused": ["takes-any"],
    "regions.serving": ["one-region", "down"],
    "headers.strict-transport-security": ["no-Strict-Transport-Security", "no-headers-on-refusals"],
    "headers.content-security-policy": ["no-Content-Security-Policy"],
    "headers.frame-options": ["no-X-Frame-Options"],
    "headers.xss-protection": ["no-X-XSS-Protection"],
    "sessions.good-everywhere": ["home-only", "one-profile"],
    "sessions.anonymous-refused": [],
    "sessions.forged-refused": ["unsigned"],
    "sessions.unsigned-refused": ["unsigned any-token"],
    "tenants.read-refused": ["leaks"],
    "tenants.anonymous-refused": ["public-bookings"],
    "tenants.lists-separate": ["shared-lists"],
    "tenants.change-refused": ["anybody-cancels"],
    "bookings.catalogue-shown": ["no-services"],
    "bookings.made-read-cancelled": ["drops-notes", "never-cancels"],
    "bookings.taken-time-refused": ["double"],
    "bookings.one-key-one-booking": ["ignores-keys"],
    "bookings.forged-refused": ["no-csrf"],
    "bookings.wrong-password-refused": ["any-password"],
    "limits.as-stated": ["no-limit", "strict", "lax", "no-retry-after"],
    "limits.others-unaffected": [],
    "limits.progressive": ["flat"],
    "lockout.after-failed-logins": ["never-locks", "any-password"],
    "reports.networks-complete": ["lost-shard"],
    "reports.totals-agree": ["wrong-total", "half"],
    "invalidation.everywhere": ["one-region-forgets"],
    "invalidation.alone": ["flushes"],
    "health.alive": ["dead"],
    "hostile.login": ["sql", "crashes", "explains"],
    "hostile.registration": ["crashes"],
    "hostile.booking-id": ["crashes"],
    "hostile.search": ["sql-search"],
    "hostile.franchise-header": ["echo"],
    "hostile.guest-booking": ["template"],
    "hostile.booking-notes": ["markup"],
}
"""Probe → lies (several in a word are told together), each of which must break it."""


@pytest.mark.parametrize("name", BROKEN_BY)
def test_it_holds_where_the_promise_is_kept(name: str) -> None:
    """And says what it rests on."""
    found, seen = asked(name)
    assert (found.outcome, found.why) == (ProbeOutcome.HOLDS, found.why)
    assert found.asked == len(seen) > 0
    assert found.witnesses


@pytest.mark.parametrize(("name", "lies"), [(name, lies) for name, several in BROKEN_BY.items() for lies in several])
def test_it_is_broken_where_the_promise_is_not_kept(name: str, lies: str) -> None:
    """With a witness that shows request and answer."""
    found, _ = asked(name, *lies.split())
    assert (found.outcome, found.why) == (ProbeOutcome.BROKEN, found.why)
    assert found.broken > 0
    assert all(one.asked and one.saw and not one.trouble for one in found.witnesses)


def test_every_probe_that_needs_no_servers_is_in_the_table() -> None:
    """Those that ask databases, stores or instances have tests on servers; those of TLS and files have their own."""
    elsewhere = {name for name, probe in PROBES.items() if probe.inside or probe.family in {"tls", "described", "suite", "keys"}}
    assert set(PROBES) - elsewhere == set(BROKEN_BY)
