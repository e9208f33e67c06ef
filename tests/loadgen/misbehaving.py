"""A server on raw sockets that answers each path in its own way, good or bad, and counts the requests that it has read to their end."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket, "MisbehavingServer"], bool]
"""Sends an answer; whether the connection goes on."""

BODY = b'{"total": 3}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + BODY


class MisbehavingServer:
    """Listens on a free loopback port until closed. ``seen`` counts requests by path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: Counter[str] = Counter()
        self.requests: list[bytes] = []
        self.connections = 0
        self.pieces: list[bytes] = []
        """What ``/pieces`` sends, one piece a segment."""
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def wait_for_stop(self) -> None:
        self._stop.wait(30)

    def close(self) -> None:
        self._stop.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            for method, path in self._read(connection):
                self.seen[path] += 1
                answer = ANSWERS.get(path, normal)
                if not answer(connection, self) if method != "HEAD" else not head_only(connection, self):
                    connection.close()
                    return

    def _read(self, connection: socket.socket) -> Iterator[tuple[str, str]]:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            length = int(found[1]) if (found := re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)) else 0
            while len(data) < length:
                data += connection.recv(65536)
            self.requests.append(head + b"\r\n\r\n" + data[:length])
            data = data[length:]
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            yield method, path


def normal(connection: socket.socket, _server: MisbehavingServer) -> bool:
    """A whole small answer."""
    connection.sendall(OK)
    return True


def head_only(connection: socket.socket, _server: MisbehavingServer) -> bool:
    """A HEAD's answer, with the length of the body that it does not have."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n")
    return True


def byte_by_byte(connection: socket.socket, _server: MisbehavingServer) -> bool:
    """A segment for each byte."""
    for at in range(len(OK)):
        connection.sendall(OK[at : at + 1])
    return True


def pieces(connection: socket.socket, server: MisbehavingServer) -> bool:
    """What the test wants, a segment a piece."""
    for piece in server.pieces:
        connection.sendall(piece)
    return True


def reset(connection: socket.socket, _server: MisbehavingServer) -> bool:
    """RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def never(_connection: socket.socket, server: MisbehavingServer) -> bool:
    """No answer."""
    server.wait_for_stop()
    return False


def stalls_in_body(connection: socket.socket, server: MisbehavingServer) -> bool:
    """All but the last bytes."""
    connection.sendall(OK[:-4])
    server.wait_for_stop()
    return False


def then_closes_without_a_word(connection: socket.socket, _server: MisbehavingServer) -> bool:
    """An answer that seems to keep the connection, and its end right after."""
    connection.sendall(OK)
    return False


def sends(data: bytes, *, stay: bool) -> Answer:
    """An answer that is always the same."""

    def answer(connection: socket.socket, _server: MisbehavingServer) -> bool:
        connection.sendall(data)
        return stay

    return answer


ANSWERS: dict[str, Answer] = {
    "/byte-by-byte": byte_by_byte,
    "/pieces": pieces,
    "/chunked": sends(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;ext=1\r\n{"tot\r\n7\r\nal": 3}\r\n0\r\nX-Sum: 7\r\n\r\n',
        stay=True,
    ),
    "/gzip": sends(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(BODY)) + gzip.compress(BODY),
        stay=True,
    ),
    "/interim": sends(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, stay=True),
    "/empty": sends(b"HTTP/1.1 204 No Content\r\n\r\n", stay=True),
    "/until-close": sends(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, stay=False),
    "/announced-close": sends(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), stay=False),
    "/closes-idle": then_closes_without_a_word,
    "/mid-body": sends(OK[:-4], stay=False),
    "/mid-chunk": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", stay=False),
    "/too-long": sends(OK + b"surplus", stay=True),
    "/bad-length": sends(b"HTTP/1.1 200 OK\r\nContent-Length: twelve\r\n\r\n" + BODY, stay=True),
    "/two-lengths": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 13\r\n\r\n" + BODY, stay=True),
    "/megabyte-head": sends(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000 + b"\r\nContent-Length: 0\r\n\r\n", stay=True),
    "/not-http": sends(b"SSH-2.0-OpenSSH_9.2\r\n", stay=True),
    "/silent-close": sends(b"", stay=False),
    "/reset": reset,
    "/never": never,
    "/stalls-in-body": stalls_in_body,
    "/server-error": sends(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", stay=True),
    "/refused": sends(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", stay=True),
    "/moved": sends(b"HTTP/1.1 302 Found\r\nLocation: /landed?x=1\r\nSet-Cookie: seen=yes; Path=/\r\nContent-Length: 0\r\n\r\n", stay=True),
    "/round-and-round": sends(b"HTTP/1.1 302 Found\r\nLocation: /round-and-round\r\nContent-Length: 0\r\n\r\n", stay=True),
}
