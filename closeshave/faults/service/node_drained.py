"""A node is cordoned and drained, on a cluster, as for its maintenance."""

from __future__ import annotations

from closeshave.faults.kubernetes.act import only
from closeshave.faults.kubernetes.nodes import NODE_DRAINED
from closeshave.plan import Expected

KIND = only("service.node-drained", NODE_DRAINED, ("region",), Expected.TOLERATES)
