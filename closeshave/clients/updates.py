"""Live updates of a platform by WebSocket, as one of its customers gets them."""

from __future__ import annotations

import contextlib
import json
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import simple_websocket
from wsproto.utilities import ProtocolError

MESSAGE_BYTES_MAX = 1 << 16


class NoStream(OSError):
    """There is no connection: the platform refused it, or was not there."""


class StreamEnded(OSError):
    """The connection has ended."""


@dataclass(frozen=True, slots=True)
class BookingNow:
    """An update: the version that a booking has now."""

    booking: object
    """The booking's ID, as the platform says it."""
    version: int


def update_of(text: str | bytes) -> BookingNow | None:
    """The update that a message tells; ``None`` for any other message, whatever it is. Pure."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or isinstance(told.get("version"), bool) or not isinstance(told.get("version"), int):
        return None
    return BookingNow(told["booking"], told["version"]) if told.get("booking") is not None else None


class UpdateStream:
    """A connection of a customer; closed when its block ends."""

    def __init__(self, url: str, path: str, token: str) -> None:
        """``url``: that of an edge. Raises :class:`NoStream`."""
        address = f"ws{url.removeprefix('http')}{path}"
        # The certificates of an environment are its own, and this is no test of them.
        context = ssl.create_default_context() if address.startswith("wss:") else None
        if context is not None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._client = simple_websocket.Client.connect(
                address, headers={"Authorization": f"Bearer {token}"}, ssl_context=context, max_message_size=MESSAGE_BYTES_MAX
            )
        except (OSError, simple_websocket.ConnectionError, simple_websocket.ConnectionClosed, ProtocolError) as error:
            raise NoStream(f"{type(error).__name__}: {error}") from error

    def receive(self, timeout_s: float) -> str | bytes | None:
        """The next message; ``None`` if none comes in time. Raises :class:`StreamEnded`."""
        try:
            told: str | bytes | None = self._client.receive(timeout_s)
        except (OSError, simple_websocket.ConnectionClosed) as error:
            raise StreamEnded(f"{type(error).__name__}: {error}") from error
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        with contextlib.suppress(Exception):
            self._client.close()
