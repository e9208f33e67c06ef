"""Which version of the stand-in an image holds, so that an image that is older than the current source is not tested by mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

from closeshave import standin
from closeshave.environments.containers.tree import BYTE_CODE


def digest() -> str:
    """A digest that changes with every source file of the stand-in, and with nothing else."""
    home = Path(standin.__file__).parent
    sums = hashlib.sha256()
    for path in sorted(path for path in home.rglob("*") if path.is_file() and path.suffix != BYTE_CODE):
        sums.update(f"{path.relative_to(home)}\n".encode() + path.read_bytes())
    return sums.hexdigest()[:16]
