"""Targets of a few promises, for the rules about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from closeshave.claims.finding import ClaimFinding, Planned, Promises
from closeshave.claims.rules import lint
from closeshave.target import Assumptions, Claim, Objective, Statement, Target


def target(
    name: str = "shop", *, product: str = "", assumes: dict[str, Any] | None = None, objectives: Iterable[Objective] = (), **says: Any
) -> Target:
    """A target with a claim for each keyword: the figures of its statement, or a list of several."""
    claims = tuple(
        Claim(name_of, name_of, ("load",), says=tuple(Statement(**each) for each in (figures if isinstance(figures, list) else [figures])))
        for name_of, figures in says.items()
    )
    return Target(name, name, claims, tuple(objectives), product=product, assumes=Assumptions(**(assumes or {})))


def findings(rule: str, *targets: Target, plans: tuple[Planned, ...] = ()) -> list[ClaimFinding]:
    """What one rule finds about them; the plans are those of the first."""
    promises = [Promises(each, plans if number == 0 else ()) for number, each in enumerate(targets)]
    return [each for each in lint(promises) if each.id == rule]
