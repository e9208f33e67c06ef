"""A small forward proxy: tunnels, absolute URLs, a password of its own; only it resolves the names that tests give to platforms."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOGIN = "harness:Planted-proxy-4d1e"


@dataclass
class Forward:
    """A running proxy."""

    names: Mapping[str, int]
    """Host → the port on 127.0.0.1 at which it really is."""
    login: str = ""
    """``user:password``; without it everything is answered by 407."""
    answer: bytes | None = None
    """Says so to every request instead of passing it on; ``b""`` says nothing and keeps the connection."""
    close: bool = False
    """Closes the connection after it has been asked."""
    asked: list[bytes] = field(default_factory=list)
    """Heads as they came."""
    url: str = ""

    def serve(self, listener: socket.socket) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream: socket.socket | None = None
        data = b""
        with suppress(OSError), client:
            while True:
                while b"\r\n\r\n" not in data:
                    part = client.recv(65536)
                    if not part:
                        return
                    data += part
                head, _, data = data.partition(b"\r\n\r\n")
                self.asked.append(head)
                if self.close:
                    return
                refusal = self._refusal(head)
                if refusal is not None:
                    client.sendall(refusal)
                    continue
                method, target, _ = head.split(b"\r\n")[0].decode().split(" ", 2)
                host = target.rpartition(":")[0] if method == "CONNECT" else urlsplit(target).hostname or ""
                if upstream is None:
                    with contextlib.closing(socket.socket()) as probe:
                        if host not in self.names or probe.connect_ex(("127.0.0.1", self.names[host])):
                            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                            continue
                    upstream = socket.create_connection(("127.0.0.1", self.names[host]))
                    if method == "CONNECT":
                        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                        threading.Thread(target=_pump, args=(upstream, client), daemon=True).start()
                        upstream.sendall(data)
                        _pump(client, upstream)
                        return
                    threading.Thread(target=_pump, args=(upstream, client), daemon=True).start()
                told = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
                wanted = int(told[1]) if told else 0
                while len(data) < wanted:
                    data += client.recv(65536)
                body, data = data[:wanted], data[wanted:]
                upstream.sendall(_rewritten(head) + b"\r\n\r\n" + body)

    def _refusal(self, head: bytes) -> bytes | None:
        if self.answer is not None:
            return self.answer
        given = f"Basic {base64.b64encode(self.login.encode()).decode()}".encode()
        if self.login and b"\r\nProxy-Authorization: " + given not in head:
            return b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        return None


def _rewritten(head: bytes) -> bytes:
    """As the platform gets it: a path, and nothing that was for the proxy."""
    first, *lines = head.split(b"\r\n")
    method, target, version = first.split(b" ")
    parts = urlsplit(target.decode())
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [line for line in lines if not line.lower().startswith(b"proxy-")]
    return b"\r\n".join([b" ".join((method, path.encode(), version)), *kept, b"Via: 1.1 tests"])


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def forward(names: Mapping[str, int], login: str = "", answer: bytes | None = None, *, close: bool = False) -> Iterator[Forward]:
    """One on a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        proxy = Forward(names, login, answer, close)
        proxy.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield proxy
