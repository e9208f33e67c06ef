"""The target as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from closeshave.files.yamlfile import STRICT, Name, stated
from closeshave.plan import Waiver
from closeshave.target.claims import Assumptions, Claim
from closeshave.target.measures import Measure
from closeshave.target.objectives import Objective


@dataclass(frozen=True, slots=True)
class Target:
    """The promises of a system and the objectives that test them."""

    __pydantic_config__ = STRICT

    name: Name
    """What plans call the target: the name of its file."""
    title: str
    """What reports call the system."""
    claims: tuple[Claim, ...]
    """Every promise, also those that no objective can test yet."""
    objectives: tuple[Objective, ...]
    """What puts the promises to the test: each gives one verdict or several."""
    plans: Annotated[tuple[str, ...], stated(uniqueItems=True)] = ()
    """The plans that put its promises to the test, by file or by name in `scenarios/`, in this order: `closeshave readiness --run` carries out those
    without a run that counts. Left out: all in `scenarios/` that name this target."""
    waive: tuple[Waiver, ...] = ()
    """Known failures that do not count until a day, under every plan."""
    product: Name = ""
    """The product that the system delivers, where several targets describe one: what they promise its customers is compared."""
    assumes: Assumptions = Assumptions()  # noqa: RUF009 - frozen
    """What no promise says about the customers, for the arithmetic of the promises."""

    @property
    def error_budget(self) -> float | None:
        """The share of requests that may be not good, by the availability objective over everything; ``None`` without one."""
        whole = (each for each in self.objectives if each.measure is Measure.AVAILABILITY and each.per == "all")
        allowed = next(
            (each.at_least for each in whole if each.window != "degraded" and not (each.operations or each.except_operations)), None
        )
        return None if allowed is None or allowed >= 1 else 1 - allowed
