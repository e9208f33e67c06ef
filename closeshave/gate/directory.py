"""The directory of a gate: its rules, written before the first leg; its legs, each the directory of a run; each finished block; the result.

With it a gate that was stopped or killed is continued: finished blocks are kept, a block that was not finished is run again, because between its legs the
environment was started anew.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from closeshave import __version__
from closeshave.files import append_line, jsonfile, read_lines, write_atomically
from closeshave.files.rundir import NotARun
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.gate.result import JudgedBlock
from closeshave.gate.rules import Rules

RULES, BLOCKS, RESULT, PAGE, JUNIT, MARKDOWN = "rules.json", "blocks.jsonl", "gate.json", "gate.html", "junit.xml", "summary.md"
GATES = Path("reports/gates")


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
    kind: Literal["sides", "baseline", "save"] = "sides"
    """Two sides in one job, one against a baseline of other jobs, or one that is only saved."""


_ORDER = TypeAdapter(GateOrder)
_BLOCK = TypeAdapter(JudgedBlock)


def create(gates: Path, order: GateOrder, started: datetime) -> Path:
    """A new directory with these rules. Raises :class:`OSError`."""
    path = (gates / f"{started:%Y%m%d-%H%M%S}-{Path(order.plan).stem}-{secrets.token_hex(2)}").resolve()
    path.mkdir(parents=True)
    write_rules(path, order)
    return path


def write_rules(path: Path, order: GateOrder) -> None:
    """Fix what a gate is asked to do. Raises :class:`OSError`."""
    write_atomically(path / RULES, json.dumps(_ORDER.dump_python(order, mode="json"), indent=1) + "\n")


def order_of(path: Path) -> GateOrder:
    """What the gate of a directory was asked to do. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(path / RULES, _ORDER)
    except FileNotFoundError:
        raise NotARun(f"{path} is not the directory of a gate: it has no {RULES}") from None


def refuse_changed(path: Path, before: GateOrder, now: GateOrder) -> None:
    """Raises :class:`InvalidFile` when the gate cannot be continued, because what it compares is not what it was."""
    changed = [
        what
        for what, one, two in (
            ("the plan", before.plan_digest, now.plan_digest),
            ("the target", before.target_digest, now.target_digest),
            ("an environment file", before.environment_digests, now.environment_digests),
            ("Closeshave", before.version, now.version),
        )
        if one != two
    ]
    if changed:
        raise InvalidFile(
            Problem("--resume", 0, "", f"{path} cannot be continued: {' and '.join(changed)} changed since it began; start a new gate")
        )


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def keep(path: Path, block: JudgedBlock) -> None:
    """Record a finished block, also one that is thrown away. Raises :class:`OSError`."""
    _cut(path / BLOCKS)
    append_line(path / BLOCKS, _BLOCK.dump_python(block, mode="json"), durable=True)


def _cut(path: Path) -> None:
    """Remove a last line that was cut off: what is appended to it would be a part of it."""
    if path.exists():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            write_atomically(path, content[: content.rfind(b"\n") + 1])


def kept(path: Path) -> Iterator[JudgedBlock]:
    """The finished blocks; the last line may be cut off. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        for record in read_lines(path / BLOCKS):
            yield _BLOCK.validate_python(record)
    except (ValueError, ValidationError) as error:
        raise jsonfile.Damaged(f"{path / BLOCKS} is damaged: {str(error).splitlines()[0]}") from None
