"""The change point alone: probes a tenth of a second apart, some of which failed."""

from __future__ import annotations

import numpy as np
import pytest

from closeshave.judge.measures.change_point import ChangePoint, change_point

TENTH_NS = 100_000_000
BIAS_TENTHS = 0.4
"""40 ms where a probe is sent every 100 ms. With its long tail cut off, the mean of the more partial ones is 60 ms short."""


def turned(pattern: str, restored_share: float = 0.95) -> ChangePoint:
    """``x`` failed, ``.`` was answered well."""
    failed = np.array([letter == "x" for letter in pattern])
    return change_point(np.arange(len(pattern), dtype=np.int64) * TENTH_NS, failed, restored_share)


def tenths(found: ChangePoint) -> tuple[float, float | None]:
    """Its ends in probes after the first."""
    return found.low_ns / TENTH_NS, None if found.high_ns is None else found.high_ns / TENTH_NS


@pytest.mark.parametrize("failed", [6, 10, 40])
def test_a_total_outage_leaves_one_gap(failed: int) -> None:
    """From the last failed probe to the first good one, also in a very short outage."""
    assert tenths(turned("x" * failed + "." * 60)) == (failed - 1, failed)


@pytest.mark.parametrize(("failed", "beyond"), [(1, (10, 20)), (2, (10, 20)), (3, (1, 5)), (5, (0, 2))])
def test_few_failures_may_be_all_that_was_seen_of_a_partial_outage(failed: int, beyond: tuple[int, int]) -> None:
    """With three of ten requests failing for 1.5 s, one of twenty probes per second failed and the next fourteen succeeded by chance (such a run
    passed once).
    """
    low, high = tenths(turned("x" * failed + "." * 60))
    assert low == failed - 1
    assert high is not None
    assert failed + beyond[0] <= high <= failed + beyond[1]


@pytest.mark.parametrize("pattern", ["x.x", "xx.x", "x..x", "xxx.x", "x.x.x", "xxxx..x", "xx..x.x"])
def test_a_good_answer_between_failures_makes_the_outage_partial(pattern: str) -> None:
    """The last failure is unlikely to be a single one after a total outage: the interval extends beyond it."""
    low, high = tenths(turned(pattern + "." * 60))
    assert high is not None
    assert low < len(pattern) - 1 < high


@pytest.mark.parametrize("share", [(0.2, 0.4), (0.3, 0.6), (0.6, 0.95)])
def test_the_interval_contains_the_end_of_partial_outages(share: tuple[float, float]) -> None:
    """In at least 97 of 100 outages with an unknown share and length (300 are tried), and without being unlimited. Its middle is right on average."""
    luck = np.random.default_rng(7)
    inside, widths, errors = 0, [], []
    for _ in range(300):
        length, chance = int(luck.integers(10, 50)), luck.uniform(*share)
        failed = np.concatenate([luck.random(length) < chance, np.zeros(80, dtype=bool)])
        if not failed.any():
            continue  # nobody saw this outage at all
        first = int(np.argmax(failed))
        at = np.arange(len(failed) - first, dtype=np.int64) * TENTH_NS
        found = change_point(at, failed[first:], 0.95)
        low, high = tenths(found)
        assert high is not None
        assert found.middle_ns is not None
        # The first of the probes after it was asked when all was well already.
        inside += low <= length - 1 - first and length - first <= high
        widths.append(high - low)
        errors.append(found.middle_ns / TENTH_NS - (length - 0.5 - first))
    assert inside >= 0.97 * len(errors)
    assert np.median(widths) < (25 if share[0] < 0.3 else 15)
    assert abs(np.mean(errors)) < BIAS_TENTHS
