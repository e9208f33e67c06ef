"""Canaries need a slot for each booking: too few are told with the plan's key and with rates that fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.plan import Canaries
from closeshave.topology import Shard, Topology
from closeshave.traffic import canary_room, probes
from tests.traffic.loads import FOUR

ONE = Topology(("here",), (Shard(1, 1, 1, "here", "here"),))
TOLD = re.compile(r"write canaries: \{home_per_s: ([\d.]+)(?:, away_per_s: ([\d.]+))?\}")


@pytest.mark.parametrize(
    ("home_per_s", "seconds", "slots", "expected"),
    [
        (4.0, 60.0, 120, ""),
        (
            4.0,
            60.0,
            119,
            "book 120 slots of shard 1 in 60s, each once, but there are only 119 (six barbers); write canaries: {home_per_s: 3.9",
        ),
        (10.0, 120.0, 384, "only 384 (six barbers); write canaries: {home_per_s: 6.4}, or make the phases shorter"),
        (10.0, 120.0, 0, "only 0 (six barbers); no rate fits: make the phases shorter"),
    ],
)
def test_what_would_fit_is_told(home_per_s: float, seconds: float, slots: int, expected: str) -> None:
    """In one sentence; nothing where there are enough."""
    said = canary_room.lacking(ONE, Canaries(home_per_s=home_per_s), seconds, 1, slots, where="six barbers")
    assert (expected in said) if expected else said == ""


@given(
    home_per_s=st.floats(0.1, 50),
    away_per_s=st.floats(0, 5),
    seconds=st.floats(5, 2_000),
    slots=st.integers(0, 20_000),
    scale=st.sampled_from([1.0, 0.4, 2.5]),
)
def test_the_rates_that_are_told_fit_and_are_not_much_too_low(
    home_per_s: float, away_per_s: float, seconds: float, slots: int, scale: float
) -> None:
    """At the scale of the run; told is what the plan must say."""
    canaries = Canaries(home_per_s=home_per_s, away_per_s=away_per_s)
    wanted = probes.needed(FOUR, canaries, seconds, 1)
    said = canary_room.lacking(FOUR, canaries, seconds, 1, slots, where="some", rate_scale=scale)
    assert bool(said) is (wanted > slots)
    if found := TOLD.search(said):
        told = Canaries(home_per_s=float(found[1]) * scale, away_per_s=float(found[2]) * scale)
        fitting = probes.needed(FOUR, told, seconds, 1)
        assert fitting <= slots
        assert fitting >= 0.9 * slots - 10
        assert told.home_per_s <= home_per_s


def test_what_is_needed_is_what_is_sent() -> None:
    """Counted without making the schedule."""
    planned = probes.schedule(FOUR, Canaries(), 61.3)
    for shard in FOUR.shards:
        assert probes.needed(FOUR, Canaries(), 61.3, shard.id) == sum(probe.shard == shard.id for probe in planned)
