"""How requests to one platform differ: what is left out of requests, which operations are left out of journeys, which days who books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from closeshave.deployment import Capabilities
from closeshave.loadgen.transport import Request
from closeshave.topology import Topology
from closeshave.traffic import limits
from closeshave.traffic.learning import Learnt
from closeshave.traffic.limits import Limits, Tally

OPERATIONS = frozenset(
    {"franchise", "services", "barbers", "slots", "login", "refresh", "profile", "book", "read_booking", "reschedule", "cancel"}
    | {"pay_intent", "pay_confirm", "change_shop"}
)
"""Everything that a journey may leave out."""

OWN_DAYS, CANARY_DAYS = range(1, 30), range(2, 29)
"""Days from today that are booked: the platform takes bookings for 30; the last, and for canaries the first, may be another day elsewhere."""
SHARED_DAYS, SHARED_CANARY_DAYS = range(1, 22), range(22, 29)
"""The same where customers and canaries book at one shop: no canary may take a customer's slot, or be refused for one."""
LAST_DAYS = 3
"""Of either, for a load that comes before another one: what it booked holds slots and customers of which the other's records know nothing."""
Days = Literal["all", "first", "last"]


@dataclass(frozen=True, slots=True)
class Conventions:
    """The rules that all senders of a load follow."""

    withheld: frozenset[str] = frozenset()
    """Headers that are left out."""
    steps_off: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=lambda: limits.STATED)
    keyed_bookings: bool = True
    days: range = OWN_DAYS
    canary_days: range = CANARY_DAYS
    slots_by_barber: bool = True
    """A list of one barber's free times may be asked for."""
    zone: str | None = None
    """Where the business lives, unless an answer says otherwise."""
    idle_barbers: frozenset[int] = frozenset()
    """Listed, and taking no bookings."""
    one_address: Tally | None = None
    """Of all customers together, where they cannot bring addresses of their own."""

    def tally(self) -> Tally:
        """What a new customer's address has sent: nothing yet, unless all customers share it."""
        return self.one_address or Tally(self.limits)

    def learnt(self) -> Learnt:
        """What a new process knows of the platform: what it was told."""
        return Learnt(None if self.slots_by_barber else False, self.idle_barbers)

    def apply(self, request: Request) -> Request:
        """The request in the form for this platform."""
        if not self.withheld:
            return request
        headers: Mapping[str, str] = {name: value for name, value in request.headers.items() if name not in self.withheld}
        return replace(request, headers=headers)


def of(capabilities: Capabilities, topology: Topology, which: Days = "all") -> Conventions:
    """What a platform's capabilities require, with the days of the load ``which``. Raises :class:`ValueError` for a limit that is not valid."""
    withheld = {"X-Franchise-Id": capabilities.franchises, "X-Forwarded-For": capabilities.forwarded_for}
    stated = limits.stated(capabilities.limits)
    crowded = any(shard.first == shard.last for shard in topology.shards)
    return Conventions(
        withheld=frozenset(name for name, may_be_sent in withheld.items() if not may_be_sent),
        steps_off=frozenset(capabilities.steps_off),
        limits=stated,
        keyed_bookings=capabilities.keyed_bookings,
        days=_of(SHARED_DAYS if crowded else OWN_DAYS, which),
        canary_days=_of(SHARED_CANARY_DAYS if crowded else CANARY_DAYS, which),
        slots_by_barber=capabilities.slots_by_barber,
        zone=capabilities.zone,
        idle_barbers=frozenset(capabilities.idle_barbers),
        one_address=None if capabilities.forwarded_for else Tally(stated),
    )


def _of(days: range, which: Days) -> range:
    """The part of these days."""
    return {"all": days, "first": days[:-LAST_DAYS], "last": days[-LAST_DAYS:]}[which]


EVERYTHING = Conventions()
"""A platform that can do all that the API states."""
