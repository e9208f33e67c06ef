"""On which addresses a process listens, for a message about one that does not answer where it should."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Process

LISTENS = "0A"
"""The state in ``/proc/net/tcp`` (proc(5))."""


def elsewhere(root: Path, process: Process) -> str:
    """The end of a sentence: where a process that does not serve its port listens instead, and what to do; empty if it listens there."""
    port = process.ports[0]
    if not ports.refusal(port):
        return ""
    there = sorted(of(root, process))
    if not there:
        return "; it listens on no port: its command or a variable must have {port}"
    shown = ", ".join(f"[{host}]:{at}" if ":" in host else f"{host}:{at}" for host, at in there[:4])
    if any(at == port for _, at in there):
        only = " (IPv6 only)" if all(":" in host for host, at in there if at == port) else ""
        return f"; it listens on {shown}{only}: it must listen on {{host}}, which is an IPv4 address"
    return f"; it listens on {shown}, not on port {port}: its command or a variable must have {{port}}"


def of(root: Path, process: Process) -> set[tuple[str, int]]:
    """Address and port of every TCP socket on which a process or one of its descendants listens."""
    found: set[tuple[str, int]] = set()
    for identity in processes.family(root, process):
        with suppress(OSError):
            own = {link.removeprefix("socket:[").removesuffix("]") for link in _links(identity.pid) if link.startswith("socket:[")}
            for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
                lines = Path(f"/proc/{identity.pid}/net/{name}").read_text(encoding="ascii").splitlines()[1:]
                found |= set(listeners(lines, family, own))
    return found


def listeners(lines: list[str], family: socket.AddressFamily, inodes: set[str]) -> Iterator[tuple[str, int]]:
    """Address and port of each listening socket in lines of ``/proc/net/tcp`` whose inode is one of these. Pure."""
    for words in (line.split() for line in lines):
        if len(words) > 9 and words[3] == LISTENS and words[9] in inodes:
            host, _, port = words[1].partition(":")
            # Each group of four bytes is written as a number of this machine.
            raw = b"".join(int(host[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(host), 8))
            told = IPv6Address(raw) if family == socket.AF_INET6 else None
            mapped = told.ipv4_mapped if told else None
            yield str(mapped or told or socket.inet_ntop(family, raw)), int(port, 16)


def _links(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            yield str(link.readlink())
