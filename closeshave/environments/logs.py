"""The logs of an environment's parts: the end of one for a message, or copies of all."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

LINES = 8
LAST_BYTES = 64 << 10
"""An application may write long logs."""


def end(root: Path, name: str) -> str:
    """The last 64 KiB that the part ``name`` wrote, from whole lines on or not; empty if it wrote nothing."""
    try:
        return _end(root / "logs" / f"{name}.log")
    except FileNotFoundError:
        return ""


def tail(root: Path, name: str) -> str:
    """The last lines that the part ``name`` wrote. A log that was cut a moment ago has its last lines in the file that was kept."""
    path = root / "logs" / f"{name}.log"
    try:
        lines = _last(path)
    except FileNotFoundError:
        return "  (it wrote no log)"
    if len(lines) < LINES:
        with suppress(FileNotFoundError):
            lines = [*_last(path.with_name(f"{path.name}.1")), *lines]
    return "\n".join(f"  {line[:300]}" for line in lines[-LINES:]) or "  (its log is empty)"


def _last(path: Path) -> list[str]:
    """Raises :class:`FileNotFoundError`."""
    return _end(path).splitlines()[-LINES:]


def _end(path: Path) -> str:
    """Raises :class:`FileNotFoundError`."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        return file.read(LAST_BYTES).decode(errors="replace")


def copy(root: Path, destination: Path) -> None:
    """Copy every log to ``destination``; files that are already there stay. Raises :class:`OSError`."""
    if (root / "logs").is_dir():
        shutil.copytree(root / "logs", destination, dirs_exist_ok=True)
