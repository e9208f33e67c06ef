"""The customers of an environment that the harness starts: from what prepared the databases, from a file, or registered through the application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from closeshave.deployment import Account, Deployment
from closeshave.environments import outside
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import accounts, preflight
from closeshave.environments.stack import Stack


def bring(definition: Stack, deployment: Deployment, prepared: Sequence[Path], say: Say) -> Deployment:
    """The running deployment with its customers, and with what could be learnt about its application. ``prepared`` are the files that the preparation
    may have written, one for each shard.

    Raises :class:`EnvironmentFailed`.
    """
    platform = outside.platform(definition, deployment)
    own = definition.application
    if own.accounts.none:
        found: tuple[Account, ...] = ()
    elif own.writes_accounts:
        found = written(prepared, definition.regions)
    else:
        found = accounts.existing(platform, Path.cwd(), say, deployment.authority)
    learnt, missing = deployment.capabilities, dict(deployment.missing)
    if not learnt.franchises and found:
        # Each franchise's list of free times names its zone; without franchises a wrong zone would make every booking a phantom.
        tested = preflight.learn(platform, found, say, deployment.authority)
        learnt, missing = tested.capabilities, missing | tested.missing
    return replace(deployment, accounts=found, capabilities=learnt, missing=missing | lacking(definition))


def lacking(definition: Stack) -> dict[str, str]:
    """What the application cannot do, and the consequence of each. Pure."""
    found = definition.application.capabilities.lacking("the application")
    if not definition.application.read_back.query and len(definition.shards) > 1:
        found["placement"] = "read back through the API, which does not state the shard of a booking"
    return found


def written(prepared: Sequence[Path], regions: Sequence[str]) -> tuple[Account, ...]:
    """The accounts of these files, region by region. Raises :class:`EnvironmentFailed`."""
    there = [path for path in prepared if path.exists()]
    found = [account for path in there if not _empty(path) for account in accounts.read(path, tuple(regions))]
    if not found:
        raise EnvironmentFailed("application.prepare wrote no accounts into {accounts_file}: its first line must be email,password,region")
    return tuple(sorted(found, key=lambda account: regions.index(account.region)))


def _empty(path: Path) -> bool:
    """Whether a file has no account after its header: a shard may have none."""
    with path.open(encoding="utf-8-sig") as file:
        return sum(bool(line.strip()) for line in file) <= 1
