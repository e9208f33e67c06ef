"""The figures of many nights: from run directories, or from one file to which each night is appended.

The file has one JSON line a night and keeps the newest :data:`KEPT`, a year and a month of nights; older ones are removed when one is appended. Run
directories are kept by whoever owns them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from closeshave.comparison import stored
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.comparison.stored import StoredRun
from closeshave.files import foreign, read_lines, write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.files.rundir import NotARun
from closeshave.report.summary import Summary
from closeshave.vocabulary import DESCRIPTION, SUMMARY, Exit

SCHEMA: Literal["closeshave.night/1"] = "closeshave.night/1"
KEPT = 400
"""Nights that a file keeps."""


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure that is followed over nights."""

    title: str
    unit: str
    more_is_better: bool = False


KINDS: Mapping[str, FigureKind] = {
    "p50": FigureKind("response time p50", "s"),
    "p95": FigureKind("response time p95", "s"),
    "p99": FigureKind("response time p99", "s"),
    "cpu": FigureKind("platform CPU per request", "s"),
    "availability": FigureKind("availability", "ratio", more_is_better=True),
    "startup": FigureKind("start of the environment", "s"),
    "recovery": FigureKind("recovery", "s"),
    "detect": FigureKind("time to detect", "s"),
    "fail-over": FigureKind("time to fail over", "s"),
    "restore": FigureKind("time to restore", "s"),
    "loss-window": FigureKind("loss window", "s"),
    "leakage": FigureKind("leakage", "ratio"),
}
"""By the first part of a figure's name; the second one names a fault: ``recovery/shard-primary-killed``."""
_OF_FAULTS = {
    "recovery": "recovery_s",
    "detect": "detect_s",
    "fail-over": "fail_over_s",
    "restore": "restore_s",
    "loss-window": "loss_window_s",
    "leakage": "leakage",
}
_NOT_MEASURED = frozenset({Exit.BROKEN, Exit.SAFETY, Exit.INTERRUPTED})
"""A run that ended early has other figures than a whole one."""


@dataclass(frozen=True, slots=True)
class Night:
    """One run, as far as a trend needs it."""

    run: str
    """Its ID."""
    at: str
    """When it started, in ISO 8601."""
    plan: str
    environment: str
    target: str
    status: str
    figures: Mapping[str, float]
    """By name, in seconds or shares. What was not measured is absent."""
    fingerprint: RunFingerprint = field(default_factory=RunFingerprint)
    waived: tuple[str, ...] = ()
    """IDs of verdicts that did not count: it may have passed in spite of them."""
    schema: Literal["closeshave.night/1"] = SCHEMA


_CODEC = TypeAdapter(Night)


def night(run: StoredRun) -> Night | None:
    """The figures of a run; ``None`` for one that ended early."""
    summary = run.summary
    if summary.exit_code in _NOT_MEASURED:
        return None
    return _made(run, {name: float(value) for name, value in _figures(summary, run.path) if value is not None and math.isfinite(value)})


def _made(run: StoredRun, figures: Mapping[str, float]) -> Night:
    summary = run.summary
    return Night(
        run=summary.run.id,
        at=summary.run.started_at,
        plan=summary.run.plan,
        environment=summary.run.environment,
        target=summary.run.target,
        status=summary.status.value,
        figures=figures,
        fingerprint=run.fingerprint,
        waived=tuple(one.id for one in summary.verdicts if one.waived is not None),
    )


def read(path: Path, *, early: bool = False) -> tuple[Night, ...]:
    """All nights of a directory of runs, or of a file of nights, in time order, each run once. ``early``: with the runs of a directory that ended early,
    which have a result and no figures: one that stopped for safety may have failed.

    A run that cannot be read is left out of a directory, where trials and broken runs lie beside each other. Raises
    :class:`Damaged` for a file with a line that is no night, :class:`NotARun` where there is nothing of the kind.
    """
    if path.is_dir():
        found = list(_of_directory(path, early=early))
    elif path.is_file():
        found = list(_of_file(path))
    else:
        raise NotARun(f"{path} is neither a directory of runs nor a file of nights")
    return tuple({one.run: one for one in sorted(found, key=lambda each: (each.at, each.run))}.values())


def append(path: Path, more: Night, keep: int = KEPT) -> None:
    """Add a night to a file, which is made if it is missing; a run that is there already is replaced. Only the newest nights are kept.

    Raises :class:`Damaged`, :class:`OSError`.
    """
    before = [one for one in (read(path) if path.exists() else ()) if one.run != more.run]
    kept = sorted([*before, more], key=lambda each: (each.at, each.run))[-keep:]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(json.dumps(_CODEC.dump_python(one, mode="json"), separators=(",", ":")) + "\n" for one in kept))


def alike(nights: Iterable[Night], of: Night) -> tuple[Night, ...]:
    """The nights of the same plan, environment and target: others measure something else."""
    return tuple(one for one in nights if (one.plan, one.environment, one.target) == (of.plan, of.environment, of.target))


def kind_of(figure: str) -> FigureKind:
    """What a figure of this name is; one that is not known is a plain number."""
    return KINDS.get(figure.partition("/")[0], FigureKind(figure, "count"))


def title_of(figure: str) -> str:
    """``recovery, shard-primary-killed``."""
    fault = figure.partition("/")[2]
    return f"{kind_of(figure).title}, {fault}" if fault else kind_of(figure).title


def _figures(summary: Summary, directory: Path) -> Iterator[tuple[str, float | None]]:
    for name in ("p50", "p95", "p99"):
        value = summary.load.response_ms.get(name)
        yield name, None if value is None else value / 1e3
    cpu = summary.load.platform_cpu_ms_per_request
    yield "cpu", None if cpu is None else cpu / 1e3
    yield "availability", next((each.measured for each in summary.verdicts if each.measure == "availability" and each.scope == "all"), None)
    yield "startup", _startup_s(directory)
    for fault in summary.faults:
        for name, attribute in _OF_FAULTS.items():
            yield f"{name}/{fault.id}", getattr(fault, attribute)


def _startup_s(directory: Path) -> float | None:
    try:
        told: Any = foreign.loads((directory / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return None
    value = told.get("startup_s") if isinstance(told, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _of_directory(path: Path, *, early: bool) -> Iterator[Night]:
    for held in sorted(path.glob(f"*/{SUMMARY}")):
        try:
            run = stored.load(held)
            found = night(run)
        except (Damaged, OSError):
            continue
        if found is not None:
            yield found
        elif early:
            yield _made(run, {})


def _of_file(path: Path) -> Iterator[Night]:
    try:
        for number, record in enumerate(read_lines(path), start=1):
            try:
                found = _CODEC.validate_python(record)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                place = ".".join(map(str, first["loc"]))
                raise Damaged(f"{path}:{number} is no night: {place}: {first['msg']}") from None
            if endless := next((name for name, value in found.figures.items() if not math.isfinite(value)), None):
                raise Damaged(f"{path}:{number} is no night: figures.{endless}: it is not a finite number")
            yield found
    except ValueError as error:
        raise error if isinstance(error, Damaged) else Damaged(f"{path} is damaged: {error}") from None
