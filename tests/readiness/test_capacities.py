"""A capacity search as evidence: every level judged again from its run, and concluded again from that."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from closeshave.capacity import directory
from closeshave.capacity.claimed import ClaimSupport, rates
from closeshave.capacity.directory import CapacityOrder
from closeshave.capacity.level import LevelAsk, LevelCause, LevelPurpose, LevelResult, LevelStatus
from closeshave.capacity.levelplan import IDLE, IDLE_S, LEVEL, RISE, RISE_S, level_plan, written
from closeshave.capacity.result import CapacityAbout, concluded, of_state, told
from closeshave.capacity.search import SearchRules
from closeshave.capacity.states import CALM
from closeshave.history import EdgeCount, PhaseTime
from closeshave.plan import Role, read_plan
from closeshave.readiness import capacities, gathering
from closeshave.readiness.deciding import ledger
from closeshave.readiness.standing import Policy
from closeshave.target import read_target
from closeshave.vocabulary import MANIFEST, OPERATIONS_FILE, PLAN, TARGET, EvidenceGrade
from tests.judge.histories import Run, ns
from tests.stored import keep

RULES = SearchRules(first=10, most=15, precise=0.1, level_s=20, level_s_most=60)
STARTED = "2026-11-30T12:00:00+00:00"
ABOUT = CapacityAbout("capacity", "shop", "shop", EvidenceGrade.MEASURED, 1, STARTED, "0", "1 region", ended_at="2026-11-30T12:15:00+00:00")
BASE = """
name: capacity
environment: shop
target: shop
seed: 1
limits: {duration: 10m, requests: 1000000}
canaries: {home_per_s: 0.1, away_per_s: 0, latency: 1s, hold: 5s}
phases: [{name: calm, role: calm, duration: 20s, sessions_per_s: 10}]
"""
ASKS = (
    LevelAsk(10.0, 20.0, LevelPurpose.STEP),
    LevelAsk(15.0, 20.0, LevelPurpose.STEP),
    LevelAsk(15.0, 60.0, LevelPurpose.CONFIRM),
)
"""As a search asks that may send no more than 15 requests a second."""


def drive(place: Path, ask: LevelAsk, promised: float, took: float) -> None:
    """The run of a level, as a trial leaves it: one request after the other, each answered well after ``took`` seconds."""
    run = Run()
    begin = IDLE_S + RISE_S
    for index in range(round(ask.rate * ask.length_s)):
        run.op(begin + index / ask.rate, took=took)
    ends = (("warm-up", IDLE, 0.0, IDLE_S), ("warm-up", RISE, IDLE_S, begin), ("calm", LEVEL, begin, begin + ask.length_s))
    manifest = replace(
        run.history.manifest, plan="capacity", environment="shop", target="shop", evidence=EvidenceGrade.MEASURED,
        phases=tuple(PhaseTime(name, Role(role), ns(first), ns(last)) for role, name, first, last in ends),
    )  # fmt: skip
    run.changes |= {"manifest": manifest, "edges": (EdgeCount("east", len(run.operations)),)}
    place.mkdir()
    keep(run, place)
    (place / "base.yaml").write_text(BASE, encoding="utf-8")
    (place / PLAN).write_text(written(level_plan(read_plan(place / "base.yaml"), ask, CALM, 1.5)), encoding="utf-8")
    (place / TARGET).write_text(
        f"""
name: shop
title: Shop
claims: [{{id: P1, text: Many requests, how: [capacity], says: [{{requests_per_s: {promised}}}]}}]
objectives: [{{id: latency, claims: [P1], measure: latency, percentile: 95%, at_most: 150ms}}]
""",
        encoding="utf-8",
    )


@cache
def _made(parent: Path, promised: float, took: float) -> Path:
    """The directory of a finished search whose own files say that every level held."""
    path = parent / f"made-{promised:g}-{took:g}"
    path.mkdir()
    levels = []
    for number, ask in enumerate(ASKS, start=1):
        drive(path / f"run-{number}", ask, promised, took)
        levels.append(LevelResult(ask, LevelStatus.HOLDS, LevelCause.NONE, "", None, 30.0, 0.0, None, 0.0, f"run-{number}"))
        directory.keep(path, "calm", levels[-1])
    order = CapacityOrder("capacity.yaml", None, None, (), 1, None, STARTED, "", "", "")
    (path / directory.ORDER).write_text(json.dumps(directory._ORDER.dump_python(order, mode="json")), encoding="utf-8")
    target = read_target(path / "run-1" / TARGET)
    found = concluded(ABOUT, (), 0.99, [of_state("calm", RULES, levels)], rates(target))
    found = replace(found, claims=tuple(replace(one, support=ClaimSupport.MET) for one in found.claims))
    (path / directory.RESULT).write_text(json.dumps(told(found)), encoding="utf-8")
    return path


@pytest.fixture
def searched(tmp_path, tmp_path_factory):
    """Copies a search: every request is answered after 50 ms, unless told otherwise."""

    def copy(promised=12, took=0.05, to="search"):
        return Path(shutil.copytree(_made(tmp_path_factory.getbasetemp(), promised, took), tmp_path / to))

    return copy


def edit(path: Path, **changed: object) -> None:
    """Change what ``capacity.json`` says of the search."""
    held = path / directory.RESULT
    content = json.loads(held.read_text(encoding="utf-8"))
    content["about"] |= changed
    held.write_text(json.dumps(content), encoding="utf-8")


def asked(path: Path):
    """The search judged again, and the status of its one promise."""
    run = gathering.judged(gathering.facts(path))
    assert not run.trouble
    (part,) = run.parts
    assert (part.claim, part.ways) == ("P1", frozenset({"capacity"}))
    return run, part.verdicts[0].status


@pytest.mark.parametrize(("promised", "status"), [(12, "pass"), (100_000, "inconclusive")])
def test_a_promised_rate_is_answered(searched, promised, status):
    """Met, or not supported: the platform is larger than what was measured."""
    run, found = asked(searched(promised))
    assert found == status
    assert run.parts[0].verdicts[0].bound == promised
    assert run.parts[0].verdicts[0].measured == pytest.approx(15)
    assert run.scale == "on 2 regions and 2 shards"


@pytest.mark.parametrize(("rates", "outcome"), [((12, 100_000), "inconclusive"), ((12, 13), "measured in our environment")])
def test_of_several_rates_of_one_promise_each_must_be_met(searched, rates, outcome):
    """12 requests/s are sustained and 100,000 are not: whoever promised both has not kept the promise."""
    path = searched()
    says = ", ".join(f"{{requests_per_s: {each}}}" for each in rates)
    for one in path.glob(f"run-*/{TARGET}"):
        told = one.read_text(encoding="utf-8").replace("{requests_per_s: 12}", says)
        told = told.replace("claims: [P1]", "claims: [P2]").replace("]}]\n", "]}, {id: P2, text: Quick, how: [load]}]\n")
        one.write_text(told, encoding="utf-8")
    run = gathering.judged(gathering.facts(path))
    assert run.ended is not None
    row = ledger(read_target(path / "run-1" / TARGET), [run], run.ended, Policy(run.version)).rows[0]
    assert (row.id, row.outcome) == ("P1", outcome)


def test_levels_that_were_written_down_as_better_than_they_were_count_for_nothing(searched):
    """Every request took 200 ms and 150 ms are promised; the files of the search say that all levels held, and that the promise is met."""
    run, found = asked(searched(took=0.2))
    assert found == "inconclusive"
    assert "does not agree with its runs about level 1, 2, 3: the runs count" in run.remarks[0]
    assert "does not agree with its levels about P1: the levels count" in run.remarks[1]


def test_what_a_search_says_of_itself_is_no_evidence(searched):
    """What it can show, where and when it was made: its runs say it."""
    path = searched()
    before = gathering.facts(path)
    edit(
        path,
        grade="verified",
        environment="production",
        target="other",
        started_at="2030-01-01T00:00:00+00:00",
        ended_at="2030-01-01T00:00:00+00:00",
    )
    found = gathering.facts(path)
    assert (found.grade, found.environment, found.target, found.started, found.ended) == (
        EvidenceGrade.MEASURED, "shop", "shop", before.started, before.ended,
    )  # fmt: skip
    assert "calls its evidence 'verified', and its runs say measured" in asked(path)[0].remarks[0]


@pytest.mark.parametrize(("key", "value"), [("rate", 1000.0), ("length_s", 1.0)])
def test_a_level_was_driven_as_the_plan_of_its_run_says(searched, key, value):
    """And not as it was written down."""
    path = searched(promised=20)
    file = path / directory.LEVELS
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["result"]["ask"][key] = value
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    run, found = asked(path)
    assert found == "inconclusive"
    assert run.parts[0].verdicts[0].measured == pytest.approx(15)


@pytest.mark.parametrize("name", [MANIFEST, OPERATIONS_FILE, TARGET, PLAN])
def test_a_search_of_which_a_run_is_not_at_hand_proves_nothing(searched, name):
    """It is named and not fatal."""
    path = searched()
    (path / "run-2" / name).unlink()
    assert gathering.facts(path).trouble == f"the run run-2 of level 2 is gone or lacks {name}, so it cannot be judged again"


@pytest.mark.parametrize("name", ["", "../other/run-1", "run-1"])
def test_a_level_is_of_a_run_of_its_own(searched, name):
    """And not of another search's, or of that of another level."""
    path = searched()
    searched(to="other")
    file = path / directory.LEVELS
    file.write_text(file.read_text(encoding="utf-8").replace('"run":"run-3"', f'"run":"{name}"'), encoding="utf-8")
    assert "names no run of its own, so it cannot be judged again" in gathering.facts(path).trouble


def test_levels_of_two_platforms_are_no_search(searched):
    """As where runs were copied from elsewhere."""
    path = searched()
    manifest = path / "run-2" / MANIFEST
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"shop"', '"other"', 1), encoding="utf-8")
    target = path / "run-3" / TARGET
    target.write_text(target.read_text(encoding="utf-8").replace("150ms", "900ms"), encoding="utf-8")
    assert gathering.facts(path).trouble == "its levels are of several environments and targets"


def test_a_search_is_one_run_and_its_levels_are_none(searched, tmp_path):
    """In a directory of searches."""
    place = searched(to="capacities/one")
    assert gathering.directories([tmp_path / "capacities"]) == (place,)


def test_what_was_found_by_an_interrupted_search_does_not_count(searched):
    """It says why."""
    path = searched()
    held = path / directory.RESULT
    held.write_text(json.dumps(json.loads(held.read_text()) | {"interrupted": "stopped by SIGINT"}), encoding="utf-8")
    assert gathering.facts(path).stopped == "stopped by SIGINT"


def test_a_search_without_its_result_is_named_and_not_fatal(searched):
    """It was not finished."""
    path = searched()
    (path / directory.RESULT).unlink()
    assert "was not finished" in gathering.facts(path).trouble
    assert capacities.is_search(path)
