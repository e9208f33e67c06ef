"""What a load would take: machines, cores, memory, connections, source addresses, bandwidth; from what was measured of one load machine. Pure.

Load machines share nothing, so their figures are multiplied; but nothing is claimed past 2.5 times what was measured (:mod:`.support`). Of a larger
demand, the part that is supported is sized, and said to be a part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from closeshave.capacity.demands import LoadDemand
from closeshave.capacity.interval import Interval
from closeshave.capacity.loadmachine.values import LoadMachine, Paced
from closeshave.capacity.support import Support, multiplied
from closeshave.claims.finding import short

SEGMENT_BYTES = 1448
"""Payload of one Ethernet frame: 1,500 less the headers of IPv4 (20) and of TCP with time stamps (32)."""
FRAME_BYTES = 90
"""What each frame adds to its payload: those headers, Ethernet's 18, and 20 of preamble and gap."""
BITS = 8


@dataclass(frozen=True, slots=True)
class Needed:
    """One thing that a load takes."""

    what: str
    amount: Interval | None
    """``None`` where nothing can be said."""
    unit: str
    """``count``, ``bytes`` or ``bit/s``."""
    arithmetic: str
    """How it was calculated; or why nothing can be said."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What one demand takes."""

    demand: LoadDemand
    supports: tuple[Support, ...]
    """How far the measurement carries towards each figure of the demand."""
    needed: tuple[Needed, ...]
    """For the supported part of the demand."""
    because: str
    """Why nothing can be said at all; empty where something can."""

    @property
    def supported(self) -> bool:
        """Whether the whole demand is."""
        return not self.because and all(each.supported for each in self.supports)


@dataclass(frozen=True, slots=True)
class OnTime:
    """The largest rate at which everything was sent, and on time."""

    rate_per_s: float
    per_worker_per_s: Interval
    """From that rate up to the next one, at which it was not on time any more (or up to the throughput at saturation); the lower end is what counts."""
    lateness_ms_p99: float


def on_time(machine: LoadMachine, lateness_ms_max: float) -> OnTime | None:
    """Of the paced load; ``None`` where it was late at its lowest rate already. A level after a late one does not count."""
    paced, found = machine.paced, None
    for level in paced.levels:
        if level.sent < level.due or level.lateness_ms_p99 > lateness_ms_max:
            break
        found = level
    if found is None:
        return None
    above = [level.rate_per_s for level in paced.levels if level.rate_per_s > found.rate_per_s]
    most = above[0] if above else max(found.rate_per_s, _saturated_per_s(machine, paced))
    low, high = found.rate_per_s / paced.workers, most / paced.workers
    return OnTime(found.rate_per_s, Interval(low, low, high), found.lateness_ms_p99)


def size(machine: LoadMachine, demand: LoadDemand, lateness_ms_max: float) -> Sizing:
    """What a demand takes of machines like this one."""
    if demand.rate_per_s is None:
        return Sizing(demand, (), (), demand.rate_from)
    kept = on_time(machine, lateness_ms_max)
    if kept is None:
        lowest = machine.paced.levels[0]
        return Sizing(
            demand,
            (),
            (),
            f"even at its lowest rate this machine was not on time: at {lowest.rate_per_s:,.0f} requests/s {lowest.sent:,} of {lowest.due:,} "
            f"were sent, with a p99 lateness of {short(lowest.lateness_ms_p99)} ms, and at most {short(lateness_ms_max)} ms is on time",
        )
    supports = [multiplied(demand.rate_per_s, kept.rate_per_s, "1/s")]
    if demand.users is not None:
        supports.append(multiplied(demand.users, machine.memory.customers_max, "users"))
    if demand.response_time_s is not None:
        supports.append(multiplied(demand.rate_per_s * demand.response_time_s, machine.memory.connections_max, "connections"))
    # A part of the users sends the same part of the requests, over the same part of the connections.
    part = min(1.0, *(each.extrapolated / each.claimed for each in supports))
    if part <= 0:
        return Sizing(demand, tuple(supports), (), "no customer or no connection was measured, so its users cannot be sized")
    users = None if demand.users is None else demand.users * part
    return Sizing(demand, tuple(supports), tuple(_needed(machine, kept, demand.rate_per_s * part, users, demand.response_time_s)), "")


def _needed(machine: LoadMachine, kept: OnTime, rate_per_s: float, users: float | None, answer_s: float | None) -> Iterator[Needed]:
    memory, allowed = machine.memory, machine.allowed
    per_core, rate = kept.per_worker_per_s, f"{rate_per_s:,.0f} requests/s"
    cores = per_core.goes_into(rate_per_s)
    yield Needed("cores", cores, "count", f"{rate} / {per_core.point:,.0f} to {per_core.high:,.0f} a worker on time, a core for each")
    workers = larger(whole(cores), Interval.exact(1))
    flight = None if answer_s is None else rate_per_s * answer_s
    taken = memory.worker.times(workers)
    told = [f"{_range(workers)} workers x {_mib(memory.worker)}"]
    if users is not None:
        taken += memory.customer * users
        told.append(f"{users:,.0f} customers x {_range(memory.customer)} bytes")
    if flight is not None:
        taken += memory.connection * flight
        told.append(f"{flight:,.0f} connections x {_range(memory.connection)} bytes")
    yield Needed("memory", taken, "bytes", " + ".join(told))
    machines = larger(whole(workers * (1 / allowed.processors)), whole(taken * (1 / allowed.memory_bytes)))
    yield Needed(
        "load machines",
        machines,
        "count",
        f"like this one: {allowed.processors:g} processors and {allowed.memory_bytes / (1 << 30):,.1f} GiB each, nothing else on them",
    )
    yield from _connections(machine, rate_per_s, flight, workers, machines)
    if users is not None:
        yield _own_connections(machine, users)
    for what, payload in (("bandwidth sent", machine.request_bytes), ("bandwidth received", machine.answer_bytes)):
        frames = math.ceil(payload / SEGMENT_BYTES)
        bits = rate_per_s * (payload + frames * FRAME_BYTES) * BITS
        yield Needed(
            what,
            Interval.exact(bits),
            "bit/s",
            f"{rate} x ({payload:,.0f} bytes + {frames} x {FRAME_BYTES} of a frame) x 8; your platform's own messages may be larger",
        )


def _connections(machine: LoadMachine, rate_per_s: float, flight: float | None, workers: Interval, machines: Interval) -> Iterator[Needed]:
    """``flight``: connections with a request in flight; ``None`` where nobody knows how many these are."""
    ports, wait_s, files = machine.allowed.ports, machine.allowed.time_wait_s, machine.allowed.files_max
    if flight is None:
        yield Needed("connections", None, "count", "no response time is promised, so nobody knows how many requests are in flight")
    else:
        yield Needed(
            "connections",
            Interval.exact(math.ceil(flight)),
            "count",
            f"{rate_per_s:,.0f} requests/s x {short(flight / rate_per_s)} s in flight (Little's law); a platform that is slower needs as many times more",
        )
        yield Needed(
            "open files of a worker",
            whole(workers.goes_into(flight)),
            "count",
            f"{flight:,.0f} connections / {_range(workers)} workers; a process may open {files:,} here",
        )
        yield Needed(
            "source addresses",
            larger(Interval.exact(math.ceil(flight / ports)), machines),
            "count",
            f"{flight:,.0f} connections / {ports:,} ports of one address to one address and port; each machine has one address at least",
        )
    yield Needed(
        "source addresses, if every request had a connection of its own",
        larger(Interval.exact(math.ceil(rate_per_s * wait_s / ports)), machines),
        "count",
        f"{rate_per_s:,.0f} connections/s x {wait_s:g} s in TIME_WAIT / {ports:,} ports: {ports / wait_s:,.0f} new connections/s for each address",
    )


def _own_connections(machine: LoadMachine, users: float) -> Needed:
    """Browsers keep connections open while their people think."""
    memory, ports = machine.memory, machine.allowed.ports
    carried = multiplied(users, memory.connections_max, "connections")
    if not carried.supported:
        return Needed(
            "memory, if every user keeps a connection", None, "bytes", f"{carried}; {math.ceil(users / ports):,} source addresses"
        )
    return Needed(
        "memory, if every user keeps a connection",
        memory.connection * users,
        "bytes",
        f"{users:,.0f} connections x {_range(memory.connection)} bytes, beside the rest; {math.ceil(users / ports):,} source addresses",
    )


def whole(figure: Interval) -> Interval:
    """Rounded up: there is no half machine."""
    return Interval(*(float(math.ceil(end - 1e-9)) for end in _ends(figure)))


def larger(one: Interval, other: Interval) -> Interval:
    """The larger of two figures, at each end."""
    return Interval(*(max(pair) for pair in zip(_ends(one), _ends(other), strict=True)))


def _saturated_per_s(machine: LoadMachine, paced: Paced) -> float:
    return max((each.requests_per_s.high for each in machine.saturated if each.workers == paced.workers), default=0.0)


def _ends(figure: Interval) -> tuple[float, float, float]:
    return figure.low, figure.point, figure.high


def _range(figure: Interval) -> str:
    low, high = short(figure.low), short(figure.high)
    return low if low == high else f"{low} to {high}"


def _mib(figure: Interval) -> str:
    return f"{_range(figure * (1 / (1 << 20)))} MiB"
