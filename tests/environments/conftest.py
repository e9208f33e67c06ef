"""A description of the shipped environment, made without starting anything."""

from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.environments.layout import lay_out
from closeshave.environments.parts import Etcd, Parts
from closeshave.environments.unprivileged import Wrapper

SHIPPED = Path(__file__).parents[2] / "environments" / "embedded.yaml"


@pytest.fixture
def definition():
    """The environment file that the project ships."""
    return read_definition(SHIPPED)


@pytest.fixture
def found_parts():
    """Programs as if they had been found; nothing here runs them."""
    return Parts(
        postgres=Path("/programs/postgres"),
        postgres_version="18.1",
        nobody=Wrapper(),
        valkey=Path("/programs/valkey-server"),
        haproxy=Path("/programs/haproxy"),
        etcd=Etcd(Path("/programs/etcd"), "3.6", rejoins_empty=False),
        toxiproxy=Path("/programs/toxiproxy"),
        versions={},
        missing={},
    )


@pytest.fixture
def layout(definition, found_parts):
    """The shipped environment on ports from 20000."""
    return lay_out("an-id", Path("/state/embedded-1"), definition, found_parts, 20_000)
