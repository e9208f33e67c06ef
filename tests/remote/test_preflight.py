"""Before each run: one booking, which is cancelled, shows the zone or confirms it; and the addresses by which customers are known are found."""

from datetime import UTC, date, datetime

import httpx
import pytest

from closeshave.deployment import Account
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import address, preflight, zones
from closeshave.environments.remote.preflight import Booked, judge
from tests.remote.definitions import remote
from truth.plain.running import plain

WINTER, SUMMER, BEFORE_THE_CHANGE = date(2026, 12, 1), date(2026, 7, 1), date(2026, 10, 20)


def booked(local, utc):
    """A pair of requested and answered times."""
    return Booked(datetime.fromisoformat(local), datetime.fromisoformat(utc).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("local", "utc", "first", "fits", "not_"),
    [
        ("2026-12-10T10:00", "2026-12-10T15:00", "America/New_York", "America/Lima", "America/Chicago"),
        ("2026-07-10T10:00", "2026-07-10T14:00", "America/New_York", "America/Toronto", "America/Lima"),
        ("2026-12-10T10:00", "2026-12-10T10:00", "UTC", "Europe/London", "Europe/Berlin"),
        ("2026-12-10T10:00", "2026-12-10T04:30", "Asia/Kolkata", "Asia/Kolkata", "Asia/Tokyo"),
        ("2026-12-10T10:00", "2026-12-10T13:00", "America/Argentina/Buenos_Aires", "America/Sao_Paulo", "UTC"),
        ("2026-12-10T23:30", "2026-12-11T04:30", "America/New_York", "America/Lima", "UTC"),
    ],
)
def test_zones_that_fit_a_booking(local, utc, first, fits, not_):
    """The likely one first, with the daylight saving time of that day."""
    one = booked(local, utc)
    found = zones.fitting(one.asked, one.answered)
    assert found[0] == first
    assert fits in found
    assert not_ not in found


def test_a_booking_on_another_day_fits_no_zone():
    """Nor one with a difference of seven minutes."""
    for utc in ("2026-12-13T15:00", "2026-12-10T15:07"):
        one = booked("2026-12-10T10:00", utc)
        assert zones.fitting(one.asked, one.answered) == ()


NEW_YORK_WINTER = booked("2026-12-10T10:00", "2026-12-10T15:00")


@pytest.mark.parametrize(
    ("stated", "named", "pair", "today", "zone", "says"),
    [
        ("America/New_York", None, NEW_YORK_WINTER, WINTER, "America/New_York", ""),
        ("America/New_York", None, None, WINTER, "America/New_York", ""),
        ("America/Lima", None, NEW_YORK_WINTER, WINTER, "America/Lima", ""),
        (None, None, NEW_YORK_WINTER, WINTER, "America/New_York", ""),
        (None, "America/Toronto", NEW_YORK_WINTER, WINTER, "America/Toronto", ""),
        (None, "Asia/Tokyo", None, WINTER, "Asia/Tokyo", ""),
        (None, "Asia/Tokyo", NEW_YORK_WINTER, WINTER, "America/New_York", ""),
        (None, None, booked("2026-10-21T10:00", "2026-10-21T09:00"), BEFORE_THE_CHANGE, "Europe/London", ""),
        (None, None, booked("2026-03-02T10:00", "2026-03-02T10:00"), date(2026, 3, 1), "UTC", "Europe/London too"),
        (None, None, None, SUMMER, None, "no test booking could be made"),
        (None, None, booked("2026-12-10T10:00", "2026-12-17T15:07"), WINTER, None, "fits no zone"),
    ],
)
def test_the_zone_that_a_run_uses(stated, named, pair, today, zone, says):
    """The file's if nothing contradicts it, else the one that was found; an uncertain one is marked as uncertain."""
    found, why = judge(stated, named, pair, today)
    assert found == zone
    assert says in why
    assert bool(says) == bool(why)


@pytest.mark.parametrize(
    ("stated", "named", "pair", "says"),
    [
        ("America/New_York", None, booked("2026-12-10T10:00", "2026-12-10T10:00"), "fits UTC"),
        ("UTC", None, NEW_YORK_WINTER, "fits America/New_York"),
        ("UTC", "Asia/Tokyo", None, "say Asia/Tokyo"),
    ],
)
def test_a_file_that_is_wrong_about_the_zone_is_refused(stated, named, pair, says):
    """Every booking would be a phantom."""
    with pytest.raises(EnvironmentFailed, match=says):
        judge(stated, named, pair, WINTER)


@pytest.mark.parametrize(
    ("without", "with_header", "honoured"),
    [
        ({"client_ip": "127.0.0.1"}, {"client_ip": address.SENT}, True),
        ({"client_ip": "127.0.0.1"}, {"client_ip": f"{address.SENT}, 127.0.0.1"}, True),
        ({"client_ip": "127.0.0.1"}, {"client_ip": "127.0.0.1"}, False),
        ({"request": {"ip": "127.0.0.1"}}, {"request": {"ip": "172.17.0.1"}}, False),
        ({"status": "healthy"}, {"status": "healthy"}, None),
        (None, None, None),
        (["odd"], {"client_ip": 7}, None),
    ],
)
def test_the_address_by_which_a_platform_knows_its_callers(without, with_header, honoured):
    """If it does not state one, nothing is reported."""
    assert address.known(without, with_header).honoured is honoured


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("filtered", ["true", "false"])
def test_the_zone_of_a_platform_is_found_and_no_booking_stays(tmp_path, zone, filtered):
    """By one booking, cancelled; a listed barber without working hours does not matter."""
    habits = ("--habit", f"zone={zone}", "--habit", f"filtered_slots={filtered}", "--habit", "administrator_listed=true")
    with plain("--accounts", "2", *habits) as platform:
        learnt = preflight.learn(able(tmp_path, platform), PEOPLE, lambda _line: None)
        assert learnt.capabilities.zone == zone
        assert "zone" not in learnt.missing or zone == "UTC"
        booked = everybodys(platform)
    assert [(one["notes"], one["status"]) for one in booked] == [(preflight.TAG, "cancelled")]


def test_a_platform_that_moved_to_another_zone_is_refused(tmp_path):
    """After the booking was cancelled."""
    with plain("--accounts", "2", "--habit", "zone=UTC") as platform:
        with pytest.raises(EnvironmentFailed, match="correct the zone"):
            preflight.learn(able(tmp_path, platform, zone="America/New_York"), PEOPLE, lambda _line: None)
        assert [one["status"] for one in everybodys(platform)] == ["cancelled"]


@pytest.mark.parametrize(("honoured", "stated", "missing"), [("true", True, False), ("false", True, True), ("false", False, False)])
def test_a_header_that_is_ignored_is_reported(tmp_path, honoured, stated, missing):
    """With the address by which all customers are known, and what to change; a file that already states it is right."""
    with plain("--accounts", "2", "--habit", f"forwarded_for={honoured}") as platform:
        learnt = preflight.learn(able(tmp_path, platform, forwarded_for=stated), PEOPLE, lambda _line: None)
    assert ("forwarded_for" in learnt.missing) is missing
    if missing:
        assert "127.0.0.1" in learnt.missing["forwarded_for"]
        assert "capabilities.forwarded_for: false" in learnt.missing["forwarded_for"]


def test_where_nothing_can_be_booked_the_zone_stays_unknown(tmp_path):
    """This is reported; a zone that the file states is used."""
    with plain("--accounts", "2") as platform:
        platform.operate("break/database")
        assert "zone" in preflight.learn(able(tmp_path, platform), PEOPLE, lambda _line: None).missing
        told = preflight.learn(able(tmp_path, platform, zone="UTC"), PEOPLE, lambda _line: None)
    assert (told.capabilities.zone, "zone" in told.missing) == ("UTC", False)


PEOPLE = (Account("customer1@plain.test", "Plain-1234", "us-east-1"),)


def able(directory, platform, **capabilities):
    """The definition of a plain platform."""
    return remote(directory, url=platform.url, capabilities={"franchises": False, "keyed_bookings": False} | capabilities)


def everybodys(platform):
    """All bookings of the platform."""
    with httpx.Client(base_url=platform.url, trust_env=False, verify=False) as client:
        token = client.post("/api/v2/auth/login", json={"email": "admin@plain.test", "password": "Plain-1234"}).json()["access_token"]
        return client.get("/api/v2/appointments/all/list", headers={"Authorization": f"Bearer {token}"}).json()["appointments"]
