"""Canaries probe every shard from every region at a steady rate, each probe at a slot of its own."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from closeshave.plan import Canaries
from closeshave.traffic import probes
from closeshave.traffic.probes import CanaryBarber
from tests.traffic.loads import FOUR


def test_every_pair_has_its_rate() -> None:
    """Ten probes per second from the home region, one from each other region; a write and its read are two of them."""
    counts = Counter((probe.region, probe.shard) for probe in probes.schedule(FOUR, Canaries(), 60.0))
    assert len(counts) == 16
    for shard in FOUR.shards:
        for region in FOUR.regions:
            assert counts[region, shard.id] == pytest.approx(300 if region == shard.home else 30, abs=1)


def test_probes_come_in_order_and_not_at_the_same_time() -> None:
    """Never more than two at the same instant."""
    at_ns = [probe.at_ns for probe in probes.schedule(FOUR, Canaries(), 10.0)]
    assert at_ns == sorted(at_ns)
    assert max(Counter(at_ns).values()) <= 2


def test_canaries_from_other_regions_probe_evenly_together() -> None:
    """Three regions probe a shard every two seconds each: together, every two thirds of a second."""
    planned = probes.schedule(FOUR, Canaries(), 30.0)
    for shard in FOUR.shards:
        away = [probe.at_ns for probe in planned if probe.shard == shard.id and probe.region != shard.home]
        assert np.diff(away) == pytest.approx(2e9 / 3, rel=1e-6)


def test_no_probes_where_none_are_wanted() -> None:
    """A rate of 0 for other regions leaves the home pairs."""
    assert {probe.shard for probe in probes.schedule(FOUR, Canaries(away_per_s=0.0), 5.0)} == {1, 2, 3, 4}
    assert all(FOUR.shard(probe.shard).home == probe.region for probe in probes.schedule(FOUR, Canaries(away_per_s=0.0), 5.0))


def test_a_slot_is_never_used_twice() -> None:
    """Every barber, day and time once, and as many as the capacity says."""
    barbers = [CanaryBarber(25_000, 7, "UTC", ("09:00", "09:30")), CanaryBarber(25_000, 8, "UTC", ("09:00", "09:30"))]
    every = list(probes.slots(barbers, date(2026, 11, 21), np.random.default_rng(1)))
    assert len(every) == len({(slot.barber, slot.starts_at) for _, slot in every}) == probes.capacity(barbers)


def test_barbers_are_what_the_api_says() -> None:
    """Each barber, with the times between opening and closing in the business's own zone."""
    when = {"business_hours": {"start": "09:00", "end": "11:00"}, "slot_duration_minutes": 30, "timezone": "Asia/Singapore", "slots": []}
    expected = CanaryBarber(25_000, 7, "Asia/Singapore", ("09:00", "09:30", "10:00", "10:30"))
    assert probes.canary_barbers(25_000, [{"id": 7}], when) == [expected]


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        ({"business_hours": None, "slot_duration_minutes": None}, "09:00", "16:30"),
        ({"business_hours": {"start": "22:00", "end": "24:00"}}, "22:00", "23:30"),
        ({"business_hours": {"start": "08:00:00", "end": "12:00:00"}, "slot_duration_minutes": 45}, "08:00", "11:00"),
    ],
)
def test_hours_are_read_in_several_forms(changes: dict[str, object], first: str, last: str) -> None:
    """The API's own where none are stated; a shop that closes at midnight closes at 24:00."""
    (found,) = probes.canary_barbers(25_000, [{"id": 7}, {"id": 8}], {"slots": [], **changes}, {8}, "UTC")
    assert (found.barber, found.zone, found.times[0], found.times[-1]) == (7, "UTC", first, last)


@pytest.mark.parametrize(
    "changes",
    [
        {"business_hours": {"start": "9 AM"}},
        {"business_hours": {"end": "99999999:00"}},
        {"business_hours": {"end": "24:30"}},
        {"business_hours": "09:00-17:00"},
        {"business_hours": [1]},
        {"slot_duration_minutes": 0},
        {"slot_duration_minutes": -30},
        {"slot_duration_minutes": "30"},
        {"slot_duration_minutes": 1e9},
        {"timezone": "Mars/Olympus"},
        {"slots": None},
    ],
)
def test_invalid_hours_are_reported_before_the_load(changes: dict[str, object]) -> None:
    """They once raised other errors, ran without end, or failed customers in the middle of the load."""
    with pytest.raises(ValueError, match="franchise 25000"):
        probes.canary_barbers(25_000, [{"id": 7}], {"slots": [], **changes})


@pytest.mark.parametrize(("who", "when"), [(None, {}), ([], None), ({"error": 1}, {})])
def test_an_api_without_barbers_or_times_is_refused(who: None, when: None) -> None:
    """Canaries that cannot book must not start."""
    with pytest.raises(ValueError, match="franchise 25000"):
        probes.canary_barbers(25_000, who, when)
