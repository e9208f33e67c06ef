"""One connection to a Valkey server, shared by all requests of a process: commands are sent at once and answered in order.

hiredis implements the protocol. A general client costs several times as much as the server's work: it has a pool, and wraps every command.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis

Command = tuple[str | bytes | int, ...]


class Lost(ConnectionError):
    """The connection has ended, or there is none."""


class ReadOnly(Exception):
    """The server is not a primary any more."""


class QueryRefused(Exception):
    """The server answered with an error."""


class _Question:
    """Commands that were sent together."""

    __slots__ = ("answers", "future", "refusals", "wanted")

    def __init__(self, wanted: int, future: asyncio.Future[list[Any]], *, refusals: bool) -> None:
        """``refusals``: errors are answers like others."""
        self.wanted = wanted
        self.future = future
        self.refusals = refusals
        self.answers: list[Any] = []

    def take(self, answer: Any) -> bool:
        """Add the next answer; returns whether it was the last. After a time-out nothing waits for it any more."""
        self.answers.append(answer)
        if len(self.answers) < self.wanted:
            return False
        if not self.future.done():
            if self.refusals:
                self.future.set_result([QueryRefused(str(each)) if isinstance(each, hiredis.ReplyError) else each for each in self.answers])
            elif error := next((each for each in self.answers if isinstance(each, hiredis.ReplyError)), None):
                self.future.set_exception(ReadOnly(str(error)) if str(error).startswith("READONLY") else QueryRefused(str(error)))
            else:
                self.future.set_result(self.answers)
        return True


class Wire(asyncio.Protocol):
    """The connection, once :meth:`connect` has made it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[_Question] = deque()

    @classmethod
    async def connect(cls, host: str, port: int) -> Wire:
        """Raises :class:`OSError`."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, host, port)
        return wire

    @property
    def closed(self) -> bool:
        """Whether no command can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    async def ask(self, commands: Sequence[Command], timeout_s: float, *, refusals: bool = False) -> list[Any]:
        """The answers. Raises :class:`TimeoutError`, :class:`Lost`, and :class:`ReadOnly` or :class:`QueryRefused` for an error among them; with
        ``refusals`` each error is a :class:`QueryRefused` among the answers.

        An answer after the time-out is dropped, and does not affect other answers.
        """
        if self._transport is None or self._transport.is_closing():
            raise Lost
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting.append(_Question(len(commands), future, refusals=refusals))
        packed = (hiredis.pack_command(command) for command in commands)  # type: ignore[arg-type]  # its stub knows commands of one word only
        self._transport.write(b"".join(packed))
        late = loop.call_later(timeout_s, _give_up, future)
        try:
            return await future
        finally:
            late.cancel()

    def close(self) -> None:
        """Drop the connection; all waiters get :class:`Lost`."""
        if self._transport is not None:
            self._transport.abort()

    # -- as asyncio calls it -----------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called when the connection is established."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called with received bytes: some answers, or a part of one."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                if self._waiting[0].take(answer):
                    self._waiting.popleft()
        except (hiredis.ProtocolError, IndexError):
            self.close()  # not what a Valkey server says

    def connection_lost(self, error: Exception | None) -> None:
        """Called when the connection has ended; commands without an answer may have been executed."""
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for question in waiting:
            if not question.future.done():
                question.future.set_exception(Lost(str(error or "")))


def _give_up(future: asyncio.Future[list[Any]]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
