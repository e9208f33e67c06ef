"""What tasks of a user's own Locust file raised: a task that raises before it sends its request leaves a part of the load unsent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.plurals import counted
from closeshave.traffic.runfiles import RECORDS

SUFFIX = ".raised.json"
MOST_KINDS = 3
"""Of so many kinds of errors the text is told."""
LONGEST = 160
_CODEC: TypeAdapter[Mapping[str, int]] = TypeAdapter(Mapping[str, int])


def save(run: Path, worker: str, errors: Mapping[str, int]) -> None:
    """Write what the tasks of one worker raised, by the error's text. Raises :class:`OSError`."""
    if errors:
        write_atomically(run / RECORDS / f"{worker}{SUFFIX}", json.dumps(dict(errors)))


def readable(path: Path) -> bool:
    """Whether a file is what a worker writes: one that comes from another machine may be anything."""
    try:
        jsonfile.read(path, _CODEC)
    except (OSError, jsonfile.Damaged):
        return False
    return True


def told(run: Path) -> str:
    """One sentence about all workers; empty if no task raised. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    errors: Counter[str] = Counter()
    for path in sorted((run / RECORDS).glob(f"*{SUFFIX}")):
        errors.update(jsonfile.read(path, _CODEC))
    if not errors:
        return ""
    first = "; ".join(f"{counted(count, 'time')} {error[:LONGEST]}" for error, count in errors.most_common(MOST_KINDS))
    return f"{counted(errors.total(), 'task')} of the Locust file raised an error, and what they would have sent after it was not sent: {first}"
