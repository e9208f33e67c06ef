"""Run a helper program to its end: limited in time, and never longer than the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class CommandFailed(RuntimeError):
    """A helper program failed or did not end in time; the message holds the last lines that it wrote."""


class CommandEnded(RuntimeError):
    """A helper program was ended by :func:`end_all`: it did not fail, but its result is no longer needed."""


LAST_LINES = 4
"""Of a program's output, in the message of an error."""
_RUNNING: set[subprocess.Popen[str]] = set()
_ENDED: set[int] = set()
"""IDs of the programs that :func:`end_all` ended; few, and only while a start is being cancelled."""


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
    _RUNNING.add(process)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        said = _last(_end(process)) or "nothing"
        raise CommandFailed(f"{Path(argv[0]).name} did not end within {timeout_s:.0f} s; it said last: {said}") from None
    except BaseException:
        _end(process)
        raise
    finally:
        _RUNNING.discard(process)
    if process.pid in _ENDED:
        raise CommandEnded(argv[0])
    if process.returncode:
        raise CommandFailed(f"{' '.join(argv[:3])} … ended with {process.returncode}: {_last(output)}")
    return output


def end_all() -> None:
    """End every helper program of this process: the threads that wait for one cannot be interrupted, but the program can."""
    for process in tuple(_RUNNING):
        _ENDED.add(process.pid)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> str:
    """Kill it with its children; returns all that it printed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0] or ""


def _last(output: str) -> str:
    """The last lines of an output, in one."""
    return " | ".join(output.strip().splitlines()[-LAST_LINES:])
