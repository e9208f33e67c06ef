"""Whether a backlog grows, drains or is steady. Pure."""

from __future__ import annotations

import numpy as np
import pytest

from closeshave.capacity.sample import LevelSample
from closeshave.capacity.stationary import BacklogTrend, in_flight


def sample(due_s: np.ndarray, took_s: np.ndarray, seconds: float = 20.0) -> LevelSample:
    """Requests of a level of so many seconds."""
    due, ended = np.round(due_s * 1e9).astype(np.int64), np.round((due_s + took_s) * 1e9).astype(np.int64)
    return LevelSample(0, round(seconds * 1e9), due, due, ended, np.ones(len(due), bool), np.zeros(len(due), bool))


DUE = np.arange(0, 20, 0.01)


@pytest.mark.parametrize(
    ("took_s", "trend"),
    [
        pytest.param(np.full(len(DUE), 0.05), BacklogTrend.STEADY, id="the same all the time"),
        pytest.param(np.zeros(len(DUE)), BacklogTrend.STEADY, id="answered at once"),
        pytest.param(0.05 + DUE * 0.02, BacklogTrend.GROWING, id="slower with every second"),
        pytest.param(0.45 - DUE * 0.02, BacklogTrend.DRAINING, id="faster with every second"),
        pytest.param(np.full(len(DUE), 100.0), BacklogTrend.GROWING, id="never answered in the level"),
        pytest.param(0.05 + 0.02 * np.sin(DUE), BacklogTrend.STEADY, id="up and down"),
    ],
)
def test_the_trend_of_the_requests_in_flight(took_s: np.ndarray, trend: BacklogTrend) -> None:
    """By its slope, or by Little's law."""
    assert in_flight(sample(DUE, took_s)).trend is trend


def test_littles_law_holds_at_a_steady_level() -> None:
    """100 requests per second of 50 ms: five in flight."""
    found = in_flight(sample(np.arange(-1, 20, 0.01), np.full(2100, 0.05)))
    assert found.mean == pytest.approx(5, rel=0.01)
    assert found.little == pytest.approx(5, rel=0.01)


def test_what_was_due_before_the_level_is_in_flight_in_it() -> None:
    """A backlog from before it: L is larger than λW."""
    found = in_flight(sample(np.concatenate([np.full(400, -1.0), DUE]), np.concatenate([np.full(400, 15.0), np.full(len(DUE), 0.01)])))
    assert found.mean > 200
    assert found.trend is BacklogTrend.DRAINING


def test_a_stall_near_the_end_did_not_grow_throughout() -> None:
    """So it cannot break a level by itself."""
    took = np.where(DUE > 18, 20.0 - DUE + 0.01, 0.02)
    late = in_flight(sample(DUE, took))
    assert not late.throughout
    assert in_flight(sample(DUE, 0.05 + DUE * 0.02)).throughout


def test_a_level_without_time_is_refused() -> None:
    """Nothing can be averaged over it."""
    with pytest.raises(ValueError, match="without time"):
        in_flight(sample(DUE, np.zeros(len(DUE)), 0))
