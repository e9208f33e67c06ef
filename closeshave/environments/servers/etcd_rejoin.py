"""Starts a member of an etcd that cannot trust its data after a kill: ``etcd_rejoin.py OTHERS ETCD OPTION …``.

etcd 3.5.0 to 3.5.2 can corrupt a killed member's data (etcd issue 13766). So a member that has run before is removed from the cluster, added again
under a new identity, and starts empty to copy all data from the others. The first start is a normal one. Only used with the packaged etcd.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from closeshave.clients.etcd import Registrar
from closeshave.control.waiting import obstacle

REJOIN_S_MAX = 60.0


def main() -> None:
    """Rejoin if necessary, then execute the server in this process. ``OTHERS`` are the client addresses (``host:port``) of the other members."""
    others, server = [address for address in sys.argv[1].split(",") if address], sys.argv[2:]
    data = Path(option(server, "data-dir"))
    if (data / "member").exists():
        cluster = rejoin(others, option(server, "name"), option(server, "initial-advertise-peer-urls"))
        shutil.rmtree(data)
        server = [*(word for word in server if not word.startswith("--initial-cluster=")), *existing(cluster)]
    os.execvp(server[0], server)  # noqa: S606  no shell: this very process becomes the server


def rejoin(others: Sequence[str], name: str, peer_url: str) -> str:
    """Replace the member ``name`` by an empty one; returns the value for ``--initial-cluster``. Raises :class:`TimeoutError`."""
    joined: list[str] = []

    def tried() -> str:
        seen = []
        for address in others:
            host, _, port = address.rpartition(":")
            registrar = Registrar(int(port), host)
            members = registrar.members()
            # Gone already when an earlier try got half-way, or when it was added and never started: then it has no name yet.
            for member in members:
                if member.get("name") == name or peer_url in member.get("peerURLs", []):
                    registrar.remove(member)
            if members and (cluster := registrar.add(peer_url)):
                joined.append(initial_cluster(cluster, name, peer_url))
                return ""
            seen.append(f"{address} lists {len(members)} members and adds none" if members else f"{address} lists no members")
        return ", ".join(seen) or "there are no others"

    if seen := obstacle(tried, REJOIN_S_MAX, interval_s=0.2):
        raise TimeoutError(f"no majority of etcd accepted {name} again within {REJOIN_S_MAX:.0f} s: {seen}")
    return joined[0]


def initial_cluster(members: Sequence[Mapping[str, Any]], name: str, peer_url: str) -> str:
    """The members as ``name=url,…``; the new one has no name of its own yet."""
    return ",".join(f"{name if peer_url in member['peerURLs'] else member['name']}={member['peerURLs'][0]}" for member in members)


def existing(cluster: str) -> list[str]:
    """The options with which a member joins a running cluster."""
    return [f"--initial-cluster={cluster}", "--initial-cluster-state=existing"]


def option(words: Sequence[str], name: str) -> str:
    """The value of ``--name=value`` among ``words``. Raises :class:`StopIteration`."""
    return next(word.split("=", 1)[1] for word in words if word.startswith(f"--{name}="))


if __name__ == "__main__":
    main()
