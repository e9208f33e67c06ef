"""Unexpected errors: shown as one sentence, with the traceback in a file. Never a traceback on a terminal, never exit code 1."""

from __future__ import annotations

import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from closeshave.vocabulary import HARNESS_ERROR, LOGS

FILE = HARNESS_ERROR
"""The name of the file in the logs of a run."""


def told(error: BaseException) -> str:
    """The error's kind and the first line of its message."""
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said[:300]}" if said else type(error).__name__


def keep(error: BaseException, run: Path | None, what: str = "") -> str:
    """Write the traceback into the run's logs, or if that fails into a file of the temporary directory; returns where it is.

    ``what`` is what failed. Never raises: if it cannot be written, the returned text says so.
    """
    return keep_text("".join(traceback.format_exception(error)), run, what)


def keep_text(text: str, run: Path | None, what: str) -> str:
    """As :func:`keep`, for a traceback that is a text already."""
    heading = f"{datetime.now(UTC).isoformat(timespec='seconds')} {what}".strip()
    data = f"{heading}\n{text}\n".encode("utf-8", "backslashreplace")
    problem: OSError = FileNotFoundError("there is no directory for it")
    for opened in (_in_logs, _elsewhere):
        try:
            descriptor, path = opened(run)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError as failed:
            problem = failed
        else:
            return path
    return f"no file ({problem.strerror or problem})"


def _in_logs(run: Path | None) -> tuple[int, str]:
    if run is None:
        raise FileNotFoundError("there is no run")
    path = run / LOGS / FILE
    path.parent.mkdir(exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), str(path)


def _elsewhere(_run: Path | None) -> tuple[int, str]:
    return tempfile.mkstemp(prefix="closeshave-error-", suffix=".log")
