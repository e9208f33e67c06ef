"""Which franchise a customer chooses: popularity by Zipf's law over all franchises, by home region.

The rank is either random over the IDs or follows them (older franchises, with smaller IDs, are larger). The load of shards differs between the two:
if the rank follows the IDs, the first shard has most of the traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from closeshave.topology import Shard, Topology

CANARY_FRANCHISES = 20
"""This many IDs at the end of each shard's range are reserved for canaries; if the range is too small for that, only the last one.

A shard with a single shop is shared: customers and canaries then book on different days (``conventions.py``).
"""


def reserved(shard: Shard) -> range:
    """The franchises of ``shard`` that are reserved for canaries."""
    size = shard.last - shard.first + 1
    return range(shard.last - min(CANARY_FRANCHISES, max(1, size // 10)) + 1, shard.last + 1)


@dataclass(frozen=True, slots=True)
class Population:
    """Franchises by home region, with the probability that a customer of that region chooses them."""

    regions: tuple[str, ...]
    ids: tuple[npt.NDArray[np.int32], ...]
    """Per region: franchise IDs, the most popular first."""
    cumulative: tuple[npt.NDArray[np.float64], ...]
    """Per region: running sum of their probabilities within the region; the last is 1."""
    shares: tuple[float, ...]
    """Each region's part of all customers; together 1."""

    def franchises(self, region: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
        """Draw ``count`` franchises for customers at home in the region of this index."""
        at = np.searchsorted(self.cumulative[region], rng.random(count), side="right")
        return self.ids[region][np.minimum(at, len(self.ids[region]) - 1)]

    def popular(self, region: int, count: int) -> npt.NDArray[np.int32]:
        """The ``count`` most popular franchises of the region of this index."""
        return self.ids[region][:count]


def populate(topology: Topology, exponent: float, popular_ids: Literal["shuffled", "oldest-first"], rng: np.random.Generator) -> Population:
    """Zipf weights 1/rank^``exponent`` over every franchise that is not reserved for canaries."""
    ids = np.concatenate([_open(shard) for shard in topology.shards])
    if popular_ids == "shuffled":
        ids = rng.permutation(ids)
    weights = np.arange(1, len(ids) + 1, dtype=np.float64) ** -exponent
    weights /= weights.sum()
    homes = {region: np.zeros(len(ids), dtype=bool) for region in topology.regions}
    for shard in topology.shards:
        homes[shard.home] |= (ids >= shard.first) & (ids <= shard.last)
    regions = tuple(region for region in topology.regions if homes[region].any())
    return Population(
        regions=regions,
        ids=tuple(ids[homes[region]] for region in regions),
        cumulative=tuple(_running(weights[homes[region]]) for region in regions),
        shares=tuple(float(weights[homes[region]].sum()) for region in regions),
    )


def _open(shard: Shard) -> npt.NDArray[np.int32]:
    first_reserved = reserved(shard).start if shard.first < shard.last else shard.last + 1
    return np.arange(shard.first, first_reserved, dtype=np.int32)


def _running(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    total = np.cumsum(weights)
    running: npt.NDArray[np.float64] = total / total[-1]
    return running
