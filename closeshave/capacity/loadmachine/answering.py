"""``python -m closeshave.capacity.loadmachine.answering PORT [DIRECTORY]``: a server with one constant answer, which counts what it reads and writes.

Several of them share one port (``SO_REUSEPORT``). It is as small as can be, so that it takes little of a machine that the generator needs. A line on
standard input asks for its counts, which it prints as a line of JSON. At the end of standard input, when whoever started it has ended by whatever means,
it removes ``DIRECTORY``, closes everything and ends. It needs only the standard library.

It understands requests without a body, as :mod:`.customers` sends them, and nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import shutil
import socket
import sys
from contextlib import suppress

HOST = "127.0.0.1"
READY = "ready"
BODY = json.dumps(
    {
        "appointments": [
            {"id": number, "barber_id": 3, "status": "scheduled", "start_time": f"2026-11-2{number}T10:00:00"} for number in range(1, 4)
        ],
        "total": 3,
        "page": 1,
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
"""An answer to one small page of the booking API."""
END = b"\r\n\r\n"
ROOM = 1 << 16
BACKLOG = 4096


def split(left: bytes, read: bytes) -> tuple[int, bytes]:
    """How many requests end in ``read``, which follows on ``left``, and what is left of the next one. Pure."""
    *ended, rest = (left + read if left else read).split(END)
    return len(ended), rest


class Answering:
    """One server. :meth:`serve` ends at the end of ``asked``."""

    def __init__(self, port: int, asked: int) -> None:
        """Listens at once. ``asked`` is the descriptor on which counts are asked for. Raises :class:`OSError`."""
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listening.bind((HOST, port))
        self._listening.listen(BACKLOG)
        self._listening.setblocking(False)
        self._asked = asked
        self._epoll = select.epoll()
        for descriptor in (self._listening.fileno(), asked):
            self._epoll.register(descriptor, select.EPOLLIN)
        self._left: dict[int, bytes] = {}
        """What came of the next request, by connection."""
        self.requests = self.read_bytes = self.written_bytes = self.accepted = 0

    def serve(self) -> None:
        """Answer until nobody can ask any more."""
        here, asked = self._listening.fileno(), self._asked
        while True:
            for descriptor, _ in self._epoll.poll():
                if descriptor == here:
                    self._accept()
                elif descriptor != asked:
                    self._answer(descriptor)
                elif not os.read(asked, ROOM):
                    return
                else:
                    print(json.dumps(self.counts()), flush=True)  # noqa: T201 - its answer

    def counts(self) -> dict[str, int]:
        """Everything so far."""
        return {
            "requests": self.requests,
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
            "accepted": self.accepted,
            "open": len(self._left),
        }

    def _accept(self) -> None:
        # Without room for one more the backlog keeps it, and the generator's connection is late: it says so itself.
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                descriptor = connection.detach()
                self._left[descriptor] = b""
                self._epoll.register(descriptor, select.EPOLLIN)
                self.accepted += 1

    def _answer(self, descriptor: int) -> None:
        try:
            read = os.read(descriptor, ROOM)
            count, self._left[descriptor] = split(self._left[descriptor], read)
            answer = ANSWER if count == 1 else ANSWER * count
            # A client that does not read its answers is not ours.
            whole = bool(read) and (not count or os.write(descriptor, answer) == len(answer))
        except OSError:
            whole = False
        if not whole:
            del self._left[descriptor]
            os.close(descriptor)
            return
        self.requests += count
        self.read_bytes += len(read)
        self.written_bytes += len(answer)


def main() -> None:
    """As the module says."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        server = Answering(int(sys.argv[1]), sys.stdin.fileno())
        print(READY, flush=True)  # noqa: T201 - whoever started it waits for it
        gc.disable()  # nothing here makes cycles
        server.serve()
    finally:
        for directory in sys.argv[2:]:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
