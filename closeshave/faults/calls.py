"""Carries out one call of an operator's hook: a command that no shell sees, or an HTTP request; bounded, whatever the other side does.

Nothing that a command prints or a server answers is kept: it may hold secrets, and a run directory is passed around. What is told of a call is
its exit code or its status, and whether the expected text was there.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import httpx

from closeshave.deployment import Call
from closeshave.processes import descendants, identify, send

KEPT_BYTES = 1 << 20
"""How much of an output is searched for the expected text; the rest is read and thrown away."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call."""

    well: bool
    saw: str
    """In a few words, without a byte of its output."""


def carry_out(call: Call, timeout_s: float, environ: Mapping[str, str]) -> Done:
    """Do it, for at most ``timeout_s`` seconds. ``environ`` is added to a command's environment. Never raises for what the other side does."""
    if call.http is not None:
        return _request(call, call.http, timeout_s)
    return _command(call, timeout_s, environ)


def _command(call: Call, timeout_s: float, environ: Mapping[str, str]) -> Done:
    try:
        child = subprocess.Popen(
            call.command,
            stdin=subprocess.DEVNULL,
            # A file would grow without bound while the command hangs.
            stdout=subprocess.PIPE if call.expect is not None else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **environ},
        )
    except (OSError, ValueError) as error:
        return Done(well=False, saw=f"cannot be run: {type(error).__name__}")
    deadline = time.monotonic() + timeout_s
    try:
        output = _read(child.stdout, deadline) if child.stdout is not None else b""
        code = child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Done(well=False, saw=f"had not ended after {timeout_s:g} s and was killed")
    finally:
        _end(child)
    return _judged(call, code == 0, f"exit code {code}", output)


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
    """A call is over when it is over: nothing that it started goes on, also what left its process group."""
    if child.poll() is None and (identity := identify(child.pid)):
        send(reversed(descendants(identity)), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _request(call: Call, url: str, timeout_s: float) -> Done:
    for variable in call.headers_from.values():
        if not os.environ.get(variable):
            return Done(well=False, saw=f"was not sent: the environment variable {variable} is not set")
    answered: list[Done] = []
    # httpx bounds each read, not the whole: a server that drips its answer would keep us for ever.
    sender = threading.Thread(target=lambda: answered.append(_send(call, url, timeout_s)), daemon=True)
    sender.start()
    sender.join(timeout_s)
    return answered[0] if answered else Done(well=False, saw=f"had no whole answer after {timeout_s:g} s")


def _send(call: Call, url: str, timeout_s: float) -> Done:
    headers = {name: os.environ[variable] for name, variable in call.headers_from.items()}
    kept = bytearray()
    try:
        with httpx.stream(
            call.method, url, headers=headers, content=call.body.encode() or None, timeout=timeout_s, follow_redirects=False
        ) as answer:
            for part in answer.iter_bytes():
                kept += part[: KEPT_BYTES - len(kept)]
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        # Not the error's own text: it may repeat a header.
        return Done(well=False, saw=f"had no answer: {type(error).__name__}")
    return _judged(call, answer.is_success, f"answers {answer.status_code}", bytes(kept))


def _judged(call: Call, well: bool, saw: str, output: bytes) -> Done:
    if well and call.expect is not None and call.expect.encode() not in output:
        return Done(well=False, saw=f"{saw} without {call.expect!r}")
    return Done(well, saw if call.expect is None or not well else f"{saw} with {call.expect!r}")
