"""Instances of the application that no customer reaches, started for a probe beside the others and ended after it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.probes.scene import CannotAsk

NOWHERE = 9
"""The port of the discard service, at which no program listens."""
DATABASE = re.compile(r"(postgres(?:ql)?(?:\+\w+)?://[^\s\"'/]*:)\d{1,5}(?=[/\"'\s?]|$)")
"""A connection string up to its port."""
END_S = 10.0


@contextmanager
def spare(deployment: Deployment, name: str, *, lost: bool) -> Iterator[str]:
    """The base URL of one more instance, of the first region's first one; with ``lost`` its databases cannot be reached. It may not be ready yet.

    Raises :class:`CannotAsk`.
    """
    like = next((process for process in deployment.processes if process.role == "app"), None)
    if like is None:
        raise CannotAsk("the harness runs no instance of the application here")
    if like.container is not None:
        raise CannotAsk("in containers no instance is started beside the others")
    port = ports.unused()
    own = _moved(like, port)
    if lost:
        own = replace(own, environ={key: DATABASE.sub(rf"\g<1>{NOWHERE}", value) for key, value in own.environ.items()})
        if own.environ == _moved(like, port).environ:
            raise CannotAsk("no variable of the application holds the address of a database, by which it could be taken away")
    process = replace(own, name=name, ports=(port,))
    root = Path(deployment.root)
    processes.start(root, deployment.id, process)
    try:
        yield ports.url(port)
    finally:
        family = processes.family(root, process)
        processes.send(family, signal.SIGTERM)
        left = processes.gone(family, END_S)
        processes.send(left, signal.SIGKILL)
        processes.gone(left, END_S)


def _moved(process: Process, port: int) -> Process:
    """The same at another port. A port is replaced where it stands alone: as a word, or as the whole value of a variable."""
    old, new = str(process.ports[0]), str(port)
    environ: Mapping[str, str] = {name: new if value == old else value for name, value in process.environ.items()}
    return replace(process, argv=tuple(new if word == old else word for word in process.argv), environ=environ)
