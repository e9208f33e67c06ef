"""Which parts this machine has, which can be built, and which are missing: for ``closeshave doctor``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from closeshave.control import processors
from closeshave.environments import cache, parts, pgbouncer, ports, registry
from closeshave.environments.commands import CommandFailed, end_all, run
from closeshave.environments.containers import containers
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.gobuild import ETCD, TOXIPROXY
from closeshave.environments.stack import Images
from closeshave.environments.unprivileged import wrapper

ROOM_BYTES_MIN = 2 << 30
CORES_MIN = 2
OPTIONAL = frozenset({"pgbouncer"})
"""Parts that only some environment files ask for."""


@dataclass(frozen=True, slots=True)
class PartCheck:
    """One part or condition, and whether this machine has it."""

    part: str
    ok: bool
    detail: str
    needed: bool = True
    """False if the embedded environment can run without it."""


def findings() -> tuple[PartCheck, ...]:
    """Check everything; builds what can be built, so that a later start need not. Takes up to some minutes the first time."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("python", _python),
        ("postgres", _postgres),
        ("unprivileged start", _unprivileged),
        ("patroni", lambda: _version([sys.executable, "-m", "patroni", "--version"])),
        ("valkey", lambda: _version([str(parts.find_valkey()), "--version"])),
        ("haproxy", lambda: _version([str(parts.find_haproxy()), "-v"])),
        ("etcd", _etcd),
        ("toxiproxy", _toxiproxy),
        ("pgbouncer", _pgbouncer),
        ("space for state", _room),
        ("cores", _cores),
        ("environments", _environments),
    )
    with ThreadPoolExecutor(len(checks)) as askers:
        try:
            found = tuple(askers.map(lambda check: _finding(*check), checks))
        except BaseException:
            # Whoever interrupts this does not wait for a compiler.
            end_all()
            raise
    return (*(replace(check, needed=check.part not in OPTIONAL) for check in found), engine())


def engine() -> PartCheck:
    """Whether there is a container engine with the default images."""
    return replace(_finding("container engine", _engine), needed=False)


class _Missing(Exception):
    """The part is missing or broken; the message is the finding's detail."""


def _finding(part: str, check: Callable[[], str]) -> PartCheck:
    try:
        return PartCheck(part, True, check())
    except (_Missing, EnvironmentFailed, CommandFailed) as error:
        return PartCheck(part, False, str(error))


def _version(argv: list[str]) -> str:
    return run(argv, timeout_s=20).strip().splitlines()[0]


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _postgres() -> str:
    bin_dir = parts.find_postgres("wheel")
    return f"{parts.read_postgres_version(bin_dir)} at {bin_dir}"


def _unprivileged() -> str:
    found = wrapper([(str(parts.find_postgres("wheel") / "postgres"), "--version"), (sys.executable, "-c", "import patroni")])
    return f"as the user nobody, through {found.words[0]}" if found.words else "as the current user"


def _etcd() -> str:
    found = parts.find_etcd(_quiet, retry=True)
    if found.rejoins_empty:
        raise _Missing(f"{ETCD.version} cannot be built; the packaged {found.version} is used")
    return f"{found.version} at {found.program}"


def _toxiproxy() -> str:
    found = parts.find_toxiproxy(_quiet, retry=True)
    if isinstance(found, str):
        raise _Missing(f"{TOXIPROXY.version} is not available, so network faults cannot run: {found}")
    return str(found)


def _pgbouncer() -> str:
    found = pgbouncer.find(_quiet)
    return f"{found.version} at {found.program}"


def _room() -> str:
    base = registry.base()
    existing = next(place for place in (base, *base.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free >> 20} MiB free at {base}; built programs and templates in {cache.directory()}"
    if free < ROOM_BYTES_MIN:
        raise _Missing(detail)
    return detail


def _cores() -> str:
    count = processors.available()
    if count < CORES_MIN:
        raise _Missing(f"{count:g}; plans with rate: auto send less load here, and verdicts may be inconclusive")
    return f"{count:g}"


def _environments() -> str:
    roots = registry.running()
    return f"{', '.join(root.name for root in roots) or 'none running'}; ports are claimed in {ports.claims_dir()}"


def _engine() -> str:
    if reason := containers.obstacle(Images()):
        raise _Missing(f"{reason} (only environments of kind containers need it)")
    return "running, with the images that are used by default"


def _quiet(_: str) -> None:
    """The error's text as the finding's detail."""
