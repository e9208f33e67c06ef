"""Runs as they lie on a disk: a run directory, or its ``summary.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from closeshave.comparison.fingerprint import RunFingerprint, fingerprint
from closeshave.files import foreign
from closeshave.files.rundir import NotARun
from closeshave.report import summary
from closeshave.report.summary import Summary
from closeshave.vocabulary import DESCRIPTION, OPERATIONS_FILE, SUMMARY


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A judged run, read back."""

    path: Path
    """Its directory."""
    summary: Summary
    fingerprint: RunFingerprint

    @property
    def whole(self) -> bool:
        """Whether its requests are there too, and not its summary alone."""
        return (self.path / OPERATIONS_FILE).is_file()


def load(path: Path) -> StoredRun:
    """The run in a directory, or beside a ``summary.json``.

    Raises :class:`NotARun` where there is no summary, :class:`closeshave.files.jsonfile.Damaged` for a file that is none.
    """
    directory = path.parent if path.is_file() else path
    held = path if path.is_file() else path / SUMMARY
    if not held.is_file():
        raise NotARun(
            f"{path} has no {SUMMARY}: it is not the directory of a judged run; 'closeshave report {path}' judges a run and writes it"
        )
    return _stored(directory, summary.load(held))


def read(told: bytes, directory: Path) -> StoredRun:
    """The run of a directory, with this text as its summary. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    return _stored(directory, summary.parse(told, str(directory)))


def _stored(directory: Path, found: Summary) -> StoredRun:
    rate = None if found.rate is None else asdict(found.rate)
    return StoredRun(directory, found, fingerprint(asdict(found.run), rate, _described(directory)))


def _described(directory: Path) -> Mapping[str, Any]:
    """The content of ``environment.json``; empty where it is missing or damaged: then its facts are not known."""
    try:
        told = foreign.loads((directory / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
