"""What parts of an environment still lack before they serve, asked from the parts themselves; in words, empty when nothing is lacking.

Of several parts only the first that lacks something is told: while an environment starts, every question takes processor time from those who start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from closeshave.clients import alerting, edges, etcd, pooler, ports, postgres, sentinel, valkey, valkey_cluster
from closeshave.deployment import OWN_REQUESTS, Deployment, Edge, Link, Member, Monitoring, Process, Readiness, Sentinel, Store
from closeshave.environments.errors import EnvironmentFailed
from closeshave.files import append_line
from closeshave.plurals import counted


def first(lacks: Iterable[str]) -> str:
    """The first of them that is not empty. The rest is not asked."""
    return next(filter(None, lacks), "")


def of_etcd(port: int) -> str:
    """Of a member of etcd."""
    return "" if etcd.healthy(port) else f"etcd on port {port} is not healthy, or does not answer"


def of_leaders(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Of shards (``shard1``) that should be led by these members. Pure."""
    strange = [f"etcd knows a leader of {shard}, which is no shard of this environment" for shard in found if shard not in wanted]
    wrong = [
        f"{shard} is led by {found.get(shard, 'nobody')}, not by {member}" for shard, member in wanted.items() if found.get(shard) != member
    ]
    return first([*wrong, *strange])


def of_standby(deployment: Deployment, home: Member) -> str:
    """Of the standbys that should stream from a shard's primary."""
    wanted = sum(member.shard == home.shard for member in deployment.members) - 1
    try:
        count = postgres.streaming(deployment, home)
    except postgres.Unavailable as error:
        return f"{home.process} does not say who streams from it: {postgres.first_line(error)}"
    return "" if count == wanted else f"{count} of {counted(wanted, 'standby streams', 'standbys stream')} from {home.process}"


def of_writes(shard: int, port: int, database: str, user: str) -> str:
    """Of a shard that should take a write through a port."""
    refused = postgres.refused_write(port, database, user)
    return refused and f"shard {shard} takes no write through port {port}: {refused}"


def of_pooled_writes(shard: int, port: int, database: str, user: str) -> str:
    """Of a shard that should take a write through the port of a pooler."""
    refused = postgres.refused_pooled_write(port, database, user)
    return refused and f"shard {shard} takes no write through the pooler on port {port}: {refused}"


def of_pooler(name: str, port: int, database: str, user: str, settings: Mapping[str, str]) -> str:
    """Of a pooler that should answer a query of a session that begins as those of the application do.

    Raises :class:`EnvironmentFailed` for a refusal that waiting does not end.
    """
    refused = pooler.refused(port, database, user, settings)
    if told := lasting(refused):
        raise EnvironmentFailed(_refusal(name, "what the application sends when it connects", told))
    return refused and f"{name} answers no query on port {port}: {refused}"


def of_pooler_log(name: str, log: str) -> None:
    """Of a pooler that should have refused nobody, by its log. Raises :class:`EnvironmentFailed` for the first refusal that waiting does not end."""
    if told := next(filter(None, map(lasting, CLOSED.findall(log))), ""):
        raise EnvironmentFailed(_refusal(name, "the application", told))


def lasting(refused: str) -> str:
    """A refusal of a pooler that stays until somebody changes the settings; empty for every other text. Pure."""
    return refused.strip() if LASTING.match(refused.strip()) else ""


def _refusal(name: str, whom: str, told: str) -> str:
    key = next(key for pattern, key in REMEDIES if re.match(pattern, told))
    return f"{name} refuses {whom}: {told}; {key}"


REMEDIES = (
    (r"unsupported startup parameter", "'ignore_startup_parameters' of the section 'pooler' must name it"),
    (r"no more connections allowed", "'max_client_conn' of the section 'pooler' is too small for the instances and their pools"),
    (r"no such (user|database)|.*authentication failed", "the application must connect by {database_url} as it is"),
)
"""How a refusal begins that stays, in the words of PgBouncer 1.18 to 1.25, and what is to be done."""
LASTING = re.compile("|".join(f"(?:{pattern})" for pattern, _ in REMEDIES))
CLOSED = re.compile(r"closing because: (.*) \(age=\d+s\)")
"""How PgBouncer's log tells that it sent a client away (``log_disconnections``, which is on unless the file says otherwise)."""


def of_replica(store: Store) -> str:
    """Of a store that should follow its primary."""
    told = valkey.replication(store.port)
    if told is None:
        return f"{store.process} does not answer"
    link = told.get("master_link_status", "none")
    return "" if link == "up" else f"{store.process} is {told.get('role', 'without a role')}, its link to a primary is {link}"


def of_node(store: Store) -> str:
    """Of a node of a cluster that should answer."""
    try:
        valkey_cluster.view(store)
    except sentinel.Unavailable:
        return f"{store.process} does not answer"
    return ""


def of_joined(store: Store, nodes: int) -> str:
    """Of a node that should know every node of its cluster, itself included."""
    try:
        known = len(valkey_cluster.view(store).joined)
    except sentinel.Unavailable:
        return f"{store.process} does not answer"
    return "" if known == nodes else f"{store.process} knows {known} of {counted(nodes, 'node')} of its cluster"


def of_cluster(stores: Sequence[Store]) -> str:
    """Of the nodes of a cluster that should all say that it is well, with the declared roles and linked replicas."""
    primaries = valkey_cluster.declared(stores)
    for store in stores:
        try:
            seen = valkey_cluster.view(store)
        except sentinel.Unavailable:
            return f"{store.process} does not answer"
        if not seen.serves:
            return f"{store.process} does not say that its cluster is well"
        if found := {port for port, node in seen.nodes.items() if node.primary} ^ {primary.port for primary in primaries}:
            return f"{store.process} does not know the role of {counted(len(found), 'node')} yet"
    return first(of_replica(replica) for replicas in primaries.values() for replica in replicas)


def of_sentinel(asked: Sentinel, group: str, replicas: int, others: int) -> str:
    """Of a sentinel that should see the group's primary well, its ``replicas``, and ``others`` sentinels."""
    told = sentinel.known(asked, group)
    if told is None:
        return f"{asked.process} does not answer, or does not know {group}"
    seen = (told["flags"], told["num-slaves"], told["num-other-sentinels"])
    if seen == ("master", replicas, others):
        return ""
    return (
        f"{asked.process} sees {group} as {seen[0]} with {seen[1]} replicas and {seen[2]} other sentinels, "
        f"not as master with {replicas} and {others}"
    )


def of_application(app: Process, readiness: Readiness) -> str:
    """Of an instance of the application that should say that it is ready."""
    return of_door(app.name, app.ports[0], readiness)


def of_door(name: str, port: int, readiness: Readiness) -> str:
    """Of a port behind which an instance of the application should say that it is ready."""
    return _of_answer(name, port, readiness, ports.fresh_answer(ports.url(port, readiness.path)))


def of_edge(deployment: Deployment, edge: Edge) -> str:
    """Of an edge behind which an instance of the application should say that it is ready.

    Noted before, because the edges' counters are compared with the customers' requests: what is rebuilt under load is asked while they are counted.
    """
    append_line(Path(deployment.root, OWN_REQUESTS), {"region": edge.region})
    asked = deployment.application.readiness
    port = urlsplit(edge.url).port or 0
    return _of_answer(f"the edge of {edge.region}", port, asked, edges.fresh_answer(deployment, edge, asked.path))


def of_distance(link: Link, owner: str) -> str:
    """Of the link of an entrance that should delay every answer by its distance."""
    # Only environments with entrances pay for the HTTP library that this client brings.
    from closeshave.clients import toxiproxy  # noqa: PLC0415 - see above

    try:
        there = any(toxic.owner == owner for toxic in toxiproxy.Server(link.api_port).listing().get(link.name, ()))
    except toxiproxy.Unavailable as error:
        return f"the Toxiproxy of {link.region} does not answer: {type(error).__name__}"
    return "" if there else f"the link {link.name} has no distance yet"


def _of_answer(name: str, port: int, readiness: Readiness, answer: tuple[int, str]) -> str:
    status, body = answer
    if readiness.met(status, body):
        return ""
    if not status:
        return f"{name} does not answer on port {port}"
    wanted = f"{readiness.status}{f' with {readiness.body!r}' if readiness.body else ''}"
    without = f" without {readiness.body!r}" if status == readiness.status else ""
    return f"{name} answers {status}{without} to {readiness.path}; ready is {wanted}"


def of_slot(deployment: Deployment, home: Member, slot: str) -> str:
    """Of a shard's primary that should have a replication slot."""
    try:
        return "" if postgres.slot_exists(deployment, home, slot) else f"{home.process} has no replication slot {slot!r}"
    except postgres.Unavailable as error:
        return f"{home.process} does not say which replication slots it has: {postgres.first_line(error)}"


def of_receiver(deployment: Deployment, home: Member, receiver: str) -> str:
    """Of a receiver that should get a shard's log from its primary."""
    try:
        found = postgres.receiving(deployment, home, receiver)
    except postgres.Unavailable as error:
        return f"{home.process} does not say who receives its log: {postgres.first_line(error)}"
    return "" if found is not None and found[0] == "streaming" else f"{receiver} does not receive the log of {home.process}"


def of_monitoring(monitoring: Monitoring) -> str:
    """Of the monitoring: every part is scraped, every rule was evaluated, and the Alertmanager takes alerts."""
    scraped = alerting.scraped(monitoring.store_url)
    if scraped < monitoring.targets:
        return f"{scraped} of {monitoring.targets} parts serve metrics"
    if not (groups := alerting.groups(monitoring.engine_url)):
        return "the rule engine has no rules, or does not answer"
    if unread := [group.name for group in groups if not group.evaluated]:
        return f"the rules of {unread[0]} were not evaluated yet"
    return "" if alerting.takes_alerts(monitoring.manager_url) else "the Alertmanager is not ready"
