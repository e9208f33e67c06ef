"""What ``make test-thorough`` does more of than the plain tests."""

from typing import Any

import pytest
from hypothesis import settings


def thorough(*cases: Any) -> tuple[Any, ...]:
    """Cases of a parameter (tuples for several), left to ``make test-thorough``: others of the table guard the same in the plain tests."""
    return tuple(pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.thorough) for case in cases)


def examples(most: int) -> int:
    """So many examples of a costly property in ``make test-thorough``, and a quarter of them in the plain tests."""
    return max(5, most * settings().max_examples // 100)
