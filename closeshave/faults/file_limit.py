"""Keep processes from writing further than so many bytes into any file, and find and free whoever is kept so; ``RLIMIT_FSIZE``, getrlimit(2).

Only the soft limit is lowered, so that nobody needs a privilege to give it back. What a limited process starts is limited from birth.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterable
from pathlib import Path

from closeshave import processes
from closeshave.deployment import Deployment, Process
from closeshave.faults.waiting import after, until
from closeshave.processes import Identity

EVERYONE_WITHIN_S = 5.0


def begin(deployment: Deployment, process: Process, bytes_max: int) -> tuple[str, ...]:
    """Limit a process, its daemon and all that they run, parents first; returns who was limited."""
    done: dict[Identity, str] = {}

    def everyone() -> bool:
        new = [each for each in processes.family(Path(deployment.root), process) if each not in done]
        for identity in new:
            if _set(identity, bytes_max):
                done[identity] = f"{process.name} pid {identity.pid} writes no further than {bytes_max} bytes into a file"
        return not new

    until(everyone, after(EVERYONE_WITHIN_S), interval_s=0.0)
    return tuple(done.values())


def lift(deployment: Deployment, parts: Iterable[Process]) -> list[tuple[str, Identity]]:
    """Give back what may be had, parents first, until nobody is limited; returns who was, with the name of the process that it belongs to."""
    lifted: list[tuple[str, Identity]] = []
    wanted = tuple(parts)

    def everyone() -> bool:
        found = limited(deployment, wanted)
        for _, identity in found:
            _set(identity, None)
        lifted.extend(found)
        return not found

    until(everyone, after(EVERYONE_WITHIN_S))
    return lifted


def limited(deployment: Deployment, parts: Iterable[Process]) -> list[tuple[str, Identity]]:
    """Who of these processes may not write as far into a file as it could, with the name of the process that it belongs to."""
    found = [(process.name, identity) for process in parts for identity in processes.family(Path(deployment.root), process)]
    return [(name, identity) for name, identity in found if _is_limited(identity)]


def _set(identity: Identity, bytes_max: int | None) -> bool:
    """Set the soft limit, to the hard one by ``None``; false for a process that has ended."""
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(identity.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(identity.pid, resource.RLIMIT_FSIZE, (hard if bytes_max is None else bytes_max, hard))
        return True
    return False


def _is_limited(identity: Identity) -> bool:
    with contextlib.suppress(ProcessLookupError):
        soft, hard = resource.prlimit(identity.pid, resource.RLIMIT_FSIZE)
        return soft != hard
    return False
