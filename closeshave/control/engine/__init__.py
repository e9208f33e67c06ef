"""The client of a container engine on this machine: create, signal, limit, connect and remove the containers of an environment.

Names of containers and networks in, plain values out. Docker's own packages are imported with the first call that needs them, so that they cost
nothing without containers. Every failure is an :class:`EngineFailed` with one sentence.
"""

from __future__ import annotations

from closeshave.control.engine.client import EngineFailed, check
from closeshave.control.engine.containers import alive, execute, kill, oom_killed, pause, paused, unpause
from closeshave.control.engine.images import image_digest, image_exists, image_sources, import_image
from closeshave.control.engine.limits import limit_cpu, limit_memory
from closeshave.control.engine.making import run
from closeshave.control.engine.networks import attached, connect, disconnect, make_network, taken_subnets
from closeshave.control.engine.once import run_to_end
from closeshave.control.engine.sweeping import sweep

__all__ = [
    "EngineFailed",
    "alive",
    "attached",
    "check",
    "connect",
    "disconnect",
    "execute",
    "image_digest",
    "image_exists",
    "image_sources",
    "import_image",
    "kill",
    "limit_cpu",
    "limit_memory",
    "make_network",
    "oom_killed",
    "pause",
    "paused",
    "run",
    "run_to_end",
    "sweep",
    "taken_subnets",
    "unpause",
]
