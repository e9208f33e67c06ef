"""The canaries' schedule, computed before the start: probes for each shard from each region at a steady rate, each with a slot of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from closeshave.api import spoken
from closeshave.api.spoken import SpokenApi
from closeshave.plan import Canaries
from closeshave.topology import Shard, Topology
from closeshave.traffic import answers
from closeshave.traffic.answers import Body
from closeshave.traffic.arrivals import steady
from closeshave.traffic.conventions import CANARY_DAYS
from closeshave.traffic.dialect import Id, Slot
from closeshave.traffic.population import reserved

SLOT_MINUTES, DAY_MINUTES = 30, 24 * 60
_HOUR = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])(?::[0-5][0-9])?")
"""Minutes of a day: a shop that is open until midnight closes at 24:00."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A write and its read, which are two probes: the write is due ``at_ns`` nanoseconds after the start."""

    at_ns: int
    region: str
    shard: int


def schedule(topology: Topology, canaries: Canaries, duration_s: float) -> list[Probe]:
    """All probes in time order.

    Probes of one shard from other regions are spread evenly over their common period; those of different shards are shifted, so that they are not
    sent all at once.
    """
    found = []
    for shard in topology.shards:
        for region, instants in _instants(topology, canaries, duration_s, shard):
            found += [Probe(at_ns, region, shard.id) for at_ns in instants.tolist()]
    return sorted(found, key=lambda probe: probe.at_ns)


def _instants(topology: Topology, canaries: Canaries, duration_s: float, shard: Shard) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """When the probes of a shard are due, region by region."""
    away = [region for region in topology.regions if region != shard.home]
    part = (topology.shards.index(shard) + 0.5) / len(topology.shards)
    for region in topology.regions:
        # A booking and its reading are two probes: each by itself shows whether the scope works.
        per_s = (canaries.home_per_s if region == shard.home else canaries.away_per_s) / 2
        if per_s > 0:
            turn = part if region == shard.home else (away.index(region) + part) / len(away)
            yield region, steady(per_s, duration_s, turn / per_s)


@dataclass(frozen=True, slots=True)
class CanaryBarber:
    """A barber at a franchise that is reserved for canaries, and the slots that can be booked there."""

    franchise: int
    barber: Id
    zone: str
    times: tuple[str, ...]
    """Local ``HH:MM``."""


def slots(barbers: Sequence[CanaryBarber], today: date, rng: np.random.Generator, days: range = CANARY_DAYS) -> Iterator[tuple[int, Slot]]:
    """``(franchise, slot)`` of every slot at these barbers, each once, in an order that is spread over barbers and days."""
    every = [
        (each.franchise, Slot(each.barber, today + timedelta(days=ahead), time, each.zone))
        for each in barbers
        for ahead in days
        for time in each.times
    ]
    return (every[index] for index in rng.permutation(len(every)).tolist())


def canary_barbers(
    franchise: int, listed: Body, when: Body, idle: Collection[Id] = (), zone: str | None = None, api: SpokenApi | None = None
) -> list[CanaryBarber]:
    """The barbers of a franchise from its answers to ``barbers`` and ``slots``, without ``idle`` ones.

    ``zone`` is used if the answer states none, and then the one of the ``api`` (BookedBarber V2 by default). Raises :class:`ValueError` when the answers
    differ from the API, so that this is known before the load.
    """
    api = api or spoken.shipped()
    who = [barber for barber in answers.ids(listed, api) if barber not in idle]
    if not who or not isinstance(when, dict) or not answers.a_slot_list(when):
        raise ValueError(f"franchise {franchise} lists no barber who accepts bookings, or no readable free times")
    told, minutes = when.get("business_hours") or {}, when.get("slot_duration_minutes")
    hours = told if isinstance(told, dict) else {"start": told}
    first, last = (_minutes(hours.get(name) or default) for name, default in (("start", "09:00"), ("end", "17:00")))
    minutes = SLOT_MINUTES if minutes is None else minutes
    if first is None or last is None or max(first, last) > DAY_MINUTES or not isinstance(minutes, int) or not 1 <= minutes <= DAY_MINUTES:
        raise ValueError(
            f"franchise {franchise} answers business_hours {str(told)[:60]!r} and slot_duration_minutes {str(minutes)[:20]}: hours are like 09:00"
        )
    times = tuple(f"{at // 60:02}:{at % 60:02}" for at in range(first, last - minutes + 1, minutes))
    return [CanaryBarber(franchise, barber, when.get("timezone") or zone or api.profile.zone, times) for barber in who]


def capacity(barbers: Sequence[CanaryBarber], days: range = CANARY_DAYS) -> int:
    """How many slots there are at these barbers."""
    return sum(len(each.times) for each in barbers) * len(days)


def _minutes(time: object) -> int | None:
    """Minutes after midnight of an opening or closing time; ``None`` for anything else."""
    if not isinstance(time, str) or not (told := _HOUR.fullmatch(time)):
        return None
    return int(told[1]) * 60 + int(told[2])


def franchises(topology: Topology, shard: int) -> range:
    """The franchises at which the canaries of this shard book."""
    return reserved(topology.shard(shard))


def needed(topology: Topology, canaries: Canaries, duration_s: float, shard: int) -> int:
    """How many slots the probes of a shard need: one for each."""
    return sum(len(instants) for _, instants in _instants(topology, canaries, duration_s, topology.shard(shard)))
