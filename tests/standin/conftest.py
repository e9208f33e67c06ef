"""Fixtures: servers and a platform that the tests of a module share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.standin.running import Running, running
from tests.standin.servers import Postgres, postgres


@pytest.fixture(scope="module")
def new_postgres() -> Iterator[Callable[[], Postgres]]:
    """Starts servers that live until the module's tests are done."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(postgres())


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The platform, running."""
    with running(tmp_path_factory.mktemp("platform")) as started:
        yield started
