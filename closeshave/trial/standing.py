"""What the abort rules make of a running load, as a file that the trial replaces once a second: for whoever watches from another process.

The budget leaves out what other programs disturbed, and a slot counts as acknowledged twice only when that is settled: nobody else needs to repeat that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.vocabulary import SPOOL

FILE = f"{SPOOL}/standing.json"


@dataclass(frozen=True, slots=True)
class LoadStanding:
    """At one instant (monotonic nanoseconds)."""

    at_ns: int
    burnt: float | None
    """Share of the month's error budget; ``None`` without one."""
    burnt_max: float
    """At which the trial stops itself."""
    doubled: str
    """A slot for which two bookings were acknowledged, as a sentence; empty as long as none was seen."""
    slots: bool
    """Whether the load tells of slots at all."""


_CODEC = TypeAdapter(LoadStanding)


def save(run: Path, standing: LoadStanding) -> None:
    """Replace what a run's directory tells. Raises :class:`OSError`."""
    write_atomically(run / FILE, _CODEC.dump_json(standing), durable=False)


def load(run: Path) -> LoadStanding:
    """What the trial told last. Raises :class:`FileNotFoundError` before its first look, :class:`closeshave.files.jsonfile.Damaged`, :class:`OSError`."""
    return jsonfile.read(run / FILE, _CODEC)
