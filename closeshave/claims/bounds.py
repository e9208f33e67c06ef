"""Objectives against the promises that they test: none of them may be easier to keep than what was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from closeshave.claims.finding import ClaimFinding, Severity, figures, found, span
from closeshave.report.words import ratio
from closeshave.target import FROM_BELOW, Measure, Target

MEASURED: Mapping[str, tuple[Measure, Callable[[float], str]]] = {
    "availability": (Measure.AVAILABILITY, ratio),
    "error_rate": (Measure.ERROR_RATE, ratio),
    "response_time": (Measure.LATENCY, span),
    "hit_ratio": (Measure.CACHE_HIT_RATIO, ratio),
    "rto": (Measure.RECOVERY, span),
    "rpo": (Measure.LOSS, span),
}
"""The figure of a promise → the measure that tests it."""


def objective_and_promise(target: Target) -> Iterator[ClaimFinding]:
    """Promises whose strictest objective is weaker than they are: keeping it proves less than was promised.

    Which part of a system an objective is about is not known: of a promise with figures for several parts, the loosest one is compared.
    """
    for key, (measure, written) in MEASURED.items():
        said = list(figures(target, key))
        for claim in dict.fromkeys(each.claim for each in said):
            bounds = [one.bound for one in target.objectives if one.measure is measure and claim in one.claims and one.bound is not None]
            if not bounds:
                continue
            of_claim = [each for each in said if each.claim == claim]
            above = measure in FROM_BELOW
            promised = (min if above else max)(getattr(each.says, key) for each in of_claim)
            strictest = (max if above else min)(bounds)
            if (strictest < promised) if above else (strictest > promised):
                side = "at least" if above else "at most"
                sentence = (
                    f"{claim} promises {side} {written(promised)}, and its strictest objective on {measure.replace('_', ' ')} asks for {side} "
                    f"{written(strictest)}: it can be kept while the promise is broken."
                )
                yield found("objective-and-promise", Severity.CONTRADICTION, of_claim, sentence)
