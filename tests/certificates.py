"""Certificates in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from closeshave.files.certificates import Validity


def days(begins: float, ends: float) -> Validity:
    """From so many days after now until so many."""
    now = datetime.now(UTC)
    return Validity(now + timedelta(days=begins), now + timedelta(days=ends))
