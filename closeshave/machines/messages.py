"""What a run and its load machines say to each other: a JSON object, and after it as many bytes as it announces (a part of a file, the accounts).

What comes from the other side is data: a message that is not one of these, or is larger than it may be, ends the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from closeshave.machines.sums import Digest, FileSums
from closeshave.traffic.redealing import REDEALS_MAX, Redeal

PROCESSES_MAX = 256
RUN_STOPPED = "the run stopped the load"
"""The reason of a load machine that ended because it was told to."""
NAME = "^[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?$"
"""Names of load machines stand in sentences and file names: letters, digits, dots and hyphens, at most 40."""
Message = TypeVar("Message")
_WHOLE = ConfigDict(extra="forbid", strict=True)
Instant = Annotated[int, Field(ge=-(2**62), lt=2**62)]
"""Nanoseconds of a monotonic clock."""
MachineName = Annotated[str, Field(pattern=NAME)]
Sentence = Annotated[str, Field(max_length=2000)]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,80}$")]
Stage = Literal["joined", "preparing", "ready", "sending", "ended", "failed"]
"""Of a load machine. ``ended``: it sends nothing any more, its records are on its disk; ``failed``: it could not get ready."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a load machine."""

    __pydantic_config__ = _WHOLE

    token: Annotated[str, Field(max_length=100)]
    version: Annotated[str, Field(max_length=60)]
    run: Annotated[str, Field(max_length=200)]
    plan: Digest
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    name: MachineName
    instance: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """Of this process: who comes back is the same one."""
    processes: Annotated[int, Field(ge=0, le=PROCESSES_MAX)]
    """0: as many as the plan says."""
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True)
class ClockAnswer:
    """The other machine's clock when a question came and when this answer left."""

    __pydantic_config__ = _WHOLE

    number: Annotated[int, Field(ge=0, lt=2**53)]
    received_ns: Instant
    replied_ns: Instant
    type: Literal["clock"] = "clock"


@dataclass(frozen=True, slots=True)
class MachineStanding:
    """How far a load machine has come; sent at every change and about once a second."""

    __pydantic_config__ = _WHOLE

    stage: Stage
    reason: Sentence = ""
    priority: Annotated[str, Field(max_length=20)] = ""
    """Of its senders, once they are ready."""
    code: Annotated[int, Field(ge=-255, le=255)] | None = None
    """The exit code of its generator, once that has ended."""
    early: bool = False
    """It ended before the load did."""
    type: Literal["standing"] = "standing"


@dataclass(frozen=True, slots=True)
class FileTold:
    """A part of a file, in the bytes that follow; none where the file ends before it, or is missing."""

    __pydantic_config__ = _WHOLE

    name: FileName
    offset: Annotated[int, Field(ge=0, lt=2**43)]
    type: Literal["file"] = "file"


@dataclass(frozen=True, slots=True)
class SumsTold:
    """The files of a load machine that has ended."""

    __pydantic_config__ = _WHOLE

    files: Annotated[dict[FileName, FileSums], Field(max_length=8 * PROCESSES_MAX)]
    type: Literal["sums"] = "sums"


@dataclass(frozen=True, slots=True)
class Leaving:
    """It has heard the run's farewell, and goes."""

    __pydantic_config__ = _WHOLE

    type: Literal["leaving"] = "leaving"


@dataclass(frozen=True, slots=True)
class Welcome:
    """The load machine takes part."""

    __pydantic_config__ = _WHOLE

    type: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True)
class JoinRefusal:
    """It does not, because."""

    __pydantic_config__ = _WHOLE

    reason: Sentence
    type: Literal["refusal"] = "refusal"


@dataclass(frozen=True, slots=True)
class ClockQuestion:
    """To be answered at once."""

    __pydantic_config__ = _WHOLE

    number: int
    until_ns: Instant | None = None
    """Where lost shares are dealt again: the machine may begin what is due before then, in nanoseconds after the load's start."""
    type: Literal["clock?"] = "clock?"


@dataclass(frozen=True, slots=True)
class PrepareShare:
    """Get ready to send this share; the customers' accounts follow as bytes."""

    __pydantic_config__ = _WHOLE

    load: str
    """``load.json``; its paths are this machine's, and the load machine replaces them."""
    authority: str
    """The certificate authority of the edges (PEM), if there is a special one."""
    files: dict[str, Digest]
    """The files of the plan that the load needs, by their path from the plan's directory or their name below ``scenarios/``."""
    type: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True)
class GoAt:
    """Start the load at this instant of the load machine's own clock."""

    __pydantic_config__ = _WHOLE

    start_ns: int
    until_ns: Instant | None = None
    """As in :class:`ClockQuestion`."""
    type: Literal["go"] = "go"


@dataclass(frozen=True, slots=True)
class DealAgain:
    """All steps so far by which shares of lost machines were dealt again."""

    __pydantic_config__ = _WHOLE

    steps: Annotated[tuple[Redeal, ...], Field(max_length=REDEALS_MAX)]
    type: Literal["again"] = "again"


@dataclass(frozen=True, slots=True)
class EndLoad:
    """The load is over before its planned end, for everybody."""

    __pydantic_config__ = _WHOLE

    type: Literal["end"] = "end"


@dataclass(frozen=True, slots=True)
class StopLoad:
    """Stop at once."""

    __pydantic_config__ = _WHOLE

    type: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True)
class TellFile:
    """Tell a part of this file."""

    __pydantic_config__ = _WHOLE

    name: FileName
    offset: int
    size: int
    type: Literal["file?"] = "file?"


@dataclass(frozen=True, slots=True)
class TellSums:
    """Tell the checksums of all files."""

    __pydantic_config__ = _WHOLE

    type: Literal["sums?"] = "sums?"


@dataclass(frozen=True, slots=True)
class Farewell:
    """The run needs nothing more."""

    __pydantic_config__ = _WHOLE

    gathered: bool
    """Whether the run has all records of this machine."""
    reason: Sentence = ""
    """Why the run has ended without the machine's load, if it has."""
    type: Literal["farewell"] = "farewell"


FromMachine = Hello | ClockAnswer | MachineStanding | FileTold | SumsTold | Leaving
FromRun = Welcome | JoinRefusal | ClockQuestion | PrepareShare | GoAt | DealAgain | EndLoad | StopLoad | TellFile | TellSums | Farewell
_MACHINE: TypeAdapter[FromMachine] = TypeAdapter(Annotated[FromMachine, Field(discriminator="type")])
_RUN: TypeAdapter[FromRun] = TypeAdapter(Annotated[FromRun, Field(discriminator="type")])


class Unintelligible(ValueError):
    """The other side does not keep to these messages."""


def from_machine(data: bytes) -> FromMachine:
    """What a load machine says. Raises :class:`Unintelligible`."""
    return _read(_MACHINE, data)


def from_run(data: bytes) -> FromRun:
    """What the run says. Raises :class:`Unintelligible`."""
    return _read(_RUN, data)


def written(message: FromMachine | FromRun) -> bytes:
    """The message as JSON."""
    return _ANY.dump_json(message)


_ANY: TypeAdapter[FromMachine | FromRun] = TypeAdapter(FromMachine | FromRun)


def _read(codec: TypeAdapter[Message], data: bytes) -> Message:
    try:
        return codec.validate_json(data)
    except ValidationError as error:
        # Without the input: it may be a token.
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unintelligible(f"a message that is none: {where}: {first['msg']}"[:300]) from None
