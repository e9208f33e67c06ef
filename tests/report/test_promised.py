"""Objectives in words, before anything is measured."""

import pytest

from closeshave.report import promised
from closeshave.target import Measure, Objective

AVAILABLE = {"id": "up", "claims": ("S01",), "measure": Measure.AVAILABILITY, "at_least": 0.999}


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (AVAILABLE, ("up", "availability at least 99.9 %", "every operation · in calm")),
        (
            {**AVAILABLE, "per": "franchise_decile", "operations": ("book", "slots"), "window": "run", "sliding": 60.0},
            ("up per franchise decile", "availability at least 99.9 %", "book, slots · over the whole run, in every 60 s"),
        ),
        (
            {**AVAILABLE, "except_operations": ("login",), "window": "degraded", "faults": ("cache.*",)},
            ("up by cache.*", "availability at least 99.9 %", "every operation but login · while it is degraded"),
        ),
        (
            {"id": "slow", "claims": (), "measure": Measure.LATENCY, "percentile": 0.95, "at_most": 0.25, "window": "fault"},
            ("slow", "p95 of latency at most 250 ms", "every operation · while faults are in effect"),
        ),
        (
            {"id": "back", "claims": (), "measure": Measure.RECOVERY, "at_most": 60.0, "faults": ("shard.*", "region.lost")},
            ("back by shard.*, region.lost", "recovery at most 60 s", ""),
        ),
        (
            {"id": "sound", "claims": (), "measure": Measure.INTEGRITY, "invariants": ("lost", "phantom")},
            ("sound", "no breach of lost, phantom", ""),
        ),
        ({"id": "sound", "claims": (), "measure": Measure.INTEGRITY}, ("sound", "no breach of any invariant", "")),
    ],
)
def test_an_objective_is_told_with_its_bound_and_what_it_counts(stated, told):
    """The same words in ``validate`` and ``list``."""
    objective = Objective(**stated)
    assert (objective.told, promised.bound(objective), promised.where(objective)) == told
