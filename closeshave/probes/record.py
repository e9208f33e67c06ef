"""The directory of a round: the user's files as copies, what was seen, line by line, and the facts by which it is judged.

The figures of a round are never stored to be believed: whoever reads them judges the observations again. A digest of each file tells damage, and
changes by hand that did not mean to deceive.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from closeshave import __version__
from closeshave.files import append_line, digest, jsonfile, read_lines, write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.values import Observation
from closeshave.target import read_target
from closeshave.vocabulary import DESCRIPTION, ENVIRONMENT, LOGS, TARGET

ROUND, OBSERVATIONS = "probes.json", "observations.jsonl"
"""The second one is written while the round is asked."""
SEALED = (OBSERVATIONS, TARGET, ENVIRONMENT, DESCRIPTION)
NAME = "probes"
"""What stands for the plan of a round."""


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """The facts of a round."""

    id: str
    environment: str
    kind: str
    """Of environment."""
    target: str
    started_at: str
    """In ISO 8601."""
    evidence: str
    """What it can show: ``rehearsed``, ``measured`` or ``verified``."""
    basis: ProbeBasis
    asked: tuple[str, ...]
    """Names of probes, in the order in which they were asked."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Probes of the smoke suite that no promise names and that cannot be asked here, and why."""
    ended_at: str | None = None
    """``None`` until it has come to its end."""
    left: tuple[str, ...] = ()
    """What it made and could not remove again."""
    version: str = __version__
    """Of the harness."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """File → SHA-256, once it has ended."""
    schema: Literal["closeshave.probe-record/1"] = "closeshave.probe-record/1"


_CODEC = TypeAdapter(ProbeRecord)
_SEEN = TypeAdapter(Observation)


def create(place: Path, environment: str, token: str, started: datetime) -> Path:
    """The directory of a new round below ``place``. Raises :class:`OSError`."""
    run = place / f"{started:%Y%m%d-%H%M%S}-{NAME}-{environment}-{token}"
    (run / LOGS).mkdir(parents=True)
    return run.resolve()


def keep(run: Path, target: Path, environment: Path, description: Mapping[str, Any]) -> None:
    """Copy the user's files, and write the description of machine and environment."""
    shutil.copyfile(target, run / TARGET)
    shutil.copyfile(environment, run / ENVIRONMENT)
    write_atomically(run / DESCRIPTION, json.dumps(description, indent=1, default=str) + "\n")


def note(run: Path, one: Observation) -> None:
    """Append an observation."""
    append_line(run / OBSERVATIONS, _SEEN.dump_python(one, mode="json"))


def write(run: Path, record: ProbeRecord) -> None:
    """Write the facts."""
    bare = replace(record, basis=replace(record.basis, target=None))
    write_atomically(run / ROUND, _CODEC.dump_json(bare, indent=1) + b"\n")


def finish(run: Path, record: ProbeRecord, left: tuple[str, ...]) -> ProbeRecord:
    """Note that it has come to its end, with the digests of its files."""
    (run / OBSERVATIONS).touch()
    ended = replace(
        record,
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        left=left,
        digests={name: digest(run / name) for name in SEALED if (run / name).is_file()},
    )
    write(run, ended)
    return ended


def is_round(path: Path) -> bool:
    """Whether this is the directory of a round."""
    return (path / ROUND).is_file()


def facts(run: Path) -> ProbeRecord:
    """The facts of a round with its target. Raises :class:`Damaged`, :class:`closeshave.files.yamlfile.InvalidFile`, :class:`OSError`."""
    found = jsonfile.read(run / ROUND, _CODEC)
    return replace(found, basis=replace(found.basis, target=read_target(run / TARGET)))


def observations(run: Path) -> tuple[Observation, ...]:
    """Everything that was seen. Raises :class:`Damaged`, :class:`OSError`."""
    with _as_damage(run / OBSERVATIONS):
        return tuple(_SEEN.validate_python(line) for line in read_lines(run / OBSERVATIONS))


def changed(run: Path, record: ProbeRecord) -> str:
    """Which file is not as the round left it; empty if all are. Raises :class:`OSError`."""
    for name in SEALED:
        if name in record.digests and not (run / name).is_file():
            return f"{name} is missing"
        if name not in record.digests or digest(run / name) != record.digests[name]:
            return f"{name} is not as the round left it"
    return ""


@contextmanager
def _as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise Damaged(f"{path} is damaged: {error.error_count()} values are not of their kind") from None
    except ValueError as error:
        raise Damaged(f"{path} is damaged: {error}") from None
