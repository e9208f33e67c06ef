"""What a shard's backup server holds: base backups, and the log since. Reads its files; asks nobody."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment

MANIFEST = "backup_manifest"
SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
"""The name of a file of the log: timeline, and the two halves of the segment's number."""
HIGH = 1 << 32


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A base backup, as its manifest describes it."""

    name: str
    directory: Path
    timeline: int
    starts_at: int
    """Position in the log from which on it needs it, in bytes."""
    ended_ns: int
    """When it was finished, by the wall clock."""


def server_of(deployment: Deployment, shard: int) -> BackupServer | None:
    """The backup server of a shard; ``None`` if it has none."""
    return next((server for server in deployment.backups if server.shard == shard), None)


def runs(deployment: Deployment, server: BackupServer) -> bool:
    """Whether its receiver runs."""
    return processes.find(Path(deployment.root), deployment.process(server.process)) is not None


def bases(server: BackupServer) -> tuple[BaseBackup, ...]:
    """Its complete base backups, the oldest first. One that is still being made has no manifest yet."""
    found = []
    for path in sorted(Path(server.bases).glob(f"*/{MANIFEST}")):
        try:
            wanted = json.loads(path.read_bytes())["WAL-Ranges"][0]
            start, timeline = _position(str(wanted["Start-LSN"])), int(wanted["Timeline"])
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            continue
        found.append(BaseBackup(path.parent.name, path.parent, timeline, start, path.stat().st_mtime_ns))
    return tuple(found)


def base_before(server: BackupServer, wall_ns: int) -> BaseBackup | None:
    """The newest base backup that was finished before an instant of the wall clock; ``None`` if there is none."""
    return next((base for base in reversed(bases(server)) if base.ended_ns < wall_ns), None)


def gap(server: BackupServer, base: BaseBackup) -> str:
    """Which segment of the log is missing between a base backup's start and the newest one, as a clause; empty if none is."""
    segments = {match: path for path in Path(server.log).iterdir() if (match := SEGMENT.fullmatch(path.name))}
    if not segments:
        return "the backup server has received no log"
    size = max(path.stat().st_size for path in segments.values())
    there = {_number(match, size): match[0] for match in segments}
    first, last = base.starts_at // size, max(there)
    missing = [number for number in range(first, last + 1) if number not in there]
    if not missing:
        return ""
    name = _name(base.timeline, missing[0], size)
    return f"the log has a gap: segment {name} is missing{f', and {len(missing) - 1} more' if missing[1:] else ''}; the newest is {there[last]}"


def _number(match: re.Match[str], size: int) -> int:
    return int(match[2], 16) * (HIGH // size) + int(match[3], 16)


def _name(timeline: int, number: int, size: int) -> str:
    high, low = divmod(number, HIGH // size)
    return f"{timeline:08X}{high:08X}{low:08X}"


def _position(text: str) -> int:
    high, _, low = text.partition("/")
    return int(high, 16) * HIGH + int(low, 16)
