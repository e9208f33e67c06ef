"""The directory of a search: what it was asked, the plans of its levels, each finished level, the result.

With it a search that was stopped or killed is continued: the same results give the same next level, and a level that was not finished is driven again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from closeshave import __version__
from closeshave.capacity.level import LevelResult
from closeshave.capacity.result import CapacityResult
from closeshave.files import append_line, jsonfile, read_lines, write_atomically
from closeshave.files.rundir import NotARun
from closeshave.files.yamlfile import InvalidFile, Problem

ORDER, LEVELS, RESULT, PAGE, MARKDOWN, CHARTS, PLANS = (
    "order.json", "levels.jsonl", "capacity.json", "capacity.html", "summary.md", "charts", "plans"
)  # fmt: skip
CAPACITIES = Path("reports/capacities")


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
    path = (capacities / f"{started:%Y%m%d-%H%M%S}-{Path(order.plan).stem}-{secrets.token_hex(2)}").resolve()
    (path / PLANS).mkdir(parents=True)
    write_atomically(path / ORDER, json.dumps(_ORDER.dump_python(order, mode="json"), indent=1) + "\n")
    return path


def order_of(path: Path) -> CapacityOrder:
    """What the search of a directory was asked to do. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(path / ORDER, _ORDER)
    except FileNotFoundError:
        raise NotARun(f"{path} is not the directory of a capacity search: it has no {ORDER}") from None


def refuse_changed(path: Path, before: CapacityOrder, now: CapacityOrder) -> None:
    """Raises :class:`InvalidFile` when the search cannot be continued, because what it measures is not what it was."""
    changed = [
        what
        for what, one, two in (
            ("the plan", before.plan_digest, now.plan_digest),
            ("the target", before.target_digest, now.target_digest),
            ("the environment file", before.environment_digest, now.environment_digest),
            ("Closeshave", before.version, now.version),
        )
        if one != two
    ]
    if changed:
        said = f"{path} cannot be continued: {' and '.join(changed)} changed since it began; start a new search"
        raise InvalidFile(Problem("--resume", 0, "", said))


def keep(path: Path, state: str, result: LevelResult) -> None:
    """Record a finished level. Raises :class:`OSError`."""
    _cut(path / LEVELS)
    append_line(path / LEVELS, _LEVEL.dump_python(KeptLevel(state, result), mode="json"), durable=True)


def _cut(path: Path) -> None:
    """Remove a last line that was cut off: what is appended to it would be a part of it."""
    if path.exists():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            write_atomically(path, content[: content.rfind(b"\n") + 1])


def kept(path: Path, state: str) -> Sequence[LevelResult]:
    """The finished levels of a state, in order; the last line may be cut off. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        found = [_LEVEL.validate_python(record) for record in read_lines(path / LEVELS)]
    except (ValueError, ValidationError) as error:
        raise jsonfile.Damaged(f"{path / LEVELS} is damaged: {str(error).splitlines()[0]}") from None
    return [one.result for one in found if one.state == state]


def result_of(path: Path) -> CapacityResult:
    """The result of a finished search. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(path / RESULT, _RESULT)
    except FileNotFoundError:
        raise NotARun(f"{path} has no {RESULT}: its search was not finished") from None
