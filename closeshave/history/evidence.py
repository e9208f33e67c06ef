"""What each edge of a fault's life leaves as evidence: one frozen value an edge. Times are monotonic nanoseconds.

In memory there are these values only. In the timeline and in the ledger they are JSON objects: :func:`dataclasses.asdict` makes one of a value, and
:func:`evidence_of` a value of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from closeshave.history.touched import Touched


@dataclass(frozen=True, slots=True)
class Planning:
    """What was planned, written down before anything was touched."""

    strike_ns: int
    """When the injection was due."""
    kind: str
    scope: Mapping[str, str | int]
    parameters: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Before:
    """A figure that was read just before the injection, for a probe that compares."""

    of: str
    """Of which process, or of which region's edge."""
    figure: str
    """``keys``, ``shortages``, ``log_bytes``, ``requests_per_s``."""
    value: int


@dataclass(frozen=True, slots=True)
class SeenMeanwhile:
    """What was seen of a fault while the operator's call that injects it had not yet returned."""

    probe: str
    saw: str
    at_ns: int
    worthless: str | None = None
    """Why the heal check proves nothing, empty where it does; ``None`` where that had not been asked to the end."""


def _figures(told: Any) -> Any:
    """Older versions wrote the figures by process."""
    return tuple(Before(of, "", value) for of, value in told.items()) if isinstance(told, Mapping) else told


@dataclass(frozen=True, slots=True)
class Injection:
    """What an injection did."""

    scope: str
    touched: tuple[Touched, ...]
    began_ns: int
    """The first signal sent: t0."""
    dead_ns: int | None
    """When all that was touched was proven dead: after this the old primaries acknowledged nothing. ``None`` where they live on, as behind a
    cut network: then only their own words tell when they stepped down."""
    targets: tuple[str, ...]
    """The deployment's processes that were hit, by name."""
    members: tuple[str, ...] = ()
    """Those among ``targets`` that were primary (of a shard or a store group) at that moment, read live."""
    links: tuple[str, ...] = ()
    """The deployment's links that were disturbed, by name."""
    before: Annotated[tuple[Before, ...], BeforeValidator(_figures)] = ()
    returned_ns: int | None = None
    """When an operator's call had returned; ``None`` where the harness itself struck. It may do so long before it takes effect, or after it is over."""
    ended_ns: tuple[int, int] | None = None
    """The interval in which the old primary ended, as the operator's hook reports; ``None`` where it must be found from what was seen."""
    seen: Annotated[SeenMeanwhile | None, BeforeValidator(lambda told: told or None)] = None
    """``None`` where the harness itself struck, or nothing was seen before the call returned."""

    def before_of(self, name: str) -> int:
        """The figure that was read of this process or edge. Raises :class:`KeyError` when none was."""
        return {each.of: each.value for each in self.before}[name]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A probe saw the fault in effect."""

    probe: str
    """What was asked, and whom."""
    saw: str


@dataclass(frozen=True, slots=True)
class Healing:
    """What was done to undo the fault."""

    began_ns: int
    ended_ns: int
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealProof:
    """Everything that was asked of the healed environment and holds: what, and what was seen."""

    proof: tuple[str, ...]


EdgeEvidence = Planning | Injection | Sighting | Healing | HealProof
_CODECS: Mapping[str, TypeAdapter[Any]] = {
    "planned": TypeAdapter(Planning),
    "injected": TypeAdapter(Injection),
    "observed": TypeAdapter(Sighting),
    "healed": TypeAdapter(Healing),
    "verified-healed": TypeAdapter(HealProof),
}


def evidence_of(edge: str, told: object) -> EdgeEvidence | None:
    """The evidence of an edge as a file tells it; ``None`` where it tells none. Raises :class:`ValueError` for what is none of this edge."""
    if not told or edge not in _CODECS:
        return None
    found: EdgeEvidence = _CODECS[edge].validate_python(told)
    return found
