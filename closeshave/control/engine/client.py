"""The connection to the engine, and its errors as one sentence each."""

# ruff: noqa: PLC0415 - Docker's packages take 0.4 s to import: only code that uses an engine should wait for them

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testcontainers.core.docker_client import DockerClient

TIMEOUT_S = 60
"""Seconds for one answer of the engine, which may be starting twenty containers at once."""
UNIX = "unix://"
DEFAULT_HOST = f"{UNIX}/var/run/docker.sock"
DESKTOP = "Docker Desktop"


class EngineFailed(RuntimeError):
    """The container engine does not run, or refused; one sentence that a person can act on."""


@cache
def client() -> DockerClient:
    """The connection that all calls of this process share. Safe for several threads. Raises :class:`EngineFailed`."""
    from docker.errors import DockerException
    from testcontainers.core.docker_client import DockerClient

    try:
        return DockerClient(timeout=TIMEOUT_S)
    except DockerException as error:
        raise EngineFailed(_unreachable(str(error))) from None


def check() -> str | None:
    """Why no container engine can be used here; ``None`` when one can."""
    from testcontainers.core.docker_client import get_docker_host

    host = get_docker_host() or DEFAULT_HOST
    if not host.startswith(UNIX):
        return f"the container engine at {host} is not on this machine, so its processes are not visible here: use an engine with a socket on this machine"
    try:
        with asking("describe itself"):
            info = client().client.api.info()
    except EngineFailed as error:
        return str(error)
    if DESKTOP in info["OperatingSystem"] or info["KernelVersion"] != os.uname().release or not _listener(host.removeprefix(UNIX)):
        return (
            "the container engine runs in a virtual machine or a container; an engine is needed whose processes are visible on this machine"
        )
    return None


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Every error inside becomes an :class:`EngineFailed`: "the container engine could not ``what``", and why."""
    from docker.errors import APIError, DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        yield
    except ImageNotFound as error:
        raise EngineFailed(f"the container engine could not {what}: {error.explanation}") from None
    except APIError as error:
        raise EngineFailed(f"the container engine could not {what}: {_meaning(error.explanation or str(error))}") from None
    except (DockerException, RequestException) as error:
        raise EngineFailed(
            f"the container engine did not answer when asked to {what}; has it been stopped or restarted? ({error})"
        ) from None


def _meaning(explanation: str) -> str:
    text = " ".join(explanation.split())
    if "address already in use" in text or "port is already allocated" in text:
        return f"a port is taken by another program ({text})"
    if "no space left on device" in text:
        return f"its disk is full ({text})"
    return text


def _unreachable(text: str) -> str:
    if "Permission denied" in text:
        return "this user may not use the container engine's socket: run as root, or as a member of the group that owns it (usually docker)"
    if "No such file" in text or "refused" in text:
        return "no container engine runs on this machine: start Docker, or choose the embedded environment"
    return f"no container engine can be used: {text}"


def _listener(path: str) -> int:
    """The process that listens on a Unix socket; 0 when this machine's process table does not show it (unix(7), ``SO_PEERCRED``)."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(path)
        pid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[0]
    return pid
