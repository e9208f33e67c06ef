"""What a worker itself says of the arrivals that were dealt to it: a small file beside its records, written when it has ended in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter

from closeshave.files import write_atomically
from closeshave.traffic.redealing import REDEALS_MAX
from closeshave.traffic.runfiles import RECORDS

SUFFIX = ".arrivals.json"
_Count = Annotated[int, Field(ge=0, lt=2**40)]


@dataclass(frozen=True, slots=True)
class ArrivalsTold:
    """Counted at the instant from which it began nothing more."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    dealt: _Count
    begun: _Count
    """Carried out, whether anything had to be sent or not."""
    late: Annotated[int, Field(ge=-(2**40), lt=2**40)]
    """Due by then, and not begun."""
    closed_ns: int
    """That instant, on the machine's monotonic clock."""
    redeals: Annotated[int, Field(ge=0, le=REDEALS_MAX)] = 0
    """How many steps it knew by which lost shares were dealt again."""

    def save(self, run: Path, worker: str) -> None:
        """Raises :class:`OSError`."""
        write_atomically(run / RECORDS / f"{worker}{SUFFIX}", _CODEC.dump_json(self))


_CODEC: TypeAdapter[ArrivalsTold] = TypeAdapter(ArrivalsTold)


def read(directory: Path, worker: str) -> ArrivalsTold | None:
    """What a worker said; ``None`` when it was killed before it could, or what is there is damaged."""
    try:
        return _CODEC.validate_json((directory / f"{worker}{SUFFIX}").read_bytes())
    except (OSError, ValueError):
        return None
