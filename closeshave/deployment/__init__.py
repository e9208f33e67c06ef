"""The description of a running environment: which parts exist, where they listen, how to start each again.

The environment writes this file when it has started; traffic, faults and judges read it. Besides the plan and the history it is the only thing that
these packages share. It says where parts *are*, never which role they have now: roles change, so ask Patroni or Sentinel.

May import: api, cluster, files, hashslots, plan, topology.
"""

from closeshave.deployment.application import (
    Application,
    BarberId,
    Capabilities,
    LiveUpdates,
    Readiness,
    RunnableRelease,
    VersionAt,
    barber_id,
)
from closeshave.deployment.hooks import DRILL_PARTS, PARTS, UNSAID, Asked, Call, DrillHook, Expect, ExperimentPart, Hook
from closeshave.deployment.parts import Account, Attachment, BackupServer, Container, Member, Network, Payments, Process, Sentinel, Store
from closeshave.deployment.ways import LINK_KINDS, Balancer, Edge, EdgeCache, EdgeTls, Link, LinkKind, Proxy
from closeshave.deployment.whole import (
    DIVERGED,
    FILE,
    FOLLOWED,
    OWN_REQUESTS,
    Deployment,
    Monitoring,
    Programs,
    Secrets,
    load,
    reroute,
    routing_of,
)

__all__ = [
    "DIVERGED",
    "DRILL_PARTS",
    "FILE",
    "FOLLOWED",
    "LINK_KINDS",
    "OWN_REQUESTS",
    "PARTS",
    "UNSAID",
    "Account",
    "Application",
    "Asked",
    "Attachment",
    "BackupServer",
    "Balancer",
    "BarberId",
    "Call",
    "Capabilities",
    "Container",
    "Deployment",
    "DrillHook",
    "Edge",
    "EdgeCache",
    "EdgeTls",
    "Expect",
    "ExperimentPart",
    "Hook",
    "Link",
    "LinkKind",
    "LiveUpdates",
    "Member",
    "Monitoring",
    "Network",
    "Payments",
    "Process",
    "Programs",
    "Proxy",
    "Readiness",
    "RunnableRelease",
    "Secrets",
    "Sentinel",
    "Store",
    "VersionAt",
    "barber_id",
    "load",
    "reroute",
    "routing_of",
]
