"""What everything that can break a run's integrity is described by. A package that adds one imports this module, and not the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis

Search = Callable[[Analysis], Finding]
Why = Callable[[Evidence], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """Everything about one kind of breach. A new kind needs a search and a row of :data:`closeshave.judge.integrity.registry.OWN`, or an entry point
    of a package, and nothing else."""

    title: str
    """For reports."""
    search: Search
    final_state: bool = True
    """Whether a pass needs the whole final state."""
    placement: bool = False
    """Whether it is visible only in the databases."""
    doubt: bool = False
    """Whether a breach makes the run inconclusive and never failed.

    Such a kind needs no exposure: without an unknown outcome there is nothing to test.
    """
    summarised: bool = True
    """Whether ``summary.json`` and the report's counts show its count, in addition to its verdict."""
    needs: tuple[str, ...] = ()
    """Parts of a platform (:attr:`Evidence.missing`) without which it cannot show the breach. Booking is not one of them: a run without bookings cannot
    pass a booking platform, so the invariants that depend on bookings are still asked for, and are inconclusive because no booking could break them."""
    shown_by_all: Why | None = None
    """Why this platform cannot show it, whatever its environment file says; empty when it can."""
    shown_for_certain: Callable[[Evidence], bool] | None = None
    """Whether the evidence of this run shows it although a part is missing."""
    led_to_by: tuple[str, ...] = ()
    """At least one of these operations must have been sent. If empty, every run with bookings tests the invariant."""
    idle: str = ""
    """Why the invariant is not asked for if none of them was sent."""

    @property
    def forbids(self) -> str:
        """What is a breach, in a sentence: the first of its search's docstring. Empty if the search has none."""
        said = inspect.getdoc(self.search) if inspect.isfunction(self.search) else None
        return " ".join((said or "").partition("\n\n")[0].split())
