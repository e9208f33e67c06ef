"""Nothing looked at proves nothing: a pass says how often what it rules out could have happened, and takes enough of it."""

from __future__ import annotations

from dataclasses import replace

from closeshave.judge.verdict import Exposure, Status, Verdict


def enough(verdict: Verdict, exposure: Exposure, least: int | None = None) -> Verdict:
    """The verdict with its exposure. A pass that rests on no chance, or on fewer than ``least``, is inconclusive; a breach convicts on any."""
    told = replace(verdict, exposure=exposure)
    if verdict.status is not Status.PASS or exposure.chances >= max(1, least or 1):
        return told
    reason = (
        f"{least:,} {exposure.of} were asked for, there were {exposure.chances:,}"
        if least
        else f"nothing was put to the test: there were no {exposure.of}"
    )
    return replace(told, status=Status.INCONCLUSIVE, reason=reason)
