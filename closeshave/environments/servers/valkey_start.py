"""Starts a Valkey node in its current role: ``valkey_start.py GROUP PORT NODES SENTINELS SERVER [OPTION …]``.

A killed primary that restarts after a failover would accept writes for the seconds until a sentinel demotes it, and lose them. So it asks for its
role before it starts: a node of the group that is primary stays primary; else the sentinel with the newest configuration decides, once no failover is
under way; if none answers (the first start), the first of ``NODES`` is primary, as in the environment file. It runs isolated (``-I -S``) with the
standard library only, to start in about 20 ms.
"""

from __future__ import annotations

import os
import socket
import sys
import time

TIMEOUT_S = 0.3
FAILOVER_S_MAX = 10.0

Address = tuple[str, int]


def main() -> None:
    """Decide the role, then execute the server in this process."""
    group, port, nodes, sentinels = sys.argv[1:5]
    server = sys.argv[5:]
    host, primary = find_primary(group, int(port), addresses(nodes), addresses(sentinels))
    if primary != int(port):
        server += ["--replicaof", host, str(primary)]
    os.execvp(server[0], server)  # noqa: S606  no shell: this very process becomes the server


def addresses(text: str) -> list[Address]:
    """Host and port of each in ``127.0.0.1:6001,127.0.0.1:6002``."""
    return [(host, int(port)) for host, _, port in (word.rpartition(":") for word in text.split(","))]


def find_primary(group: str, own_port: int, nodes: list[Address], sentinels: list[Address]) -> Address:
    """The group's primary, from the most reliable source. It is recognised by its port: no two parts have the same."""
    deadline = time.monotonic() + FAILOVER_S_MAX
    while True:
        for peer in nodes:
            if peer[1] != own_port and "role:master" in ask(peer, "INFO replication"):
                return peer
        answers = [answer for sentinel in sentinels if (answer := parse(ask(sentinel, f"SENTINEL MASTER {group}")))]
        # In the middle of a failover a sentinel still names the old primary.
        if not any(failing_over for _, _, failing_over in answers) or time.monotonic() > deadline:
            return max(answers)[1] if answers else nodes[0]
        time.sleep(0.1)


def ask(address: Address, question: str) -> str:
    """The answer of the server at ``address``; empty if there is none."""
    received = b""
    try:
        with socket.create_connection(address, TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(f"{question}\r\nQUIT\r\n".encode())
            while chunk := connection.recv(65536):
                received += chunk
    except OSError:
        return ""
    return received.decode(errors="replace")


def parse(reply: str) -> tuple[int, Address, bool] | None:
    """Configuration epoch, the primary's address and whether a failover is under way; ``None`` if the sentinel knows no primary."""
    words = [line for line in reply.split("\r\n") if not line.startswith(("$", "*"))]
    known = dict(zip(words[::2], words[1::2], strict=False))
    try:
        return int(known["config-epoch"]), (known["ip"], int(known["port"])), "failover_in_progress" in known.get("flags", "")
    except (KeyError, ValueError):
        return None


if __name__ == "__main__":
    main()
