"""The command ``closeshave`` in a process of its own, forked from one that has imported it: a hundredth of a second instead of one or two.

The process, its streams and its exit code are the real ones. It ends as an interpreter does, but for the million shared objects that are not taken
apart one by one. What an interpreter decides when it starts (its locale, the encoding of its
streams), it decides once for all commands that are forked from it: another locale takes another :func:`forked`. That a command can be started at all
with closed descriptors, or in a strange locale, is seen by those tests alone that start ``python -m closeshave``.

To import it takes seconds: all workers of pytest-xdist fork from the same process, see :func:`shared`.

As a program (``python -m tests.command LISTENING ENDING``, both descriptors) it is the process that forks.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

PLAIN = {"PATH": "/usr/bin:/bin", "COLUMNS": "400"}
ENVIRON = {**PLAIN, "PYTHONIOENCODING": "utf-8"}
IN_ASCII = {**PLAIN, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""As on a machine without any locale."""
IMPORTED = (
    "capacity.sizes", "conclusion", "environments.doctor", "environments.drivers", "environments.errors", "environments.registry",
    "environments.remote.examination",
    "faults.heal", "loadgen.compiled", "readiness.asking", "readiness.writing", "report.charts", "report.story", "report.terminal",
    "trial.display", "trial.outlook", "trial.running", "trial.stopping",
)  # fmt: skip
"""What commands import when they are carried out."""
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
    """To the process that forks."""
    environ: Mapping[str, str]
    """What every command gets."""
    process: int
    """The ID of the process that forks."""

    def __call__(
        self,
        *arguments: object,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        memory_bytes: int | None = None,
        file_bytes: int | None = None,
        planted: str = "",
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        closed: Sequence[int] = (),
    ) -> Done:
        """Carry it out with these arguments, in this directory, with these variables beside :attr:`environ`; what it says goes to descriptors instead,
        where they are given, and it may read from one. It may use so much memory, and write so much into a file. Of its standard streams, those that are
        named are closed. Python that is ``planted`` is carried out before it, as that of a ``sitecustomize.py`` would be.
        Raises :class:`TimeoutError`.
        """
        asked = {
            "arguments": [os.fsencode(str(each)).hex() for each in arguments], "cwd": str(cwd or Path.cwd()),
            "environ": {**self.environ, **(environ or {})}, "memory_bytes": memory_bytes, "file_bytes": file_bytes,
            "closed": [*closed], "planted": planted,
        }  # fmt: skip
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained, Path(os.devnull).open("rb") as nothing:
            streams = [
                given if given is not None else kept.fileno() for given, kept in ((stdin, nothing), (stdout, said), (stderr, complained))
            ]
            socket.send_fds(self.forking, [json.dumps(asked).encode()], streams)
            code = int(self.forking.recv(100))
            return Done(code, *(_content(kept.fileno()) for kept in (said, complained)))


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


@contextlib.contextmanager
def forked(environ: Mapping[str, str] = ENVIRON, within: Sequence[str] = ()) -> Iterator[Command]:
    """The process that forks, until the block ends; started with these variables and no others, by the program ``within`` if it is given."""
    with tempfile.TemporaryDirectory(prefix="commands-") as place:
        address = Path(place, "socket")
        with _started(address, environ, within), _connected(address, environ) as command:
            yield command


@contextlib.contextmanager
def shared(place: Path, environ: Mapping[str, str] = ENVIRON) -> Iterator[Command]:
    """The same of all who name this directory: the first one starts it, and it ends with the first one. Whoever comes later starts it again."""
    address = place / "socket"
    with contextlib.ExitStack() as stack:
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                command = stack.enter_context(_connected(address, environ))
            except OSError:
                address.unlink(missing_ok=True)
                stack.enter_context(_started(address, environ))
                command = stack.enter_context(_connected(address, environ))
        yield command


@contextlib.contextmanager
def _started(address: Path, environ: Mapping[str, str], within: Sequence[str] = ()) -> Iterator[None]:
    """The process that all commands are forked from. It ends with us, however we end; what others got from it stays theirs."""
    listening, (ours, theirs) = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), socket.socketpair()
    with listening, ours, theirs:
        listening.bind(os.fspath(address))
        listening.listen()
        numbers = [each.fileno() for each in (listening, theirs)]
        process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.command", *map(str, numbers)],
            pass_fds=numbers, cwd=Path(__file__).parents[1], env={**environ}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        listening.close()
        theirs.close()
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _connected(address: Path, environ: Mapping[str, str]) -> Iterator[Command]:
    """A process of our own, which is forked from that one and forks commands for us alone. Raises :class:`OSError` where nobody listens."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # An error without a run keeps its traceback in the temporary directory.
    with ours, tempfile.TemporaryDirectory(prefix="commands-") as elsewhere:
        ours.settimeout(WITHIN_S)
        ours.connect(os.fspath(address))
        if not (told := ours.recv(100)):
            raise ConnectionError("the process that forks has just ended")
        yield Command(ours, {"TMPDIR": elsewhere, **environ}, int(told))


def _own(listening: socket.socket, ending: socket.socket) -> socket.socket:
    """Fork for each who connects, until the other end of ``ending`` is closed. Only a child comes back from here, with its connection."""
    while True:
        if ending in select.select([listening, ending], [], [])[0]:
            sys.exit()
        asking, _ = listening.accept()
        if not os.fork():
            listening.close()
            ending.close()
            asking.send(str(os.getpid()).encode())
            return asking
        asking.close()


def _serve(asking: socket.socket) -> None:
    """Fork for each request, until nobody asks any more. A child comes back from here too, with the command to carry out in ``sys.argv``."""
    while True:
        told, descriptors, _flags, _address = socket.recv_fds(asking, LARGEST, 3)
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


def _end(code: int) -> NoReturn:
    """What an interpreter does at its end: it waits for threads, calls what wants to be called, and flushes its streams; 120 where that fails."""
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            code = 120
    os._exit(code)


def _become(asked: dict[str, Any], descriptors: list[int]) -> None:
    """What a shell would have prepared for the command."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environ"])
    # Looked up once, when it is first asked for: here too by this command alone.
    tempfile.tempdir = None
    for limit, most in ((resource.RLIMIT_AS, asked["memory_bytes"]), (resource.RLIMIT_FSIZE, asked["file_bytes"])):
        if most is not None:
            resource.setrlimit(limit, (most, most))
    for number in asked["closed"]:
        # What an interpreter makes of a descriptor that it finds closed.
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
        os.close(number)
    exec(asked["planted"], {})
    sys.argv = ["closeshave", *(os.fsdecode(bytes.fromhex(each)) for each in asked["arguments"])]


if __name__ == "__main__":
    from closeshave.cli.main import command, main
    from closeshave.environments.definition import read_definition
    from closeshave.files.shipped import locate
    from closeshave.report import html
    from closeshave.trial.preparation import prepare

    for module in IMPORTED:
        importlib.import_module(f"closeshave.{module}")
    # How files are read is worked out when the first one of a kind is, and templates are compiled when they are first filled in.
    for name in html._environment().list_templates(extensions=["j2"]):
        html._environment().get_template(name)
    prepare("smoke")
    read_definition(locate("environments", "bookedbarber-staging"))
    command()
    gc.freeze()
    _serve(_own(*(socket.socket(fileno=int(each)) for each in sys.argv[1:])))
    try:
        main()
    except SystemExit as ended:
        # Whatever else is raised ends the process with Python's own code and traceback.
        if isinstance(ended.code, int):
            _end(ended.code)
        raise
