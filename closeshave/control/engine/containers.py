"""Existing containers: query, kill, freeze. ``making.py`` creates them, ``networks.py`` connects them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from closeshave.control.engine.client import EngineFailed, asking, client

if TYPE_CHECKING:
    from docker.models.containers import Container as Handle

AT_ONCE = 16
FIRST = 1
"""The ID of a container's first process inside the container."""


def alive(container: str) -> int | None:
    """The ID on this machine of a container's first process while it runs, frozen or not; ``None`` when it does not run or does not exist."""
    handle = find(container)
    return handle.attrs["State"]["Pid"] or None if handle else None


def paused(container: str) -> bool:
    """Whether all of its processes are frozen."""
    handle = find(container)
    return handle is not None and handle.status == "paused"


def oom_killed(container: str) -> bool:
    """Whether the kernel has killed one of its processes because the container reached its memory limit."""
    handle = find(container)
    return handle is not None and bool(handle.attrs["State"]["OOMKilled"])


def kill(containers: Iterable[str]) -> None:
    """End containers by SIGKILL, all at once; those that do not run stay as they are."""
    _each(containers, "kill", lambda handle: handle.kill(), lambda name: alive(name) is None)


def pause(containers: Iterable[str]) -> None:
    """Freeze every process of containers, all at once; those that are frozen stay so."""
    _each(containers, "pause", lambda handle: handle.pause(), paused)


def unpause(containers: Iterable[str]) -> None:
    """Resume frozen containers."""
    _each(containers, "unpause", lambda handle: handle.unpause(), lambda name: not paused(name))


def execute(container: str, argv: Sequence[str]) -> str:
    """Run a program inside a container, as its user; returns what it printed. Raises :class:`EngineFailed` also when it fails."""
    with asking(f"run {argv[0]} in {container}"):
        done = client().client.containers.get(container).exec_run(list(argv))
    printed: str = done.output.decode(errors="replace")
    if done.exit_code != 0:
        raise EngineFailed(f"{argv[0]} failed in {container} (exit {done.exit_code}): {printed.strip()}")
    return printed


def find(container: str) -> Handle | None:
    """What the engine knows about a container now; ``None`` when it has none with this name or ID."""
    from docker.errors import NotFound  # noqa: PLC0415 - see client.py

    with asking(f"look for {container}"):
        try:
            return client().client.containers.get(container)
        except NotFound:
            return None


def _each(containers: Iterable[str], verb: str, act: Callable[[Handle], object], is_so: Callable[[str], bool]) -> None:
    """Do ``act`` to containers in parallel. An error does not count if the container is already in the wanted state."""

    def one(name: str) -> None:
        handle = find(name)
        if handle is None:
            return
        try:
            with asking(f"{verb} {name}"):
                act(handle)
        except EngineFailed:
            if not is_so(name):
                raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, containers))
