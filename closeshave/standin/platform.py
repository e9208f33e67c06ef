"""Builds the parts of one stand-in process from its settings."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from closeshave.standin.accounts import AccountStore
from closeshave.standin.billing import Billing
from closeshave.standin.bookings import Bookings
from closeshave.standin.caches import Tier
from closeshave.standin.clustered import ClusterTier
from closeshave.standin.database import DatabaseLink
from closeshave.standin.defective.billing import DefectiveBilling
from closeshave.standin.defective.bookings import DefectiveBookings
from closeshave.standin.defective.database import DefectiveLink
from closeshave.standin.defective.franchises import DefectiveFranchises
from closeshave.standin.defective.limits import DefectiveLimits, DefectiveLockout
from closeshave.standin.defective.sessions import DefectiveSessions
from closeshave.standin.defective.shards import DefectiveShards
from closeshave.standin.franchises import Franchises
from closeshave.standin.live.hearing import Hearing
from closeshave.standin.live.hub import Hub
from closeshave.standin.lockout import Lockout
from closeshave.standin.metrics import ProcessMetrics
from closeshave.standin.operations import Operations
from closeshave.standin.provider import Provider
from closeshave.standin.ratelimit import RateLimits
from closeshave.standin.sessions import Sessions
from closeshave.standin.settings import StandinSettings
from closeshave.standin.shards import Shards
from closeshave.standin.switches import Switches
from closeshave.standin.tokens import TokenIssuer


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that a request may need."""

    settings: StandinSettings
    shards: Shards
    tiers: tuple[Tier, ...]
    franchises: Franchises
    bookings: Bookings
    accounts: AccountStore
    billing: Billing
    provider: Provider
    tokens: TokenIssuer
    sessions: Sessions
    limits: RateLimits
    lockout: Lockout
    switches: Switches
    operations: Operations
    metrics: ProcessMetrics
    live: Hearing | None = None
    """``None`` where nobody may follow their bookings."""

    @classmethod
    async def open(cls, settings: StandinSettings, signing_key: bytes) -> Platform:
        """Build the parts; nothing is connected yet. ``signing_key`` is a PEM; raises :class:`ValueError` for an invalid one."""
        tokens = TokenIssuer(signing_key)
        switches = Switches(settings.defects)
        shards = await DefectiveShards.open(settings, DefectiveLink.opener(switches))
        shards.switches = switches
        cluster = ClusterTier("cluster", settings.tiers_host, settings.cluster) if settings.cluster else None

        def tiers(name: str, ports: Mapping[str, int]) -> dict[str, Tier]:
            found = _tiers(name, settings.tiers_host, ports)
            return {home: cluster if cluster and ports[home] in settings.cluster else tier for home, tier in found.items()}

        caches = tiers("cache", settings.caches)
        sessions = tiers("sessions", settings.sessions)
        in_cluster = settings.ratelimit in settings.cluster
        ratelimit = cluster if cluster and in_cluster else Tier("ratelimit", settings.tiers_host, settings.ratelimit)
        provider = Provider(settings.payments_url)
        return cls(
            settings=settings,
            shards=shards,
            tiers=tuple(dict.fromkeys((*caches.values(), *sessions.values(), ratelimit))),
            franchises=DefectiveFranchises(shards, caches, switches),
            bookings=DefectiveBookings(shards, switches, settings.remind_after),
            accounts=AccountStore(shards),
            billing=DefectiveBilling(shards, Bookings(shards), provider, switches),
            provider=provider,
            tokens=tokens,
            sessions=DefectiveSessions(sessions, switches, shards.is_lost),
            limits=DefectiveLimits(ratelimit, settings.rate_limit_scale, switches, progressive=settings.hardened),
            lockout=DefectiveLockout(ratelimit if settings.hardened else None, switches),
            switches=switches,
            operations=Operations(settings.operations, random.random),
            metrics=ProcessMetrics(),
            live=Hearing(settings, shards, Hub()) if settings.live else None,
        )

    @property
    def dependencies(self) -> tuple[DatabaseLink | Tier, ...]:
        """All dependencies with a breaker."""
        return (*self.shards.links, *self.tiers)

    async def close(self) -> None:
        """Drop every connection."""
        self.shards.close()
        for tier in self.tiers:
            tier.close()
        await self.provider.close()


def _tiers(name: str, host: str, ports: Mapping[str, int]) -> dict[str, Tier]:
    """A tier for each home region; regions that share a server share the tier, its connections and its breaker."""
    by_port = {port: Tier(f"{name}:{port}", host, port) for port in set(ports.values())}
    return {region: by_port[port] for region, port in ports.items()}
