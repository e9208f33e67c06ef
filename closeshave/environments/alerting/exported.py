"""What the exporter is told: which parts it asks. Apart from it, because whoever describes an environment needs none of its libraries."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from closeshave.deployment import Edge, Member, Store


@dataclass(frozen=True, slots=True)
class ExporterSettings:
    """Which parts are asked. Written into the environment's settings, because it starts before the deployment is known."""

    host: str
    port: int
    root: str
    every_s: float
    database: str
    user: str
    members: tuple[Member, ...]
    stores: tuple[Store, ...]
    edges: tuple[Edge, ...] = ()
    """Only those that serve TLS."""
    authority: str = ""
    payments_url: str = ""


SETTINGS = TypeAdapter(ExporterSettings)
