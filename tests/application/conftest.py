"""The example of an application, running."""

import pytest

from tests.application.running import shop as running


@pytest.fixture(scope="session")
def shop():
    """Its servers, and a prepared database."""
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def both(shop):
    """The addresses of two instances."""
    return shop.serve("barbers-0"), shop.serve("barbers-1")
