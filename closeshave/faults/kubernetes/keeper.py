"""The janitor inside a cluster: it heals what carries a mark when the run that made it is dead, has let its lease go, or has left it too long.

It needs nothing of the run but the cluster itself: the lease says whether the run lives, the marks say what to put back. So it also heals when the node
of the trial's Job is lost, and its disk with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.clients import cluster_lease, kubeconfig
from closeshave.clients.cluster_lease import LeaseSeen
from closeshave.clients.kubernetes import ClusterApi, NoCluster, opened
from closeshave.clock import now_ns
from closeshave.cluster import Cluster
from closeshave.faults.kubernetes.marks import Marked, marked, put_back
from closeshave.faults.waiting import SECOND_NS, after, wait_until

LOOK_EVERY_S = 2.0
TTL_S = 1800.0
"""The longest that anything stays changed, even if its run says that it lives: the longest hold of a fault, its healing, and as much again."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the janitor remembers from one look to the next. Pure: readings and instants (monotonic nanoseconds) are given to it."""

    lease: LeaseSeen | None = None
    since_ns: int = 0
    """When the lease was first seen as it is."""
    first_ns: dict[str, int] = field(default_factory=dict)
    """UID and mark of what is marked → when that was first seen."""

    def after(self, found: Sequence[Marked], lease: LeaseSeen | None, at_ns: int) -> Watched:
        """What it knows after another look."""
        since_ns = self.since_ns if lease == self.lease and self.since_ns else at_ns
        return Watched(lease, since_ns, {_key(each): self.first_ns.get(_key(each), at_ns) for each in found})

    def due(self, found: Sequence[Marked], at_ns: int) -> tuple[Marked, ...]:
        """What is to be put back now."""
        return tuple(each for each in found if self._orphaned(each, at_ns) or self._outlived(each, at_ns))

    def _orphaned(self, each: Marked, at_ns: int) -> bool:
        """Whether the run that made it does not live: another one holds the lease, nobody does, or nobody renews it."""
        if self.lease is None or self.lease.holder != each.holder:
            return True
        return at_ns - self.since_ns > self.lease.length_s * SECOND_NS

    def _outlived(self, each: Marked, at_ns: int) -> bool:
        return at_ns - self.first_ns.get(_key(each), at_ns) > TTL_S * SECOND_NS


def _key(each: Marked) -> str:
    return f"{each.uid} {each.mark}"


def look(api: ClusterApi, cluster: Cluster, watched: Watched, say: Say, now: Callable[[], int] = now_ns) -> Watched:
    """Look once, and put back what is due. Raises :class:`NoCluster`."""
    # In this order: a run takes the lease before it marks anything, so that what is marked never seems to have no run.
    found = marked(api, cluster)
    lease = cluster_lease.read(api, cluster.namespaces[0])
    watched = watched.after(found, lease, now())
    if due := watched.due(found, now()):
        for done in put_back(api, due):
            say(done)
    return watched


def keep(cluster: Cluster, alive: Path | None, say: Say, stop: Callable[[], bool]) -> None:
    """Look again and again until ``stop``. ``alive`` is a file that is touched after each look that succeeded, for a liveness probe."""
    watched, trouble = Watched(), ""
    while not stop():
        try:
            with opened(kubeconfig.of(cluster.context), cluster.namespaces) as api:
                while not stop():
                    watched = look(api, cluster, watched, say)
                    trouble = ""
                    if alive is not None:
                        alive.touch()
                    wait_until(after(LOOK_EVERY_S), stop)
        except (NoCluster, kubeconfig.NoAccess) as error:
            # Once for each error: it is tried again and again.
            if str(error) != trouble:
                trouble = str(error)
                say(trouble)
            wait_until(after(LOOK_EVERY_S), stop)


def sweep(cluster: Cluster, say: Say) -> tuple[str, ...]:
    """Put back everything that is marked, whoever made it; returns what still carries a mark. Raises :class:`NoCluster`."""
    try:
        access = kubeconfig.of(cluster.context)
    except kubeconfig.NoAccess as error:
        raise NoCluster(str(error)) from None
    with opened(access, cluster.namespaces) as api:
        for done in put_back(api, marked(api, cluster)):
            say(done)
        return tuple(each.name for each in marked(api, cluster))
