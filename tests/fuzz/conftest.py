"""The files of targets are removed after the tests: workers of xdist end without Python's normal exit."""

import shutil

import pytest

from tests.fuzz import places


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays():
    """At the end of each worker."""
    yield
    shutil.rmtree(places.place(), ignore_errors=True)
