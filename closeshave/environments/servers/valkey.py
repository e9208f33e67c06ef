"""Valkey (the Redis protocol): the nodes of each group, and the sentinels that watch them and promote a replica."""

from __future__ import annotations

from closeshave.deployment import Process, Sentinel, Store
from closeshave.environments.site import SERVER_NICE, Site, placed
from closeshave.environments.stack import StoreGroup, ValkeyClusterOf
from closeshave.hashslots import shares

DOWN_AFTER_MS = 1000
FAILOVER_TIMEOUT_MS = 3000
MEMORY_MAX = "64mb"
HZ = 4
"""How often a second a node looks for work in the background, such as entries that have expired. Nothing here needs its usual 10, and idle nodes
wake the processors that requests need."""
SENTINEL_USER = "sentinel"
"""Sentinels have a user of their own at every node, so that a fault can lock them out of a node that its clients still reach."""


def stores(site: Site) -> tuple[Store, ...]:
    """The nodes of every group, the declared primary first; and those of the cluster, the declared primaries first."""
    watched = tuple(
        Store(process=name, tier=group.tier, group=group.name, region=region, port=site.ports.port(name, "resp"))
        for group in site.definition.tiers
        for name, region in placed(group.name, group.nodes)
    )
    return (*watched, *cluster_nodes(site))


def cluster_nodes(site: Site) -> tuple[Store, ...]:
    """The nodes of the Valkey cluster, the declared primaries first; none where there is no cluster."""
    cluster = site.definition.valkey_cluster
    if cluster is None:
        return ()
    ranges, (tier, *also) = shares(len(cluster.primaries)), cluster.holds
    return tuple(
        Store(
            process=name,
            tier=tier,
            group=cluster.name,
            region=region,
            port=site.ports.port(name, "resp"),
            slots=ranges[number % len(ranges)],
            bus_port=site.ports.port(name, "bus"),
            also=tuple(also),
        )
        for number, (name, region) in enumerate(placed(cluster.name, cluster.nodes))
    )


def sentinels(site: Site) -> tuple[Sentinel, ...]:
    """One in each of the regions that the environment file names."""
    return tuple(
        Sentinel(process=name, region=region, port=site.ports.port(name, "resp"))
        for name, region in placed("sentinel", site.definition.sentinels)
    )


def declared_primary(site: Site, group: StoreGroup) -> Store:
    """The node that is the primary according to the environment file; the current primary is known only to Sentinel."""
    return next(store for store in stores(site) if store.group == group.name)


def store_processes(site: Site) -> tuple[Process, ...]:
    """Every node, started by a launcher that first asks the sentinels for its role."""
    groups = {group.name: group for group in site.definition.tiers}
    watched = (_store_process(site, store, groups[store.group]) for store in stores(site) if store.slots is None)
    cluster = site.definition.valkey_cluster
    return (*watched, *(_cluster_process(site, cluster, store) for store in cluster_nodes(site) if cluster is not None))


def sentinel_processes(site: Site) -> tuple[Process, ...]:
    """Every sentinel; each stores its state in its own settings file."""
    return tuple(
        Process(
            name=sentinel.process,
            role="sentinel",
            region=sentinel.region,
            argv=(str(site.parts.valkey), str(site.config(f"{sentinel.process}.conf")), "--sentinel"),
            ports=(sentinel.port,),
            nice=SERVER_NICE,
        )
        for sentinel in sentinels(site)
    )


def files(site: Site) -> dict[str, str]:
    """The first settings of every sentinel."""
    return {f"{sentinel.process}.conf": sentinel_settings(site, sentinel) for sentinel in sentinels(site)}


def sentinel_settings(site: Site, sentinel: Sentinel) -> str:
    """The text of a sentinel's settings: the groups with the addresses of their primaries, and how many sentinels must agree that one is down."""
    quorum = len(site.definition.sentinels) // 2 + 1
    lines = [f"port {sentinel.port}", f"bind {site.bind}", f'dir "{site.root}"', "protected-mode no"]
    for group in site.definition.tiers:
        primary = declared_primary(site, group)
        lines += [
            f"sentinel monitor {group.name} {site.address(primary.process)} {primary.port} {quorum}",
            f"sentinel down-after-milliseconds {group.name} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {group.name} {FAILOVER_TIMEOUT_MS}",
            f"sentinel parallel-syncs {group.name} 1",
            f"sentinel auth-user {group.name} {SENTINEL_USER}",
            f"sentinel auth-pass {group.name} none-is-asked-for",
        ]
    return "\n".join(lines) + "\n"


def _store_process(site: Site, store: Store, group: StoreGroup) -> Process:
    nodes = [node for node in stores(site) if node.group == group.name]
    server = [*_server(site, store, append_only=group.append_only), "--user", SENTINEL_USER, "on", "nopass", "~*", "&*", "+@all"]
    python = site.parts.python
    start = [python.program, "-I", "-S", python.valkey_start, group.name, str(store.port)]
    start += [",".join(f"{site.address(part.process)}:{part.port}" for part in parts) for parts in (nodes, sentinels(site))]
    return Process(name=store.process, role="valkey", region=store.region, argv=(*start, *server), ports=(store.port,), nice=SERVER_NICE)


def _cluster_process(site: Site, cluster: ValkeyClusterOf, store: Store) -> Process:
    """A node that starts again in the role that its cluster gave it: a primary serves nothing until it has heard the others, so it needs no launcher."""
    settings = [
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(store.bus_port)),
        *("--cluster-node-timeout", str(round(cluster.node_timeout * 1000))),
        # The loss of one range is none of the others; and a replica stays with the primary that the file gives it.
        *("--cluster-require-full-coverage", "no", "--cluster-allow-replica-migration", "no"),
        *("--cluster-announce-ip", site.address(store.process)),
    ]
    argv = (*_server(site, store, append_only=cluster.append_only), *settings)
    return Process(name=store.process, role="valkey", region=store.region, argv=argv, ports=(store.port, store.bus_port), nice=SERVER_NICE)


def _server(site: Site, store: Store, *, append_only: bool) -> list[str]:
    """The command of every node."""
    return [
        str(site.parts.valkey),
        *("--port", str(store.port), "--bind", site.bind, "--dir", str(site.data(store.process)), "--save", ""),
        *("--appendonly", "yes" if append_only else "no"),
        *("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "5"),
        *("--maxmemory", MEMORY_MAX, "--maxmemory-policy", "noeviction" if append_only else "allkeys-lru"),
        *("--protected-mode", "no", "--loglevel", "notice", "--hz", str(HZ)),
    ]
