"""Breaker, rate-limit windows, time zones, switches, CSRF exemptions: parts that decide without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.standin import passwords
from closeshave.standin.breaker import FAILURES, Breaker
from closeshave.standin.ratelimit import CREATE, LOGIN, allowed, key
from closeshave.standin.regions import zone_name
from closeshave.standin.routes import auth
from closeshave.standin.switches import LOOK_EVERY_S, Defect, Switches


def test_a_breaker_opens_after_failures_in_a_row_and_any_success_closes_it() -> None:
    """Single failures between successes never open it."""
    breaker = Breaker()
    for _ in range(FAILURES * 3):
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open
    for _ in range(FAILURES):
        assert not breaker.open
        breaker.failed()
    assert breaker.open
    breaker.succeeded()
    assert not breaker.open


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 50), (0.5, 25), (100.0, 5000), (0.001, 1)])
def test_limits_scale_and_never_reach_zero(scale: float, expected: int) -> None:
    """A scaled limit still permits one request."""
    assert allowed(CREATE, scale) == expected


def test_a_window_has_one_counter_per_address() -> None:
    """Requests of one window share a counter; the next window, address or limit has another."""
    same = {key(LOGIN, "10.0.0.1", now_s) for now_s in (120.0, 150.0, 179.9)}
    assert len(same) == 1
    assert len(same | {key(LOGIN, "10.0.0.1", 180.0), key(LOGIN, "10.0.0.2", 120.0), key(CREATE, "10.0.0.1", 120.0)}) == 4


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("us-east-1", "America/New_York"),
        ("us-west-2", "America/Los_Angeles"),
        ("eu-west-1", "Europe/Dublin"),
        ("ap-southeast-1", "Asia/Singapore"),
        ("elsewhere-9", "America/New_York"),
    ],
)
def test_regions_have_their_business_time_zone(region: str, zone: str) -> None:
    """The shops of a region use its zone; an unknown region uses that of the real platform."""
    assert zone_name(region) == zone


def test_switches_follow_their_file(tmp_path: Path) -> None:
    """Without a file there is no defect; names take effect at the next check, and so does the removal of the file."""
    file, now = tmp_path / "defects", [100.0]
    switches = Switches(str(file), lambda: now[0])
    assert not switches.on(Defect.DOUBLE_BOOKING)
    file.write_text("double-booking\n")
    assert not switches.on(Defect.DOUBLE_BOOKING)
    now[0] += LOOK_EVERY_S
    assert switches.on(Defect.DOUBLE_BOOKING)
    file.unlink()
    now[0] += LOOK_EVERY_S
    assert not switches.on(Defect.DOUBLE_BOOKING)


def test_an_unknown_account_takes_as_long_to_refuse_as_a_known_one() -> None:
    """The hash that is checked instead has the parameters of all others."""
    assert not passwords._HASHER.check_needs_rehash(auth._NOBODYS_HASH)
