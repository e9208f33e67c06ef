"""The rate follows the local time of day of each region."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.files.yamlfile import InvalidFile, read
from closeshave.traffic.known_profiles import read_profile
from closeshave.traffic.profiles import Profile


@pytest.mark.parametrize("name", ["flat", "evening", "friday", "campaign"])
def test_shipped_profiles_average_one(name: str) -> None:
    """So a plan's rate means the same with each of them, over a day and over a week."""
    profile = read_profile(name)
    assert profile.name == name
    assert sum(profile.hours) / 24 == pytest.approx(1)
    assert sum(profile.days) / 7 == pytest.approx(1)


def test_evening_is_at_another_time_in_every_region() -> None:
    """At seven in the evening in New York it is midnight in Dublin and morning in Singapore."""
    evening = read_profile("evening")
    assert evening.factor("us-east-1", 0) == evening.hours[19]
    assert evening.factor("eu-west-1", 0) == evening.hours[0]
    assert evening.factor("ap-southeast-1", 0) == evening.hours[8]
    assert evening.factor("us-east-1", 3600) == evening.hours[20]


def test_the_nominal_clock_may_run_faster() -> None:
    """At 240 times the speed, 15 seconds are an hour."""
    friday = read_profile("friday")
    assert friday.factor("us-east-1", 15 * 12.5) == pytest.approx(friday.hours[12] * 1.4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hours: [1, 1]", "24 hours"),
        (f"hours: {[0] * 24}", "not all 0"),
        (f"hours: {[1] * 24}\nspeed: 0", "above 0"),
        (f"hours: {[1] * 24}\nmood: good", "unknown key"),
        (f"hours: {[1] * 24}\ncrowd: {{at: 1s, peak: 0.5, half_life: 1s}}", "peak must be at least 1"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With a message that says what is wrong."""
    file = tmp_path / "p.yaml"
    file.write_text(f"name: p\nstarts_at: 2026-03-06T17:00:00+00:00\n{text}\n")
    with pytest.raises(InvalidFile, match=message):
        read(file, Profile)


def test_an_unknown_profile_names_those_that_exist() -> None:
    """So that the user need not look for the folder."""
    with pytest.raises(InvalidFile, match="campaign, evening, flat, friday"):
        read_profile("xmas")


def test_a_campaign_raises_the_rate_in_all_regions_at_once() -> None:
    """Ten times the traffic from one instant on; the additional traffic halves every minute."""
    campaign = read_profile("campaign")
    found = [campaign.factor(region, at_s) for region in ("us-east-1", "eu-west-1") for at_s in (29.9, 30, 90, 150)]
    assert found == pytest.approx(2 * [1, 10, 5.5, 3.25])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("starts_at: 9999-12-31T23:30:00+00:00", "starts_at must be between the years 1971 and 2999"),
        ("starts_at: 0001-01-01T00:00:00+00:00", "starts_at must be between the years 1971 and 2999"),
        ("starts_at: 2026-03-06T17:00:00+00:00\nzones: {us-east-1: Mars/Olympus}", "'Mars/Olympus' is not a time zone"),
        ("starts_at: 2026-03-06T17:00:00+00:00\nzones: {us-east-1: ''}", "'' is not a time zone"),
    ],
)
def test_an_impossible_time_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """Before the senders calculate with it."""
    file = tmp_path / "p.yaml"
    file.write_text(f"name: p\nhours: {[1] * 24}\n{text}\n")
    with pytest.raises(InvalidFile, match=says):
        read(file, Profile)


def test_the_nominal_clock_stays_within_the_calendar_at_any_speed(tmp_path: Path) -> None:
    """Ten years at a million times the speed are more than a calendar holds; 400 years are whole weeks."""
    file = tmp_path / "p.yaml"
    file.write_text(f"name: p\nhours: {list(range(1, 25))}\nspeed: 1000000\nstarts_at: 2026-03-06T00:00:00+00:00\nzones: {{x: UTC}}\n")
    profile = read(file, Profile)
    hours, rest_s = divmod(3650 * 86400 * 1_000_000, 3600)
    assert rest_s == 0
    assert profile.factor("x", 3650 * 86400.0) == profile.hours[hours % 24]
