"""A capacity search as evidence: concluded again from its levels, by the target of its runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from closeshave.capacity import directory
from closeshave.capacity.claimed import rates
from closeshave.capacity.directory import CapacityOrder
from closeshave.capacity.judging import LevelObjective
from closeshave.capacity.result import CapacityAbout, concluded, of_state, told
from closeshave.capacity.search import SearchRules
from closeshave.readiness import capacities, gathering
from closeshave.target import read_target
from closeshave.vocabulary import TARGET, EvidenceGrade
from tests.capacity.simulated import Simulated

RULES = SearchRules(first=40, most=1_000, precise=0.1, level_s=5, level_s_most=10)
STARTED = "2026-11-30T12:00:00+00:00"
ABOUT = CapacityAbout(
    "capacity", "shop", "shop", EvidenceGrade.MEASURED, 1, STARTED, "0.1.0", "1 region", ended_at="2026-11-30T12:15:00+00:00"
)


def searched(tmp_path, promised=50, interrupted=""):
    """The directory of a finished search: two slots of 20 ms, so less than a hundred requests a second."""
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / TARGET).write_text(
        f"""
name: shop
title: Shop
claims: [{{id: P1, text: Many requests, how: [capacity], says: [{{requests_per_s: {promised}}}]}}]
objectives: [{{id: latency, claims: [P1], measure: latency, percentile: 95%, at_most: 150ms}}]
""",
        encoding="utf-8",
    )
    levels = [replace(one, run="run-1") for one in Simulated(2, 0.02).searched(RULES, [LevelObjective("latency", 0.95, 0.15)])]
    for one in levels:
        directory.keep(tmp_path, "calm", one)
    order = CapacityOrder("capacity.yaml", None, None, (), 1, None, STARTED, "", "", "")
    (tmp_path / directory.ORDER).write_text(json.dumps(directory._ORDER.dump_python(order, mode="json")), encoding="utf-8")
    target = read_target(tmp_path / "run-1" / TARGET)
    found = concluded(ABOUT, (), 0.99, [of_state("calm", RULES, levels)], rates(target), interrupted)
    (tmp_path / directory.RESULT).write_text(json.dumps(told(found)), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("promised", "status"), [(50, "pass"), (100_000, "inconclusive")])
def test_a_promised_rate_is_answered(tmp_path, promised, status):
    """Met, or not supported: the platform is larger than what was measured."""
    run = gathering.judged(gathering.facts(searched(tmp_path, promised)))
    (part,) = run.parts
    assert (part.claim, part.ways) == ("P1", frozenset({"capacity"}))
    assert part.verdicts[0].status == status
    assert part.verdicts[0].bound == promised
    assert run.scale == "on 1 region"


def test_a_search_is_one_run_and_its_levels_are_none(tmp_path):
    """In a directory of searches."""
    place = tmp_path / "capacities" / "one"
    place.mkdir(parents=True)
    searched(place)
    assert gathering.directories([tmp_path / "capacities"]) == (place,)


def test_what_was_found_by_an_interrupted_search_does_not_count(tmp_path):
    """It says why."""
    assert gathering.facts(searched(tmp_path, interrupted="stopped by SIGINT")).stopped == "stopped by SIGINT"


def test_a_result_that_was_changed_counts_for_nothing(tmp_path):
    """The levels do."""
    path = searched(tmp_path, 100_000) / directory.RESULT
    path.write_text(path.read_text().replace('"not supported"', '"met"'), encoding="utf-8")
    run = gathering.judged(gathering.facts(tmp_path))
    assert run.parts[0].verdicts[0].status == "inconclusive"
    assert "P1" in run.remarks[0]


def test_a_search_without_its_runs_or_its_result_is_named_and_not_fatal(tmp_path):
    """Its target is not known then."""
    path = searched(tmp_path)
    (path / "run-1" / TARGET).unlink()
    assert "runs of its levels are gone" in gathering.facts(path).trouble
    (path / directory.RESULT).unlink()
    assert "was not finished" in gathering.facts(path).trouble
    assert capacities.is_search(path)
