"""How one thing of a running platform is broken from outside, and mended again: variables, processes, settings of servers, files. For :mod:`truth.rows`.

Each is a context manager over a deployment: broken inside of the block, whole again after it. Production code has no path for any of them.
"""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from closeshave.clients import edge_tls, edges, patroni, pooler, postgres, sentinel, valkey, valkey_cluster
from closeshave.clients.address import HOST
from closeshave.control import processes
from closeshave.deployment import Deployment, Edge, Process, Readiness, Store
from closeshave.environments.readiness import of_application
from closeshave.faults.certificate import served
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from closeshave.standin import defects
from closeshave.standin.franchises import franchise_of
from closeshave.standin.settings import TOPOLOGY
from closeshave.standin.switches import LOOK_EVERY_S, Defect
from closeshave.topology import Topology

END_S, WITHIN_S, PAUSE_S = 10.0, 60.0, 0.2
LIVENESS = "/health"
"""The stand-in's own page, which tells the region that answers."""
PAGES = "franchise:*"
EDGES, SETTINGS = "edges", "config/edges.cfg"

Breaking = Callable[[Deployment], AbstractContextManager[None]]
Variables = Mapping[str, str]


class NotMended(Exception):
    """The platform is not as it was: the next row needs a new one."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted defect of the stand-in; of those that concern some franchises only, with these."""

    defect: Defect
    franchises: Callable[[Topology], Iterable[int]] = lambda _topology: ()

    @contextmanager
    def __call__(self, deployment: Deployment) -> Iterator[None]:
        """Planted inside of the block, and noticed by every instance."""
        defects.plant(deployment, self.defect, self.franchises(deployment.topology))
        time.sleep(2 * LOOK_EVERY_S)
        try:
            yield
        finally:
            defects.clear(deployment, self.defect)
            time.sleep(2 * LOOK_EVERY_S)


def released_with(change: Callable[[Variables], Variables], region: str = "") -> Breaking:
    """Every instance, or those of a region, started again with other variables; ``change`` returns those that differ."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        there = [app for app in _instances(deployment) if region in {"", app.region}]
        _restart(deployment, [replace(app, environ={**app.environ, **change(app.environ)}) for app in there])
        try:
            yield
        finally:
            _restart(deployment, there)

    return broken


def pages_cached_abroad(home: str, abroad: str) -> Breaking:
    """Pages of one home region's franchises go to the cache of another one. Afterwards they are removed there: they would live for an hour."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        with released_with(cached_elsewhere(home, abroad))(deployment):
            yield
        ranges = [range(shard.first, shard.last + 1) for shard in deployment.topology.shards if shard.home == home]
        for group in sentinel.groups_of(deployment, "cache"):
            store = sentinel.primary(deployment, group)
            if store.region != home:
                _remove(store, [key for key in valkey.matching(store, PAGES) if any(franchise_of(key) in one for one in ranges)])

    return broken


def _remove(store: Store, keys: list[str]) -> None:
    with sentinel.session(store.port) as session:
        for key in keys:
            session.delete(key)


@contextmanager
def replicas_that_evict(deployment: Deployment) -> Iterator[None]:
    """Every replica of the cluster has no memory for what it copies, and evicts it: its primary takes it for whole. A size that is often left behind when
    primaries are enlarged."""
    nodes = [store for store in deployment.stores if store.slots is not None]
    replicas = [replica for each in valkey_cluster.declared(nodes).values() for replica in each]
    limits = {replica: valkey.declared_limit_bytes(deployment.process(replica.process)) or 0 for replica in replicas}

    def limit(of: Mapping[Store, int], ignore: str, policy: str) -> None:
        for replica, most_bytes in of.items():
            with sentinel.session(replica.port) as session:
                session.config_set("maxmemory-policy", policy)
                session.config_set("replica-ignore-maxmemory", ignore)
                session.config_set("maxmemory", most_bytes)

    limit(dict.fromkeys(replicas, 1), "no", "allkeys-random")
    try:
        yield
    finally:
        limit(limits, "yes", "noeviction")


def without_instances(region: str, count: int | None = None) -> Breaking:
    """The first ``count`` instances of a region, or all, are ended, and nobody starts them."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        there = [app for app in _instances(deployment) if app.region == region][:count]
        _end(deployment, there)
        if count is None:
            _until(lambda: _serves(deployment, region) not in {region, ""}, f"the edge of {region} does not turn to another region")
        try:
            yield
        finally:
            _restart(deployment, there)

    return broken


@contextmanager
def replica_that_does_not_stream(deployment: Deployment) -> Iterator[None]:
    """A standby of shard 1 answers, and gets nothing of the log any more: its receiver is stopped, and the sender at the primary ended."""
    lead = patroni.leader(deployment, 1)
    standby = next(member for member in deployment.members if member.shard == 1 and member.process != lead.process)
    before = postgres.streaming(deployment, lead)
    receiver = processes.identify(postgres.walreceiver(deployment, standby) or 0)
    if receiver is None:
        raise LookupError(f"{standby.process} has no receiver")
    processes.send([receiver], signal.SIGSTOP)
    try:
        with postgres.connect(lead.port, deployment.database, "postgres") as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_replication where application_name = %s", (standby.name,))
        _until(lambda: postgres.streaming(deployment, lead) == before - 1, f"{standby.process} still streams")
        yield
    finally:
        processes.send([receiver], signal.SIGCONT)
        _until(lambda: postgres.streaming(deployment, lead) == before, f"{standby.process} does not stream again")


def pooler_takes(clients: int, of: str) -> Breaking:
    """One pooler takes no more clients than this."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        (port,) = deployment.process(of).ports
        settings = (Path(deployment.root) / "config" / f"{of}.ini").read_text()
        before = next(line.partition("=")[2].strip() for line in settings.splitlines() if line.startswith("max_client_conn "))
        pooler.setting(port, "max_client_conn", str(clients))
        try:
            yield
        finally:
            pooler.setting(port, "max_client_conn", before)

    return broken


def certificate_that_ends_in(days: int) -> Breaking:
    """Every edge has a certificate of its own authority that ends soon."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        now = datetime.now(UTC)
        for edge in deployment.edges:
            if edge.tls is None:
                raise LookupError(f"the edge of {edge.region} serves no TLS")
            directory = Path(edge.tls.certificate).parent
            validity = Validity(now - timedelta(days=85), now + timedelta(days=days))
            edge_tls.install(edge, certificates.issue(Authority.within(directory), edge.frontend, HOST, validity))
        try:
            yield
        finally:
            for edge in deployment.edges:
                served.put_back(edge)

    return broken


def edges_with(old: str, new: str, *more: tuple[str, str]) -> Breaking:
    """The edges are started again with one text of their settings replaced, or several: what was there, and what stands in its place."""

    @contextmanager
    def broken(deployment: Deployment) -> Iterator[None]:
        file, process = Path(deployment.root) / SETTINGS, deployment.process(EDGES)
        right = file.read_text()
        wrong = right
        for there, instead in ((old, new), *more):
            if there not in wrong:
                raise LookupError(f"{file} has no {there!r}")
            wrong = wrong.replace(there, instead)
        file.write_text(wrong)
        try:
            _restart_edges(deployment, process)
            yield
        finally:
            file.write_text(right)
            _restart_edges(deployment, process)

    return broken


def edges_that_keep_everything(for_s: int) -> Breaking:
    """Every answer is kept and given to everybody who asks for the same, whoever asked first: a rule of CDNs that is meant for pictures."""
    use, back, store = "    http-request cache-use", "    http-request set-pathq %[var(txn.asked)]", "    http-response cache-store"
    return edges_with(
        "!personal ",
        "",
        # HAProxy itself keeps nothing of a request that shows who asks; the application has to see it all the same.
        (use, f"    http-request set-var(txn.who) req.fhdr(Authorization)\n    http-request del-header Authorization\n{use}"),
        (back, f"    http-request set-header Authorization %[var(txn.who)] if {{ var(txn.who) -m len gt 0 }}\n{back}"),
        (store, f'    http-response set-header Cache-Control "public, max-age={for_s}"\n{store}'),
    )


def described_as(name: str, text: str) -> Breaking:
    """Whoever asks for this environment file finds another text: that of the working directory is looked for first."""

    @contextmanager
    def broken(_deployment: Deployment) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix="closeshave-row-") as directory:
            file = Path(directory) / "environments" / f"{name}.yaml"
            file.parent.mkdir()
            file.write_text(text)
            with contextlib.chdir(directory):
                yield

    return broken


# -- variables of a release ----------------------------------------------------------------------------------------------------------------------


def boundary_shifted(variables: Variables) -> Variables:
    """The last franchise of the first shard is looked for in the second one."""
    topology = TOPOLOGY.validate_json(variables["TOPOLOGY"])
    first, second, *rest = topology.shards
    shifted = (replace(first, last=first.last - 1), replace(second, first=second.first - 1), *rest)
    return {"TOPOLOGY": TOPOLOGY.dump_json(replace(topology, shards=shifted)).decode()}


def cached_elsewhere(home: str, elsewhere: str) -> Callable[[Variables], Variables]:
    """Entries of one home region go to the cache of another one."""

    def change(variables: Variables) -> Variables:
        urls = json.loads(variables["CACHE_URLS"])
        return {"CACHE_URLS": json.dumps({**urls, home: urls[elsewhere]})}

    return change


def sessions_looked_for_in_the_cache(home: str) -> Callable[[Variables], Variables]:
    """Sessions of one home region are looked for in a tier that has none."""

    def change(variables: Variables) -> Variables:
        sessions, caches = json.loads(variables["SESSIONS_URLS"]), json.loads(variables["CACHE_URLS"])
        return {"SESSIONS_URLS": json.dumps({**sessions, home: caches[home]})}

    return change


# -- processes -----------------------------------------------------------------------------------------------------------------------------------


def _instances(deployment: Deployment) -> list[Process]:
    return [process for process in deployment.processes if process.role == "app"]


def _end(deployment: Deployment, several: Iterable[Process]) -> None:
    root = Path(deployment.root)
    families = [one for process in several for one in processes.family(root, process)]
    processes.send(families, signal.SIGTERM)
    processes.send(processes.gone(families, END_S), signal.SIGKILL)
    processes.gone(families, END_S)


def _restart(deployment: Deployment, apps: list[Process]) -> None:
    _end(deployment, apps)
    for app in apps:
        processes.start(Path(deployment.root), deployment.id, app)
    asked = deployment.application.readiness
    for app in apps:
        _until(partial(_ready, app, asked), f"{app.name} is not ready")
    _until_served(deployment)


def _restart_edges(deployment: Deployment, process: Process) -> None:
    _end(deployment, [process])
    processes.start(Path(deployment.root), deployment.id, process)
    _until_served(deployment)


def _until_served(deployment: Deployment) -> None:
    for edge in deployment.edges:
        wanted = deployment.topology.served_by(edge.region)
        _until(partial(_answers_for, deployment, edge, wanted), f"{wanted} does not serve {edge.region}")


def _ready(app: Process, asked: Readiness) -> bool:
    return not of_application(app, asked)


def _answers_for(deployment: Deployment, edge: Edge, wanted: str) -> bool:
    return _told(deployment, edge) == wanted


def _serves(deployment: Deployment, door: str) -> str:
    return next((_told(deployment, edge) for edge in deployment.edges if edge.region == door), "")


def _told(deployment: Deployment, edge: Edge) -> str:
    """The region that answers at an edge; empty if none does."""
    status, body = edges.fresh_answer(deployment, edge, LIVENESS)
    try:
        return str(json.loads(body)["region"]) if status == 200 else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _until(reached: Callable[[], bool], what: str) -> None:
    """Raises :class:`NotMended`."""
    if not processes.poll_until(reached, WITHIN_S, PAUSE_S):
        raise NotMended(f"{what} within {WITHIN_S:g} s")
