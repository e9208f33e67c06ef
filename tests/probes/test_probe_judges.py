"""Judges of the probes that ask endpoints, by known observations: an answer that never came is neither a pass nor a refutation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from closeshave.probes.judging import findings
from closeshave.probes.values import Observation, ProbeOutcome
from tests.probes.rounds import BASIS
from tests.probes.shop import LIMIT, REGIONS

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
THERE = replace(BASIS, edges=dict.fromkeys(REGIONS, "http://127.0.0.1:1"))
ACCOUNT, NETWORK = "an account of the probe's own", f"network 2 of 3 at {REGIONS[0]}"
Saw = dict[str, Any]
BOOKED = {"read": 200, "read_id": True, "notes": True, "cancel": 200, "read_again": 200, "afterwards": "cancelled", "status": 201}
RIGHT: Mapping[str, dict[str, Saw]] = {
    "lockout.after-failed-logins": {ACCOUNT: {"before": 200, "wrong": [401] * 20, "after": 423}},
    "limits.as-stated": {
        "one address": {"sent": LIMIT, "accepted": LIMIT, "refused": True, "status": 429, "retry_after_s": 60.0, "took_s": 1.0},
    },
    "bookings.made-read-cancelled": {f"shard {shard}": BOOKED for shard in (1, 3)},
    "bookings.taken-time-refused": {f"shard {shard}": {"status": 409, "booked": 3, "barbers": 3, "conflict": True} for shard in (1, 3)},
    "tenants.read-refused": {f"a booking of shard {shard}": {"owner_status": 200, "status": 404, "shown": False} for shard in (1, 3)},
    "tenants.change-refused": {f"a booking of shard {shard}": {"status": 403, "afterwards": "scheduled"} for shard in (1, 3)},
    "reports.networks-complete": {region: {"status": 200, "franchises": THERE.topology.franchises, "unread": 0} for region in REGIONS},
    "reports.totals-agree": {
        f"network {number} of 3 at {region}": {"status": 200, "total": 9, "listed": 9, "regions": {"us-east-1": 4, "eu-west-1": 5}}
        for number in (1, 2, 3)
        for region in REGIONS
    },
    "routing.first-of-each-range": {
        f"franchise {first} at {region}": {"status": 200, "x-shard": shard} for first, shard in ((1, "1"), (501, "3")) for region in REGIONS
    },
}
"""Probe → subject → what is seen where the promise is kept."""
OTHERWISE: list[tuple[str, str, Saw, ProbeOutcome]] = [
    ("lockout.after-failed-logins", ACCOUNT, {"after": 200}, BROKEN),
    ("lockout.after-failed-logins", ACCOUNT, {"wrong": [0] * 20, "after": 200}, UNKNOWN),
    ("lockout.after-failed-logins", ACCOUNT, {"wrong": [401] * 19 + [503], "after": 200}, UNKNOWN),
    ("lockout.after-failed-logins", ACCOUNT, {"wrong": [401] * 19 + [503]}, HOLDS),
    ("limits.as-stated", "one address", {"accepted": LIMIT - 1, "sent": LIMIT - 1}, BROKEN),
    ("limits.as-stated", "one address", {"accepted": LIMIT - 1}, UNKNOWN),
    ("limits.as-stated", "one address", {"accepted": 2 * LIMIT + 1, "sent": 2 * LIMIT + 1, "refused": False, "status": 200}, BROKEN),
    ("limits.as-stated", "one address", {"accepted": 0, "sent": 2 * LIMIT + 1, "refused": False, "status": 503}, UNKNOWN),
    ("limits.as-stated", "one address", {"accepted": 2 * LIMIT, "sent": 2 * LIMIT + 1, "refused": False, "status": 503}, UNKNOWN),
    ("bookings.made-read-cancelled", "shard 3", {"read_id": False, "notes": False, "read": 404}, BROKEN),
    ("bookings.made-read-cancelled", "shard 3", {"read_id": False, "notes": False, "read": 0}, UNKNOWN),
    ("bookings.made-read-cancelled", "shard 3", {"cancel": 0, "afterwards": "scheduled"}, UNKNOWN),
    ("bookings.made-read-cancelled", "shard 3", {"afterwards": "scheduled"}, BROKEN),
    ("bookings.made-read-cancelled", "shard 3", {"read_again": 429, "afterwards": None}, UNKNOWN),
    ("bookings.taken-time-refused", "shard 1", {"booked": 4}, BROKEN),
    ("bookings.taken-time-refused", "shard 1", {"booked": 10, "conflict": False, "status": 201}, BROKEN),
    ("bookings.taken-time-refused", "shard 1", {"booked": 10, "conflict": False, "status": 201, "barbers": 12}, UNKNOWN),
    ("bookings.taken-time-refused", "shard 1", {"booked": 10, "conflict": False, "status": 201, "barbers": None}, UNKNOWN),
    ("bookings.taken-time-refused", "shard 1", {"booked": 4, "barbers": None}, HOLDS),
    ("bookings.taken-time-refused", "shard 1", {"booked": 2, "conflict": False, "status": 400}, UNKNOWN),
    ("tenants.read-refused", "a booking of shard 1", {"status": 200, "shown": True}, BROKEN),
    ("tenants.read-refused", "a booking of shard 1", {"status": 422}, UNKNOWN),
    ("tenants.read-refused", "a booking of shard 1", {"status": 302}, UNKNOWN),
    ("tenants.change-refused", "a booking of shard 3", {"status": 409}, UNKNOWN),
    ("tenants.change-refused", "a booking of shard 3", {"status": 200}, BROKEN),
    ("tenants.change-refused", "a booking of shard 3", {"status": 409, "afterwards": "cancelled"}, BROKEN),
    ("reports.networks-complete", REGIONS[1], {"franchises": 0}, BROKEN),
    ("reports.networks-complete", REGIONS[1], {"franchises": 0, "unread": 12}, UNKNOWN),
    ("reports.networks-complete", REGIONS[1], {"franchises": 0, "unread": None}, UNKNOWN),
    ("reports.totals-agree", NETWORK, {"total": 8}, BROKEN),
    ("reports.totals-agree", NETWORK, {"total": None}, UNKNOWN),
    ("routing.first-of-each-range", f"franchise 501 at {REGIONS[1]}", {"x-shard": "1"}, BROKEN),
    ("routing.first-of-each-range", f"franchise 501 at {REGIONS[1]}", {"x-shard": None}, UNKNOWN),
]
"""Probe, subject, what is seen there instead, and what follows."""


def outcome(name: str, seen: Mapping[str, Saw]) -> ProbeOutcome:
    """Of these observations."""
    told = [Observation(name, subject, "a question", saw) for subject, saw in seen.items()]
    return findings([name], told, THERE)[name].outcome


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_as_promised_holds(name: str) -> None:
    """Every subject is asked about, and every answer is as promised."""
    assert outcome(name, RIGHT[name]) is HOLDS


@pytest.mark.parametrize(("name", "subject", "saw", "expected"), OTHERWISE)
def test_what_was_not_answered_refutes_nothing(name: str, subject: str, saw: Saw, expected: ProbeOutcome) -> None:
    """One answer is another one."""
    assert outcome(name, {**RIGHT[name], subject: {**RIGHT[name][subject], **saw}}) is expected
