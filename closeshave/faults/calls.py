"""Carries out one call of an operator's hook: a command (without a shell), an HTTP request or a part of a Chaos Toolkit experiment; limited in time and
size, whatever the other side does.

The output of a command and the body of an answer are not kept: they may hold secrets, and run directories are shared. The result of a call is its
exit code or status, and whether the expected text was found.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from closeshave.clients import web
from closeshave.clock import now_ns
from closeshave.control.processes import descendants, identify, send
from closeshave.deployment import Call, Expect, Proxy
from closeshave.faults import ownexperiment
from closeshave.files import foreign

KEPT_BYTES = 1 << 20
"""How many bytes of an output are searched for the expected text; the rest is read and discarded."""

Way = Callable[[str], Proxy | None]


def straight(_url: str) -> None:
    """No proxy."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a call."""

    well: bool
    saw: str
    """The result in a few words, without any of the call's output."""
    sent_ns: int | None = None
    """When the process was started or the request was ready to be sent; ``None`` when neither happened."""


def carry_out(call: Call, timeout_s: float, environ: Mapping[str, str], way: Way = straight) -> Done:
    """Carry it out, for at most ``timeout_s`` seconds. ``environ`` is added to a command's environment; ``way`` gives the proxy for a URL.

    Never raises because of what the other side does.
    """
    if call.http is not None:
        return _request(call, call.http, timeout_s, way(call.http))
    if call.experiment is not None:
        return _experiment(call, Path(call.experiment), timeout_s, environ)
    ended = _ended(call.command, timeout_s, environ, heard=call.expect is not None)
    return ended if isinstance(ended, Done) else _judged(call, ended.code == 0, f"exit code {ended.code}", ended.output, ended.sent_ns)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A process that ended in time."""

    code: int
    output: bytes
    sent_ns: int


def _ended(
    command: Sequence[str], timeout_s: float, environ: Mapping[str, str], *, heard: bool, place: Path | None = None
) -> _Ended | Done:
    """Run a program to its end; ``heard``: with its output. What became of it instead, where it did not end by itself."""
    sent_ns = now_ns()
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            # A file would grow without bound while the command hangs.
            stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **environ},
            cwd=place,
        )
    except (OSError, ValueError) as error:
        return Done(well=False, saw=f"could not be started: {type(error).__name__}")
    deadline = time.monotonic() + timeout_s
    try:
        output = _read(child.stdout, deadline) if child.stdout is not None else b""
        code = child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Done(well=False, saw=f"had not ended after {timeout_s:g} s and was killed", sent_ns=sent_ns)
    finally:
        _end(child)
    return _Ended(code, output, sent_ns)


def _experiment(call: Call, path: Path, timeout_s: float, environ: Mapping[str, str]) -> Done:
    """Its own interpreter, in the directory of the experiment's file: programs, files and modules that it names may lie there."""
    part = call.part or "method"
    told_to = {**ownexperiment.variables(path), **environ}
    ended = _ended(ownexperiment.command(part, path), timeout_s, told_to, heard=True, place=path.parent)
    if isinstance(ended, Done):
        return ended
    told = ended.output.decode("utf-8", "replace").strip() or f"ended with exit code {ended.code}"
    return Done(ended.code == 0, f"({part} of {path.name}) {told}", ended.sent_ns)


def _read(stream: IO[bytes], deadline: float) -> bytes:
    """The beginning of an output, read until its end. Raises :class:`subprocess.TimeoutExpired` when that does not come in time."""
    kept = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise subprocess.TimeoutExpired("hook", 0)
            part = os.read(stream.fileno(), 65536)
            if not part:
                return bytes(kept)
            kept += part[: KEPT_BYTES - len(kept)]


def _end(child: subprocess.Popen[bytes]) -> None:
    """End every process that a call started, also those that left its process group."""
    if child.poll() is None and (identity := identify(child.pid)):
        send(reversed(descendants(identity)), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _request(call: Call, url: str, timeout_s: float, proxy: Proxy | None) -> Done:
    for variable in call.headers_from.values():
        if not os.environ.get(variable):
            return Done(well=False, saw=f"was not sent: the environment variable {variable} is not set")
    # Ready before the instant of sending is taken: a client reads certificates for some 20 ms.
    with web.client(timeout_s, proxy) as client:
        answered: list[Done] = []
        status: list[int] = []
        sent = [now_ns()]
        # httpx limits each read, not the whole: a server that sends its answer very slowly would hold the call without end.
        sender = threading.Thread(target=lambda: answered.append(_send(client, call, url, sent, status)), daemon=True)
        sender.start()
        sender.join(timeout_s)
    if answered:
        return answered[0]
    last = f"began to answer {status[0]}" if status else "was sent the request" if len(sent) > 1 else "accepted no request"
    return Done(well=False, saw=f"got no complete answer within {timeout_s:g} s: the other side {last}", sent_ns=sent[-1])


def _send(client: web.Client, call: Call, url: str, sent: list[int], status: list[int]) -> Done:
    """Adds to ``sent`` the instants from which on the other side may have received the request (the last one counts), to ``status`` the answer's."""
    headers = {name: os.environ[variable] for name, variable in call.headers_from.items()}
    kept = bytearray()

    def trace(step: str, _info: Mapping[str, Any]) -> None:
        # The connection is made first, which takes time: no request has been sent yet.
        if step.endswith("send_request_headers.complete"):
            sent.append(now_ns())

    try:
        with client.stream(call.method, url, headers=headers, content=call.body.encode() or None, extensions={"trace": trace}) as answer:
            status.append(answer.status_code)
            for part in answer.iter_bytes():
                kept += part[: KEPT_BYTES - len(kept)]
    except (*web.FAILED, ValueError, RuntimeError) as error:
        # Not the error's own text: it may repeat a header.
        return Done(well=False, saw=f"got no answer: {type(error).__name__}", sent_ns=sent[-1])
    wanted = call.expect.status if isinstance(call.expect, Expect) else None
    well = answer.is_success if wanted is None else answer.status_code == wanted
    return _judged(call, well, f"answered {answer.status_code}", bytes(kept), sent[-1])


def _judged(call: Call, well: bool, saw: str, output: bytes, sent_ns: int) -> Done:
    if not well or call.expect is None:
        return Done(well, saw, sent_ns)
    if isinstance(call.expect, str):
        found = call.expect.encode() in output
        return Done(found, f"{saw} {'with' if found else 'without'} {call.expect!r}", sent_ns)
    wrong = [path for path, wanted in call.expect.members.items() if not _holds(output, path, wanted)]
    told = (
        f" without the expected {', '.join(wrong)}" if wrong else f" with {', '.join(call.expect.members)}" if call.expect.members else ""
    )
    return Done(not wrong, saw + told, sent_ns)


def _holds(output: bytes, path: str, wanted: object) -> bool:
    """Whether a JSON text has this value at this place; ``true`` does not count as 1, nor a missing value as null."""
    try:
        found: Any = foreign.loads(output)
        for part in path.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return False
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted
