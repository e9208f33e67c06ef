"""A TCP relay, which acts like a proxy in front of a database when the primary moves."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Listens on ``port`` and passes bytes to wherever it points; nowhere means that connections are closed at once."""

    def __init__(self, target: int | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._target = target
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def point(self, target: int | None) -> None:
        """Lead to another port from now on, and cut every connection to the old one."""
        with self._lock:
            self._target = target
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):  # the other side was quicker
                        end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening and cut everything."""
        self._listener.close()
        self.point(None)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            with self._lock:
                if self._target is None:
                    return
                server = socket.create_connection(("127.0.0.1", self._target), timeout=1)
                server.settimeout(None)
                pair = (client, server)
                self._pairs.add(pair)
            try:
                with server:
                    _pass_on(client, server)
            finally:
                with self._lock:
                    self._pairs.discard(pair)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for ready, _ in selector.select():
                assert isinstance(ready.fileobj, socket.socket)
                data = ready.fileobj.recv(65536)
                if not data:
                    return
                ready.data.sendall(data)


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to ``target``, gone afterwards."""
    made = Relay(target)
    try:
        yield made
    finally:
        made.close()
