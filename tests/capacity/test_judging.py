"""What one level says of its rate: known answers. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closeshave.capacity.judging import LevelObjective, judged, lateness_ms
from closeshave.capacity.level import LevelCause, LevelStatus
from closeshave.capacity.sample import LevelSample
from closeshave.judge.evidence.windows import NEVER_NS

OBJECTIVE = LevelObjective("latency", 0.95, 0.1)
SECONDS = 20.0
DUE = np.arange(0, SECONDS, 0.01)
N = len(DUE)


def level(took_s: np.ndarray | float, **changed: object) -> LevelSample:
    """Two thousand requests in twenty seconds."""
    took = np.broadcast_to(np.asarray(took_s, dtype=np.float64), DUE.shape)
    due = np.round(DUE * 1e9).astype(np.int64)
    plain = LevelSample(0, round(SECONDS * 1e9), due, due, due + np.round(took * 1e9).astype(np.int64), np.ones(N, bool), np.zeros(N, bool))
    return replace(plain, **changed)  # type: ignore[arg-type]  # fields by name


def shares(bad: float, slow_s: float = 0.3) -> np.ndarray:
    """This share of the requests is slow, spread evenly."""
    return np.where((np.arange(N) * bad) % 1 < bad, slow_s, 0.02) if bad else np.full(N, 0.02)


def flags(share: float) -> np.ndarray:
    """True for this share, spread evenly."""
    found: np.ndarray = np.arange(N) % round(1 / share) != 0
    return found


NEVER = np.where(np.arange(N) % 10 == 0, NEVER_NS, np.round(DUE * 1e9).astype(np.int64) + 20_000_000)


@pytest.mark.parametrize(
    ("sample", "status", "cause"),
    [
        pytest.param(level(0.02), LevelStatus.HOLDS, LevelCause.NONE, id="all quick"),
        pytest.param(
            level(shares(0.03)), LevelStatus.HOLDS, LevelCause.NONE, id="3 % slow: the upper bound of p95 is within the objective"
        ),
        pytest.param(level(shares(0.08)), LevelStatus.BROKEN, LevelCause.NONE, id="8 % slow: the lower bound is past it"),
        pytest.param(level(shares(0.05)), LevelStatus.UNKNOWN, LevelCause.INTERVAL, id="5 % slow: on both sides"),
        pytest.param(level(0.02, good=flags(0.02)), LevelStatus.BROKEN, LevelCause.NONE, id="2 % fail: below 99 %, p95 would hold"),
        pytest.param(level(0.02, good=flags(0.01)), LevelStatus.UNKNOWN, LevelCause.INTERVAL, id="1 % fail: cannot be decided"),
        pytest.param(level(0.02, good=flags(0.004)), LevelStatus.HOLDS, LevelCause.NONE, id="0.4 % fail"),
        pytest.param(level(0.001, good=np.zeros(N, bool)), LevelStatus.BROKEN, LevelCause.NONE, id="refused at once is not quick"),
        pytest.param(level(0.02, ended_ns=NEVER), LevelStatus.BROKEN, LevelCause.NONE, id="a tenth without an answer"),
        pytest.param(level(0.02 + DUE * 0.003), LevelStatus.UNKNOWN, LevelCause.GROWING, id="holds, and gets slower"),
        pytest.param(level(0.02 + DUE * 0.03), LevelStatus.BROKEN, LevelCause.NONE, id="breaks, and grew throughout"),
        pytest.param(
            level(np.where(DUE > 18, 20.5 - DUE, 0.02)), LevelStatus.UNKNOWN, LevelCause.GROWING, id="a stall in the last tenth alone"
        ),
        pytest.param(level(0.5 - DUE * 0.024), LevelStatus.UNKNOWN, LevelCause.DRAINING, id="breaks, and gets faster"),
        pytest.param(
            level(0.08, sent_ns=np.round((DUE + 0.05) * 1e9).astype(np.int64)), LevelStatus.UNKNOWN, LevelCause.GENERATOR, id="sent late"
        ),
        pytest.param(level(shares(0.08), touched=shares(0.08) > 0.1), LevelStatus.UNKNOWN, LevelCause.MACHINE, id="other programs did it"),
        pytest.param(level(shares(0.2), touched=DUE < 2), LevelStatus.BROKEN, LevelCause.NONE, id="broken without the disturbed ones too"),
        pytest.param(level(0.02, touched=np.ones(N, bool)), LevelStatus.HOLDS, LevelCause.NONE, id="holds in spite of other programs"),
    ],
)
def test_what_a_level_says(sample: LevelSample, status: LevelStatus, cause: LevelCause) -> None:
    """Unknown wherever something else than the platform may be the reason."""
    found = judged(sample, [OBJECTIVE])
    assert (found.status, found.cause) == (status, cause)
    assert bool(found.why) == (status is not LevelStatus.HOLDS)


def test_requests_outside_of_the_judged_time_do_not_count() -> None:
    """Those before it are a warm-up, those after it a recovery."""
    slow_first = np.where(DUE < 4, 0.3, 0.02)
    whole = level(slow_first)
    assert judged(whole, [OBJECTIVE]).status is not LevelStatus.HOLDS
    assert judged(replace(whole, begin_ns=round(5e9)), [OBJECTIVE]).status is LevelStatus.HOLDS


def test_an_objective_is_about_its_own_requests() -> None:
    """Log-ins may be slow where it leaves them out; without any request it is not decided."""
    slow = shares(0.08)
    assert judged(level(slow, kinds={"latency": slow < 0.1}), [OBJECTIVE]).status is LevelStatus.HOLDS
    none = judged(level(slow, kinds={"latency": np.zeros(N, bool)}), [OBJECTIVE])
    assert (none.status, none.cause) == (LevelStatus.UNKNOWN, LevelCause.FEW)


def test_a_level_without_requests_says_nothing() -> None:
    """Nothing holds because nothing was asked."""
    found = judged(replace(level(0.02), begin_ns=round(30e9), end_ns=round(40e9)), [OBJECTIVE])
    assert (found.status, found.cause) == (LevelStatus.UNKNOWN, LevelCause.FEW)


def test_the_worst_window_decides_whether_the_generator_was_late() -> None:
    """Two seconds of lateness are not hidden by eighteen good ones."""
    sent = np.round((DUE + np.where(DUE > 18, 0.05, 0)) * 1e9).astype(np.int64)
    assert lateness_ms(level(0.08, sent_ns=sent)) == pytest.approx(50)


def test_figures_of_a_level() -> None:
    """Offered, answered, good, in flight."""
    figures = judged(level(0.02, good=flags(0.01), refused=~flags(0.01)), [OBJECTIVE]).figures
    assert figures.offered_per_s == pytest.approx(100)
    assert figures.goodput_per_s == pytest.approx(99, abs=0.2)
    assert figures.refused == pytest.approx(0.01)
    assert figures.in_flight_mean == pytest.approx(2, abs=0.1)
    assert figures.percentiles[0].measured_s == pytest.approx(0.02)


def test_stricter_shares_are_settled_in_the_confirmation_alone() -> None:
    """The availability of 99 % holds in a step if it was measured; a confirmation needs its bound."""
    sample = level(0.02, good=flags(1 / 110))
    assert judged(sample, [OBJECTIVE], final=False).status is LevelStatus.HOLDS
    assert judged(sample, [OBJECTIVE]).cause is LevelCause.INTERVAL
    below = level(0.02, good=flags(1 / 90))
    assert judged(below, [OBJECTIVE], final=False).cause is LevelCause.INTERVAL
    p99 = LevelObjective("p99", 0.99, 0.1)
    slow = level(np.where(flags(1 / 110), 0.02, 0.3))
    assert judged(slow, [p99], final=False).status is LevelStatus.HOLDS
    assert judged(slow, [p99]).cause is LevelCause.INTERVAL


def test_a_capacity_without_an_objective_is_refused() -> None:
    """There would be nothing to break."""
    with pytest.raises(ValueError, match="objective"):
        judged(level(0.02), [])
