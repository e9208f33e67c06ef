"""Measures this machine as a load machine: saturated, paced, and its memory; over loopback, in about a minute, with the server on the same machine.

The processor time of the generator's processes alone is counted, so that the server does not count; but what is on time is measured beside it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from closeshave import __version__
from closeshave.capacity.interval import of_mean, of_slope
from closeshave.capacity.loadmachine import kernel, reading, starting
from closeshave.capacity.loadmachine.orders import GeneratorOrder
from closeshave.capacity.loadmachine.starting import Answerers, AnswersCounted, CannotMeasure, MachineLoad
from closeshave.capacity.loadmachine.values import SCHEMA, Allowed, LoadMachine, Memory, Paced, Saturated
from closeshave.control.processes import poll_until
from closeshave.environments.fingerprint import cpu_model
from closeshave.loadgen import compiled
from closeshave.plurals import counted

Say = Callable[[str], None]

WORKERS = (1, 2, 4)
USERS = 50
"""Of each worker, at saturation."""
WARM_UP_S, BLOCK_S, BLOCKS = 1.0, 1.25, 4
BEGUN = 200
"""Requests after which a load has begun."""
SHARES = (0.3, 0.45, 0.6, 0.75)
"""Of the throughput at saturation: the rates of the paced load."""
LEVEL_S = 3.0
CUSTOMERS = (1_000, 1_000, 200_000, 400_000, 400_000)
"""Crowds; the small ones show what a worker takes without customers."""
CONNECTIONS = (3_000, 6_000, 6_000)
CROWD_PER_S, CROWD_S = 200.0, 2.0
ROOM_BYTES = 2 << 30
"""Available memory that the crowds need together."""
CONNECTIONS_LEAST = 200
LOOK_S = 0.1


def measure(say: Say) -> LoadMachine:
    """Measure; ``say`` gets a sentence for each part. Everything that was started has ended afterwards, also when this is interrupted.

    Raises :class:`CannotMeasure`, and :class:`OSError`.
    """
    allowed = kernel.allowed(starting.files_max())
    crowds = _crowds(allowed)
    workers = tuple(count for count in WORKERS if count <= max(1, math.floor(allowed.processors)))
    plain = compiled.why_plain()
    with starting.scratch() as scratch, starting.answerers(max(1, math.floor(allowed.processors / 2)), scratch) as server:
        saturated = tuple(_saturated(server, scratch / f"saturated-{count}", count, say) for count in workers)
        seen = server.counted()
        paced = _paced(server, scratch / "paced", saturated, say)
        memory = _memory(server, scratch, crowds, say)
    return LoadMachine(
        SCHEMA,
        datetime.now(UTC).isoformat(timespec="seconds"),
        __version__,
        cpu_model(_text("/proc/cpuinfo")) or "unknown",
        "compiled" if plain is None else f"plain Python: {plain}",
        allowed,
        saturated,
        paced,
        memory,
        seen.read_bytes / seen.requests,
        seen.written_bytes / seen.requests,
        tuple(_left_out(workers, allowed)),
    )


def _left_out(workers: tuple[int, ...], allowed: Allowed) -> Iterator[str]:
    """What was not measured, and why."""
    for count in WORKERS:
        if count not in workers:
            yield f"{counted(count, 'worker')}: only {counted(math.floor(allowed.processors), 'processor')} may be used here"
    yield "TLS, log-ins and longer journeys: a customer who does more for each request takes more processor time"
    yield "the network card and its interrupts: everything went over loopback"
    yield "the kernel's own memory for connections"


# -- saturated -------------------------------------------------------------------------------------------------------------------------------


def _saturated(server: Answerers, scratch: Path, workers: int, say: Say) -> Saturated:
    say(f"{counted(workers, 'worker')}, each sending as fast as it can")
    lasts_s = WARM_UP_S + BLOCKS * BLOCK_S + 5.0
    with MachineLoad("SaturatingUser", server.url, GeneratorOrder(), scratch, lasts_s, workers=workers, users=USERS * workers) as load:
        _begun(load, server)
        time.sleep(WARM_UP_S)
        looks = [_Look.now(load, server)]
        for _ in range(BLOCKS):
            time.sleep(BLOCK_S)
            looks.append(_Look.now(load, server))
        if load.ended:
            raise load.failed()
    steps = [after.since(before) for before, after in itertools.pairwise(looks)]
    whole = looks[-1].since(looks[0])
    return Saturated(
        workers,
        of_mean([step.counted.requests / step.processor_s for step in steps]),
        of_mean([step.counted.requests / step.at_s for step in steps]),
        whole.processor_s / whole.at_s,
        min(1.0, whole.waited_s / workers / whole.at_s),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What had been done at an instant; or between two."""

    at_s: float
    counted: AnswersCounted
    processor_s: float
    waited_s: float

    @classmethod
    def now(cls, load: MachineLoad, server: Answerers) -> _Look:
        return cls(time.monotonic(), server.counted(), kernel.processor_s(load.family()), kernel.waited_s(load.senders()))

    def since(self, before: _Look) -> _Look:
        """Raises :class:`CannotMeasure` where nothing was done."""
        requests = self.counted.requests - before.counted.requests
        processor_s = self.processor_s - before.processor_s
        if requests <= 0 or processor_s <= 0:
            raise CannotMeasure("the load generator sent nothing for a second: is this machine busy with something else?")
        return _Look(
            self.at_s - before.at_s,
            AnswersCounted(
                requests, self.counted.read_bytes - before.counted.read_bytes, self.counted.written_bytes - before.counted.written_bytes, 0
            ),
            processor_s,
            self.waited_s - before.waited_s,
        )


def _begun(load: MachineLoad, server: Answerers) -> None:
    before = server.counted().requests
    if not poll_until(lambda: load.ended or server.counted().requests - before >= BEGUN, starting.START_TIMEOUT_S, LOOK_S) or load.ended:
        raise load.failed()


# -- paced -----------------------------------------------------------------------------------------------------------------------------------


def _paced(server: Answerers, scratch: Path, saturated: tuple[Saturated, ...], say: Say) -> Paced:
    """With as many workers as leave a processor to the server."""
    most = max(1, saturated[-1].workers - 1)
    source = max((each for each in saturated if each.workers <= most), key=lambda each: each.workers)
    rates = tuple(float(round(share * source.requests_per_s.point)) for share in SHARES)
    say(f"{counted(source.workers, 'worker')} with an open load of {', '.join(f'{rate:,.0f}' for rate in rates)} requests/s")
    lasts_s = LEVEL_S * len(rates)
    with MachineLoad(
        "PacedUser", server.url, GeneratorOrder(rates, LEVEL_S), scratch, lasts_s + 10, workers=source.workers, hasty=True
    ) as load:
        _begun(load, server)
        load.hasten()
        before_s, before = time.monotonic(), kernel.waited_s(load.senders())
        waited_s = before
        while not load.ended:
            # Of a worker that has ended nothing is known any more.
            waited_s, now_s = max(waited_s, kernel.waited_s(load.senders())), time.monotonic()
            time.sleep(LOOK_S)
        load.wait()
    held_up = (waited_s - before) / source.workers / max(now_s - before_s, LOOK_S)
    return Paced(source.workers, reading.levels(load.records, rates, LEVEL_S), min(1.0, held_up))


# -- memory ----------------------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Crowd:
    """A crowd of customers in one worker, and the most memory that it took."""

    customers: int
    connected: bool
    peak_bytes: int = field(default=0)
    files: int = field(default=0)
    """The most files and sockets that it had open."""

    @property
    def user(self) -> str:
        return "ConnectedUser" if self.connected else "ThinkingUser"

    @property
    def name(self) -> str:
        return f"{self.user}-{self.customers}"


def _crowds(allowed: Allowed) -> list[_Crowd]:
    """Which crowds this machine has room for. Raises :class:`CannotMeasure`."""
    free = psutil.virtual_memory().available
    if free < ROOM_BYTES:
        raise CannotMeasure(f"{free >> 20:,} MiB of memory are available, and {ROOM_BYTES >> 20:,} are needed")
    # All run at once, and a server has them all.
    share = (min(allowed.files_max, allowed.ports) - 1_000) / sum(CONNECTIONS)
    if share * CONNECTIONS[0] < CONNECTIONS_LEAST:
        raise CannotMeasure(
            f"a process may open {allowed.files_max:,} files and use {allowed.ports:,} ports, and some thousands are needed (ulimit -Hn, "
            "net.ipv4.ip_local_port_range)"
        )
    connected = [math.floor(min(1.0, share) * count) for count in CONNECTIONS]
    return [*(_Crowd(count, False) for count in CUSTOMERS), *(_Crowd(count, True) for count in connected)]


def _memory(server: Answerers, scratch: Path, crowds: list[_Crowd], say: Say) -> Memory:
    """All crowds at once: memory does not depend on what else runs."""
    thinking = [crowd for crowd in crowds if not crowd.connected]
    connected = [crowd for crowd in crowds if crowd.connected]
    say(
        f"crowds of up to {max(each.customers for each in thinking):,} customers, and up to {max(each.customers for each in connected):,} connections in "
        "one worker"
    )
    with ExitStack() as stack:
        loads = [
            stack.enter_context(
                MachineLoad(
                    crowd.user,
                    server.url,
                    GeneratorOrder(each_s=CROWD_S, customers=crowd.customers, requests_per_s=CROWD_PER_S),
                    scratch / f"{crowd.name}-{number}",
                    starting.START_TIMEOUT_S + CROWD_S,
                )
            )
            for number, crowd in enumerate(crowds)
        ]
        deadline_s = time.monotonic() + 2 * starting.START_TIMEOUT_S + CROWD_S
        while not all(load.ended for load in loads):
            for load, crowd in zip(loads, crowds, strict=True):
                crowd.peak_bytes = max(crowd.peak_bytes, kernel.peak_bytes_of(each.pid for each in load.senders()))
                crowd.files = max(crowd.files, kernel.files_of(load.senders()))
            if time.monotonic() > deadline_s:
                raise CannotMeasure("the crowds did not end in time: is this machine busy with something else?")
            time.sleep(LOOK_S)
        for load in loads:
            load.wait()
    small = min(each.customers for each in thinking)
    customer, worker = of_slope([each.customers for each in thinking], [float(each.peak_bytes) for each in thinking])
    # A customer with a connection of his own has his place in the crowd too, which the others show.
    bare = [each for each in thinking if each.customers == small]
    connection, _ = of_slope(
        [*(0 for _ in bare), *(each.customers for each in connected)],
        [*(float(each.peak_bytes) for each in bare), *(each.peak_bytes - customer.point * (each.customers - small) for each in connected)],
    )
    return Memory(
        worker,
        customer,
        connection,
        max(each.customers for each in thinking),
        max(min(each.customers, each.files) for each in connected),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
