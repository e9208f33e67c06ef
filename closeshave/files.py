"""Files that survive a crash: whole or not at all, or appended line by line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace ``path`` so that a reader, or a crash, sees the old content or the new, never a mixture."""
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def append_line(path: Path, record: Mapping[str, Any], *, durable: bool = False) -> None:
    """Append one JSON line with a single ``write``, so that lines of several processes never interleave.

    ``durable`` waits for the disk (fsync): for what must be known after a power cut, such as a fault about to be injected.
    """
    line = json.dumps(record, separators=(",", ":"), default=str) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file; a torn last line (the writer was killed) is left out, a missing file is empty."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and line.strip():
                yield json.loads(line)
