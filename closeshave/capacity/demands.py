"""What a target's promises ask of a load generator: users at the same time, and requests per second. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from closeshave.claims.finding import figures, first, span
from closeshave.claims.load import requests_per_s
from closeshave.target import Measure, Target

LATE_SHARE = 0.1
"""A load is on time while its p99 lateness is at most this share of the tightest bound on response time, as the judges decide."""
LATE_S = 1.0
"""That bound, where the target has none: the canaries' own."""


@dataclass(frozen=True, slots=True)
class LoadDemand:
    """What one promise asks for."""

    claim: str
    text: str
    """The promise, in its owner's words."""
    users: int | None
    """Users at the same time; ``None`` where only a rate is promised."""
    rate_per_s: float | None
    """Requests per second; ``None`` where the target does not say how often its users send."""
    rate_from: str
    """Where the rate comes from, in words; or why there is none."""
    response_time_s: float | None
    """How long a request may be in flight, by the promised response time; ``None`` where none is promised."""


def demands(target: Target) -> Iterator[LoadDemand]:
    """The promises of users and of rates, in the order of the file. A statement with both figures has the rate that it states."""
    answer = first(target, "response_time")
    answer_s = answer.says.response_time if answer is not None else None
    texts = {claim.id: claim.text for claim in target.claims}
    for claim in dict.fromkeys(each.claim for key in ("users", "requests_per_s") for each in figures(target, key)):
        said = [each.says for key in ("users", "requests_per_s") for each in figures(target, key) if each.claim == claim]
        users = max((each.users for each in said if each.users is not None), default=None)
        stated = max((each.requests_per_s for each in said if each.requests_per_s is not None), default=None)
        rate, whence = (stated, f"stated by {claim}") if stated is not None else _by_thinking(target, users or 0, answer_s)
        yield LoadDemand(claim, texts[claim], users, rate, whence, answer_s)


def lateness_ms_max(target: Target) -> float:
    """The largest p99 lateness, in milliseconds, at which a load counts as on time."""
    bounds = [each.at_most for each in target.objectives if each.measure is Measure.LATENCY and each.at_most is not None]
    return LATE_SHARE * min([LATE_S, *bounds]) * 1000


def _by_thinking(target: Target, users: int, answer_s: float | None) -> tuple[float | None, str]:
    think_s = target.assumes.think_time
    if think_s is None:
        return None, "the target does not say how long its users think (assumes: think_time)"
    waits = f" + {span(answer_s)}" if answer_s is not None else ""
    rate = requests_per_s(users, think_s, answer_s or 0.0)
    return rate, f"{users:,} users / ({span(think_s)} of thinking{waits}) = {rate:,.0f} requests/s"
