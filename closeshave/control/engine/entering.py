"""Run a program of this machine on the networks of a container: a container of its own beside it takes the engine up to seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

TIMEOUT_S = 5.0


def enter(pid: int, argv: Sequence[str]) -> str | None:
    """What a program prints that runs in the network namespace of this process; ``None`` where we may not enter it, or the program fails.

    Entering wants ``CAP_SYS_ADMIN`` (setns(2)), which root has.
    """
    try:
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
