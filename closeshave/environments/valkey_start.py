"""Become a Valkey node in the role that its group gives it now: ``valkey_start.py GROUP PORT DECLARED SENTINELS SERVER [OPTION …]``.

A primary that was killed and comes back after a failover would take writes for the seconds until a sentinel demotes it, and lose them. So
the sentinels are asked first, and the one with the newest configuration is believed; when none answers (the first start), the declared
roles hold. Run isolated (``-I -S``) with nothing but the standard library, to start in some 20 ms.
"""

from __future__ import annotations

import os
import socket
import sys

TIMEOUT_S = 0.3


def main() -> None:
    """Decide the role, then turn into the server."""
    group, port, declared, sentinels = sys.argv[1:5]
    server = sys.argv[5:]
    answers = [answer for sentinel in sentinels.split(",") if (answer := ask(int(sentinel), group))]
    primary = max(answers)[1] if answers else int(declared)
    if primary != int(port):
        server += ["--replicaof", "127.0.0.1", str(primary)]
    os.execv(server[0], server)  # noqa: S606  no shell: this very process becomes the server


def ask(sentinel: int, group: str) -> tuple[int, int] | None:
    """The configuration epoch and the primary's port, as one sentinel knows them; ``None`` when it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", sentinel), TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(b"SENTINEL MASTER %s\r\nQUIT\r\n" % group.encode())
            received = b""
            while not received.endswith(b"+OK\r\n"):
                chunk = connection.recv(65536)
                if not chunk:
                    break
                received += chunk
    except OSError:
        return None
    return parse(received)


def parse(received: bytes) -> tuple[int, int] | None:
    """The epoch and port in a sentinel's reply, a flat list of names and values; ``None`` when it has none."""
    words = [line for line in received.decode(errors="replace").split("\r\n") if not line.startswith(("$", "*"))]
    known = dict(zip(words[::2], words[1::2], strict=False))
    try:
        return int(known["config-epoch"]), int(known["port"])
    except (KeyError, ValueError):
        return None


if __name__ == "__main__":
    main()
