"""A measured load machine, and what the promises of a target would take of machines like it: put together, written as JSON, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from closeshave.capacity.demands import demands, lateness_ms_max
from closeshave.capacity.loadmachine.values import LoadMachine
from closeshave.capacity.sizing import OnTime, Sizing, on_time, size
from closeshave.files import yamlfile
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.plurals import counted
from closeshave.target import Target

SCHEMA: Literal["closeshave.sized/1"] = "closeshave.sized/1"


@dataclass(frozen=True, slots=True)
class SizedMachine:
    """What ``closeshave doctor --load --json`` prints."""

    schema: Literal["closeshave.sized/1"]
    machine: LoadMachine
    target: str
    """The target's name."""
    lateness_ms_max: float
    """The p99 lateness up to which a load is on time, by the target's objectives."""
    on_time: OnTime | None
    """The largest rate at which this machine was on time; ``None`` where it never was."""
    sizings: tuple[Sizing, ...]

    @property
    def supported(self) -> bool:
        """Whether the measurement supports everything that was asked for."""
        return all(each.supported for each in self.sizings)


_CODEC = TypeAdapter(SizedMachine)


def sized(machine: LoadMachine, target: Target) -> SizedMachine:
    """Size every demand of the target."""
    late = lateness_ms_max(target)
    return SizedMachine(
        SCHEMA, machine, target.name, late, on_time(machine, late), tuple(size(machine, demand, late) for demand in demands(target))
    )


def asking(target: Target, name: str) -> Target:
    """The target, if it promises users or a rate. Raises :class:`InvalidFile` otherwise; ``name`` is how it was asked for."""
    if not any(demands(target)):
        said = f"{name} promises neither users nor requests/s (says: users, requests_per_s), so there is nothing to size"
        raise InvalidFile(Problem("--target", 0, "", said))
    return target


def read(path: Path) -> LoadMachine:
    """The machine that :func:`told` wrote. Raises :class:`InvalidFile`, which names the file, the line and the key."""
    return yamlfile.read(path, SizedMachine).machine


def told(found: SizedMachine) -> dict[str, Any]:
    """Plain values."""
    plain: dict[str, Any] = _CODEC.dump_python(found, mode="json")
    return plain


def brief(found: SizedMachine) -> Iterator[str]:
    """A line for each demand: as short as can be."""
    for each in found.sizings:
        machines = next((one.amount for one in each.needed if one.what == "load machines"), None)
        what = f"unknown: {each.because}" if machines is None else counted(int(machines.high), "load machine")
        doubt = "; ".join(str(one) for one in each.supports if not one.supported)
        yield f"{each.demand.claim}: {doubt or what}"
