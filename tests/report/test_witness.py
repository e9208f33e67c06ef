"""Captions and figures of witnesses."""

import pytest

from closeshave.report import witness
from tests.report.synthetic import ns

PROBE = {"why": "the first probe that failed", "source": "canary", "intended_ns": ns(10), "good": True, "status": 200, "error": None}


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"ended_ns": ns(11.9)}, "the first probe that failed: slower than the canary's limit of 1 s, it took 1.9 s"),
        ({"ended_ns": ns(10.2)}, "the first probe that failed: it took 200 ms"),
        ({"ended_ns": ns(11.9), "source": "customers"}, "the first probe that failed: it took 1.9 s"),
        (
            {"ended_ns": ns(10.012), "good": False, "status": 503, "error": "unavailable"},
            "the first probe that failed: answered with status 503, unavailable, after 12 ms",
        ),
        (
            {"ended_ns": ns(15), "good": False, "status": 0, "error": "timed_out"},
            "the first probe that failed: no answer, timed out, after 5 s",
        ),
        ({}, "the first probe that failed"),
        ({"ended_ns": "later"}, "the first probe that failed"),
    ],
)
def test_a_caption_says_what_was_wrong_with_the_answer(changes, caption):
    """By the operation's own record, against the canary's limit where it is one."""
    assert witness.testimony({**PROBE, **changes}, ns(0), 1.0).why == caption


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("db_ms", 3.3333333432674408, "3.33"),
        ("db_ms", 1234.5678, "1,235"),
        ("share", 0.000123456, "0.000123"),
        ("overlap_minutes", 15.0, "15"),
        ("started_ns", ns(41.2183), "41.2 s"),
        ("booking", 88_121, "88121"),
        ("starts_at", 1_795_615_200, "2026-11-25 14:00"),
    ],
)
def test_figures_of_a_witness_are_rounded_and_identifiers_are_not(name, value, text):
    """Fifteen digits say nothing; an ID is searched for as it is."""
    assert witness.testimony({"why": "", name: value}, ns(0)).facts[0][1] == text
