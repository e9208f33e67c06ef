"""Runs a program of this machine in the network namespace of a container, because another container for it would take the engine up to seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

TIMEOUT_S = 5.0


def enter(pid: int, argv: Sequence[str]) -> str | None:
    """The output of a program that runs in the network namespace of this process; ``None`` if this is not permitted or the program fails.

    Entering needs ``CAP_SYS_ADMIN`` (setns(2)), which root has.
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
