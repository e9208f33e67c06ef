"""The command ``closeshave`` in a process of its own, forked from one that has imported it: a hundredth of a second instead of one or two.

The process, its streams, its exit code and its end are the real ones. What an interpreter decides when it starts (its locale, its encoding, closed
descriptors) is not tried by it; who tests that starts ``python -m closeshave``.

As a program (``python -m tests.command DESCRIPTOR``) it is the process that forks.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRON = {"PATH": "/usr/bin:/bin", "COLUMNS": "400", "PYTHONIOENCODING": "utf-8"}
WITHIN_S = 120.0
LARGEST = 2**20
"""Bytes of a request."""


@dataclass(frozen=True, slots=True)
class Done:
    """How the command ended, and what it said."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> bytes:
        """Both streams."""
        return self.stdout + self.stderr


@dataclass(frozen=True, slots=True)
class Command:
    """The command, as often as wanted."""

    forking: socket.socket

    def __call__(
        self,
        *arguments: object,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        memory_bytes: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Done:
        """Carry it out with these arguments, in this directory, with these variables and :data:`ENVIRON`; what it says goes to descriptors instead,
        where they are given. Raises :class:`TimeoutError`.
        """
        asked = {
            "arguments": [os.fsencode(str(each)).hex() for each in arguments], "cwd": str(cwd or Path.cwd()),
            "environ": {**ENVIRON, **(environ or {})}, "memory_bytes": memory_bytes,
        }  # fmt: skip
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            streams = [given if given is not None else kept.fileno() for given, kept in ((stdout, said), (stderr, complained))]
            socket.send_fds(self.forking, [json.dumps(asked).encode()], streams)
            code = int(self.forking.recv(100))
            return Done(code, *(_content(kept.fileno()) for kept in (said, complained)))


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


@contextlib.contextmanager
def forked() -> Iterator[Command]:
    """The process that forks, until the block ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.settimeout(WITHIN_S)
        program = [sys.executable, "-m", "tests.command", str(theirs.fileno())]
        process = subprocess.Popen(
            program, pass_fds=[theirs.fileno()], cwd=Path(__file__).parents[1], env=ENVIRON, stdin=subprocess.DEVNULL
        )
        theirs.close()
        try:
            yield Command(ours)
        finally:
            process.kill()
            process.wait()


def _serve(asking: socket.socket) -> None:
    """Fork for each request, until nobody asks any more. A child comes back from here too, with the command to carry out in ``sys.argv``."""
    while True:
        told, descriptors, _flags, _address = socket.recv_fds(asking, LARGEST, 2)
        if not told:
            sys.exit()
        child = os.fork()
        if not child:
            _become(json.loads(told), descriptors)
            asking.close()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(asked: dict[str, Any], descriptors: list[int]) -> None:
    """What a shell would have prepared for the command."""
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environ"])
    if asked["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_AS, (asked["memory_bytes"], asked["memory_bytes"]))
    sys.argv = ["closeshave", *(os.fsdecode(bytes.fromhex(each)) for each in asked["arguments"])]


if __name__ == "__main__":
    from closeshave import cli, conclusion
    from closeshave.environments import drivers, errors
    from closeshave.report import story, terminal
    from closeshave.trial import display, outlook, preparation, running

    assert all((cli, conclusion, display, outlook, preparation, running, drivers, errors, story, terminal))
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    cli.main()
