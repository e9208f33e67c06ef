"""The scaling of an environment: what a level says of its size, what the outcome says, and the group that limits an application."""

from __future__ import annotations

import json

import pytest

from closeshave.capacity.level import LevelAsk, LevelCause, LevelFigures, LevelPurpose, LevelResult, LevelStatus
from closeshave.capacity.scalability import SizeLevel, scaling
from closeshave.capacity.scaling import ScalingOutcome, of_level, plain, sentences, told_level
from closeshave.capacity.scaling_levels import ScalingLevel, ScalingStep
from closeshave.capacity.usl import Coefficients
from closeshave.vocabulary import Exit
from tests.capacity.points import levels

STEP = ScalingStep(2.0, 1)
FIGURES = LevelFigures(100.0, 60.0, 50.0, 0.5, 0.0, 1.0, 2.0, 3.0, 90.0, 120.0, 100.0, 0.5)
TRUTH = Coefficients(100.0, 0.05, 0.001)


def result(status: LevelStatus, cause: LevelCause = LevelCause.NONE, figures: LevelFigures | None = FIGURES) -> LevelResult:
    """What a level came to."""
    return LevelResult(LevelAsk(9.0, 12.0, LevelPurpose.STEP), status, cause, "because", figures)


def outcome(made: list[SizeLevel], *claimed: float, interrupted: str = "") -> ScalingOutcome:
    """With the law of these levels."""
    return ScalingOutcome(0.1, (ScalingLevel(STEP, 100.0, 50.0, 9.0),), scaling(made, 1, 50), claimed, interrupted)


@pytest.mark.parametrize(
    ("found", "saturated", "told"),
    [
        (result(LevelStatus.BROKEN), True, "50 of 100 requests/s answered well"),
        (result(LevelStatus.UNKNOWN, LevelCause.GROWING), True, "50 of 100 requests/s answered well"),
        (result(LevelStatus.UNKNOWN, LevelCause.GENERATOR), False, "50 of 100 requests/s answered well; does not count: because"),
        (result(LevelStatus.UNKNOWN, LevelCause.MACHINE), False, "50 of 100 requests/s answered well; does not count: because"),
        (result(LevelStatus.UNKNOWN, LevelCause.FAILED, None), False, "0 of 0 requests/s answered well; does not count: because"),
    ],
)
def test_what_a_level_says_of_its_size(found: LevelResult, saturated: bool, told: str) -> None:
    """A backlog that grows is what saturation is; a late generator or a busy machine says nothing."""
    level = of_level(STEP, 9.0, found)
    assert level.saturated is saturated
    assert told_level(level) == told


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (outcome(levels(TRUTH, 0.01)), Exit.PASS),
        (outcome(levels(TRUTH, 0.01), 500.0), Exit.PASS),
        (outcome(levels(TRUTH, 0.01), 500.0, 100_000.0), Exit.INCONCLUSIVE),
        (outcome(levels(TRUTH, 0.01)[:5]), Exit.INCONCLUSIVE),
        (outcome(levels(TRUTH, 0.01), interrupted="stopped"), Exit.INTERRUPTED),
    ],
)
def test_a_promised_rate_past_the_measurement_is_code_3(found: ScalingOutcome, code: Exit) -> None:
    """As is too little; nothing here is ever a failure of the platform."""
    assert found.exit_code is code
    json.dumps(plain(found))


def test_the_sentences_end_with_how_far_it_carries() -> None:
    """In the words of the issue."""
    told = sentences(outcome(levels(TRUTH, 0.01), 100_000.0))
    assert told[0] == "size 1 is 0.1 cores for all processes of the application together"
    assert told[-1].startswith("extrapolated to ")
    assert told[-1].endswith(", claimed 100,000/s, not supported")
    assert "unknown, because 5 sizes measured" in sentences(outcome(levels(TRUTH)[:5]))[1]
