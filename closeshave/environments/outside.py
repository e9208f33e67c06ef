"""The application of an environment as its customers see it: a platform behind addresses. What is done with a remote platform is done with it too."""

from __future__ import annotations

from closeshave.deployment import Deployment
from closeshave.environments.remote.definition import Caps, Fingerprint, ReadBack, Remote, ShardAt
from closeshave.environments.stack import Stack

CAPS = Caps(requests_per_s=1e6, requests=10**10, duration=86_400.0)
"""Nobody limits what the harness sends to its own environment."""


def platform(definition: Stack, deployment: Deployment) -> Remote:
    """The application behind the edges of a running environment."""
    own = definition.application
    return Remote(
        kind="remote",
        name=definition.name,
        regions={edge.region: edge.url for edge in deployment.edges},
        fingerprint=Fingerprint(own.readiness.path, {}),
        caps=CAPS,
        stage="development",
        shards=tuple(ShardAt(shard.id, shard.first, shard.last, shard.home, shard.standby) for shard in definition.shards),
        resident=definition.resident,
        accounts=own.accounts,
        api=own.api,
        capabilities=deployment.capabilities,
        read_back=ReadBack(api=own.read_back.api, admin=own.read_back.admin),
    )
