"""What a run can show is known only from what the running platform answers; where nobody answers, it is the least."""

from __future__ import annotations

from typing import Any

import pytest

from closeshave.environments.evidence import grade
from closeshave.vocabulary import EvidenceGrade

STAND_IN, APPLICATION, NO_JSON, NO_ANSWER = {"stand_in": True}, {"status": "healthy"}, "", None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([APPLICATION, APPLICATION], EvidenceGrade.VERIFIED, id="an application"),
        pytest.param([NO_JSON], EvidenceGrade.VERIFIED, id="an application without such a route"),
        pytest.param([APPLICATION, NO_ANSWER], EvidenceGrade.VERIFIED, id="one of two answers"),
        pytest.param([APPLICATION, STAND_IN], EvidenceGrade.REHEARSED, id="a stand-in among others"),
        pytest.param([{"stand_in": "true"}], EvidenceGrade.VERIFIED, id="a text is no declaration"),
        pytest.param([NO_ANSWER, NO_ANSWER], EvidenceGrade.REHEARSED, id="nobody answers"),
        pytest.param([], EvidenceGrade.REHEARSED, id="nobody to ask"),
    ],
)
def test_the_grade_follows_from_the_answers(told: list[Any], expected: EvidenceGrade) -> None:
    """For a platform that would be verified if it is no stand-in."""
    assert grade._grade(told, EvidenceGrade.VERIFIED) is expected


@pytest.mark.parametrize("text", ["", "null", "<html>", b"\xff"])
def test_an_answer_that_says_nothing_is_an_answer(text: str | bytes) -> None:
    """Otherwise it would count as silence."""
    assert grade._json(text) is not None
