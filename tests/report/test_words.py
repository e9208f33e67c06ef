"""Figures read as a person would say them, and never better than they are."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.verdict import Status, Verdict
from closeshave.report import words
from tests.report.synthetic import TARGET

VERDICT = Verdict("response-p95/us-east-1", ("E06",), Status.PASS, "latency", "region:us-east-1", 0.08, 0.1, "s")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"), (float("nan"), "unknown"), (float("inf"), "unknown"), (0, "0 s"), (0.00042, "0.42 ms"), (0.118, "118 ms"),
        (0.0441, "44.1 ms"), (1, "1 s"), (2.34, "2.3 s"), (2.96, "3.0 s"), (21.46, "21.5 s"), (119, "119 s"), (260, "4 min 20 s"), (300, "5 min"),
        (3900, "1 h 5 min"), (7200, "2 h"), (-0.5, "-500 ms"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_the_unit_that_a_person_would_choose(value, text):
    """Milliseconds below a second, minutes from two minutes on; what is not known says so."""
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"), (0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.9999, "99.99 %"), (0.99984, "99.984 %"), (0.014, "1.4 %"),
        (0.00001, "0.001 %"), (1.16, "116 %"),
    ],
)  # fmt: skip
def test_a_ratio_has_the_digits_that_its_distance_from_the_whole_deserves(value, text):
    """Availability of four nines must not round to a hundred."""
    assert words.ratio(value) == text


@given(st.floats(min_value=1e-12, max_value=1 - 1e-12))
def test_no_shortfall_is_rounded_away(value):
    """What is short of the whole never reads 100 %, and what is more than nothing never reads 0 %."""
    assert words.ratio(value) not in {"100 %", "0 %"}


@pytest.mark.parametrize(("verdict", "text"), [
    (VERDICT, "≤ 100 ms"),
    (replace(VERDICT, measure="availability", unit="ratio", bound=0.9999), "≥ 99.99 %"),
    (replace(VERDICT, measure="lost", unit="count", bound=None), "none"),
    (replace(VERDICT, measure="lost", unit="count", bound=0), "none"),
    (replace(VERDICT, bound=None), "—"),
])  # fmt: skip
def test_a_bound_says_its_direction(verdict, text):
    """A reader need not know which measures must be high."""
    assert words.bound(verdict) == text


def test_a_percentile_is_named_after_its_objective():
    """The verdict does not carry its percentile; the objective that its ID begins with does."""
    assert words.title(VERDICT, TARGET) == "Response time p95"


def test_text_from_a_history_cannot_steer_a_terminal_or_break_a_file():
    """Escape sequences, null bytes and lone surrogates are replaced; line breaks stay."""
    assert words.clean("a\x1b[31mb\x00c\ud800d\ne") == "a�[31mb�c�d\ne"
    assert words.clean("0123456789", 5) == "0123…"


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        ("all", "everything"), ("region:us-east-1", "us-east-1"), ("shard:1", "shard 1"), ("franchise_decile:8", "franchise decile 8"),
        ("fault:shard-primary-killed", "shard-primary-killed"), ("operation:read_booking", "read_booking"), ("odd", "odd"),
    ],
)  # fmt: skip
def test_a_scope_is_told_in_words(scope, text):
    """Names that people gave stay as they are."""
    assert words.scope(scope) == text
