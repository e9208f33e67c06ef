"""Which level comes next, and what the levels support, for whatever a platform answers. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.capacity.level import LevelAsk, LevelCause, LevelPurpose, LevelResult, LevelStatus
from closeshave.capacity.search import CapacityFound, SearchEnd, SearchRules, bracket, next_level, settled, spent_s
from tests.capacity.simulated import result

RULES = SearchRules(first=10, most=10_000)
HOLDS, BROKEN, UNKNOWN = LevelStatus.HOLDS, LevelStatus.BROKEN, LevelStatus.UNKNOWN
Answer = Callable[[LevelAsk], tuple[LevelStatus, LevelCause]]


def searched(rules: SearchRules, answer: Answer) -> list[LevelResult]:
    """A search on a platform that answers so."""
    results: list[LevelResult] = []
    while (ask := next_level(rules, results)) is not None:
        status, cause = answer(ask)
        results.append(result(ask, status=status, cause=cause, why=cause.value))
    return results


def up_to(rate: float, cause: LevelCause = LevelCause.NONE) -> Answer:
    """A platform that holds up to this rate; above it it is broken, or unknown for this cause."""
    above = (UNKNOWN if cause else BROKEN, cause)
    return lambda ask: (HOLDS, LevelCause.NONE) if ask.rate <= rate else above


def found(rules: SearchRules, answer: Answer) -> CapacityFound:
    """What a whole search finds."""
    return settled(rules, searched(rules, answer))


@given(st.floats(1, 9_000), st.floats(0.5, 2))
def test_the_capacity_is_found_within_two_percent_from_below_and_within_the_budget(rate: float, first: float) -> None:
    """Wherever it lies, in a whole search on a platform without chance."""
    rules = SearchRules(first=first, most=10_000, budget_s=3_600)
    results = searched(rules, up_to(rate))
    said = settled(rules, results)
    assert said.end is SearchEnd.FOUND
    assert said.rate is not None
    assert rate / 1.0201 <= said.rate <= rate
    assert spent_s(results) <= rules.budget_s


@given(
    st.lists(st.sampled_from([(status, cause) for status in LevelStatus for cause in LevelCause]), min_size=60, max_size=60),
    st.floats(60, 900),
)
def test_whatever_the_levels_say_the_search_ends_in_time_and_claims_only_what_held(
    answers: list[tuple[LevelStatus, LevelCause]], budget_s: float
) -> None:
    """Any answers in any order: bounded levels and time, no rate above the caps, and a stated capacity that held twice and was never broken below."""
    rules = SearchRules(first=10, most=200, budget_s=budget_s)
    given_ = iter(answers)

    def answer(_: LevelAsk) -> tuple[LevelStatus, LevelCause]:
        status, cause = next(given_)
        return status, cause if status is UNKNOWN else LevelCause.NONE

    results = searched(rules, answer)
    said = settled(rules, results)
    assert len(results) <= rules.levels_max
    assert spent_s(results) <= rules.budget_s
    assert all(0 < one.ask.rate <= rules.most for one in results)
    if said.rate is not None:
        held = {one.ask.purpose for one in results if one.status is HOLDS and math.isclose(one.ask.rate, said.rate)}
        assert LevelPurpose.CONFIRM in held
        assert said.too_high is None or said.too_high > said.rate
    if said.end is SearchEnd.GENERATOR:
        assert said.rate is None


@pytest.mark.parametrize(
    ("answer", "end", "rate"),
    [
        pytest.param(up_to(60, LevelCause.GENERATOR), SearchEnd.GENERATOR, None, id="a late generator is the limit: no capacity is stated"),
        pytest.param(up_to(60, LevelCause.MACHINE), SearchEnd.MACHINE, None, id="other programs are: none either"),
        pytest.param(up_to(60, LevelCause.FAULT), SearchEnd.MACHINE, None, id="a fault that is not proven above: none either"),
        pytest.param(up_to(60, LevelCause.GROWING), SearchEnd.FOUND, 60, id="a backlog that grows is the platform's edge"),
        pytest.param(up_to(60, LevelCause.INTERVAL), SearchEnd.FOUND, 60, id="an interval on both sides is the platform's edge"),
        pytest.param(up_to(math.inf), SearchEnd.AT_LEAST, 10_000, id="the caps end the search: at least so much"),
        pytest.param(up_to(0), SearchEnd.BELOW, None, id="nothing holds"),
        pytest.param(up_to(0, LevelCause.GENERATOR), SearchEnd.GENERATOR, None, id="a generator that is late at once"),
        pytest.param(up_to(0, LevelCause.MACHINE), SearchEnd.NOTHING, None, id="a machine that is never quiet"),
    ],
)
def test_what_stands_above_the_highest_rate_that_held_decides_what_is_said(answer: Answer, end: SearchEnd, rate: float | None) -> None:
    """A capacity is only stated where the platform itself is the limit."""
    said = found(RULES, answer)
    assert said.end is end
    assert said.rate == (None if rate is None else pytest.approx(rate, rel=0.021))


def test_an_undecided_level_is_driven_longer_and_longer_up_to_its_longest_time() -> None:
    """And then it is an edge."""
    results = searched(SearchRules(first=10, most=10, level_s=10, level_s_most=40), up_to(0, LevelCause.INTERVAL))
    assert [one.ask.length_s for one in results if one.ask.rate == 10] == [10, 40]


def test_a_late_generator_gets_one_more_try_of_the_same_length() -> None:
    """A second of another program is no limit."""
    results = searched(SearchRules(first=10, most=10), up_to(5, LevelCause.GENERATOR))
    assert [one.ask.length_s for one in results if one.ask.rate == 10] == [10, 10]


def test_a_winner_that_does_not_survive_its_confirmation_gives_way_to_the_next_lower_rate() -> None:
    """And the result says so."""

    def answer(ask: LevelAsk) -> tuple[LevelStatus, LevelCause]:
        limit = 50 if ask.purpose is LevelPurpose.CONFIRM else 60
        return (HOLDS if ask.rate <= limit else BROKEN), LevelCause.NONE

    rules = SearchRules(first=10, most=10_000, budget_s=3_600)
    results = searched(rules, answer)
    said = settled(rules, results)
    assert said.rate is not None
    assert 45 < said.rate <= 50
    assert any("next lower rate" in one for one in said.remarks)
    confirmations = [one for one in results if one.ask.purpose is LevelPurpose.CONFIRM]
    assert all(one.ask.length_s >= 3 * RULES.level_s for one in confirmations)


@given(st.floats(0.9, 1.0), st.integers(1, 3))
def test_no_level_is_driven_again_that_was_decided(share: float, fails: int) -> None:
    """However confirmations fail, and wherever the next rate lies: the same level twice would be the same question for ever."""
    failed = 0

    def answer(ask: LevelAsk) -> tuple[LevelStatus, LevelCause]:
        nonlocal failed
        if ask.purpose is LevelPurpose.CONFIRM and failed < fails:
            failed += 1
            return BROKEN, LevelCause.NONE
        return (HOLDS if ask.rate <= 60 * share else BROKEN), LevelCause.NONE

    results = searched(SearchRules(first=10, most=10_000, budget_s=36_000), answer)
    assert len({one.ask for one in results}) == len(results) < RULES.levels_max
    assert settled(RULES, results).end is SearchEnd.FOUND


def test_the_overload_comes_last_at_one_and_a_half_times_the_capacity() -> None:
    """And changes nothing of what was found."""
    results = searched(RULES, up_to(60))
    assert results[-1].ask.purpose is LevelPurpose.OVERLOAD
    assert [one.ask.purpose for one in results].count(LevelPurpose.OVERLOAD) == 1
    assert results[-1].ask.rate == pytest.approx(settled(RULES, results).rate * 1.5)  # type: ignore[operator]  # it is there
    assert settled(RULES, results) == settled(RULES, results[:-1])


def test_no_overload_where_nothing_above_the_capacity_may_be_sent() -> None:
    """Caps hold for it too."""
    assert all(one.ask.rate <= 61 for one in searched(SearchRules(first=10, most=61), up_to(60)))
    assert not [one for one in searched(SearchRules(first=10, most=50), up_to(60)) if one.ask.purpose is LevelPurpose.OVERLOAD]


def test_with_too_little_time_what_was_found_is_confirmed_first() -> None:
    """A narrow bracket without a confirmation would be worth less."""
    said = found(SearchRules(first=10, most=10_000, budget_s=260), up_to(60))
    assert said.end is SearchEnd.NARROWED
    assert said.rate is not None
    assert said.too_high is not None


def test_too_few_requests_lead_upwards() -> None:
    """At a low rate nothing can be decided, whatever the platform does; at a higher one there are enough."""

    def answer(ask: LevelAsk) -> tuple[LevelStatus, LevelCause]:
        if ask.rate < 30:
            return UNKNOWN, LevelCause.FEW
        return (HOLDS if ask.rate <= 60 else BROKEN), LevelCause.NONE

    assert found(SearchRules(first=10, most=10_000, budget_s=3_600), answer).rate == pytest.approx(60, rel=0.021)
    assert found(RULES, up_to(0, LevelCause.FEW)).end is SearchEnd.NOTHING


@pytest.mark.parametrize("levels", range(8))
def test_an_interrupted_search_says_what_its_levels_support(levels: int) -> None:
    """At any level: never more than held."""
    said = settled(RULES, searched(RULES, up_to(60))[:levels])
    assert said.rate is None
    assert (said.held or 0) <= 60
    assert said.end is (SearchEnd.NOTHING if not levels else SearchEnd.NARROWED)


def test_the_search_is_continued_with_the_same_level() -> None:
    """The same results give the same next level: a search that was stopped goes on where it was."""
    results = searched(RULES, up_to(60))
    for number in range(len(results)):
        assert next_level(RULES, results[:number]) == results[number].ask


def test_the_last_word_on_a_rate_counts() -> None:
    """Of a level and its confirmation, the confirmation."""
    ask = LevelAsk(10, 10, LevelPurpose.STEP)
    confirm = LevelAsk(10, 30, LevelPurpose.CONFIRM)
    both: Sequence[LevelResult] = [result(ask), result(confirm, status=BROKEN)]
    assert bracket(both) == (None, 10)
    assert bracket([*both, result(LevelAsk(5, 10, LevelPurpose.BISECT))]) == (5, 10)


@pytest.mark.parametrize(
    "wrong",
    [{"first": 0}, {"first": 20, "most": 10}, {"most": math.inf}, {"step": 1}, {"precise": 0}, {"level_s": 50}, {"confirm": 0.5}],
)
def test_rules_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    """Before any level."""
    with pytest.raises(ValueError, match="must be"):
        SearchRules(**({"first": 10, "most": 100} | wrong))  # type: ignore[arg-type]  # fields by name
