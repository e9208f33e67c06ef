"""How requests to one platform differ: headers and operations that are left out, and the days that customers and canaries book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from closeshave import operations
from closeshave.api import spoken
from closeshave.api.spoken import SpokenApi
from closeshave.deployment import Capabilities
from closeshave.loadgen.transport import Request
from closeshave.topology import Topology
from closeshave.traffic import limits
from closeshave.traffic.learning import Learnt
from closeshave.traffic.limits import AddressLimits, AddressTally

OPERATIONS = frozenset(name for name, each in operations.OPERATIONS.items() if each.optional)
"""All operations that a journey may leave out."""

OWN_DAYS, CANARY_DAYS = range(1, 30), range(2, 29)
"""Days from today that are booked, of the platform's 30: the last one (and for canaries the first) may be another date in another zone."""
SHARED_DAYS, SHARED_CANARY_DAYS = range(1, 22), range(22, 29)
"""The same if customers and canaries book at the same shop, so that neither takes the other's slots."""
LAST_DAYS = 3
"""How many days of either are reserved for a load before the judged one (a calibration): its bookings are not in the records of the judged load."""
Days = Literal["all", "first", "last"]


@dataclass(frozen=True, slots=True)
class Conventions:
    """The rules for all senders of a load."""

    withheld: frozenset[str] = frozenset()
    """Names of headers that are left out."""
    steps_off: frozenset[str] = frozenset()
    limits: AddressLimits = field(default_factory=limits.shipped)
    keyed_bookings: bool = True
    days: range = OWN_DAYS
    canary_days: range = CANARY_DAYS
    slots_by_barber: bool = True
    """Whether lists of one barber's free times can be requested."""
    api: SpokenApi = field(default_factory=spoken.shipped)
    """The dialect of the platform's API."""
    zone: str | None = None
    """The business's time zone, unless an answer says otherwise."""
    idle_barbers: frozenset[int | str] = frozenset()
    """Barbers who are listed but accept no bookings."""
    one_address: AddressTally | None = None
    """The common tally of rate limits, if customers cannot have addresses of their own."""

    def tally(self) -> AddressTally:
        """The tally of a new customer's address: empty, unless all customers share one address."""
        return self.one_address or AddressTally(self.limits)

    def learnt(self) -> Learnt:
        """What a new process knows about the platform from its settings."""
        return Learnt(None if self.slots_by_barber else False, self.idle_barbers, checks_barbers="check_barber" in self.api.offers)

    def apply(self, request: Request) -> Request:
        """The request in this platform's form."""
        if not self.withheld:
            return request
        headers: Mapping[str, str] = {name: value for name, value in request.headers.items() if name not in self.withheld}
        return replace(request, headers=headers)


def of(capabilities: Capabilities, topology: Topology, which: Days = "all", api: SpokenApi | None = None) -> Conventions:
    """What a platform's capabilities and its API (BookedBarber V2 by default) require, with the days of the load ``which``.

    Raises :class:`ValueError` for a limit that is not valid.
    """
    api = api or spoken.shipped()
    stated = limits.stated(capabilities.limits, api)
    crowded = any(shard.first == shard.last for shard in topology.shards)
    return Conventions(
        withheld=api.withheld(franchises=capabilities.franchises, forwarded_for=capabilities.forwarded_for),
        steps_off=frozenset(capabilities.steps_off) | (api.lacking & set(operations.OPERATIONS)),
        limits=stated,
        keyed_bookings=capabilities.keyed_bookings,
        days=_of(SHARED_DAYS if crowded else OWN_DAYS, which),
        canary_days=_of(SHARED_CANARY_DAYS if crowded else CANARY_DAYS, which),
        slots_by_barber=capabilities.slots_by_barber,
        api=api,
        zone=capabilities.zone,
        idle_barbers=frozenset(capabilities.idle_barbers),
        one_address=None if capabilities.forwarded_for else AddressTally(stated),
    )


def _of(days: range, which: Days) -> range:
    """The days of this load."""
    return {"all": days, "first": days[:-LAST_DAYS], "last": days[-LAST_DAYS:]}[which]


EVERYTHING = Conventions()
"""The conventions of a platform with the whole API."""
