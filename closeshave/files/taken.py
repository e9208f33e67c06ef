"""Where the options of a run came from: the command line, a variable, or the file ``closeshave.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class OptionSource(StrEnum):
    """In the order in which they win; the plan comes after them, and the option's default last."""

    COMMAND_LINE = "command line"
    VARIABLE = "variable"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Taken:
    """An option that somebody set."""

    option: str
    """Without its dashes: ``rate-scale``."""
    value: str
    """Empty for a flag."""
    source: OptionSource
    place: str
    """The variable's name or the file's path; on the command line the option as it is written there."""

    def __str__(self) -> str:
        where = "" if self.source is OptionSource.COMMAND_LINE else f" ({self.place})"
        return f"{f'--{self.option} {self.value}'.strip()}{where}"


def told(taken: Sequence[Taken]) -> list[dict[str, str]]:
    """For ``options.json``."""
    return [asdict(one) for one in taken]
