"""What the senders of one process find out about a platform during the load, and what they could do.

Some platforms list barbers who accept no bookings, or return an empty list of free times for every single barber: customers find this out during the
load and continue in another way. Steps that a journey could not do at all are reported at the end, because an invariant that could not be broken was
not tested.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.plurals import counted
from closeshave.traffic.dialect import Id

REFUSALS = 3
"""A barber who was never booked and was *not available* so often in a row accepts no bookings."""
EMPTY_LISTS = 3
"""After so many empty lists of one barber (with a merged list that was not empty), and no other one, such lists are not used on this platform."""
REFUSED_WHOLE = 5
"""An operation that was requested so often, and refused each time, counts as refused completely."""

SUFFIX = ".learnt.json"

FranchiseBarber = tuple[int, Id]
"""A franchise and a barber."""


@dataclass(slots=True)
class Learnt:
    """Shared by all customers of a process. Cheap: it is called only for bookings, and for lists from which a customer books."""

    lists_by_barber: bool | None = None
    """Whether lists of one barber's free times have entries; ``None`` until this is known."""
    idle_barbers: Collection[Id] = ()
    """Barbers who accept no bookings, from the environment file."""
    zone_assumed: bool = False
    """Whether the zone of the business is only assumed."""
    lists: int = 0
    empty: int = 0
    asked: int = 0
    """The number of requested bookings."""
    booked: int = 0
    refused: int = 0
    contests: int = 0
    """The number of contests that arrived."""
    held: int = 0
    """Of these, the number in which both customers requested the same start at the same barber."""
    served: set[str] = field(default_factory=set)
    """Operations that were answered well at least once."""
    turned_away: Counter[tuple[str, int]] = field(default_factory=Counter)
    """The number of refusals by operation and status."""
    found_out: bool = False
    """Whether it was found out during the load that lists of one barber are always empty."""
    checks_barbers: bool = True
    """Whether the platform has the route that checks one barber; false once it was not found."""
    _told_nothing: int = 0
    _took: set[FranchiseBarber] = field(default_factory=set)
    _refusals: Counter[FranchiseBarber] = field(default_factory=Counter)

    def looked(self, *, empty: bool) -> None:
        """Note that a customer who wants to book got a list."""
        self.lists += 1
        self.empty += empty

    def compared(self, *, one: bool, merged: bool) -> None:
        """Note whether a list of one barber, and the merged list if that was empty, had free times."""
        if one:
            self.lists_by_barber = True
        elif merged:
            self._told_nothing += 1
            if self._told_nothing >= EMPTY_LISTS:
                self.lists_by_barber, self.found_out = False, True

    def took(self, franchise: int, barber: Id | None) -> None:
        """Note that a booking was acknowledged."""
        self.booked += 1
        if barber is not None:
            self._took.add((franchise, barber))
            self._refusals.pop((franchise, barber), None)

    def refused_by(self, franchise: int, barber: Id | None, *, unavailable: bool) -> None:
        """Note that a booking was refused as a conflict; ``unavailable``: with a message that is also used for barbers who never accept bookings."""
        if barber is not None and unavailable and (franchise, barber) not in self._took:
            self._refusals[franchise, barber] += 1

    def refusing(self, franchise: int, barber: Id | None) -> bool:
        """Whether this barber has refused a booking and never accepted one."""
        return barber is not None and (franchise, barber) in self._refusals

    def idle(self, franchise: int, barber: Id | None) -> bool:
        """Whether this barber accepts no bookings, as far as is known."""
        return barber is not None and (barber in self.idle_barbers or self._refusals.get((franchise, barber), 0) >= REFUSALS)

    def save(self, path: Path) -> None:
        """Write the findings to a file."""
        told = {
            "found_out": self.found_out, "zone_assumed": self.zone_assumed, "lists": self.lists, "empty": self.empty, "asked": self.asked,
            "booked": self.booked, "refused": self.refused, "contests": self.contests, "held": self.held, "served": sorted(self.served),
            "turned_away": [[*what, count] for what, count in self.turned_away.items()],
            "idle": sorted({barber for (_, barber), count in self._refusals.items() if count >= REFUSALS}, key=_in_order),
        }  # fmt: skip
        write_atomically(path, json.dumps(told))


def notes(spool: Path) -> dict[str, str]:
    """What customers could not do, and why, from the files of all workers below ``spool``: by name, one sentence each.

    Raises :class:`closeshave.files.jsonfile.Damaged` for a file that no worker wrote.
    """
    customers = [asdict(jsonfile.read(path, _CODEC)) for path in sorted(spool.glob(f"customers-*{SUFFIX}"))]
    canaries = [asdict(jsonfile.read(path, _CODEC)) for path in sorted(spool.glob(f"canary-*{SUFFIX}"))]
    return summed(customers, canaries)


@dataclass(frozen=True, slots=True)
class _Written:
    """The contents of a worker's file, as :meth:`Learnt.save` writes it."""

    found_out: bool
    zone_assumed: bool
    lists: int
    empty: int
    asked: int
    booked: int
    refused: int
    contests: int
    held: int
    served: list[str]
    turned_away: list[tuple[str, int, int]]
    idle: list[int | str]


_CODEC = TypeAdapter(_Written)


def readable(path: Path) -> bool:
    """Whether a file is what a worker writes: one that comes from another machine may be anything."""
    try:
        jsonfile.read(path, _CODEC)
    except (OSError, jsonfile.Damaged):
        return False
    return True


def summed(customers: Iterable[Mapping[str, Any]], canaries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The same from the contents of the files. Pure."""
    mine = list(customers)
    everybody = [*mine, *canaries]
    found = {}
    if why := _unbooked(mine):
        found["bookings"] = why
    contests, held = _sum(mine, "contests"), _sum(mine, "held")
    if contests and not held:
        found["contests"] = f"none of {counted(contests, 'contest')} took place: two customers never found the same barber and free time"
    if any(one["found_out"] for one in everybody):
        found["slots_by_barber"] = (
            "lists of one barber's free times are always empty here: customers used the list merged over all barbers "
            "(set capabilities.slots_by_barber: false)"
        )
    if any(one["zone_assumed"] for one in everybody):
        found.setdefault("zone", "neither an answer nor the environment file (capabilities.zone) names the business's time zone")
    if idle := sorted({barber for one in everybody for barber in one["idle"]}, key=_in_order):
        named = ", ".join(map(str, idle[:10])) + (" …" if len(idle) > 10 else "")
        found["idle barbers"] = (
            f"barber {named} accepted no booking and refused {REFUSALS} in a row: customers stopped asking there (capabilities.idle_barbers)"
        )
    return found | _refused_whole(mine)


def _in_order(id: Id) -> tuple[bool, int, str]:
    """Numbers by size, before texts."""
    return (True, 0, id) if isinstance(id, str) else (False, id, "")


def _unbooked(workers: list[Mapping[str, Any]]) -> str:
    lists, empty, asked, booked, refused = (_sum(workers, name) for name in ("lists", "empty", "asked", "booked", "refused"))
    if booked or not workers:
        return ""
    if lists and lists == empty:
        return f"customers found no free time in {counted(lists, 'list')}, so none of them booked"
    if asked and asked == refused:
        return f"the platform refused {'the only booking' if asked == 1 else f'all {asked:,} bookings'} that customers requested"
    looked = f"{counted(lists, 'list')} of free times ({empty:,} empty)"
    return f"customers booked nothing: they looked at {looked} and requested {counted(asked, 'booking')}"


def _refused_whole(workers: list[Mapping[str, Any]]) -> dict[str, str]:
    served = {kind for one in workers for kind in one["served"]}
    refusals: Counter[tuple[str, int]] = Counter()
    for one in workers:
        for kind, status, count in one["turned_away"]:
            refusals[kind, status] += count
    return {
        f"{kind} refused": f"each of {counted(count, 'request')} was answered {status}: what needs it was not tested"
        for (kind, status), count in sorted(refusals.items())
        if kind not in served and count >= REFUSED_WHOLE
    }


def _sum(workers: list[Mapping[str, Any]], name: str) -> int:
    return sum(int(one[name]) for one in workers)
