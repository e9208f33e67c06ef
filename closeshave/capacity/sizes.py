"""How a sized machine looks: lines for a terminal, and a page in Markdown. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from closeshave.capacity.interval import Interval
from closeshave.capacity.loadmachine.values import LoadMachine
from closeshave.capacity.sized import SizedMachine
from closeshave.capacity.sizing import Needed, Sizing
from closeshave.capacity.support import FACTOR
from closeshave.claims.finding import short
from closeshave.files.plaintext import clean
from closeshave.plurals import counted
from closeshave.report import words

UNITS = {
    "bytes": ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")),
    "bit/s": ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (1, "bit/s")),
}
HELD_UP = 0.02
"""From this share on it is said that others held the workers up."""

Row = tuple[str, ...]


def measured(found: SizedMachine) -> Iterator[Row]:
    """What was measured: what, the figure, and what is to be known about it."""
    machine = found.machine
    for each in machine.saturated:
        who = counted(each.workers, "worker")
        yield (
            f"{who}, as fast as possible",
            f"{interval(each.per_core_per_s)} requests per core-second",
            f"{interval(each.requests_per_s)} requests/s with {each.cores:.2f} cores",
        )
    for level in machine.paced.levels:
        late = "" if level.lateness_ms_p99 <= found.lateness_ms_max else ": late"
        missing = "" if level.sent >= level.due else f"; {level.due - level.sent:,} of {level.due:,} not sent"
        yield (
            f"{counted(machine.paced.workers, 'worker')}, {level.rate_per_s:,.0f} requests/s on a schedule",
            f"send lateness p99 {short(level.lateness_ms_p99)} ms{late}{missing}",
            f"at most {short(found.lateness_ms_max)} ms is on time",
        )
    if rows := [*_held_up(machine)]:
        yield (
            "others on the processors",
            ", ".join(rows),
            "of the time a worker was ready and others, the server among them, had its processor: figures are lower for it",
        )
    memory = machine.memory
    yield "memory of a worker", amount(memory.worker, "bytes"), "at its largest, without customers"
    yield (
        "memory of a customer",
        f"{interval(memory.customer)} bytes",
        f"crowds of up to {memory.customers_max:,}, each with a token of 200 bytes",
    )
    yield (
        "memory of a connection",
        amount(memory.connection, "bytes"),
        f"up to {memory.connections_max:,} in one worker; without the kernel's own",
    )
    allowed = machine.allowed
    yield (
        "ports of a source address",
        f"{allowed.ports:,}",
        f"each is kept {allowed.time_wait_s:g} s after its connection was closed from here",
    )
    yield "open files of a process", f"{allowed.files_max:,}", "its hard limit"


def needed(sizing: Sizing) -> Iterator[Row]:
    """What a demand takes: what, how much, and how it was calculated."""
    for each in sizing.needed:
        yield each.what, _amount(each), each.arithmetic


def sentences(sizing: Sizing) -> Iterator[str]:
    """How far to believe it."""
    demand = sizing.demand
    if sizing.because:
        yield f"unknown, because {sizing.because}"
        return
    if demand.users is not None and demand.rate_per_s is not None:
        yield f"Rate: {demand.rate_from}"
    yield from map(str, sizing.supports)
    if not sizing.supported:
        part = min(each.extrapolated / each.claimed for each in sizing.supports)
        for each in sizing.supports:
            if not each.supported:
                yield f"A machine that is measured at {words.quantity(math.ceil(each.claimed / FACTOR), each.unit)} or more would support it"
        yield f"What follows is for {words.ratio(part)} of it, and for no more"


def lines(found: SizedMachine) -> Iterator[str]:
    """Everything for a terminal."""
    machine = found.machine
    memory = amount(Interval.exact(machine.allowed.memory_bytes), "bytes")
    yield f"{machine.processor}, {machine.allowed.processors:g} processors, {memory}; load engine: {machine.engine}"
    yield from _columns(measured(found))
    for each in machine.left_out:
        yield f"not measured: {each}"
    for sizing in found.sizings:
        yield ""
        yield f"{sizing.demand.claim}: {sizing.demand.text}"
        yield from (f"  {each}" for each in sentences(sizing))
        yield from (f"  {each}" for each in _columns(needed(sizing)))


def page(found: SizedMachine) -> str:
    """A page in Markdown."""
    machine, allowed = found.machine, found.machine.allowed
    parts = [
        INTRODUCTION,
        "## The machine\n",
        *_table(
            ("", ""),
            (
                ("processor", f"{machine.processor}, {allowed.processors:g} may be used"),
                ("memory", amount(Interval.exact(allowed.memory_bytes), "bytes")),
                ("load engine", machine.engine),
                ("Closeshave", f"{machine.version}, measured at {machine.measured_at}"),
                ("one request and its answer", f"{machine.request_bytes:,.0f} and {machine.answer_bytes:,.0f} bytes"),
            ),
        ),
        "## What was measured\n",
        *_table(("what", "measured", ""), measured(found)),
        "Not measured:\n",
        *(f"* {_cell(each)}" for each in machine.left_out),
        "",
    ]
    for sizing in found.sizings:
        parts += [
            f"## {_cell(sizing.demand.claim)}: {_cell(sizing.demand.text)}\n",
            *(f"* {_cell(each)}" for each in sentences(sizing)),
            "",
        ]
        if sizing.needed:
            parts += _table(("what it takes", "how much", "how it was calculated"), needed(sizing))
    return "\n".join(parts).rstrip() + "\n"


def amount(figure: Interval, unit: str) -> str:
    """A figure with its interval, in the unit that fits its largest value."""
    if unit not in UNITS:
        return interval(figure)
    factor, name = next((each for each in UNITS[unit] if figure.high >= each[0]), UNITS[unit][-1])
    return f"{interval(figure * (1 / factor))} {name}"


def interval(figure: Interval) -> str:
    """A figure, and where its interval is wider than its digits, that too."""
    point, low, high = short(figure.point), short(figure.low), short(figure.high)
    return point if low == high else f"{point} ({low} to {high})"


def _amount(each: Needed) -> str:
    return words.UNKNOWN if each.amount is None else amount(each.amount, each.unit)


def _held_up(machine: LoadMachine) -> Iterator[str]:
    shares = [(counted(each.workers, "worker"), each.held_up_share) for each in machine.saturated]
    for what, share in (*shares, ("on a schedule", machine.paced.held_up_share)):
        if share >= HELD_UP:
            yield f"{words.ratio(share)} ({what})"


def _columns(rows: Iterable[Row]) -> Iterator[str]:
    """Rows with their columns below each other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()


def _table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _cell(text: str) -> str:
    """Text that is no Markdown of its own."""
    said = " ".join(clean(text).split())
    for letter in "\\`*_<>|[]":
        said = said.replace(letter, f"\\{letter}")
    return said


INTRODUCTION = """# What a large load takes

Made by `closeshave doctor --load --markdown`, on the machine below; nothing on this page is written by hand. Measure your own load machine:

```sh title="not run by the tests: it takes a minute"
closeshave doctor --load
closeshave doctor --load --json  # its output can be kept, as load-machine.json
closeshave doctor --load --measured load-machine.json --target barberpro-argentina
```

The real load engine sends over loopback to a server with one constant answer, on the same machine. Requests per core count the processor time of the
generator's processes alone; whether they were on time is measured beside the server, so on a machine of few processors it is a lower bound.

A load machine shares nothing with the next, so figures are multiplied. But **nothing is claimed past 2.5 times what was measured**: what is larger is *not
supported*, and the part that is supported is sized. Intervals are at 95 %; the arithmetic carries both ends through, and the larger end is the one to buy.
"""
