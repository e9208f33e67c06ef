"""The directory of work that can be continued after it was stopped or killed: what was asked, and each part of the work once it is finished.

A part that was not finished is not there, and is done again.
"""

from __future__ import annotations

import json
import math
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
NEAR = 0.05
"""Relative: decimal numbers that differ by less are of one machine."""


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


def machine(then: Mapping[str, object], now: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """The machine on which the work began, and this one, for :func:`refuse_changed`: what one machine measured is not continued on another one.

    Both by what is known of them (``kernel``, ``processor``). Decimal numbers, such as its memory, differ by some pages from start to start.
    """
    if not then:
        return {"the machine (on which one it began was not recorded)": (None, now)}
    return {f"the machine's {name}": _told_apart(then.get(name), now.get(name)) for name in sorted({*then, *now})}


def _told_apart(then: object, now: object) -> tuple[object, object]:
    near = isinstance(then, float) and isinstance(now, float) and math.isclose(then, now, rel_tol=NEAR)
    return (then, then) if near else (then, now)


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
