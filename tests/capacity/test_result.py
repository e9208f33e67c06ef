"""The whole answer: its exit code, promised rates, headroom, and its files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from closeshave.capacity import directory, telling
from closeshave.capacity.claimed import ClaimedRate, ClaimSupport, answered, rates
from closeshave.capacity.judging import AVAILABILITY, LevelObjective
from closeshave.capacity.result import CapacityAbout, CapacityObjective, concluded, not_searched, of_state, parsed, told
from closeshave.capacity.search import CapacityFound, SearchEnd, SearchRules
from closeshave.target import Claim, Measure, Objective, Statement, Target
from closeshave.vocabulary import EvidenceGrade
from tests.capacity.simulated import Simulated

RULES = SearchRules(first=40, most=1_000, precise=0.1, level_s=5, level_s_most=10)
"""Short levels: what is found matters less here than what is said of it."""
ABOUT = CapacityAbout(
    "capacity", "embedded", "shop", EvidenceGrade.MEASURED, 1, "2026-11-30T12:00:00+00:00", "0.1.0", "4 regions and 4 shards"
)
OBJECTIVES = (CapacityObjective("latency", 0.95, 0.15),)


def state(name: str = "calm", server: Simulated | None = None, most: float = 1_000):
    """A state whose levels ran in virtual time; two slots of 20 ms by default."""
    rules = replace(RULES, most=most)
    levels = (server or Simulated(2, 0.02)).searched(rules, [LevelObjective("latency", 0.95, 0.15)])
    return of_state(name, rules, levels)


CALM, LOST = state(), state("region.lost us-west-2", Simulated(1, 0.02))


def whole(states=(CALM,), promised=(), interrupted="", about=ABOUT):
    """A result."""
    return concluded(about, OBJECTIVES, AVAILABILITY, list(states), promised, interrupted)


@pytest.mark.parametrize(
    ("states", "promised", "interrupted", "code"),
    [
        pytest.param((CALM,), (), "", 0, id="found, and nothing is promised"),
        pytest.param((CALM,), (ClaimedRate("E02", 50, False),), "", 0, id="a promised rate is met"),
        pytest.param((CALM,), (ClaimedRate("E02", 100_000, False),), "", 3, id="a promise beyond what was measured is not supported"),
        pytest.param((CALM,), (ClaimedRate("T01", 500, True),), "", 1, id="an objective of this environment is refuted"),
        pytest.param((state(server=Simulated(2, 0.02, late_above=60)),), (), "", 3, id="the generator is the limit"),
        pytest.param((state(most=60),), (), "", 3, id="the caps are the limit"),
        pytest.param((state(most=60),), (ClaimedRate("E02", 50, False),), "", 0, id="the caps are the limit, and above the promise"),
        pytest.param((CALM, not_searched("region.lost a", "shared processors")), (), "", 3, id="a state is unknown"),
        pytest.param((CALM,), (ClaimedRate("T01", 500, True),), "stopped by SIGINT", 130, id="interrupted"),
        pytest.param((), (), "", 3, id="nothing at all"),
    ],
)
def test_the_exit_code(states, promised, interrupted, code):
    """0 found and met, 1 refuted, 3 unknown or not supported, 130 interrupted."""
    found = whole(states, promised, interrupted)
    assert found.exit_code == code
    assert found.sentence


def test_an_interruption_is_said_once():
    """The headline says that it was interrupted, the sentence by what."""
    found = whole(interrupted="stopped by SIGINT")
    said = f"{telling.headline(found)} {found.sentence}"
    assert said.startswith("? Interrupted: Stopped by SIGINT. What was found until then")
    assert said.lower().count("interrupted") == 1


def test_a_claim_of_the_platform_is_refuted_only_by_the_platform_itself():
    """A stand-in on one machine says nothing against a hundred thousand requests per second."""
    found = CapacityFound(SearchEnd.FOUND, 90, 90, 92, "")
    claim = ClaimedRate("E02", 100_000, False)
    assert answered(claim, found, 90, 92, EvidenceGrade.REHEARSED).support is ClaimSupport.NOT_SUPPORTED
    assert answered(claim, found, 90, 92, EvidenceGrade.VERIFIED).support is ClaimSupport.REFUTED
    assert answered(claim, replace(found, end=SearchEnd.AT_LEAST), 90, None, EvidenceGrade.VERIFIED).support is ClaimSupport.NOT_SUPPORTED
    assert answered(replace(claim, per_s=90), found, 90, 92, EvidenceGrade.REHEARSED).support is ClaimSupport.MET


def test_between_the_capacity_and_what_is_proven_to_break_nothing_is_refuted():
    """91 may still hold."""
    found = CapacityFound(SearchEnd.FOUND, 90, 90, 92, "")
    assert answered(ClaimedRate("T01", 91, True), found, 90, 92, EvidenceGrade.MEASURED).support is ClaimSupport.NOT_SUPPORTED
    assert answered(ClaimedRate("T01", 92, True), found, 90, 92, EvidenceGrade.MEASURED).support is ClaimSupport.REFUTED


def test_the_promised_rates_of_a_target():
    """Of its claims' figures about the whole, and of its objectives on the throughput of everything: for each promise that such an objective answers."""
    target = Target(
        "shop",
        "Shop",
        (
            Claim("E02", "Fast", ("capacity",), says=(Statement(requests_per_s=100_000), Statement(of="database", requests_per_s=5))),
            Claim("E03", "Small", ("load",)),
            Claim("E04", "Small, too", ("load",)),
        ),
        (
            Objective("rate", ("E03", "E04"), Measure.THROUGHPUT, at_least=50),
            Objective("of-one", (), Measure.THROUGHPUT, at_least=9, operations=("book",)),
        ),
    )
    assert rates(target) == (ClaimedRate("E03", 50, True), ClaimedRate("E04", 50, True), ClaimedRate("E02", 100_000, False))


def test_the_headroom_is_what_the_state_of_failure_lacks():
    """One slot of two: a bit less than half of the requests."""
    (room,) = whole((CALM, LOST)).headroom
    assert 0.45 < room.share < 0.65
    assert room.keep_below_per_s == LOST.requests_per_s
    assert "region.lost us-west-2" in room.sentence


def test_no_headroom_from_a_state_that_is_unknown():
    """Nor from a calm capacity that is."""
    assert whole((CALM, not_searched("region.lost a", "shared processors"))).headroom == ()
    assert whole((state(most=60), LOST)).headroom == ()


def test_no_capacity_of_a_slow_generator_is_quoted_anywhere():
    """Neither in the sentence nor as a figure."""
    found = whole((state(server=Simulated(2, 0.02, late_above=60)),))
    assert found.states[0].requests_per_s is None
    assert "generator is the limit" in found.sentence


def test_the_result_is_read_back_as_it_was_written(tmp_path):
    """Through its file."""
    found = whole((CALM, LOST), (ClaimedRate("E02", 100_000, False),))
    assert parsed(json.loads(json.dumps(told(found)))) == found
    (tmp_path / directory.RESULT).write_text(json.dumps(told(found)), encoding="utf-8")
    assert directory.result_of(tmp_path) == found


@pytest.mark.parametrize("states", [(CALM, LOST), (not_searched("calm", "nothing ran"),), (state(most=60),)], ids=["two", "none", "capped"])
def test_every_result_has_a_page_markdown_and_pictures(states, tmp_path):
    """What was not measured has no picture."""
    found = whole(states)
    page = telling.write(found, tmp_path).read_text(encoding="utf-8")
    assert found.states[0].state in page
    assert "<script" not in page
    pictures = {path.name for path in (tmp_path / directory.CHARTS).iterdir()}
    assert pictures == (set(telling.TITLES) if states[0].levels else set())
    assert found.sentence.split()[0] in (tmp_path / directory.MARKDOWN).read_text(encoding="utf-8")


def test_names_from_outside_are_text_and_nothing_else(tmp_path):
    """In the page and in Markdown."""
    hostile = "<img src=x>|`*"
    found = whole((replace(CALM, state=hostile),), about=replace(ABOUT, plan=hostile, environment=hostile))
    page = telling.write(found, tmp_path).read_text(encoding="utf-8")
    assert "<img src=x>" not in page
    assert "<img" not in (tmp_path / directory.MARKDOWN).read_text(encoding="utf-8").replace("\\<img", "")


def test_a_finished_level_is_kept_and_a_line_that_was_cut_off_is_not(tmp_path):
    """By state; a search goes on after the last whole one."""
    for level in CALM.levels[:3]:
        directory.keep(tmp_path, "calm", level)
    directory.keep(tmp_path, "region.lost a", LOST.levels[0])
    path = tmp_path / directory.LEVELS
    path.write_bytes(path.read_bytes()[:-20])
    assert directory.kept(tmp_path, "calm") == list(CALM.levels[:3])
    assert directory.kept(tmp_path, "region.lost a") == []
    directory.keep(tmp_path, "calm", CALM.levels[3])
    assert directory.kept(tmp_path, "calm") == list(CALM.levels[:4])
