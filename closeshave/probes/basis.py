"""What was promised, declared and possible when a round of probes was asked; kept in its record, so that it can be judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from closeshave.deployment import Capabilities
from closeshave.probes.values import ProbeReach
from closeshave.target import Statement, Target
from closeshave.topology import Topology

EVERYTHING = Capabilities()


@dataclass(frozen=True, slots=True)
class ProbeBasis:
    """Frozen facts."""

    topology: Topology
    stage: str
    """``development``, ``staging`` or ``production``."""
    edges: Mapping[str, str] = field(default_factory=dict)
    """Region → the base URL of its endpoint."""
    edge_ttls: Mapping[str, float] = field(default_factory=dict)
    """Region whose endpoint has a cache → how long that keeps an answer at most, in seconds."""
    capabilities: Capabilities = EVERYTHING
    offers: tuple[str, ...] = ()
    """Operations that the API has, and that the platform supports."""
    limits: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Operation → requests of one client address in how many seconds."""
    instances: tuple[str, ...] = ()
    """Processes of the application; empty where the harness does not run them."""
    members: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Process of every database member → its shard and region; empty where the harness does not run them."""
    stores: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """Process of every store → its tier, group and region."""
    poolers: tuple[str, ...] = ()
    """Processes of the poolers; empty where there are none, or the harness does not run them."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Service → ``host:port`` at which it must refuse whoever shows no certificate, as the environment file names them."""
    sentinels: int = 0
    """How many there are."""
    clusters: Mapping[str, int] = field(default_factory=dict)
    """Groups that are a Valkey cluster, which Sentinel does not watch, and how many primaries each has."""
    stored: bool = False
    """Whether databases and stores can be asked."""
    page_prefix: str = ""
    """What begins the key of a franchise's entry in the cache; empty if it is not known."""
    rows_counted: bool = False
    """Whether a query is known that counts the franchises of a range in a database."""
    stand_in_tables: bool = False
    """Whether the databases have the tables of the stand-in."""
    reaches: tuple[ProbeReach, ...] = (ProbeReach.READS,)
    """What was permitted."""
    target: Target | None = None
    """The promises; a record has them in a file of their own."""

    def promised(self, figure: str, of: str = "") -> Statement | None:
        """The first statement of the target with this figure, about this part."""
        claims = self.target.claims if self.target is not None else ()
        return next((said for claim in claims for said in claim.says if getattr(said, figure) is not None and said.of == of), None)

    def claims_of(self, probe: str) -> tuple[str, ...]:
        """The target's promises that name a probe."""
        claims = self.target.claims if self.target is not None else ()
        return tuple(claim.id for claim in claims if any(fnmatchcase(probe, pattern) for pattern in claim.probes))

    def standbys(self, shard: int) -> int:
        """Standbys of a shard, as the environment declares them."""
        return sum(own == shard for own, _ in self.members.values()) - 1

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of stores."""
        return tuple(dict.fromkeys(group for _, group, _ in self.stores.values()))

    @property
    def watched(self) -> tuple[str, ...]:
        """Those that sentinels watch."""
        return tuple(group for group in self.groups if group not in self.clusters)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The stores that are nodes of a cluster."""
        return tuple(name for name, (_, group, _) in self.stores.items() if group in self.clusters)
