"""The order in which an environment starts, from prepared files to every shard writable and every region ready."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol

from closeshave.clients import valkey_cluster
from closeshave.clients.sentinel import Unavailable
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment, Member, Process, Store
from closeshave.environments import listening, logs, readiness
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.helper import Helper
from closeshave.environments.layout import Layout
from closeshave.environments.logs import tail
from closeshave.environments.milestones import Milestone, reach_all
from closeshave.environments.readiness import first
from closeshave.environments.servers import patroni, pooler, toxiproxy_start
from closeshave.environments.unprivileged import Wrapper

START_S_MAX = 120.0

INDEPENDENT = ("etcd", "valkey", "toxiproxy", "pooler", "payments", "edge")
"""Roles that wait for no other part."""
APPLICATION = ("app", "worker")
READY_S = 60.0
"""Seconds of :data:`START_S_MAX` that are meant for the application; it may have stated more."""


class Starter(Protocol):
    """Starts the processes of one kind of environment."""

    def expect(self, role: str) -> None:
        """Prepare what processes of this role share, because they will be started soon."""

    def start(self, process: Process) -> None:
        """Begin to start a process. Raises :class:`EnvironmentFailed` or :class:`OSError`."""

    def started(self) -> Sequence[Process]:
        """The processes that run by now and must not end. Raises :class:`EnvironmentFailed` when one could not be started."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Start no further process. After an error no start is in progress any more once this has returned."""


@dataclass(slots=True)
class Startup:
    """One start in progress."""

    layout: Layout
    templates: Mapping[int, Path]
    """Shard ID → the directory from which its members' data is copied."""
    databases: Wrapper
    """The user that must own the copies."""
    starter: Starter
    _copies: dict[str, Helper] = field(default_factory=dict)
    _bases: dict[str, Helper] = field(default_factory=dict)
    _application_started_s: float | None = None
    """When the first instance was started, by ``time.monotonic``."""

    def run(self) -> Mapping[str, float]:
        """Start everything and wait until all parts serve; returns when each milestone was reached, in seconds.

        Raises :class:`EnvironmentFailed` when a part ends or is not ready in time.
        """
        homes, _ = by_role(self._deployment)
        with self.starter:
            self.starter.expect("patroni")
            self._copy(homes)
            self._start(*INDEPENDENT)
            self.starter.expect("app")
            milestones = [*self._database_milestones(), *self._cache_milestones(), *self._region_milestones()]
            within_s = self._deployment.application.readiness.within
            return reach_all(milestones, self._check, START_S_MAX + max(0.0, within_s - READY_S))

    @property
    def _deployment(self) -> Deployment:
        return self.layout.deployment

    def _database_milestones(self) -> list[Milestone]:
        deployment = self._deployment
        homes, standbys = by_role(deployment)
        port = deployment.etcd_ports[0]
        leaders = {f"shard{home.shard}": home.name for home in homes}
        return [
            Milestone("etcd", lambda: first(map(readiness.of_etcd, deployment.etcd_ports))),
            Milestone("data directories copied", lambda: first(map(self._uncopied, homes)), then=partial(self._copy, standbys)),
            Milestone("databases started", lambda: "", ("etcd", "data directories copied"), partial(self._start_members, homes)),
            # Standbys only now, so that the declared primary wins the first election. Applications only now, and proxies only when the
            # standbys are there: until there is something to find, their asking takes the processor from those who start.
            Milestone(
                "primaries elected",
                lambda: readiness.of_leaders(leaders, patroni.leaders(port)),
                ("databases started",),
                partial(self._start, *APPLICATION) if self.layout.patient else lambda: None,
            ),
            Milestone(
                "standbys copied",
                lambda: first(map(self._uncopied, standbys)),
                ("primaries elected",),
                partial(self._start_members, standbys),
            ),
            Milestone(
                "standbys stream",
                lambda: first(readiness.of_standby(deployment, home) for home in homes),
                ("standbys copied",),
                partial(self._start, "haproxy"),
            ),
            Milestone("shards writable", lambda: first(map(self._unwritable, homes)), ("standbys stream",)),
            *self._backup_milestones(homes),
            # Not before: a pooler that found nobody tries again only after a while.
            *((Milestone("poolers connected", self._unpooled, ("shards writable",)),) if self.layout.pooler_ports else ()),
        ]

    @property
    def _databases(self) -> str:
        """The milestone at which applications can write."""
        return "poolers connected" if self.layout.pooler_ports else "shards writable"

    def _backup_milestones(self, homes: Sequence[Member]) -> list[Milestone]:
        """Receivers first, so that the log has no gap from the first base backup on."""
        deployment = self._deployment
        backed = [(home, server) for home in homes for server in deployment.backups if server.shard == home.shard]
        if not backed:
            return []
        slot = patroni.BACKUP_SLOT
        return [
            Milestone(
                "backup slots there",
                lambda: first(readiness.of_slot(deployment, home, slot) for home, _ in backed),
                ("shards writable",),
                partial(self._start, "backup"),
            ),
            Milestone(
                "backup servers receive",
                lambda: first(readiness.of_receiver(deployment, home, server.process) for home, server in backed),
                ("backup slots there",),
                self._back_up,
            ),
            Milestone("base backups made", lambda: first(map(self._unsaved, deployment.backups)), ("backup servers receive",)),
        ]

    def _back_up(self) -> None:
        root = Path(self._deployment.root)
        for server, command in self.layout.base_backups.items():
            self._bases[server] = Helper(root, self._deployment.id, f"base-{server}", command)

    def _unsaved(self, server: BackupServer) -> str:
        made = server.process in self._bases and self._bases[server.process].done()
        return "" if made else f"the base backup of shard {server.shard} is still being made"

    def _cache_milestones(self) -> list[Milestone]:
        deployment = self._deployment
        watched = [store for store in deployment.stores if store.slots is None]
        nodes = Counter(store.group for store in watched)
        replicas = [store for store in watched if store.process not in self.layout.declared_primaries]

        def disagree() -> str:
            others = len(deployment.sentinels) - 1
            return first(
                readiness.of_sentinel(sentinel, group, nodes[group] - 1, others) for sentinel in deployment.sentinels for group in nodes
            )

        return [
            # A sentinel that starts earlier learns of no replica for ten seconds.
            Milestone("caches connected", lambda: first(map(readiness.of_replica, replicas)), then=partial(self._start, "sentinel")),
            Milestone("sentinels agree", disagree, ("caches connected",)),
            *self._cluster_milestones(),
            # An application that cannot wait may end, if it finds no database or no cache.
            *(
                ()
                if self.layout.patient
                else (Milestone("application started", lambda: "", (self._databases, *self._caches), partial(self._start, *APPLICATION)),)
            ),
        ]

    @property
    def _cluster(self) -> tuple[Store, ...]:
        """The nodes of the Valkey cluster, if there is one."""
        return tuple(store for store in self._deployment.stores if store.slots is not None)

    @property
    def _caches(self) -> tuple[str, ...]:
        """The milestones at which every tier serves."""
        return ("sentinels agree", *(("cluster serves",) if self._cluster else ()))

    def _cluster_milestones(self) -> list[Milestone]:
        """The nodes meet, replicas are told whom to follow, and every node says that the cluster is well."""
        if not (nodes := self._cluster):
            return []
        return [
            Milestone("cluster nodes answer", lambda: first(map(readiness.of_node, nodes)), then=self._form),
            Milestone(
                "cluster joined",
                lambda: first(readiness.of_joined(node, len(nodes)) for node in nodes),
                ("cluster nodes answer",),
                self._follow,
            ),
            Milestone("cluster serves", lambda: readiness.of_cluster(nodes), ("cluster joined",)),
        ]

    def _form(self) -> None:
        self._changed(lambda: valkey_cluster.form(self._deployment, self._cluster))

    def _follow(self) -> None:
        self._changed(lambda: valkey_cluster.follow(self._cluster))

    def _changed(self, change: Callable[[], object]) -> None:
        try:
            change()
        except Unavailable as error:
            raise EnvironmentFailed(f"the Valkey cluster cannot be formed: {type(error).__name__}: {error}") from None

    def _region_milestones(self) -> list[Milestone]:
        found = []
        before = (self._databases, *(("cluster serves",) if self._cluster else ())) if self.layout.patient else ("application started",)
        for edge in self._deployment.edges:
            apps = [process for process in self._deployment.owned_by(edge.region) if process.role == "app"]
            # An entrance has no instances of its own.
            found.append(Milestone(f"{edge.region} applications", partial(self._unready, apps), before))
            found.append(
                Milestone(f"{edge.region} edge", partial(readiness.of_edge, self._deployment, edge), (f"{edge.region} applications",))
            )
        away = dict(self._deployment.topology.entrances)
        found += [
            Milestone(f"{link.region} distance", partial(readiness.of_distance, link, toxiproxy_start.OWNER))
            for link in self._deployment.links
            if link.region in away
        ]
        if self.layout.pooler_ports:
            found.append(Milestone("poolers refuse nobody", self._refusing, tuple(each.name for each in found)))
        return [*found, *self._alert_milestones([milestone.name for milestone in found])]

    def _alert_milestones(self, everything: Sequence[str]) -> list[Milestone]:
        """Monitoring starts last: it would take the start of the others for an outage, and processor time from them."""
        monitoring = self._deployment.monitoring
        if monitoring is None:
            return []
        return [
            Milestone("everything serves", lambda: "", tuple(everything), partial(self._start, "alerts")),
            Milestone("alerts watch", partial(readiness.of_monitoring, monitoring), ("everything serves",)),
        ]

    def _unready(self, apps: Iterable[Process]) -> str:
        """What the first instance lacks that is not ready. Raises :class:`EnvironmentFailed` when it has taken too long."""
        asked = self._deployment.application.readiness
        for app in apps:
            if lack := readiness.of_application(app, asked):
                if time.monotonic() - (self._application_started_s or time.monotonic()) > asked.within:
                    root = Path(self._deployment.root)
                    raise EnvironmentFailed(
                        f"{app.name} was not ready within {asked.within:g} s: {lack}{listening.elsewhere(root, app)}; "
                        f"its log ends:\n{tail(root, app.name)}"
                    )
                return lack
        return ""

    def _start(self, *roles: str) -> None:
        if "app" in roles and self._application_started_s is None:
            self._application_started_s = time.monotonic()
        for process in self._deployment.processes:
            if process.role in roles:
                self._start_process(process)

    def _start_members(self, members: Iterable[Member]) -> None:
        for member in members:
            self._start_process(self._deployment.process(member.process))

    def _start_process(self, process: Process) -> None:
        try:
            self.starter.start(process)
        except OSError as error:
            raise EnvironmentFailed(f"{process.name} cannot be started: {error}") from None

    def _copy(self, members: Iterable[Member]) -> None:
        root = Path(self._deployment.root)
        for member in members:
            argv = copy_command(self.templates[member.shard], root / "data" / member.process, self.databases.owner)
            self._copies[member.process] = Helper(root, self._deployment.id, f"copy-{member.process}", argv)

    def _uncopied(self, member: Member) -> str:
        copied = member.process in self._copies and self._copies[member.process].done()
        return "" if copied else f"the data directory of {member.process} is still being copied"

    @property
    def _poolers(self) -> Iterator[tuple[str, int, int]]:
        """Process, shard and port of every pooler."""
        for region, ports in self.layout.pooler_ports.items():
            yield from ((pooler.process_name(region, shard), shard, port) for shard, port in ports.items())

    def _unpooled(self) -> str:
        """What the first pooler lacks: a write through it, and a query of a session like those of the application. Raises :class:`EnvironmentFailed`."""
        database, user = self._deployment.database, self._deployment.user
        return first(
            readiness.of_pooled_writes(shard, port, database, user)
            or readiness.of_pooler(name, port, database, user, self.layout.session_settings)
            for name, shard, port in self._poolers
        )

    def _refusing(self) -> str:
        """By now every instance is ready, and most have connected. Raises :class:`EnvironmentFailed` if a pooler sent one of them away."""
        root = Path(self._deployment.root)
        for name, _, _ in self._poolers:
            readiness.of_pooler_log(name, logs.end(root, name))
        return ""

    def _unwritable(self, home: Member) -> str:
        port = self.layout.primary_ports[home.region][home.shard]
        return readiness.of_writes(home.shard, port, self._deployment.database, self._deployment.user)

    def _check(self) -> None:
        root = Path(self._deployment.root)
        for process in self.starter.started():
            if processes.find(root, process) is None:
                raise EnvironmentFailed(
                    f"{process.name} ended while the environment was starting; its log ends:\n{tail(root, process.name)}"
                )


def copy_command(source: Path, destination: Path, owner: int | None) -> list[str]:
    """The command that copies a whole directory, with another owner if one is given."""
    copy = ["cp", "-a", "--reflink=auto", str(source), str(destination)]
    return copy if owner is None else ["/bin/sh", "-c", '"$@" && chown -R "$0" "$5"', f"{owner}:{owner}", *copy]


def by_role(deployment: Deployment) -> tuple[list[Member], list[Member]]:
    """The declared primaries and the declared standbys, in the order of the shards."""
    homes: dict[int, Member] = {}
    for member in deployment.members:
        homes.setdefault(member.shard, member)
    return list(homes.values()), [member for member in deployment.members if member != homes[member.shard]]
