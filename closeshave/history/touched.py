"""What an injection touches: a small frozen value for each sort of thing. Its text is what reports show.

``kind`` tells the sorts apart in a file. What a run of an older version recorded is text alone: :class:`TouchedText`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator


@dataclass(frozen=True, slots=True)
class TouchedProcess:
    """A process that was killed, stopped, started again, or started for the fault."""

    name: str
    """Of the deployment's process that it belongs to, or of a helper."""
    pid: int
    program: str = ""
    note: str = ""
    """What became of it, where that is not the same for all that the fault touched: ``skewed``."""
    kind: Literal["process"] = "process"

    def __str__(self) -> str:
        note = f", {self.note}" if self.note else ""
        return f"{self.program} {self.name} pid {self.pid}{note}".lstrip()


@dataclass(frozen=True, slots=True)
class TouchedLink:
    """A link that got toxics."""

    link: str
    toxics: tuple[str, ...]
    """Each with its direction: ``latency downstream``."""
    kind: Literal["link"] = "link"

    def __str__(self) -> str:
        return f"toxics {', '.join(self.toxics)} on link {self.link}"


@dataclass(frozen=True, slots=True)
class TouchedNetwork:
    """A container that was taken off a network."""

    process: str
    network: str
    kind: Literal["network"] = "network"

    def __str__(self) -> str:
        return f"{self.process} off {self.network}"


@dataclass(frozen=True, slots=True)
class TouchedCpu:
    """A container that got a quota of processor time."""

    process: str
    share: float
    """Of one processor, 0 to 1."""
    kind: Literal["cpu"] = "cpu"

    def __str__(self) -> str:
        return f"container of {self.process} limited to {self.share:g} of a CPU"


@dataclass(frozen=True, slots=True)
class TouchedMemory:
    """A store, or the container of a process, that may use only so much memory."""

    process: str
    bytes_max: int
    container: bool = False
    kind: Literal["memory"] = "memory"

    def __str__(self) -> str:
        return f"{'container of ' if self.container else ''}{self.process} limited to {self.bytes_max} bytes of memory"


@dataclass(frozen=True, slots=True)
class TouchedFiles:
    """A process that may let no file grow beyond a size."""

    name: str
    pid: int
    """Inside of its container, where it runs in one."""
    bytes_max: int
    kind: Literal["files"] = "files"

    def __str__(self) -> str:
        return f"{self.name} pid {self.pid} can write at most {self.bytes_max} bytes into a file"


@dataclass(frozen=True, slots=True)
class TouchedKeys:
    """A store that was emptied."""

    store: str
    keys: int
    """How many it held."""
    kind: Literal["keys"] = "keys"

    def __str__(self) -> str:
        return f"{self.keys:,} {'key' if self.keys == 1 else 'keys'} of {self.store}"


@dataclass(frozen=True, slots=True)
class TouchedUser:
    """A user of a store who lost every right there."""

    user: str
    store: str
    kind: Literal["user"] = "user"

    def __str__(self) -> str:
        return f"user {self.user} at {self.store} may do nothing"


@dataclass(frozen=True, slots=True)
class TouchedRows:
    """Franchises whose bookings are locked, the busiest first."""

    franchises: tuple[int, ...]
    kind: Literal["rows"] = "rows"

    def __str__(self) -> str:
        return f"bookings of franchises {', '.join(map(str, self.franchises))}"


@dataclass(frozen=True, slots=True)
class TouchedSettings:
    """A process whose behaviour was set."""

    process: str
    how: str
    """To what, or by which file: ``set to {"late_s": 5}``, ``by its instruction file app-1.json``."""
    kind: Literal["settings"] = "settings"

    def __str__(self) -> str:
        return f"{self.process}, {self.how}"


@dataclass(frozen=True, slots=True)
class TouchedLeader:
    """A member that gave up or took over the lead of its shard."""

    member: str
    answer: str = ""
    """What was answered to the request for it."""
    kind: Literal["leader"] = "leader"

    def __str__(self) -> str:
        return f"leader {self.member}{': ' if self.answer else ''}{self.answer}"


@dataclass(frozen=True, slots=True)
class TouchedText:
    """Something that is known in words only: what an operator's own call did, and whatever a run of an older version touched."""

    text: str
    kind: Literal["text"] = "text"

    def __str__(self) -> str:
        return self.text


def _of_older_versions(told: Any) -> Any:
    return TouchedText(told) if isinstance(told, str) else told


Touched = Annotated[
    Annotated[
        TouchedProcess
        | TouchedLink
        | TouchedNetwork
        | TouchedCpu
        | TouchedMemory
        | TouchedFiles
        | TouchedKeys
        | TouchedUser
        | TouchedRows
        | TouchedSettings
        | TouchedLeader
        | TouchedText,
        Discriminator("kind"),
    ],
    BeforeValidator(_of_older_versions),
]
"""Anything that an injection touches; in a file an object with its ``kind``, or the text of an older version."""
