"""Customers who stay logged in from one trial to the next on the same environment: in memory only, because tokens are secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from closeshave.traffic.accounts import LoggedIn


@dataclass(slots=True)
class KeptLogins:
    """Who is logged in in which environment. One for all environments whose trials are compared: none may be favoured."""

    given_up: str = ""
    """Why nobody stays logged in any more, in any environment; empty while customers do."""
    _customers: dict[str, tuple[LoggedIn, ...]] = field(default_factory=dict)

    def of(self, environment: str) -> tuple[LoggedIn, ...]:
        """The customers who are logged in in the environment with this ID."""
        return self._customers.get(environment, ())

    def keep(self, environment: str, customers: Sequence[LoggedIn]) -> None:
        """These are logged in there, with these tokens. Does nothing after it was given up."""
        if not self.given_up:
            self._customers[environment] = tuple(customers)

    def give_up(self, why: str) -> None:
        """From now on everybody logs in before each trial."""
        self.given_up = self.given_up or why
        self._customers.clear()
