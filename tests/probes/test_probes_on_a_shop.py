"""Each probe on a small platform that keeps its promises, and on the same one with one lie: it holds, and it says broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.probes import corpus
from closeshave.probes.catalogue import PROBES
from closeshave.probes.families import hostile
from closeshave.probes.judging import findings
from closeshave.probes.values import Observation, ProbeOutcome
from tests.probes import rounds
from tests.probes.rounds import asked
from tests.tiers import thorough

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
    "sessions.anonymous-refused": ["anybody"],
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
    "limits.others-unaffected": ["one-counter"],
    "limits.progressive": ["flat"],
    "lockout.after-failed-logins": ["never-locks", "any-password"],
    "reports.networks-complete": ["lost-shard"],
    "reports.totals-agree": ["wrong-total", "half"],
    "invalidation.everywhere": ["one-region-forgets"],
    "invalidation.alone": ["flushes"],
    "health.alive": ["dead"],
    "keys.live-keys-not-loaded": [],
    "hostile.login": ["sql", "crashes", "explains"],
    "hostile.registration": ["crashes"],
    "hostile.booking-id": ["crashes"],
    "hostile.search": ["sql-search"],
    "hostile.franchise-header": ["echo"],
    "hostile.guest-booking": ["template"],
    "hostile.booking-notes": ["markup"],
}
"""Probe → lies (several in a word are told together), each of which must break it."""


PROMISED_TO_ANSWER = {"regions.serving", "health.alive"}
"""Where one does not answer while others do, the promise is broken; where nobody does, the harness may be what is cut off."""
QUICK = {"hostile.booking-notes": "markup", "hostile.login": "sql"}
"""One of each sort of hostile place stays in the plain tests."""


def cases() -> list[object]:
    """Probe and lies; the slow ones are left to the thorough tests."""
    told = [(name, lies) for name, several in BROKEN_BY.items() for lies in several]
    slow = [(name, lies) for name, lies in told if name.startswith("hostile.") and QUICK.get(name) != lies]
    return [*(one for one in told if one not in slow), *thorough(*slow)]


HOSTILE = [name for name in BROKEN_BY if name.startswith("hostile.") and name != "hostile.booking-notes"]


@pytest.mark.parametrize("name", [*(name for name in BROKEN_BY if name not in HOSTILE), *thorough(*HOSTILE)])
def test_it_holds_where_the_promise_is_kept(name: str) -> None:
    """And says what it rests on."""
    found, seen = asked(name)
    assert (found.outcome, found.why) == (ProbeOutcome.HOLDS, found.why)
    assert found.asked == len(seen) > 0
    assert found.witnesses


@pytest.mark.parametrize(("name", "lies"), cases())
def test_it_is_broken_where_the_promise_is_not_kept(name: str, lies: str) -> None:
    """With a witness that shows request and answer."""
    found, _ = asked(name, *lies.split())
    assert (found.outcome, found.why) == (ProbeOutcome.BROKEN, found.why)
    assert found.broken > 0
    assert all(one.asked and one.saw and not one.trouble for one in found.witnesses)


def test_every_probe_that_needs_no_servers_is_in_the_table() -> None:
    """Those that ask databases, stores or instances have tests on servers; those of TLS, edges and files have their own."""
    elsewhere = {
        name
        for name, probe in PROBES.items()
        if probe.inside or probe.family in {"tls", "mesh", "edge", "described", "suite"} or name == "keys.kind-by-stage"
    }
    assert set(PROBES) - elsewhere == set(BROKEN_BY)


@pytest.mark.parametrize("name", [name for name in BROKEN_BY if not name.startswith("hostile.")])
def test_without_one_of_its_answers_it_holds_no_more(name: str) -> None:
    """Unknown never becomes success: every answer is needed, and one that did not come never counts as a good one."""
    _, seen = asked(name)
    basis = rounds.basis_of(seen)
    assert findings([name], seen, basis)[name].outcome is ProbeOutcome.HOLDS
    for number, one in enumerate(seen):
        without = (*seen[:number], *seen[number + 1 :])
        silent = (*seen[:number], replace(one, saw={}, trouble="no answer"), *seen[number + 1 :])
        assert findings([name], without, basis)[name].outcome is ProbeOutcome.UNKNOWN
        assert findings([name], silent, basis)[name].outcome is (
            ProbeOutcome.BROKEN if name in PROMISED_TO_ANSWER else ProbeOutcome.UNKNOWN
        )
    assert findings([name], [replace(one, saw={}, trouble="no answer") for one in seen], basis)[name].outcome is ProbeOutcome.UNKNOWN


@pytest.mark.parametrize("name", PROBES)
def test_from_nothing_nothing_holds(name: str) -> None:
    """Neither without any answer, nor where every answer is empty."""
    assert findings([name], (), rounds.BASIS)[name].outcome is ProbeOutcome.UNKNOWN
    empty = Observation(name, "something", "a question", {})
    assert findings([name], (empty,), rounds.BASIS)[name].outcome is not ProbeOutcome.HOLDS


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the hostile texts, and one for which a database would wait: that every one is sent is shown by the tests of the whole table. The shop
    answers nobody else while it waits, so that three seconds for each text were a minute."""
    waiting = [case for case in corpus.cases() if "pg_sleep(3)" in case.whole]
    others = [case for case in corpus.cases() if case not in waiting]
    chosen = (waiting[0], *others[::12])
    monkeypatch.setattr(hostile, "cases", lambda: chosen)


@pytest.mark.usefixtures("few_cases")
def test_a_busy_machine_is_no_text_that_was_carried_out() -> None:
    """An answer that is late once is asked for again, and is neither good nor bad: a cache may have answered the second time. That one that is late every
    time was carried out is in the table."""
    found = asked("hostile.login", "busy")[0]
    assert found.outcome is ProbeOutcome.UNKNOWN
    assert "when it was asked again" in found.why


@pytest.mark.usefixtures("few_cases")
def test_notes_that_are_late_once_are_asked_for_again() -> None:
    """As every other place that takes text: by booking them once more. Notes that are late every time were carried out."""
    once = asked("hostile.booking-notes", "sleeps-once")[0]
    assert (once.outcome, "when it was asked again" in once.why) == (ProbeOutcome.UNKNOWN, True), once.why
    always = asked("hostile.booking-notes", "sleeps")[0]
    assert (always.outcome, "it was carried out" in always.why) == (ProbeOutcome.BROKEN, True), always.why


@pytest.mark.usefixtures("few_cases")
def test_notes_at_a_time_that_was_taken_were_not_looked_at() -> None:
    """A platform that cancels nothing refuses every booking after the first one, whatever it says: that is no refusal of hostile notes."""
    found = asked("hostile.booking-notes", "never-cancels")[0]
    assert (found.outcome, "was refused without a look at it: the time was taken" in found.why) == (ProbeOutcome.UNKNOWN, True), found.why


@pytest.mark.usefixtures("few_cases")
def test_a_booking_id_of_a_customer_who_is_not_admitted_was_not_looked_at() -> None:
    """A session that ended: 401 for every path."""
    found = asked("hostile.booking-id", "forgets-everybody")[0]
    assert (found.outcome, "the customer was not admitted (status 401)" in found.why) == (ProbeOutcome.UNKNOWN, True), found.why
