"""Files: written so that they survive a crash, and read as the expected value or as one clear error.

This module writes them: completely or not at all, or appended line by line. :mod:`.yamlfile` reads what people write (:mod:`.yamltext` its text,
:mod:`.yamlquick` the usual text quickly), :mod:`.jsonfile` what the harness wrote itself, :mod:`.foreign` and :mod:`.plaintext` what others wrote;
:mod:`.seal` is a checksum beside a file, :mod:`.shipped` finds plans, targets and environment files by name and :mod:`.closest` the name that was
meant, :mod:`.rundir` makes the directory of a run, :mod:`.taken` says where its options came from, :mod:`.unexpected` keeps tracebacks in its logs,
:mod:`.existing` says whether something is at a path of any text, :mod:`.resumed` is the directory of work that can be continued.

May import: vocabulary.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | str, mode: int = 0o666, *, durable: bool = True) -> None:
    """Replace ``path`` so that a reader, or a crash, sees the old content or the new, never a mixture.

    ``durable`` waits for the disk (fsync); without it a power cut, and nothing else, may leave an empty file: for what is replaced again and again.

    ``mode`` (less the umask) holds from the first byte on: 0o600 for files that no other user may read. Text is UTF-8; characters that UTF-8 cannot
    encode (lone surrogates, as in a path that is not text) become question marks. Raises :class:`OSError`; no new file is left then.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises :class:`OSError`."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def append_line(path: Path, record: Mapping[str, Any], *, durable: bool = False) -> None:
    """Append one JSON line with a single ``write``, so that lines of several processes never interleave.

    ``durable`` waits for the disk (fsync): for records that must survive a power cut, such as a fault that is about to be injected. Raises
    :class:`OSError`, also when there was room only for a part of the line.
    """
    line = (json.dumps(record, separators=(",", ":"), default=str) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "only a part of a line could be written", str(path))
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file; an incomplete last line (the writer was killed) is left out, a missing file is empty.

    Raises :class:`ValueError` naming a line that is not a record, and :class:`OSError`.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n") and line.strip():
                try:
                    yield record_of(line)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number} is not a record: {error}") from None


def record_of(data: bytes) -> dict[str, Any]:
    """The JSON object that :func:`append_line` wrote, also with paths that are not text. Raises :class:`ValueError` for anything else."""
    try:
        told = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(told, dict):
        raise ValueError(f"it is {type(told).__name__}")  # noqa: TRY004 - what is wrong is a file
    return told
