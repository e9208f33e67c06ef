"""A platform that shares no code with the stand-in."""

import pytest

from truth.plain.running import plain


@pytest.fixture(scope="module")
def platform():
    """The plain platform with its own limits, shared by a file's tests."""
    with plain("--accounts", "20") as running:
        yield running


@pytest.fixture
def fresh():
    """A plain platform of this test's own."""
    with plain("--accounts", "20") as running:
        yield running
