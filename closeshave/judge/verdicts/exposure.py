"""A pass needs exposure: how often the breach that it rules out could have happened must be known and large enough."""

from __future__ import annotations

from dataclasses import replace

from closeshave.judge.verdict import Exposure, Status, Verdict


def enough(verdict: Verdict, exposure: Exposure, least: int | None = None) -> Verdict:
    """The verdict with its exposure.

    A pass without a chance, or with fewer chances than ``least``, becomes inconclusive; a breach fails with any exposure.
    """
    told = replace(verdict, exposure=exposure)
    if verdict.status is not Status.PASS or exposure.chances >= max(1, least or 1):
        return told
    reason = (
        f"too little was tested: {exposure.chances:,} {exposure.of}, and the objective needs at least {least:,}"
        if least
        else f"nothing was tested: there were no {exposure.of}"
    )
    return replace(told, status=Status.INCONCLUSIVE, reason=reason)
