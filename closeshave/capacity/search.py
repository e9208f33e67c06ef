"""The search for the largest rate that a platform sustains: results of levels in, the next level out. Pure.

1. *Steps*: the rate is multiplied until a level does not hold; if the first one does not, it is divided until one does.
2. *Bisection* (in the logarithm of the rate), until the lowest rate that did not hold is at most 2 % above the highest that did.
3. *Confirmation*: the highest rate that held once more, for three times as long. If it does not hold, it was chance: it counts as too high, and the
   search goes on below it.
4. *Overload*: 1.5 times the confirmed rate, to record what happens there.

A level that is *unknown* is driven longer where that can help, and else once more. What stays unknown is an upper edge of the search and never evidence
against the platform: where a late generator or a disturbed machine is all that stands above the highest rate that held, no capacity is stated.

How sure that is. One level that is truly too high holds by chance in at most 5 of 100 (a one-sided 95 % bound; looks at a longer level that was undecided
add to that); a confirmation is another sample, three times as large, so both together hold by chance in about 1 of 400.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from closeshave.capacity.level import LONGER_HELPS, OF_PLATFORM, LevelAsk, LevelCause, LevelPurpose, LevelResult, LevelStatus

CONFIRM_LONGER = 2.0
"""Factor on the length of a confirmation that decided nothing."""
APART = 1.5
"""After a confirmation that failed the next rate is lower by at least so many times the precision."""
SAME = 1e-9
"""Two rates this close (as a share) are one."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """Fixed before the first level."""

    first: float
    """The rate of the first level, in arrivals per second."""
    most: float
    """No level has a higher rate: what the environment's caps and the plan's limits allow."""
    step: float = 1.5
    """Factor from one rate to the next; above 1."""
    precise: float = 0.02
    """The search ends when the bracket is this narrow, as a share of its lower end."""
    level_s: float = 10.0
    """Seconds of a step at first."""
    bisect: float = 2.0
    """A level of the bisection is so many times as long at first: it decides about less."""
    level_s_most: float = 40.0
    """Seconds of the longest level that is no confirmation."""
    longer: float = 4.0
    """Factor from one length of an undecided level to the next."""
    confirm: float = 3.0
    """A confirmation is so many times as long as the level that it confirms."""
    overload: float = 1.5
    """The overload, as a multiple of the capacity; 0 leaves it out."""
    repeats: int = 1
    """How often a level is driven again that a longer one would not settle."""
    downwards_max: int = 12
    """Steps down from the first rate."""
    levels_max: int = 40
    """Levels of a whole search."""
    budget_s: float = 900.0
    """Wall-clock seconds of the whole search."""
    around_s: float = 5.0
    """Seconds around each level, until some were measured."""

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.most and math.isfinite(self.most)):
            raise ValueError("the first rate must be above 0 and at most the highest one")
        if not (self.step > 1 and 0 < self.precise < 1 and self.longer > 1 and self.confirm >= 1):
            raise ValueError("step and longer must be above 1, precise between 0 and 1, confirm at least 1")
        if not 0 < self.level_s <= self.level_s_most:
            raise ValueError("level_s must be above 0 and at most level_s_most")

    @property
    def bisect_s(self) -> float:
        """Judged seconds of a level of the bisection, at first."""
        return min(self.level_s * self.bisect, self.level_s_most)

    @property
    def overload_s(self) -> float:
        """Judged seconds of the overload."""
        return 2 * self.level_s


class SearchEnd(StrEnum):
    """How a search ended."""

    FOUND = "found"
    """The largest rate that holds is confirmed, and the platform itself is the limit above it."""
    AT_LEAST = "at least"
    """The highest allowed rate holds: the limit of the platform lies above it."""
    NARROWED = "narrowed"
    """Time or levels ended before the bracket was narrow, or before the confirmation."""
    GENERATOR = "generator"
    """The load generator is the limit; no capacity of the platform is stated."""
    MACHINE = "machine"
    """Other programs, or something else that is not the platform, stand above what held; no capacity is stated."""
    BELOW = "below"
    """Even the lowest rate that was tried does not hold."""
    NOTHING = "nothing"
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class CapacityFound:
    """What the levels so far support."""

    end: SearchEnd
    """How the search ended."""
    rate: float | None
    """The largest rate that held and was confirmed, in arrivals per second; ``null`` if there is none."""
    held: float | None
    """The largest rate that held below all that did not, confirmed or not."""
    too_high: float | None
    """The lowest rate that did not hold; ``null`` if all did."""
    why: str
    """A sentence."""
    remarks: tuple[str, ...] = ()
    """What else must be known of it, a sentence each."""


def next_level(rules: SearchRules, results: Sequence[LevelResult]) -> LevelAsk | None:
    """The next level, or ``None`` if the search is over. The same results always give the same level."""
    asked = _wanted(rules, results)
    if asked is None or len(results) >= rules.levels_max:
        return None
    return asked if _fits(rules, results, asked) else _last_wish(rules, results, asked)


def _wanted(rules: SearchRules, results: Sequence[LevelResult]) -> LevelAsk | None:
    if not results:
        return LevelAsk(rules.first, rules.level_s, LevelPurpose.STEP)
    if any(one.ask.purpose is LevelPurpose.OVERLOAD for one in results):
        return None
    return _again(rules, results) or _next(rules, results)


def _next(rules: SearchRules, results: Sequence[LevelResult]) -> LevelAsk | None:
    held, high = bracket(results, APART * rules.precise)
    if held is None and high is None:
        # All levels so far had too few requests: more of them decide.
        rate = max(one.ask.rate for one in results)
        return LevelAsk(min(rate * rules.step, rules.most), rules.level_s, LevelPurpose.STEP) if rate < rules.most * (1 - SAME) else None
    if held is None:
        lower = (high or rules.first) / rules.step
        lowest = rules.first / rules.step ** (rules.downwards_max + 0.5)
        few = max((one.ask.rate for one in results if one.cause is LevelCause.FEW), default=0.0)
        return LevelAsk(lower, rules.level_s, LevelPurpose.STEP) if lower >= lowest and lower > few * (1 + SAME) else None
    if (narrower := _narrower(rules, results, held, high)) is not None:
        return narrower
    return _overload(rules, held, high) if _confirmed(results, held) else _confirmation(rules, results, held)


def _narrower(rules: SearchRules, results: Sequence[LevelResult], held: float, high: float | None) -> LevelAsk | None:
    """A level that makes the bracket narrower; ``None`` if it is narrow enough."""
    if high is None:
        if held >= rules.most * (1 - SAME):
            return None
        return LevelAsk(min(held * rules.step, rules.most), rules.level_s, LevelPurpose.STEP)
    top = _ceiling(rules, results, high)
    if top <= held * (1 + _narrow(rules, results) + SAME):
        return None
    return LevelAsk(math.sqrt(held * top), rules.bisect_s, LevelPurpose.BISECT)


def _overload(rules: SearchRules, held: float, high: float | None) -> LevelAsk | None:
    """The level above the capacity; at the highest allowed rate where that is less than wanted, and none where that is no overload."""
    rate = min(held * rules.overload, rules.most)
    if not rules.overload or high is None or rate < high * (1 - SAME):
        return None
    return LevelAsk(rate, rules.overload_s, LevelPurpose.OVERLOAD)


def _narrow(rules: SearchRules, results: Sequence[LevelResult]) -> float:
    """How narrow the bracket must be. After each confirmation that failed, less: what chance moved once is not located more precisely by more levels."""
    failed = sum(one.ask.purpose is LevelPurpose.CONFIRM and one.status is not LevelStatus.HOLDS for one in results)
    return rules.precise * (1 + min(failed, 2))


def _ceiling(rules: SearchRules, results: Sequence[LevelResult], high: float) -> float:
    """Below this a rate is looked for: the lowest one that did not hold, or somewhat less where a confirmation failed."""
    return min(high, _below(_last(results), APART * rules.precise))


def _below(last: Sequence[LevelResult], apart: float) -> float:
    failed = [one.ask.rate for one in last if one.ask.purpose is LevelPurpose.CONFIRM and one.status is not LevelStatus.HOLDS]
    return min(failed, default=math.inf) * (1 - apart)


def _last(results: Sequence[LevelResult]) -> list[LevelResult]:
    """The last level at each rate, without the overload."""
    last: list[LevelResult] = []
    for one in results:
        if one.ask.purpose is not LevelPurpose.OVERLOAD:
            last = [each for each in last if not _same(each.ask.rate, one.ask.rate)] + [one]
    return last


def _again(rules: SearchRules, results: Sequence[LevelResult]) -> LevelAsk | None:
    """The last level once more, longer or as it was, where it is unknown and another try is left."""
    last = results[-1]
    if last.status is not LevelStatus.UNKNOWN:
        return None
    here = [one for one in results if _same(one.ask.rate, last.ask.rate) and one.ask.purpose is last.ask.purpose]
    if last.cause in LONGER_HELPS and last.ask.purpose is not LevelPurpose.CONFIRM and last.ask.length_s < rules.level_s_most * (1 - SAME):
        return LevelAsk(last.ask.rate, min(last.ask.length_s * rules.longer, rules.level_s_most), last.ask.purpose)
    if last.cause is LevelCause.INTERVAL and last.ask.purpose is LevelPurpose.CONFIRM and len(here) == 1:
        # A confirmation that decides nothing is driven longer once, if there is time; it still fails if it does not hold then.
        longer = LevelAsk(last.ask.rate, last.ask.length_s * CONFIRM_LONGER, LevelPurpose.CONFIRM)
        return longer if _fits(rules, results, longer) else None
    if last.cause in OF_PLATFORM or last.cause is LevelCause.FEW:
        return None
    tries = sum(one.cause is last.cause and _same(one.ask.length_s, last.ask.length_s) for one in here)
    return LevelAsk(last.ask.rate, last.ask.length_s, last.ask.purpose) if tries <= rules.repeats else None


def bracket(results: Sequence[LevelResult], apart: float = 0.0) -> tuple[float | None, float | None]:
    """The highest rate that held below all that did not, and the lowest that did not; the overload left out.

    What the last level at a rate says counts: a confirmation that failed outweighs the level before it. It also outweighs levels that held just below it
    and were as short: the next rate is lower by at least the share ``apart``, unless it was confirmed itself.
    """
    last = _last(results)
    high = min((one.ask.rate for one in last if one.status is not LevelStatus.HOLDS and one.cause is not LevelCause.FEW), default=None)
    below = _below(last, apart) * (1 + SAME)
    good = [one for one in last if one.status is LevelStatus.HOLDS and (high is None or one.ask.rate < high)]
    held = max((one.ask.rate for one in good if one.ask.rate <= below or one.ask.purpose is LevelPurpose.CONFIRM), default=None)
    return held, high


def _confirmed(results: Sequence[LevelResult], rate: float) -> bool:
    return any(one.ask.purpose is LevelPurpose.CONFIRM and one.status is LevelStatus.HOLDS and _same(one.ask.rate, rate) for one in results)


def _confirmation(rules: SearchRules, results: Sequence[LevelResult], rate: float) -> LevelAsk:
    length_s = max((one.ask.length_s for one in results if _same(one.ask.rate, rate)), default=rules.level_s)
    return LevelAsk(rate, length_s * rules.confirm, LevelPurpose.CONFIRM)


def _fits(rules: SearchRules, results: Sequence[LevelResult], asked: LevelAsk) -> bool:
    """Whether there is time for this level, and for what must come after it: the confirmation of what it may find."""
    after_s = 0.0
    if asked.purpose in {LevelPurpose.STEP, LevelPurpose.BISECT}:
        held, _ = bracket(results, APART * rules.precise)
        lengths = [asked.length_s, *(one.ask.length_s for one in results if held is not None and _same(one.ask.rate, held))]
        after_s = max(lengths) * rules.confirm + around_s(rules, results)
    return spent_s(results) + asked.length_s + around_s(rules, results) + after_s <= rules.budget_s


def _last_wish(rules: SearchRules, results: Sequence[LevelResult], asked: LevelAsk) -> LevelAsk | None:
    """What still fits when the wanted level does not: the confirmation of what was found, if that is missing."""
    if asked.purpose not in {LevelPurpose.STEP, LevelPurpose.BISECT}:
        return None
    held, _ = bracket(results, APART * rules.precise)
    if held is None or _confirmed(results, held):
        return None
    left_s = rules.budget_s - spent_s(results) - around_s(rules, results)
    wanted = _confirmation(rules, results, held)
    return wanted if wanted.length_s <= left_s else None


def spent_s(results: Sequence[LevelResult]) -> float:
    """Wall-clock seconds of the levels so far."""
    return sum(one.took_s for one in results)


def around_s(rules: SearchRules, results: Sequence[LevelResult]) -> float:
    """What a level takes beyond its judged seconds: the median of those so far and of what was expected. The first one takes longer: customers log in."""
    found = [max(0.0, one.took_s - one.ask.length_s) for one in results if one.took_s]
    return statistics.median([rules.around_s, *found])


def settled(rules: SearchRules, results: Sequence[LevelResult]) -> CapacityFound:
    """What the levels support, also of a search that was interrupted."""
    counted = [one for one in results if one.ask.purpose is not LevelPurpose.OVERLOAD]
    if not counted:
        return CapacityFound(SearchEnd.NOTHING, None, None, None, "no level was finished")
    held, high = bracket(counted, APART * rules.precise)
    remarks = tuple(_remarks(counted, held, high))
    above = _above(counted, high)
    if held is None:
        end, why = _without(counted)
        return CapacityFound(end, None, None, high, why, remarks)
    if above not in {LevelCause.NONE, *OF_PLATFORM}:
        who = "the load generator is the limit" if above is LevelCause.GENERATOR else "something that is not the platform is the limit"
        end = SearchEnd.GENERATOR if above is LevelCause.GENERATOR else SearchEnd.MACHINE
        why = f"{who} at {high:.4g}/s: {_why(counted, high)}; the platform held {held:.4g}/s, and what it sustains above that is not known"
        return CapacityFound(end, None, held, high, why, remarks)
    rate = held if _confirmed(counted, held) else None
    end, why = _with(rules, counted, held, high)
    return CapacityFound(end, rate, held, high, why, remarks)


def _without(results: Sequence[LevelResult]) -> tuple[SearchEnd, str]:
    """Where no rate held."""
    proven = [one.ask.rate for one in results if one.status is LevelStatus.BROKEN]
    if proven:
        return SearchEnd.BELOW, f"no rate held; the lowest that broke is {min(proven):.4g}/s"
    late = [one for one in results if one.cause is LevelCause.GENERATOR]
    if late:
        return (
            SearchEnd.GENERATOR,
            f"the load generator is the limit from {late[-1].ask.rate:.4g}/s on: {late[-1].why}; no level was decided",
        )
    return SearchEnd.NOTHING, f"no level was decided: {results[-1].why}"


def _with(rules: SearchRules, results: Sequence[LevelResult], held: float, high: float | None) -> tuple[SearchEnd, str]:
    """Where a rate held, and nothing but the platform stands above it."""
    if not _confirmed(results, held):
        return SearchEnd.NARROWED, f"{held:.4g}/s held, and was not confirmed by a longer level"
    if high is None and held >= rules.most * (1 - SAME):
        return SearchEnd.AT_LEAST, f"{held:.4g}/s holds, and no higher rate may be sent"
    if high is None:
        return SearchEnd.NARROWED, f"{held:.4g}/s holds; the search ended before it found a rate that is too high"
    if _ceiling(rules, results, high) > held * (1 + _narrow(rules, results) + SAME):
        return SearchEnd.NARROWED, f"{held:.4g}/s holds and {high:.4g}/s does not; the search ended before the two were close enough"
    return SearchEnd.FOUND, f"{held:.4g}/s holds, also for longer; {high:.4g}/s does not"


def _above(results: Sequence[LevelResult], high: float | None) -> LevelCause:
    """What stands at the lowest rate that did not hold: ``NONE`` where it is broken, or where there is none."""
    if high is None:
        return LevelCause.NONE
    here = [one for one in results if _same(one.ask.rate, high)]
    return LevelCause.NONE if here[-1].status is LevelStatus.BROKEN else here[-1].cause


def _why(results: Sequence[LevelResult], high: float | None) -> str:
    return next((one.why for one in reversed(results) if high is not None and _same(one.ask.rate, high)), "")


def _remarks(results: Sequence[LevelResult], held: float | None, high: float | None) -> Iterator[str]:
    for one in results:
        if one.ask.purpose is LevelPurpose.CONFIRM and one.status is not LevelStatus.HOLDS:
            yield f"{one.ask.rate:.4g}/s held once, but not for {one.ask.length_s:g} s ({one.why}): the next lower rate was taken"
    if high is not None:
        beyond = [one.ask.rate for one in results if one.status is LevelStatus.HOLDS and one.ask.rate > high * (1 + SAME)]
        if beyond:
            yield f"{max(beyond):.4g}/s held although {high:.4g}/s did not: the lower one counts"
    if high is not None and held is not None and (cause := _above(results, high)) in OF_PLATFORM:
        what = (
            "the confidence interval there includes the bound of an objective"
            if cause is LevelCause.INTERVAL
            else "the backlog at it still grew"
        )
        yield f"{high:.4g}/s is not proven to break: {what}"


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME)
