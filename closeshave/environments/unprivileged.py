"""How to start PostgreSQL as the user nobody, because it refuses to run as root or as a user without a name."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closeshave.environments.errors import EnvironmentFailed

NOBODY = 65534
FAILS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The words to put before a command, and the user that must own the files that it writes (``None``: the user that starts it)."""

    words: tuple[str, ...] = ()
    owner: int | None = None

    def own(self, directory: Path) -> None:
        """Make the user of the wrapped command the owner of ``directory`` and everything below it."""
        if self.owner is not None:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, self.owner, self.owner, follow_symlinks=False)


_NAMESPACE = Wrapper(("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"))
"""A user namespace in which the caller is the user nobody; outside of it nothing changes, so files keep their owner."""

_SETPRIV = Wrapper(("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"), NOBODY)
"""The real user nobody, if namespaces are forbidden: it must be able to read the programs."""


def needed() -> bool:
    """Whether PostgreSQL would refuse the current user."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return True
    return os.getuid() == 0


def wrapper(probes: Sequence[Sequence[str]]) -> Wrapper:
    """The first wrapper under which every command of ``probes`` runs; the empty one if none is needed.

    Raises :class:`EnvironmentFailed` with what was tried.
    """
    if not needed():
        return Wrapper()
    reasons = []
    for candidate in (_NAMESPACE, _SETPRIV):
        reason = next((reason for probe in probes if (reason := _fails((*candidate.words, *probe)))), None)
        if reason is None:
            return candidate
        reasons.append(f"{candidate.words[0]}: {reason}")
    raise EnvironmentFailed(
        "PostgreSQL does not run as root, and starting it as nobody failed (" + "; ".join(reasons) + "); run as an ordinary user instead"
    )


def _fails(argv: Sequence[str]) -> str | None:
    if shutil.which(argv[0]) is None:
        return "is not installed"
    try:
        done = subprocess.run(argv, capture_output=True, timeout=FAILS_WITHIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        return f"did not end within {FAILS_WITHIN_S:g} s; it said last: {_last_line(error.stderr, error.stdout) or 'nothing'}"
    if done.returncode == 0:
        return None
    return _last_line(done.stderr, done.stdout) or f"exit {done.returncode}"


def _last_line(*outputs: bytes | None) -> str:
    """Of the first output that says anything."""
    said = next((output for output in outputs if output and output.strip()), b"")
    return said.decode(errors="replace").strip().splitlines()[-1] if said else ""
