"""The cards of a game day."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from closeshave.files.yamlfile import DURATION_SCHEMA, STRICT, Flag, Quantity, duration_text, plain, seconds, share, stated
from closeshave.plan.names import FAULT_ID
from closeshave.vocabulary import PersonRole

ON_WORD = "on my word"
"""In place of an instant: the facilitator says when."""
Told = tuple[PersonRole, ...]


def when(text: object) -> float | None:
    """Seconds, as :func:`closeshave.files.yamlfile.seconds` reads them; ``None`` for :data:`ON_WORD`. Raises :class:`ValueError`."""
    if text == ON_WORD or text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        if "ten years" in str(error):
            raise
        raise ValueError(f"{text!r} is neither a duration, like 5m, nor {ON_WORD!r}") from None


When = Annotated[
    float | None,
    BeforeValidator(when),
    WithJsonSchema({"anyOf": [DURATION_SCHEMA, {"const": ON_WORD}]}),
    PlainSerializer(lambda at_s: ON_WORD if at_s is None else duration_text(at_s), when_used="json"),
]


class LiveFigure(StrEnum):
    """A figure of the running load that a go/no-go condition can ask for, over the last ten seconds."""

    OFFERED = "offered"
    """Requests of customers that were due, per second."""
    COMPLETED = "completed"
    """Answers to customers, per second."""
    NOT_GOOD = "not-good"
    """Share of the answers that are not the promised ones."""
    P50 = "p50"
    """Median of the response time."""
    P95 = "p95"
    """95th percentile of the response time."""
    BUDGET = "budget-burnt"
    """Share of the month's error budget that the run has cost so far."""

    @property
    def written(self) -> Callable[[object], float]:
        """How a bound on it is written: a duration, a share or a plain number."""
        if self in {LiveFigure.P50, LiveFigure.P95}:
            return seconds
        return plain if self in {LiveFigure.OFFERED, LiveFigure.COMPLETED} else share


@dataclass(frozen=True, slots=True)
class GoCondition:
    """A condition for an inject to begin. What is not known does not hold."""

    __pydantic_config__ = STRICT

    figure: LiveFigure
    """Which figure of the running load."""
    at_most: Quantity | None = None
    """The largest value with which it holds: a duration for ``p50`` and ``p95``, a percentage for ``not-good`` and ``budget-burnt``, else a number."""
    at_least: Quantity | None = None
    """The smallest one."""
    region: str | None = None
    """The region whose customers count; without it all of them."""

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise ValueError("give at_most or at_least")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most: it could never hold")
        if self.region is not None and self.figure in {LiveFigure.OFFERED, LiveFigure.BUDGET}:
            raise ValueError(f"{self.figure} is known for all regions together only")


@dataclass(frozen=True, slots=True)
class Inject:
    """A card of a game day: what happens to the platform or is told to people, when, and what they should do."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID, maxLength=64)]
    """The name of the inject: small letters, digits and dashes; unique among the plan's injects."""
    title: Annotated[str, stated(minLength=1, maxLength=120)]
    """What stands on the card."""
    when: When
    """The time after the begin of the fault phase, by the clock that people hold, or ``on my word``: when the facilitator says so."""
    fault: str | None = None
    """ID of the plan's fault that it begins. Its own ``at`` then counts only for ``closeshave run``, and for what may be in effect together."""
    drill: str | None = None
    """ID of the plan's drill that it begins."""
    message: Annotated[str, stated(maxLength=2000)] = ""
    """What is told to those in ``told``. An inject without a fault and a drill is only a message."""
    told: Annotated[Told, stated(uniqueItems=True)] = ()
    """Who is told when it begins."""
    hypothesis: Annotated[str, stated(maxLength=1000)] = ""
    """What the platform is expected to do."""
    expected: Annotated[str, stated(maxLength=1000)] = ""
    """What people are expected to do."""
    plausible: Annotated[str, stated(maxLength=1000)] = ""
    """Why this may really happen, for a register of tests."""
    go_if: Annotated[tuple[GoCondition, ...], stated(maxItems=20)] = ()
    """Conditions on the running load; all must hold. The facilitator's *now* begins it all the same."""
    hidden: Flag = False
    """Nobody but facilitators sees it until it is revealed."""
    runbook: str | None = None
    """A Markdown file: a path from the plan's directory, below it. The items of its lists are the steps."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id) or len(self.id) > 64:
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes, at most 64")
        for key, most in (("title", 120), ("message", 2000), ("hypothesis", 1000), ("expected", 1000), ("plausible", 1000)):
            if len(getattr(self, key)) > most:
                raise ValueError(f"{key} is longer than {most} characters")
        if not self.title.strip():
            raise ValueError("title must not be empty")
        if self.fault is not None and self.drill is not None:
            raise ValueError("an inject begins one fault or one drill, not both")
        if self.begins is None and not self.message.strip():
            raise ValueError("give fault, drill or message: otherwise nothing happens")
        if self.message and not self.told:
            raise ValueError("told must say who gets the message")
        if len(set(self.told)) < len(self.told) or len(self.go_if) > 20:
            raise ValueError("name each of told once; at most 20 conditions")

    @property
    def begins(self) -> str | None:
        """ID of its fault or drill; ``None`` for a message."""
        return self.fault if self.fault is not None else self.drill
