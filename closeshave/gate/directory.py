"""The directory of a gate: its rules, written before the first leg; its legs, each the directory of a run; each finished block; the result.

With it a gate that was stopped or killed is continued (:mod:`closeshave.files.resumed`): a block that was not finished is run again, because between its
legs the environment was started anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from closeshave import __version__
from closeshave.files import resumed
from closeshave.gate.result import JudgedBlock
from closeshave.gate.rules import Rules

RULES, BLOCKS, RESULT, PAGE, JUNIT, MARKDOWN = "rules.json", "blocks.jsonl", "gate.json", "gate.html", "junit.xml", "summary.md"


@dataclass(frozen=True, slots=True)
class GateOrder:
    """What a gate was asked to do; fixed before its first leg."""

    plan: str
    """The path of the plan."""
    base: str
    candidate: str
    """Environments, or releases of one; for the base also the path of a baseline."""
    seed: int
    started_at: str
    rules: Rules
    plan_digest: str
    environment_digests: tuple[str, ...]
    target_digest: str
    version: str = __version__
    """Of Closeshave."""
    target: str | None = None
    """The target, where it is not the plan's."""
    save: str = ""
    """The name of the baseline that this job is added to; empty for none."""
    rate_scale: float | None = None
    """Where ``--rate-scale`` was given."""
    environment: str | None = None
    """The environment whose releases are compared, where ``--environment`` named it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What else decides what customers send, as the plan and the environments name it → its digest: the Locust file, the profiles, replayed arrivals."""
    kind: Literal["sides", "baseline", "save"] = "sides"
    """Two sides in one job, one against a baseline of other jobs, or one that is only saved."""
    machine: Mapping[str, str | float | None] = field(default_factory=dict)
    """On which it began: kernel, processor, cores, memory, architecture."""


_ORDER = TypeAdapter(GateOrder)
_BLOCK = TypeAdapter(JudgedBlock)


def create(gates: Path, order: GateOrder, started: datetime) -> Path:
    """A new directory with these rules. Raises :class:`OSError`."""
    path = resumed.create(gates, order.plan, started)
    write_rules(path, order)
    return path


def write_rules(path: Path, order: GateOrder) -> None:
    """Fix what a gate is asked to do. Raises :class:`OSError`."""
    resumed.write_order(path / RULES, _ORDER, order)


def order_of(path: Path) -> GateOrder:
    """What the gate of a directory was asked to do. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    return resumed.read_order(path / RULES, _ORDER, "a gate")


def refuse_changed(path: Path, before: GateOrder, now: GateOrder) -> None:
    """Raises :class:`InvalidFile` when the gate cannot be continued, because what it compares is not what it was."""
    inputs = {
        "the plan": (before.plan_digest, now.plan_digest),
        "the target": (before.target_digest, now.target_digest),
        "an environment file": (before.environment_digests, now.environment_digests),
        "Closeshave": (before.version, now.version),
        **resumed.machine(before.machine, now.machine),
        **resumed.files(before.files, now.files),
    }
    resumed.refuse_changed(path, inputs, "a new gate")


def keep(path: Path, block: JudgedBlock) -> None:
    """Record a finished block, also one that is thrown away. Raises :class:`OSError`."""
    resumed.keep(path / BLOCKS, _BLOCK, block)


def kept(path: Path) -> Iterator[JudgedBlock]:
    """The finished blocks; the last line may be cut off. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    return resumed.kept(path / BLOCKS, _BLOCK)
