"""A description of the shipped environment, made without starting anything."""

from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.environments.layout import lay_out
from tests.environments.programs import FOUND

SHIPPED = Path(__file__).parents[2] / "environments" / "embedded.yaml"


@pytest.fixture
def definition():
    """The environment file that the project ships."""
    return read_definition(SHIPPED)


@pytest.fixture
def found_parts():
    """Programs as if they had been found; nothing here runs them."""
    return FOUND


@pytest.fixture
def layout(definition, found_parts):
    """The shipped environment on ports from 20000."""
    return lay_out("an-id", Path("/state/embedded-1"), definition, found_parts, 20_000)
