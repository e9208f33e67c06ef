"""The topology: regions, shards by franchise range, and regions whose data must not leave them.

Frozen values from an environment file, which never change during a trial. Which process is primary *now* is not part of the topology, and neither is
where a range of franchises was moved to: that is the routing, which operators change while the platform runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One PostgreSQL cluster and the closed range of franchise IDs, ``first`` to ``last``, that it holds."""

    id: int
    first: int
    last: int
    home: str
    """The region of the declared primary, and of the franchises' customers."""
    standby: str
    """The region of the standby; equal to ``home`` if data must stay in the region (then it is in a second zone)."""
    further: tuple[str, ...] = ()
    """The regions of standbys beside that one, which may be the same as others."""

    @property
    def standbys(self) -> tuple[str, ...]:
        """The region of every standby."""
        return (self.standby, *self.further)

    def __contains__(self, franchise: int) -> bool:
        return self.first <= franchise <= self.last


@dataclass(frozen=True, slots=True)
class Move:
    """The franchises from ``first`` to ``last`` have left the shard ``source`` for the shard ``target``."""

    first: int
    last: int
    source: int
    target: int

    def __contains__(self, franchise: int) -> bool:
        return self.first <= franchise <= self.last


@dataclass(frozen=True, slots=True)
class Routing:
    """What has changed since the topology: the moves that are in force, and how often they were changed."""

    version: int = 0
    moves: tuple[Move, ...] = ()

    def target_of(self, franchise: int) -> int | None:
        """The shard to which ``franchise`` was moved; ``None`` if it lies where the topology says."""
        return next((move.target for move in reversed(self.moves) if franchise in move), None)

    def with_move(self, move: Move) -> Routing:
        """The next version, in which the range lies on its new shard."""
        return Routing(self.version + 1, (*self.moves, move))


@dataclass(frozen=True, slots=True)
class Topology:
    """Regions in failover order (the region after the last is the first) and the shards, ascending by range."""

    regions: tuple[str, ...]
    shards: tuple[Shard, ...]
    resident: tuple[str, ...] = ()
    """Regions whose franchises' rows and cache entries must not leave the region (E24)."""
    spares: tuple[Shard, ...] = ()
    """Shards that hold no franchise (``last`` is below ``first``) until a range is moved to them."""
    entrances: tuple[tuple[str, str], ...] = ()
    """Those of ``regions`` where customers only enter, such as cities, each with the region whose instances serve it."""

    @property
    def clusters(self) -> tuple[Shard, ...]:
        """Every shard, the spare ones last."""
        return (*self.shards, *self.spares)

    def served_by(self, region: str) -> str:
        """The region whose instances answer, in calm, what enters at ``region``."""
        return dict(self.entrances).get(region, region)

    @property
    def franchises(self) -> int:
        """The number of franchises in all shards."""
        return sum(shard.last - shard.first + 1 for shard in self.shards)

    def shard_of(self, franchise: int) -> Shard | None:
        """The shard that holds ``franchise`` when the environment starts; ``None`` outside every range."""
        return next((shard for shard in self.shards if franchise in shard), None)

    def shard(self, id: int) -> Shard:
        """The shard with this ID, also a spare one. Raises :class:`KeyError`."""
        for shard in self.clusters:
            if shard.id == id:
                return shard
        raise KeyError(id)

    def next_region(self, region: str) -> str:
        """The region that takes over the edge traffic of ``region`` when it is lost."""
        at = self.regions.index(region)
        return self.regions[(at + 1) % len(self.regions)]
