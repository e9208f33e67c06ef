"""The run that a command is busy with: where an unforeseen error is written down, and what is said of an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_runs: list[Path] = []


@contextmanager
def at_hand(run: Path) -> Iterator[None]:
    """This block is about that run. After an error it stays the one that was at hand."""
    _runs[:] = [run]
    yield
    _runs.clear()


def current() -> Path | None:
    """The run that the command is, or was last, busy with; ``None`` when there is none."""
    return _runs[-1] if _runs else None
