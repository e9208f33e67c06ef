"""A checksum beside each finished file of a history: otherwise a changed byte on the disk could be judged as another figure.

Parquet's own checksums cover the values of a page, not its header, which says how many there are and which of them are null.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path

from closeshave.files import write_atomically

SUFFIX = ".crc32"
CHUNK_BYTES = 1 << 20


def finish(scratch: Path, path: Path) -> None:
    """Rename a finished file, then write its checksum. If the process is killed in between, the file is complete but has no checksum."""
    seal = _seal(path)
    checksum = _checksum(scratch)
    # The checksum of the previous file must not be found with this one.
    seal.unlink(missing_ok=True)
    scratch.replace(path)
    write_atomically(seal, checksum)


def broken(path: Path) -> str:
    """Why the file differs from its checksum; empty when it does not, or when it has none. Raises :class:`OSError`."""
    with suppress(FileNotFoundError):
        sealed = _seal(path).read_text(errors="replace", encoding="utf-8")
        if (found := _checksum(path)) != sealed:
            return f"its checksum is {found}, and was {sealed.strip()[:16]} when it was written"
    return ""


def _seal(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _checksum(path: Path) -> str:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return f"{value:08x}"
