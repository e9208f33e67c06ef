"""Programs as if they had been found; nothing runs them."""

from __future__ import annotations

from pathlib import Path

from closeshave.environments.parts import Etcd, Parts
from closeshave.environments.unprivileged import Wrapper

FOUND = Parts(
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
