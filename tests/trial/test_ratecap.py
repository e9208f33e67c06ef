"""A platform's cap limits what is really sent, not only what was planned."""

import json

import pytest

from closeshave.trial.ratecap import RateCap, requests


@pytest.mark.parametrize(
    ("rates", "stops"),
    [
        ([50] * 30, False),
        ([51] * 30, True),
        ([51] * 9, False),
        ([500] + [0] * 20, False),
        ([501] + [0] * 20, True),
        ([10] * 60 + [60] * 12, True),
        ([10] * 60 + [60] * 5 + [10] * 20, False),
    ],
)
def test_more_than_the_cap_for_ten_seconds_stops_the_trial(rates, stops):
    """A burst within ten seconds that stay below the cap on average does not."""
    cap, total, reasons = RateCap(50.0), 0, [RateCap(50.0).exceeded(0, 0.0)]
    cap.exceeded(0, 0.0)
    for second, rate in enumerate(rates, start=1):
        total += rate
        reasons.append(cap.exceeded(total, float(second)))
    assert any(reasons) is stops
    assert all("allows 50" in reason for reason in reasons if reason)


def test_all_senders_are_counted(tmp_path):
    """For any number of them."""
    (tmp_path / "spool").mkdir()
    for worker, count in (("customers-1", 30), ("customers-2", 12), ("canary-0", 5)):
        (tmp_path / "spool" / f"{worker}.counters.json").write_text(json.dumps({"requests": count}))
    assert requests(tmp_path) == 47
    assert requests(tmp_path / "nowhere") == 0
