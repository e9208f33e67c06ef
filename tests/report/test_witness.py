"""Captions and figures of witnesses."""

from dataclasses import replace

import pytest

from closeshave.history import Operation
from closeshave.judge.witnesses import OperationWitness, OtherWitness
from closeshave.report import witness
from tests.report.synthetic import ns

WHY = "the first probe that failed"
PROBE = Operation(1, "canary", "canary_read", "canary", "us-east-1", 1, 7, ns(10), ns(10), ns(10.2), "ok", good=True, status=200)


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"ended_ns": ns(11.9)}, "the first probe that failed: slower than the canary's limit of 1 s, it took 1.9 s"),
        ({}, "the first probe that failed: it took 200 ms"),
        ({"ended_ns": None}, "the first probe that failed"),
        ({"ended_ns": ns(11.9), "source": "customers"}, "the first probe that failed: it took 1.9 s"),
        (
            {"ended_ns": ns(10.012), "good": False, "status": 503, "error": "unavailable"},
            "the first probe that failed: answered with status 503, unavailable, after 12 ms",
        ),
        (
            {"ended_ns": ns(15), "good": False, "status": 0, "error": "timed_out"},
            "the first probe that failed: no answer, timed out, after 5 s",
        ),
    ],
)
def test_a_caption_says_what_was_wrong_with_the_answer(changes, caption):
    """By the operation's own record, against the canary's limit where it is one."""
    assert witness.testimony(OperationWitness(WHY, replace(PROBE, **changes)), ns(0), 1.0).why == caption


@pytest.mark.parametrize("told", [{"source": "canary", "intended_ns": ns(10), "good": True}, {"intended_ns": ns(10), "ended_ns": "later"}])
def test_a_witness_of_another_version_keeps_its_caption(told):
    """Nothing is concluded from a record that is not whole."""
    assert witness.testimony(OtherWitness(WHY, told), ns(0), 1.0).why == WHY


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("db_ms", 3.3333333432674408, "3.33"),
        ("db_ms", 1234.5678, "1,235"),
        ("share", 0.000123456, "0.000123"),
        ("overlap_minutes", 15.0, "15"),
        ("started_ns", ns(41.2183), "41.2 s"),
        ("booking", 88_121, "88121"),
        ("good", False, "no"),
        ("starts_at", 1_795_615_200, "2026-11-25 14:00"),
    ],
)
def test_figures_of_a_witness_are_rounded_and_identifiers_are_not(name, value, text):
    """Fifteen digits say nothing; an ID is searched for as it is."""
    assert witness.testimony(OtherWitness("", {name: value}), ns(0)).facts[0][1] == text
