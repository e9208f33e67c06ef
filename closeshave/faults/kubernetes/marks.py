"""What faults leave on objects of a cluster: a mark, who holds it, and the way back. The cluster alone is then enough to heal.

The mark and the way back are written with the change, or before it where the API needs two requests: so nothing is changed that no mark tells of.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from closeshave.clients.kubernetes import ClusterApi, ClusterRefused, Object, part, path
from closeshave.cluster import LABEL_VALUE, Cluster, ClusterInUse
from closeshave.faults.kind import Aim
from closeshave.files import foreign

MARK = "closeshave.io/fault"
"""The label of everything that a fault changed or made: kind and scope of the fault."""
HOLDER = "closeshave.io/holder"
"""The annotation with the holder of the lease for whom it was changed."""
BEFORE = "closeshave.io/before"
"""The annotation with what is to be put back (JSON)."""
PODS, POLICIES, NODES = "v1/pods", "networking.k8s.io/v1/networkpolicies", "v1/nodes"

Way = Literal["remove", "release", "resize", "uncordon"]


@dataclass(frozen=True, slots=True)
class Marked:
    """An object that carries a mark, and how it is put back."""

    way: Way
    """``remove``: the harness made it. ``release``: only the mark is taken off. ``resize``, ``uncordon``: what was changed is put back first."""
    at: str
    """The path of the object."""
    name: str
    uid: str
    mark: str
    holder: str
    before: Any = None
    """What stood there, as far as the way back needs it."""


def mark_of(aim: Aim, kind: str) -> str:
    """``shard.primary-killed.1``: what marks the changes of this fault; the same for every process that heals it. Pure."""
    told = ".".join([kind, *map(str, aim.scope.values())])
    return told if re.fullmatch(LABEL_VALUE, told) else f"{kind}.{hashlib.sha256(told.encode()).hexdigest()[:12]}"[-63:]


def metadata(in_use: ClusterInUse, mark: str, before: object = None) -> dict[str, Any]:
    """The mark, for the metadata of an object."""
    told = {HOLDER: in_use.holder} | ({} if before is None else {BEFORE: json.dumps(before, sort_keys=True)})
    return {"labels": {MARK: mark}, "annotations": told}


def marked(api: ClusterApi, cluster: Cluster, mark: str = "") -> tuple[Marked, ...]:
    """Everything in the cluster that carries this mark, or any. Raises :class:`closeshave.clients.kubernetes.NoCluster`."""
    query = f"{MARK}={mark}" if mark else MARK
    found: list[Marked] = []
    for namespace in cluster.namespaces:
        found += read(api.listed(path(POLICIES, namespace), query), POLICIES, namespace)
        found += read(api.listed(path(PODS, namespace), query), PODS, namespace)
    if cluster.nodes_at_once:
        found += read(api.listed(path(NODES), query), NODES, None)
    return tuple(found)


def read(found: Sequence[Object], kind: str, namespace: str | None) -> Iterator[Marked]:
    """What these objects of a kind say of faults. Pure."""
    for each in found:
        told, notes = part(each, "metadata"), part(each, "metadata", "annotations")
        if not isinstance(name := told.get("name"), str) or name in {"", ".", ".."}:
            continue
        before = None
        with suppress(ValueError, TypeError):
            before = foreign.loads(notes[BEFORE]) if BEFORE in notes else None
        way: Way = {POLICIES: "remove", NODES: "uncordon"}.get(kind, "release" if before is None else "resize")  # type: ignore[assignment] # these four
        mark = str(part(told, "labels").get(MARK, ""))
        yield Marked(way, path(kind, namespace, name), name, str(told.get("uid", "")), mark, str(notes.get(HOLDER, "")), before)


def put_back(api: ClusterApi, found: Sequence[Marked]) -> tuple[str, ...]:
    """Put back everything that is marked; returns what was done. Safe any number of times, from any process.

    Raises :class:`closeshave.clients.kubernetes.NoCluster` after it has tried everything.
    """
    done: list[str] = []
    failed: ClusterRefused | None = None
    # Traffic first: a policy cuts parts off from what they need to become healthy.
    for each in sorted(found, key=lambda one: ["remove", "uncordon", "resize", "release"].index(one.way)):
        try:
            done += _put_back(api, each)
        except ClusterRefused as error:
            # A pod that was replaced meanwhile took its mark with it.
            failed = failed if error.missing else error
    if failed is not None:
        raise failed
    return tuple(done)


def _put_back(api: ClusterApi, each: Marked) -> Iterator[str]:
    clean = {"labels": {MARK: None}, "annotations": {HOLDER: None, BEFORE: None}}
    if each.way == "remove":
        if api.delete(each.at, uid=each.uid):
            yield f"removed {each.name}"
    elif each.way == "uncordon":
        # Only nodes that could be used before are cordoned; the way back does not depend on what is annotated.
        api.patch(each.at, {"metadata": clean, "spec": {"unschedulable": None}})
        yield f"uncordoned {each.name}"
    elif each.way == "resize":
        api.patch(f"{each.at}/resize", {"spec": {"containers": each.before}}, "strategic")
        api.patch(each.at, {"metadata": clean})
        yield f"gave {each.name} its resources back"
    else:
        api.patch(each.at, {"metadata": clean})
        yield f"took the mark off {each.name}"
