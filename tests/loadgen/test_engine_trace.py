"""What an answer's headers state about the platform."""

from __future__ import annotations

import pytest

from closeshave.loadgen.trace import timings


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("db;dur=1.5, cache;dur=0.25", {"db": 1.5, "cache": 0.25}),
        ('db;desc="x";dur="3"', {"db": 3.0}),
        ("miss, db;dur=2", {"db": 2.0}),
        ("db;dur=NaN", {}),
        ("", {}),
    ],
)
def test_server_timing(header: str, expected: dict[str, float]) -> None:
    """Durations by metric; invalid entries are left out."""
    assert timings(header) == expected
