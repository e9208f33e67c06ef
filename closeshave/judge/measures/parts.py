"""The parts for which an objective is stated: everything, each region, shard or operation, each tenth of the traffic by franchise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import Evidence
from closeshave.target import Objective

DECILES = 10
Tenths = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an objective, which gets one verdict: its ID, its scope and the operations that belong to it."""

    id: str
    scope: str
    rows: Flags


def parts(evidence: Evidence, objective: Objective, base: Flags) -> Iterator[Part]:
    """The parts come from the topology, not from the data: a region without a single request has a verdict too, which is not a pass."""
    topology = evidence.history.manifest.topology
    match objective.per:
        case "all":
            yield Part(f"{objective.id}/all", "all", base)
        case "region":
            for region in objective.regions or topology.regions:
                yield Part(f"{objective.id}/{region}", f"region:{region}", base & evidence.of_region(region))
        case "shard":
            for shard in topology.shards:
                yield Part(f"{objective.id}/shard-{shard.id}", f"shard:{shard.id}", base & (evidence.shard == shard.id))
        case "operation":
            for kind in objective.operations or sorted(evidence.operations["kind"][base].dropna().unique()):
                yield Part(f"{objective.id}/{kind}", f"operation:{kind}", base & evidence.of_kinds((kind,)))
        case "franchise_decile":
            decile = deciles(evidence, base)
            # A franchise with more than a tenth of the traffic leaves the next tenth empty, and that part is not judged.
            for number in (
                range(1, DECILES + 1) if not base.any() else [tenth for tenth in range(1, DECILES + 1) if np.any(base & (decile == tenth))]
            ):
                yield Part(f"{objective.id}/decile-{number}", f"franchise_decile:{number}", base & (decile == number))


def deciles(evidence: Evidence, rows: Flags) -> Tenths:
    """By operation: which tenth of the traffic its franchise belongs to, 1 the hottest; 0 for operations that are not among ``rows``.

    Each tenth has about the same number of *requests*, so the first one has few franchises. With the same number of franchises in each, the last
    tenth would have too few requests to judge, and a problem of the busiest franchises alone would be averaged over a tenth of all.
    """
    franchise = evidence.franchise
    size = int(franchise.max(initial=0)) + 1
    counts = blocks.counts(len(rows), lambda part: franchise[blocks.true(rows, part)], size)
    hottest = np.argsort(-counts, kind="stable")
    # By where its traffic begins: a franchise with more than a tenth of the traffic fills the next tenth too, and is still in one only.
    begins = np.cumsum(counts[hottest]) - counts[hottest]
    of_franchise = np.zeros(len(counts), dtype=np.int8)
    of_franchise[hottest] = 1 + DECILES * begins // max(1, int(counts.sum()))
    found: Tenths = blocks.into(
        np.empty(len(franchise), dtype=np.int8), lambda part: np.where(rows[part], of_franchise[franchise[part]], 0)
    )
    return found
