"""Starts and ends the embedded environment: real servers and an application as plain processes of this machine."""

from __future__ import annotations

from pathlib import Path

from closeshave.deployment import Deployment
from closeshave.environments import construction, pooler_settings, registry, template
from closeshave.environments.construction import BuildInputs, EnvironmentRoot
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.layout import Layout, lay_out, ports_needed
from closeshave.environments.parts import resolve
from closeshave.environments.stack import Embedded
from closeshave.environments.status import PartStatus, status
from closeshave.environments.teardown import down
from closeshave.environments.warm import WarmStarter

__all__ = ["EnvironmentFailed", "PartStatus", "down", "status", "up"]


def up(definition: Embedded, *, root: Path | None = None, say: Say, etcd_killed: bool = True) -> Deployment:
    """Start the environment below ``root`` (a fresh directory by default) and return once every part of it serves.

    If no member of etcd will be killed (``etcd_killed``), no etcd that survives a kill is built.

    Raises :class:`EnvironmentFailed`. Whatever ends it early, an interruption too, leaves nothing running and no directory.
    """

    def gather(say: Say) -> BuildInputs:
        pooled = definition.pooler is not None
        proxied = bool(definition.links or definition.entrances)
        parts = resolve(
            definition.database.binaries,
            say,
            toxiproxy=proxied,
            etcd_killed=etcd_killed,
            pooler=pooled,
            alerts=definition.alerts is not None,
        )
        if definition.entrances and parts.toxiproxy is None:
            raise EnvironmentFailed(
                f"the distances of {', '.join(definition.entrances)} need Toxiproxy, which cannot be had: {parts.missing.get('toxiproxy', '')}"
            )
        if parts.pgbouncer is not None and (remark := pooler_settings.remark(definition.pooler or {}, parts.pgbouncer.version)):
            say(remark)
        assert parts.postgres is not None, "on this machine it was found somewhere"

        def described(place: EnvironmentRoot, first_port: int) -> Layout:
            return lay_out(place.id, place.root, definition, parts, first_port)

        return BuildInputs(
            recipes=template.recipes(definition, parts.postgres, parts.postgres_version, parts.nobody),
            port_count=ports_needed(definition, parts),
            lay_out=described,
            databases=parts.nobody,
            starter=lambda place, layout: WarmStarter(place.root, place.id, parts.nobody, layout.preload),
        )

    return construction.up(definition, root or registry.new_root(definition.name), say, gather, down)
