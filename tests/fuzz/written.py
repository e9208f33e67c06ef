"""Fuzz targets: the files that people write. Any content gives a value, or an error that names the file."""

from __future__ import annotations

from contextlib import suppress

from closeshave.environments import drivers
from closeshave.environments.definition import read_definition
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote.accounts import read
from closeshave.files.yamlfile import InvalidFile
from closeshave.files.yamlfile import read as read_yaml
from closeshave.openslo.importing import imported
from closeshave.openslo.writing import nodes, target_text
from closeshave.plan import read_plan
from closeshave.target import read_target
from closeshave.traffic.arrivals import replayed as arrivals
from closeshave.traffic.profiles import Profile
from closeshave.trial.preparation import prepare
from tests.fuzz.places import written


def plan(data: bytes) -> None:
    """A plan, and what it names, as ``validate`` and ``run`` read it before anything starts."""
    path = written("plan.yaml", data)
    with suppress(InvalidFile):
        read_plan(path)
        prepare(str(path))


def target(data: bytes) -> None:
    """Promises and objectives."""
    with suppress(InvalidFile):
        read_target(written("target.yaml", data))


def openslo(data: bytes) -> None:
    """SLO documents of other tools; what they give is a target file that can be read."""
    with suppress(InvalidFile):
        made = imported(nodes([written("slos.yaml", data)]))
        target_text(made.target, made.left_out)


def environment(data: bytes) -> None:
    """An environment of any kind, and where franchises live in it."""
    with suppress(InvalidFile):
        definition = read_definition(written("environment.yaml", data))
        assert definition.topology.shards
        drivers.of(definition.kind)


def profile(data: bytes) -> None:
    """A day of customers: a factor for every instant."""
    with suppress(InvalidFile):
        found = read_yaml(written("profile.yaml", data), Profile)
        assert 0 <= found.factor("us-east-1", 3600.0) <= found.peak * (1 + 1e-9)


def replayed(data: bytes) -> None:
    """Arrivals, a number a line."""
    with suppress(ValueError):
        at_s = arrivals(written("replayed.txt", data), 60.0)
        assert ((at_s >= 0) & (at_s < 60.0)).all()


def accounts(data: bytes) -> None:
    """Customers in a spreadsheet's CSV."""
    with suppress(EnvironmentFailed):
        for one in read(written("accounts.csv", data), ("us-east-1", "eu-west-1")):
            assert one.email
            assert one.password
            assert one.region in {"us-east-1", "eu-west-1"}
