"""Run a helper program to its end: bounded in time, and never outliving whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class CommandFailed(RuntimeError):
    """A helper program ended badly, or did not end in time; the message holds the last lines that it wrote."""


def run(argv: Sequence[str], *, timeout_s: float, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Run ``argv`` and return what it printed. Raises :class:`CommandFailed`.

    The program leads a process group of its own, which is killed whole on a time-out or an interruption: a compiler has children.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailed(f"{argv[0]}: {error}") from None
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        raise CommandFailed(f"{Path(argv[0]).name} did not end within {timeout_s:.0f} s") from None
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        tail = " | ".join(output.strip().splitlines()[-4:])
        raise CommandFailed(f"{' '.join(argv[:3])} … ended with {process.returncode}: {tail}")
    return output


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
