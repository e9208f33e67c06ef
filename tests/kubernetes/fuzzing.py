"""What a cluster answers, read as a pod, a node, a lease and a change with a mark: a value each time, whatever it is."""

from __future__ import annotations

from closeshave.clients import cluster_lease
from closeshave.clients.kubernetes import objects
from closeshave.faults.kubernetes import marks, nodes, pods, squeezing
from closeshave.files import foreign


def one(told: bytes) -> None:
    """One answer, or a list of objects."""
    try:
        answer = foreign.loads(told)
    except ValueError:
        return
    found = objects(answer.get("items") if isinstance(answer, dict) else [answer]) or objects([answer])
    for each in found:
        pod = pods.pod_of(each, "booking")
        pods.name_of(each)
        nodes.usable(each)
        cluster_lease.seen(each)
        if (container := squeezing.container_of(pod, "")) is not None:
            squeezing.changes(container, "cpu", 0.1)
            squeezing.given(pod, str(container.get("name")), "memory")
    list(marks.read(found, marks.PODS, "booking"))
    list(marks.read(found, marks.NODES, None))
