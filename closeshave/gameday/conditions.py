"""Go/no-go conditions: figures of the running load against bounds. What is not known does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from closeshave.gameday.state import ConditionShown
from closeshave.plan import GoCondition, LiveFigure

LiveLookup = Callable[[LiveFigure, str | None], float | None]
"""``(figure, region)`` → its value in seconds, as a share, or per second; ``None`` while it is unknown."""
_NAMES = {
    LiveFigure.OFFERED: "offered requests per second",
    LiveFigure.COMPLETED: "completed requests per second",
    LiveFigure.NOT_GOOD: "share of requests that are not good",
    LiveFigure.P50: "median response time",
    LiveFigure.P95: "response time p95",
    LiveFigure.BUDGET: "share of the month's error budget that is burnt",
}


def look(condition: GoCondition, live: LiveLookup) -> ConditionShown:
    """Whether a condition holds now, and the value by which."""
    value = live(condition.figure, condition.region)
    return ConditionShown(
        text(condition), _holds(condition, value), "nothing is known yet" if value is None else f"it is {_shown(condition, value)}"
    )


def text(condition: GoCondition) -> str:
    """The condition in words."""
    where = f" in {condition.region}" if condition.region else ""
    bounds = (("at least", condition.at_least), ("at most", condition.at_most))
    told = " and ".join(f"{words} {_shown(condition, bound)}" for words, bound in bounds if bound is not None)
    return f"{_NAMES[condition.figure]}{where}: {told}"


def unmet(looked: Iterable[ConditionShown]) -> str:
    """The conditions that do not hold, in words; empty when all hold."""
    return "; ".join(f"{each.text} ({each.why})" for each in looked if each.holds is not True)


def _holds(condition: GoCondition, value: float | None) -> bool | None:
    if value is None:
        return None
    return (condition.at_least is None or value >= condition.at_least) and (condition.at_most is None or value <= condition.at_most)


def _shown(condition: GoCondition, value: float) -> str:
    match condition.figure:
        case LiveFigure.P50 | LiveFigure.P95:
            return f"{value * 1000:.0f} ms"
        case LiveFigure.NOT_GOOD | LiveFigure.BUDGET:
            return f"{value:.2%}"
        case _:
            return f"{value:.1f}/s"
