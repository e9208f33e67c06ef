"""The directory of a search: what it was asked, the plans of its levels, each finished level, the result.

With it a search that was stopped or killed is continued (:mod:`closeshave.files.resumed`): the same results give the same next level, and a level that was
not finished is driven again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from closeshave import __version__
from closeshave.capacity.level import LevelResult
from closeshave.capacity.result import CapacityResult
from closeshave.files import jsonfile, resumed
from closeshave.files.rundir import NotARun

ORDER, LEVELS, RESULT, PAGE, MARKDOWN, CHARTS, PLANS = (
    "order.json", "levels.jsonl", "capacity.json", "capacity.html", "summary.md", "charts", "plans"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CapacityOrder:
    """What a search was asked to do; fixed before its first level."""

    plan: str
    """The path of the plan."""
    environment: str | None
    """As the command named it."""
    target: str | None
    """As the command named it."""
    under: tuple[str, ...]
    """The faults, as the command named them."""
    seed: int
    quota_cores: float | None
    started_at: str
    plan_digest: str
    environment_digest: str
    target_digest: str
    version: str = __version__
    """Of Closeshave."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What else decides what customers send → its digest: the Locust file, the profiles, replayed arrivals."""
    machine: Mapping[str, str | float | None] = field(default_factory=dict)
    """On which it began: kernel, processor, cores, memory, architecture."""


@dataclass(frozen=True, slots=True)
class KeptLevel:
    """A finished level of one state."""

    state: str
    result: LevelResult


_ORDER = TypeAdapter(CapacityOrder)
_LEVEL = TypeAdapter(KeptLevel)
_RESULT = TypeAdapter(CapacityResult)


def create(capacities: Path, order: CapacityOrder, started: datetime) -> Path:
    """A new directory with this order. Raises :class:`OSError`."""
    path = resumed.create(capacities, order.plan, started)
    (path / PLANS).mkdir()
    resumed.write_order(path / ORDER, _ORDER, order)
    return path


def order_of(path: Path) -> CapacityOrder:
    """What the search of a directory was asked to do. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    return resumed.read_order(path / ORDER, _ORDER, "a capacity search")


def refuse_changed(path: Path, before: CapacityOrder, now: CapacityOrder) -> None:
    """Raises :class:`InvalidFile` when the search cannot be continued, because what it measures is not what it was."""
    inputs = {
        "the plan": (before.plan_digest, now.plan_digest),
        "the target": (before.target_digest, now.target_digest),
        "the environment file": (before.environment_digest, now.environment_digest),
        "Closeshave": (before.version, now.version),
        **resumed.machine(before.machine, now.machine),
        **resumed.files(before.files, now.files),
    }
    resumed.refuse_changed(path, inputs, "a new search")


def keep(path: Path, state: str, result: LevelResult) -> None:
    """Record a finished level. Raises :class:`OSError`."""
    resumed.keep(path / LEVELS, _LEVEL, KeptLevel(state, result))


def kept(path: Path, state: str) -> Sequence[LevelResult]:
    """The finished levels of a state, in order; the last line may be cut off. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    return [one.result for one in resumed.kept(path / LEVELS, _LEVEL) if one.state == state]


def result_of(path: Path) -> CapacityResult:
    """The result of a finished search. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(path / RESULT, _RESULT)
    except FileNotFoundError:
        raise NotARun(f"{path} has no {RESULT}: its search was not finished") from None
