"""Checksums of a file and of its parts, so that whoever fetches it knows what is still lacking: after an interruption, or where a part is damaged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

PART_BYTES = 1 << 20
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class FileSums:
    """What a file was when it was read."""

    size: Annotated[int, Field(ge=0, lt=2**43)]
    """In bytes."""
    sha256: Digest
    """Of the whole file."""
    parts: Annotated[tuple[Digest, ...], Field(max_length=2**20)]
    """Of each :data:`PART_BYTES` of it, in order; the last part may be shorter."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a file by its position in it."""

    offset: int
    size: int


def sums_of(path: Path) -> FileSums:
    """Read a file. Raises :class:`OSError`."""
    whole, parts, size = hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while data := file.read(PART_BYTES):
            whole.update(data)
            parts.append(hashlib.sha256(data).hexdigest())
            size += len(data)
    return FileSums(size, whole.hexdigest(), tuple(parts))


def lacking(path: Path, wanted: FileSums) -> tuple[FilePart, ...]:
    """The parts of a file that are not at ``path``, or are otherwise there; a missing file lacks all of them. Raises :class:`OSError`."""
    there = sums_of(path).parts if path.is_file() else ()
    return tuple(
        FilePart(index * PART_BYTES, min(PART_BYTES, wanted.size - index * PART_BYTES))
        for index, part in enumerate(wanted.parts)
        if index >= len(there) or there[index] != part
    )


def whole(sums: FileSums) -> bool:
    """Whether the number of parts fits the size: sums that another machine states may say anything."""
    return len(sums.parts) == -(-sums.size // PART_BYTES)
