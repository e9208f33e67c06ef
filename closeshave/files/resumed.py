"""The directory of work that can be continued after it was stopped or killed: what was asked, and each part of the work once it is finished.

A part that was not finished is not there, and is done again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from closeshave.files import append_line, jsonfile, read_lines, write_atomically
from closeshave.files.rundir import NotARun
from closeshave.files.yamlfile import InvalidFile, Problem

T = TypeVar("T")


def create(parent: Path, plan: str, started: datetime) -> Path:
    """A new directory below ``parent``, named after the instant and the plan. Raises :class:`OSError`."""
    path = (parent / f"{started:%Y%m%d-%H%M%S}-{Path(plan).stem}-{secrets.token_hex(2)}").resolve()
    path.mkdir(parents=True)
    return path


def write_order(path: Path, codec: TypeAdapter[T], order: T) -> None:
    """Fix in this file what is asked, before anything is done. Raises :class:`OSError`."""
    write_atomically(path, json.dumps(codec.dump_python(order, mode="json"), indent=1) + "\n")


def read_order(path: Path, codec: TypeAdapter[T], what: str) -> T:
    """What was asked. ``what`` is the work, like ``a gate``. Raises :class:`NotARun`, :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(path, codec)
    except FileNotFoundError:
        raise NotARun(f"{path.parent} is not the directory of {what}: it has no {path.name}") from None


def refuse_changed(path: Path, inputs: Mapping[str, tuple[object, object]], again: str) -> None:
    """Raises :class:`InvalidFile` when the work of a directory cannot be continued: what it is about is not what it was.

    ``inputs`` are digests or versions by what they are of: then and now. ``again`` is what to start instead, like ``a new gate``.
    """
    changed = [what for what, (then, now) in inputs.items() if then != now]
    if changed:
        said = f"{path} cannot be continued: {' and '.join(changed)} changed since it began; start {again}"
        raise InvalidFile(Problem("--resume", 0, "", said))


def files(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[object, object]]:
    """The digests of named files, then and now, for :func:`refuse_changed`; a file that only one of them has is another one."""
    return {name: (then.get(name), now.get(name)) for name in sorted({*then, *now})}


def keep(path: Path, codec: TypeAdapter[T], part: T) -> None:
    """Append a finished part to this file. Raises :class:`OSError`."""
    if path.exists():
        # What is appended to a last line that was cut off would be a part of it.
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            write_atomically(path, content[: content.rfind(b"\n") + 1])
    append_line(path, codec.dump_python(part, mode="json"), durable=True)


def kept(path: Path, codec: TypeAdapter[T]) -> Iterator[T]:
    """The finished parts, in order; the last line may be cut off. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        for record in read_lines(path):
            yield codec.validate_python(record)
    except (ValueError, ValidationError) as error:
        raise jsonfile.Damaged(f"{path} is damaged: {str(error).splitlines()[0]}") from None
