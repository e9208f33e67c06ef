"""What was measured of a load machine, as frozen values; they are written as JSON and read again."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from closeshave.capacity.interval import Interval
from closeshave.files.yamlfile import STRICT, Count, Fraction, NotNegative, Positive, WholeNumber

SCHEMA: Literal["closeshave.load-machine/1"] = "closeshave.load-machine/1"
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Processors = Annotated[float, Field(gt=0, le=65_536)]
Workers = Annotated[int, Field(ge=1, le=65_536)]


@dataclass(frozen=True, slots=True)
class Saturated:
    """So many workers, each sending its next request as soon as an answer has come."""

    __pydantic_config__ = STRICT

    workers: Workers
    per_core_per_s: Interval
    """Requests per second of processor time of the generator's processes alone."""
    requests_per_s: Interval
    """Requests per second by the clock, of all workers together."""
    cores: NotNegative
    """Processors that the generator's processes used."""
    held_up_share: Fraction
    """The share of the time in which a worker was ready and waited for a processor that others had."""


@dataclass(frozen=True, slots=True)
class PacedLevel:
    """A stretch of an open load at one rate."""

    __pydantic_config__ = STRICT

    rate_per_s: Positive
    """Requests that were due per second, of all workers together."""
    due: WholeNumber
    sent: WholeNumber
    """How many of those that were due were sent at all."""
    lateness_ms_p99: NotNegative


@dataclass(frozen=True, slots=True)
class Paced:
    """Levels of an open load, in ascending order, in one go."""

    __pydantic_config__ = STRICT

    workers: Workers
    levels: Annotated[tuple[PacedLevel, ...], Field(min_length=1)]
    held_up_share: Fraction
    """As :attr:`Saturated.held_up_share`."""

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` for rates that do not ascend."""
        rates = [level.rate_per_s for level in self.levels]
        if any(later <= before for before, later in itertools.pairwise(rates)):
            raise ValueError("rates of levels ascend")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of the generator's processes at its largest, in bytes."""

    __pydantic_config__ = STRICT

    worker: Interval
    """Of a worker without customers."""
    customer: Interval
    """What one more customer adds: his place in the crowd, and a token."""
    connection: Interval
    """What one more customer with a connection of his own adds, without the kernel's buffers."""
    customers_max: WholeNumber
    """The largest crowd that was measured."""
    connections_max: WholeNumber
    """The most connections at once that were measured."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the kernel allows, as it says itself."""

    __pydantic_config__ = STRICT

    processors: Processors
    memory_bytes: Annotated[int, Field(gt=0, le=1 << 50)]
    ports: Annotated[int, Field(gt=0, le=65_535)]
    """Local ports for connections from one source address to one address and port."""
    time_wait_s: Annotated[float, Field(gt=0, le=3600)]
    """How long the side that closes a connection keeps its port."""
    files_max: Count
    """Open files and sockets of one process, by its hard limit."""


@dataclass(frozen=True, slots=True)
class LoadMachine:
    """One machine, measured."""

    __pydantic_config__ = STRICT

    schema: Literal["closeshave.load-machine/1"]
    measured_at: Line
    version: Line
    """Of Closeshave."""
    processor: Line
    """The processor's name, as the kernel gives it."""
    engine: Line
    """Compiled, or why it runs as plain Python."""
    allowed: Allowed
    saturated: tuple[Saturated, ...]
    """By number of workers, ascending."""
    paced: Paced
    memory: Memory
    request_bytes: Positive
    """Of one request, headers included, without those of TCP and IP."""
    answer_bytes: Positive
    left_out: tuple[Line, ...]
    """What was not measured, and why."""
