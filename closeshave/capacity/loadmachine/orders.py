"""What a generator of :mod:`.customers` is told, in environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "CLOSESHAVE_LOAD_MACHINE_"


@dataclass(frozen=True, slots=True)
class GeneratorOrder:
    """One of the classes uses each of these."""

    rates_per_s: tuple[float, ...] = (1.0,)
    """Of all workers together, one after the other."""
    each_s: float = 1.0
    """How long each of them lasts; or how long a crowd acts."""
    customers: int = 1
    requests_per_s: float = 1.0
    """Of a crowd."""


def variables(told: GeneratorOrder) -> dict[str, str]:
    """For the generator's environment."""
    return {
        f"{PREFIX}RATES": " ".join(map(repr, told.rates_per_s)),
        f"{PREFIX}EACH_S": repr(told.each_s),
        f"{PREFIX}CUSTOMERS": str(told.customers),
        f"{PREFIX}REQUESTS": repr(told.requests_per_s),
    }


def ordered(environ: Mapping[str, str]) -> GeneratorOrder:
    """The other way round."""
    return GeneratorOrder(
        tuple(map(float, environ[f"{PREFIX}RATES"].split())),
        float(environ[f"{PREFIX}EACH_S"]),
        int(environ[f"{PREFIX}CUSTOMERS"]),
        float(environ[f"{PREFIX}REQUESTS"]),
    )
