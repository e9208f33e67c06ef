"""An application's container gets less memory, on a cluster: its limit is lowered in place."""

from __future__ import annotations

from closeshave.faults.kind import Parameter
from closeshave.faults.kubernetes.act import only
from closeshave.faults.kubernetes.squeezing import MEMORY_SQUEEZED
from closeshave.faults.service.fleet import INSTANCE
from closeshave.plan import Expected

SHARE = Parameter("share", float, default=0.7, about="The share of its limit that is left.", at_least=0.05, at_most=0.95)

KIND = only("service.memory-squeezed", MEMORY_SQUEEZED, ("region",), Expected.TOLERATES, (INSTANCE, SHARE))
