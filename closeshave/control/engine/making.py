"""Creates a container from the description of its process, so that it can be created again at any time in the same way."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closeshave.control.engine.client import EngineFailed, asking, client
from closeshave.control.engine.containers import FIRST, find
from closeshave.control.engine.images import image_exists
from closeshave.control.engine.labels import labels
from closeshave.control.engine.namespace import inner_pid
from closeshave.deployment import Container, Process

if TYPE_CHECKING:
    from docker.models.containers import Container as Handle
    from docker.types import Mount

READ_ONLY = ":ro"
NOTICED_WITHIN_S = 10.0
SEEN_WITHIN_S = 2.0
BEGUN_WITHIN_S = 10.0
INTO_LOG = 'log=$1; shift; exec "$@" >>"$log" 2>&1'
"""The shell's script: the process replaces the shell, so that it is the container's first process."""
SHARES = 1024
NICE_STEP = 1.25
"""The factor between the kernel's weights of two neighbouring niceness values (``sched_prio_to_weight``, sched(7))."""

OF_AN_IMAGE = frozenset({"app", "worker"})
"""Roles whose images have a working directory of their own."""


def run(root: Path, environment_id: str, process: Process) -> int:
    """Start a process in a new container, with nothing but its own environment variables; returns the first process's ID on this machine.

    ``root`` has the same path inside the container, and the process's output goes to ``logs/NAME.log`` in it. A stopped container of the same
    name is removed first. Raises :class:`EngineFailed`; then no container is left.
    """
    container = _container(process)
    if not image_exists(container.image):
        raise EngineFailed(
            f"there is no image {container.image}: build the harness's images with 'closeshave env images', or pull it with 'docker pull'"
        )
    _make_room(container.name)
    with asking(f"create {process.name}"):
        handle = client().create(container.image, **_options(root, environment_id, process, container))
    try:
        for attachment in container.attachments[1:]:
            with asking(f"connect {process.name} to {attachment.network}"):
                client().client.networks.get(attachment.network).connect(handle, ipv4_address=attachment.address)
        with asking(f"start {process.name}"):
            client().start(handle)
        return _first_process(process, handle)
    except BaseException:
        with suppress(EngineFailed), asking(f"remove {process.name}"):
            handle.remove(v=True, force=True)
        raise


def _container(process: Process) -> Container:
    if process.container is None:
        raise ValueError(f"{process.name} is not described as a container")
    return process.container


def _options(root: Path, environment_id: str, process: Process, container: Container) -> dict[str, Any]:
    front = container.attachments[0]
    memory = {"mem_limit": container.memory_bytes_max, "memswap_limit": container.memory_bytes_max} if container.memory_bytes_max else {}
    return {
        "name": container.name,
        "hostname": process.name,
        "labels": labels(environment_id, root, process.name),
        "entrypoint": ["/bin/sh", "-c", INTO_LOG, process.name, str(_log(root, process, container))],
        "command": list(process.argv) or _own_command(container.image),
        "environment": dict(process.environ),
        "working_dir": process.directory or (None if process.role in OF_AN_IMAGE else str(root)),
        "user": container.user or None,
        "mounts": [_mount(words) for words in dict.fromkeys([str(root), *container.mounts])],
        "ports": {f"{port}/tcp": ("127.0.0.1", port) for port in process.ports},
        "network": front.network,
        "networking_config": {front.network: client().client.api.create_endpoint_config(ipv4_address=front.address)},
        # To reach a part behind a cut network the kernel waits twice as long before each try: with its own six tries two minutes, during which
        # the network may long be whole again. With three it is a quarter of a minute.
        "sysctls": {"net.ipv4.tcp_syn_retries": "3"},
        # Niceness counts only among the processes of one control group, and a container has one of its own.
        "cpu_shares": max(2, round(SHARES * NICE_STEP**-process.nice)),
        # The same with swap as without: with swap, a lack of memory would only make it slow.
        **memory,
    }


def _own_command(image: str) -> list[str]:
    """What a container of the image runs by itself. Raises :class:`EngineFailed`."""
    with asking(f"inspect {image}"):
        told = client().client.images.get(image).attrs.get("Config") or {}
    command = [*(told.get("Entrypoint") or ()), *(told.get("Cmd") or ())]
    if not command:
        raise EngineFailed(f"the image {image} has no command of its own: give one as application.command")
    return command


def _mount(words: str) -> Mount:
    from docker.types import Mount  # noqa: PLC0415 - see client.py

    path = words.removesuffix(READ_ONLY)
    return Mount(path, path, type="bind", read_only=words.endswith(READ_ONLY))


def _log(root: Path, process: Process, container: Container) -> Path:
    """The file for the process's output, writable for the user that it runs as."""
    log = root / "logs" / f"{process.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    if container.user and os.getuid() == 0:
        user, _, group = container.user.partition(":")
        os.chown(log, int(user), int(group or -1))
    return log


def _make_room(name: str) -> None:
    """Remove an ended container with this name. Raises :class:`EngineFailed` when it still runs."""
    deadline = time.monotonic() + NOTICED_WITHIN_S
    # The engine learns a little later than the harness that a process has died.
    while (handle := find(name)) and handle.attrs["State"]["Running"] and inner_pid(handle.attrs["State"]["Pid"]) != FIRST:
        if time.monotonic() > deadline:
            seen = f"status {handle.attrs['State'].get('Status')!r}, pid {handle.attrs['State']['Pid']}"
            raise EngineFailed(f"{NOTICED_WITHIN_S:g} s after {name} ended, the container engine still says that it runs ({seen})")
        time.sleep(0.02)
    if handle is None:
        return
    if handle.attrs["State"]["Running"]:
        raise EngineFailed(f"the container {name} is already running")
    with asking(f"remove the ended {name}"):
        handle.remove(v=True, force=True)


def _first_process(process: Process, handle: Handle) -> int:
    pid, seen = 0, False
    began = time.monotonic()
    while time.monotonic() <= began + (BEGUN_WITHIN_S if seen else SEEN_WITHIN_S):
        with asking(f"inspect {process.name}"):
            handle.reload()
            state = handle.attrs["State"]
            if not state["Running"]:
                raise EngineFailed(f"{process.name} ended at once (exit {state['ExitCode']}): {_last_words(process, handle)}")
        pid = int(state["Pid"])
        # An unrelated process may have the same ID as one in an engine's own process table.
        seen = inner_pid(pid) == FIRST
        # The shell may not have begun the program yet, which may not exist.
        if seen and not _is_shell(pid):
            return pid
        # Or it has ended, and the engine will report that a little later.
        time.sleep(0.02)
    if seen:
        raise EngineFailed(
            f"{process.name} did not begin within {BEGUN_WITHIN_S:g} s after the start of its container: the machine is too busy"
        )
    raise EngineFailed(
        f"the processes of {process.name}'s container are not visible here, so the engine does not run on this machine: "
        f"{SEEN_WITHIN_S:g} s after its start there is no first process of a container with ID {pid}, which the engine names"
    )


def _is_shell(pid: int) -> bool:
    """Whether the process is still the shell that begins the program, or has just ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True
    # An ended process that its parent has not collected has no words.
    return words == [b""] or INTO_LOG.encode() in words


def _last_words(process: Process, handle: Handle) -> str:
    printed = handle.logs().decode(errors="replace").strip()
    return printed or f"see {process.name}.log"
