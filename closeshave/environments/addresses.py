"""The addresses at which the parts of an environment reach each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LOOPBACK = "127.0.0.1"


class Addresses(Protocol):
    """How parts of one environment are reached. Ports are the same from everywhere."""

    @property
    def bind(self) -> str:
        """The address that servers listen on."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """The networks, as CIDR, from which databases accept connections."""

    def of(self, name: str, seen_from: str | None) -> str:
        """The address of the part ``name`` as seen from the region ``seen_from``; for ``None`` the address that works from any region."""


@dataclass(frozen=True, slots=True)
class OneMachine:
    """All parts are processes of one machine, on its loopback."""

    bind: str = LOOPBACK
    trusted: tuple[str, ...] = (f"{LOOPBACK}/32",)

    def of(self, name: str, seen_from: str | None) -> str:  # noqa: ARG002 - the same for every part, from everywhere
        """See :meth:`Addresses.of`."""
        return LOOPBACK


ONE_MACHINE = OneMachine()
