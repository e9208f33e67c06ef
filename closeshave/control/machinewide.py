"""Where the programs of this machine find each other: a directory that does not depend on who starts them, or with which variables."""

from __future__ import annotations

import tempfile
from pathlib import Path

BASE = Path("/tmp")  # noqa: S108 - TMPDIR differs between users and shells, and what follows it is not shared; users of the directory open its files with care


def machine_wide(name: str) -> Path:
    """The path of a file or directory called ``name`` that every harness of this machine means; nothing is made."""
    return (BASE if BASE.is_dir() else Path(tempfile.gettempdir())) / name
