"""Residency: data that must not leave a region, and a failover out of that region."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.claims.finding import ClaimFinding, Severity, figures, first, found
from closeshave.target import Target


def residency_and_failover(target: Target) -> Iterator[ClaimFinding]:
    """A region that may be lost, whose data may be in no other."""
    failover = next((each for each in figures(target, "failover") if each.says.failover == "region"), None)
    serving = first(target, "regions")
    if failover is None:
        return
    if serving is not None and len(serving.says.regions or ()) < 2:
        sentence = f"{failover.claim} promises a failover to another region, and {serving.claim} names no second one."
        yield found("residency-and-failover", Severity.CONTRADICTION, (failover, serving), sentence)
    for each in figures(target, "resident"):
        regions = each.says.resident or ()
        there = [region for region in regions if serving is None or region in (serving.says.regions or ())]
        if len(there) == 1:
            others = f", 1 of {len(serving.says.regions or ())} ({serving.claim})" if serving is not None else ""
            concerned = (failover, each, *([serving] if serving is not None else []))
            sentence = (
                f"{failover.claim} promises that the work of a lost region moves to another one. {each.claim} keeps the data of {there[0]} in that "
                f"region alone{others}: if it is lost, nobody else may have these rows. Either there is a second region for them, or the recovery "
                f"promise ({failover.claim}) has an exception for {there[0]}."
            )
            yield found("residency-and-failover", Severity.CONTRADICTION, concerned, sentence)
