"""This run's hold on a cluster: its lease, renewed by a thread of the trial's own process, so that it ends with the trial however that ends."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from closeshave.clients import cluster_lease
from closeshave.clients.cluster_lease import LeaseHeld
from closeshave.clients.kubernetes import NoCluster
from closeshave.cluster import Cluster
from closeshave.environments.kubernetes.look import reached


def named() -> str:
    """A new holder's name: where it runs, and what tells it from all others."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"


class Hold:
    """A lease that is held from :meth:`take` to :meth:`release` or the death of this process."""

    def __init__(self, cluster: Cluster, holder: str) -> None:
        self.cluster, self.holder = cluster, holder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="cluster-lease", daemon=True)

    @property
    def _namespace(self) -> str:
        return self.cluster.namespaces[0]

    def take(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take it; one that somebody holds is watched for its length, because its holder may be dead.

        Raises :class:`closeshave.clients.cluster_lease.LeaseHeld` and :class:`NoCluster`.
        """
        with reached(self.cluster) as api:
            watched = cluster_lease.read(api, self._namespace)
            try:
                cluster_lease.take(api, self._namespace, self.holder)
            except LeaseHeld:
                if watched is None:
                    raise
                sleep(watched.length_s)
                cluster_lease.take(api, self._namespace, self.holder, watched)
        self._thread.start()

    def release(self) -> None:
        """Stop renewing and let it go; an API server that is away then sees it end by itself."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(cluster_lease.RENEW_S)
        with suppress(NoCluster), reached(self.cluster) as api:
            cluster_lease.release(api, self._namespace, self.holder)

    def _go_on(self) -> None:
        while not self._over.wait(cluster_lease.RENEW_S):
            # Tried again after a pause; if it does not succeed in time, the janitor in the cluster heals, as it should.
            with suppress(NoCluster), reached(self.cluster) as api:
                try:
                    cluster_lease.renew(api, self._namespace, self.holder)
                except LeaseHeld:
                    return
