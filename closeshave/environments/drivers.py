"""All kinds of environments, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from closeshave.clock import Anchor
from closeshave.deployment import Deployment
from closeshave.environments import embedded, registry
from closeshave.environments.alerting.rules import read_rules
from closeshave.environments.containers import containers
from closeshave.environments.driver import Driver
from closeshave.environments.evidence import edge_counts, final_state, jobs, signals, timelines
from closeshave.environments.kubernetes.kubernetes import KUBERNETES
from closeshave.environments.remote.remote import REMOTE
from closeshave.environments.stack import Stack
from closeshave.history import Signal
from closeshave.vocabulary import ALERTS, BACKGROUND, LIVE


def _embedded_signals(deployment: Deployment, anchor: Anchor, since_ns: int, until_ns: int) -> list[Signal]:
    told = signals.read(Path(deployment.root) / "logs", deployment, anchor, since_ns, until_ns)
    return sorted([*told, *timelines.read(deployment, anchor, since_ns, until_ns)], key=lambda signal: signal.at_ns)


def _narrowed(definition: Stack, kinds: Collection[str], uses: Collection[str]) -> Stack:
    shards = definition.shards if "backups" in uses else tuple(replace(shard, backup="") for shard in definition.shards)
    spare = definition.spare if "spare" in uses else None
    narrow = replace(definition, links=tuple(kind for kind in definition.links if kind in kinds), shards=shards, spare=spare)
    narrow = narrow if ALERTS in uses else replace(narrow, alerts=None)
    narrow = narrow if BACKGROUND in uses else narrow.without_background()
    return narrow if LIVE in uses else narrow.without_followers()


def _has(definition: Stack, scope: Mapping[str, str | int]) -> frozenset[str]:
    """What the environment has for drills at a scope."""
    concerned = [shard for shard in definition.shards if shard.id == scope.get("shard", shard.id)]
    backed = bool(concerned) and all(shard.backup for shard in concerned)
    there = {
        "standby": True,
        "backups": backed,
        "rows": bool(definition.application.read_back.query),
        "releases": bool(definition.application.releases),
        "instances": definition.apps_per_region >= 2,
        "tls": definition.edges.tls,
        "valkey cluster": definition.valkey_cluster is not None,
        BACKGROUND: definition.works_later,
        ALERTS: definition.alerts is not None,
        LIVE: definition.application.live_updates is not None,
        "spare": bool(concerned) and all(definition.moving(shard.id) for shard in concerned),
        "routing": {"routing", "tables"} <= definition.application.offers,
    }
    return frozenset(name for name, has in there.items() if has)


def _alert_rules(definition: Stack) -> tuple[str, ...]:
    """The names of the rules in its files, which were read when the definition was."""
    return tuple(rule.name for path in (definition.alerts.rules if definition.alerts else ()) for rule in read_rules(Path(path)))


EMBEDDED = Driver(
    kind="embedded",
    ours=True,
    place=lambda definition: registry.new_root(definition.name),
    admit=lambda _definition, _plan, _permission: (),
    rate_cap=lambda _definition: None,
    up=lambda definition, root, say, etcd_killed: embedded.up(definition, root=root, say=say, etcd_killed=etcd_killed),
    down=lambda root, logs_to: embedded.down(root, logs_to=logs_to),
    status=embedded.status,
    count_edges=edge_counts.read,
    ledger=lambda definition: definition.application.pays,
    quiesce=final_state.quiesce,
    export=final_state.export,
    signals=_embedded_signals,
    clean_up=lambda _deployment, _run, _say: (),
    narrow=_narrowed,
    links_of=lambda definition: frozenset(definition.links),
    looks_inside=lambda definition: definition.application.read_back.cached is not None,
    tells_jobs=jobs.told,
    offers=lambda definition: definition.offers,
    has=_has,
    releases=lambda definition: definition.application.names_of_releases,
    instances=lambda definition: definition.apps_per_region,
    alert_rules=_alert_rules,
    tiers=lambda definition: definition.tier_names,
)

CONTAINERS = replace(
    EMBEDDED,
    kind="containers",
    up=lambda definition, root, say, _etcd_killed: containers.up(definition, root=root, say=say),
    down=lambda root, logs_to: containers.down(root, logs_to=logs_to),
)
"""Observed in the same ways as the embedded one: the same ports on the same machine."""

DRIVERS: Mapping[str, Driver] = MappingProxyType({driver.kind: driver for driver in (EMBEDDED, CONTAINERS, REMOTE, KUBERNETES)})


def of(kind: str) -> Driver:
    """The driver of a kind. Raises :class:`KeyError`."""
    return DRIVERS[kind]


def at(root: Path) -> Driver:
    """The driver of the environment below ``root``, running or starting."""
    try:
        return DRIVERS[registry.read_claim(root).kind]
    except FileNotFoundError:
        # Nothing was claimed yet, so there is only a directory, which every kind can remove.
        return EMBEDDED
