"""Find the environment of an experiment that names none: the only one that runs on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

from closeshave.control.processes import MARK
from closeshave.deployment import FILE, Deployment, load


def deployment(root: str | Path | None) -> Deployment:
    """The environment below ``root``, or the only running one. Raises :class:`LookupError` when there is none, or more than one."""
    if root:
        try:
            return load(Path(root))
        except (FileNotFoundError, ValueError) as error:
            raise LookupError(f"no environment runs at {root}: {error}") from None
    found = list(_roots())
    if not found:
        raise LookupError("no environment is running; start one with: closeshave env up")
    if len(found) > 1:
        raise LookupError(f"several environments are running; set CLOSESHAVE_DEPLOYMENT to one of: {', '.join(map(str, found))}")
    return load(found[0])


def _roots() -> Iterator[Path]:
    """The roots of running environments: the working directories of marked processes."""
    seen: set[Path] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) and (root := Path(process.cwd())) not in seen and (root / FILE).exists():
                seen.add(root)
                yield root
