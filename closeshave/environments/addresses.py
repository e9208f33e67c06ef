"""Where the parts of an environment reach each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LOOPBACK = "127.0.0.1"


class Addresses(Protocol):
    """The way that parts are reached in one environment. Ports are the same wherever they are looked at from."""

    @property
    def bind(self) -> str:
        """The address that servers listen on."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """The networks, as CIDR, from which databases admit whoever comes."""

    def of(self, name: str, seen_from: str | None) -> str:
        """Where the part ``name`` is reached from the region ``seen_from``; ``None``: from any region, as it is told to everybody."""


@dataclass(frozen=True, slots=True)
class OneMachine:
    """All parts are processes of one machine, on its loopback."""

    bind: str = LOOPBACK
    trusted: tuple[str, ...] = (f"{LOOPBACK}/32",)

    def of(self, name: str, seen_from: str | None) -> str:  # noqa: ARG002 - the same for every part, from everywhere
        """See :meth:`Addresses.of`."""
        return LOOPBACK


ONE_MACHINE = OneMachine()
