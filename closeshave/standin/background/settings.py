"""The settings of one worker: environment variables, as for any process of an application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from closeshave.standin.settings import TOPOLOGY


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker does, and where."""

    instance: str
    broker: str
    """The URL of the broker from which it takes jobs, and to which its relay publishes them."""
    databases: Mapping[int, str]
    """Shard → URL of its current primary."""
    relays: tuple[int, ...]
    """The shards whose jobs go through this broker."""
    work_s: float = 0.005
    """How long the work of a job takes: it stands for the call of a provider of mail."""


def of_process(environ: Mapping[str, str]) -> WorkerSettings:
    """The settings of a worker with these environment variables.

    Raises :class:`KeyError` for a missing variable, and :class:`ValueError` for one that cannot be read.
    """
    brokers: dict[str, str] = json.loads(environ["BROKER_URLS"])
    own = brokers[environ["REGION"]]
    shards = TOPOLOGY.validate_json(environ["TOPOLOGY"]).shards
    return WorkerSettings(
        instance=environ["INSTANCE"],
        broker=own,
        databases={int(shard): str(url) for shard, url in json.loads(environ["DATABASE_URLS"]).items()},
        relays=tuple(shard.id for shard in shards if brokers.get(shard.home) == own),
        work_s=float(environ.get("JOB_WORK_S", "0.005")),
    )
