"""Cache equals database after quiesce: an entry equals the row at the promoted primary of its shard, however soon the entry would expire.

A platform promises that a change invalidates its entries, everywhere and at once, so an entry's time to live is no excuse. There is one exception:
an entry *newer* than its database, if a fault lost the shard's last changes. It shows a change that was confirmed and then lost, and that is judged by
the fault's loss objective.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Flags, Ints, ints, shard_ids
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import cache_entry_at, first_and_worst
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import Differing, StaleEntryWitness
from closeshave.plurals import plural

NAME = "stale_cache"
UNKNOWN_VERSION = -1


def closed(evidence: Evidence) -> str:
    """Why it cannot be known; empty where the caches can be read."""
    told = "the harness cannot look into this environment's caches, so it is unknown whether they equal the database"
    return "" if evidence.history.manifest.looked_inside else told


def stale(analysis: Analysis) -> Finding:
    """Entries of the sample that differ from the database."""
    entries = analysis.evidence.history.cache_entries
    if why := closed(analysis.evidence):
        return unknown(NAME, why)
    if entries is None:
        return unknown(NAME, "the final state of the caches is missing")
    sample = entries[(entries["cached"].notna() & entries["stored"].notna()).to_numpy(dtype=np.bool_)]
    # In an order of their own, so that witnesses do not depend on the file's.
    sample = sample.sort_values(["franchise", "store", "key"], kind="stable").reset_index(drop=True)
    behind = ints(sample["stored_version"], UNKNOWN_VERSION) - ints(sample["cached_version"], UNKNOWN_VERSION)
    differing = [bool(differences(*texts)) for texts in zip(sample["cached"], sample["stored"], strict=True)]
    guilty = np.array(differing, dtype=np.bool_) & ~_lost_since(analysis, sample, behind)
    order = np.arange(len(sample))
    witnesses = tuple(_witness(sample, position) for position in first_and_worst(guilty, order, behind, order))
    compared = plural(len(sample), "cache entry compared with the database", "cache entries compared with the database")
    count = int(np.count_nonzero(guilty))
    what = f"of {len(sample):,} {compared} {plural(count, 'differs', 'differ')} from it"
    return Finding(NAME, count, len(sample), what, witnesses, exposure=Exposure(len(sample), compared))


def differences(cached: str, stored: str) -> tuple[Differing, ...]:
    """The fields (``franchise.name``) in which two JSON texts differ, with both values; text that is not JSON differs as a whole."""
    try:
        return tuple(_differing("", json.loads(cached), json.loads(stored)))
    except (ValueError, RecursionError):
        return tuple(_differing("", cached, stored))


def _differing(path: str, cached: Any, stored: Any) -> list[Differing]:
    if isinstance(cached, dict) and isinstance(stored, dict):
        names = sorted({*cached, *stored})
        return [found for name in names for found in _differing(f"{path}.{name}" if path else name, cached.get(name), stored.get(name))]
    return [] if cached == stored else [Differing(path, cached, stored)]


def _lost_since(analysis: Analysis, sample: pd.DataFrame, behind: Ints) -> Flags:
    """Entries newer than the database of a shard that lost its last changes to a fault."""
    newer = (behind < 0) & sample["stored_version"].notna().to_numpy(dtype=np.bool_)
    if not newer.any():
        return newer
    shards = shard_ids(analysis.evidence.history.manifest.topology, ints(sample["franchise"], 0))
    return newer & np.isin(shards, list(analysis.rewound))


def _witness(sample: pd.DataFrame, position: int) -> StaleEntryWitness:
    entry = cache_entry_at(sample, position)
    # The sample has only entries with both texts.
    differs = differences(entry.cached or "", entry.stored or "")
    why = f"the cache and the database differ in {', '.join(each.field or 'everything' for each in differs)}"
    return StaleEntryWitness(
        why, entry.store, entry.region, entry.key, entry.franchise, entry.cached_version, entry.stored_version, differs
    )
