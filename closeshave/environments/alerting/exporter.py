"""Serves metrics of the parts that serve none themselves: PostgreSQL, Valkey, the edges' certificates, the payment provider and the machine.

Metrics have the names that the usual exporters give them (postgres_exporter, redis_exporter, blackbox_exporter, node_exporter), so that rules for those
work here. Each part is asked by a thread of its own: one that hangs delays no other. Runs as a part of the environment.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from closeshave.clients import handshake, ports, postgres, valkey
from closeshave.deployment import Edge, Member, Store
from closeshave.environments.alerting.exported import SETTINGS, ExporterSettings

STALE_S = 5.0
"""A part that has not answered for so long is down: the clients give up after two seconds."""
MACHINE = "machine"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One value of one metric."""

    name: str
    value: float
    labels: Labels
    counts: bool = False
    """Whether it only grows; its name is then without ``_total``."""


class MetricAsker:
    """Asks one part again and again, and keeps what it last answered."""

    def __init__(self, ask: Callable[[], Sequence[MetricSample]], down: Sequence[MetricSample], every_s: float) -> None:
        """``down``: what is said of a part that does not answer. ``ask`` may raise whatever it likes."""
        self._ask, self._down, self._every_s = ask, tuple(down), every_s
        self._last: tuple[float, Sequence[MetricSample]] = (-STALE_S, self._down)
        threading.Thread(target=self._go_on, daemon=True).start()

    def samples(self, now_s: float) -> Sequence[MetricSample]:
        """What it said last; that it is down if that was too long ago."""
        at_s, told = self._last
        return told if now_s - at_s < max(STALE_S, 3 * self._every_s) else self._down

    def _go_on(self) -> None:
        while True:
            try:
                told: Sequence[MetricSample] = tuple(self._ask())
            except Exception as error:  # noqa: BLE001 - no answer, whatever the reason, is what an exporter is there to tell
                print(f"{type(error).__name__}: {error}"[:500], file=sys.stderr, flush=True)  # noqa: T201 - the log of this part
                told = self._down
            self._last = (time.monotonic(), told)
            time.sleep(self._every_s)


class MemberMetrics:
    """A database member, over a session that stays open: each new one would cost more than the question."""

    def __init__(self, member: Member, database: str, user: str) -> None:
        self._member, self._database, self._user = member, database, user
        self._session: postgres.Connection | None = None

    @property
    def labels(self) -> Labels:
        """Of all its metrics."""
        return {"instance": self._member.process, "shard": str(self._member.shard), "region": self._member.region}

    def ask(self) -> Iterator[MetricSample]:
        """Raises :data:`closeshave.clients.postgres.Unavailable`."""
        if self._session is None:
            self._session = postgres.connect(self._member.port, self._database, self._user, name="alerts-exporter")
        try:
            told = postgres.figures(self._session)
        except postgres.Unavailable:
            self._session.close()
            self._session = None
            raise
        yield MetricSample("pg_up", 1, self.labels)
        yield MetricSample("pg_stat_activity_count", told.sessions, self.labels)
        yield MetricSample("pg_settings_max_connections", told.sessions_max, self.labels)
        yield MetricSample("pg_stat_activity_max_tx_duration", told.longest_transaction_s, self.labels)
        yield MetricSample("pg_locks_waiting", told.waiting, self.labels)
        yield MetricSample("pg_stat_database_deadlocks", told.deadlocks, self.labels)
        yield MetricSample("pg_stat_replication_streaming", told.streaming, self.labels)
        yield MetricSample("pg_replication_lag_seconds", told.lag_s, self.labels)


def _of_store(store: Store) -> tuple[Callable[[], Sequence[MetricSample]], Sequence[MetricSample]]:
    labels = {"instance": store.process, "group": store.group, "tier": ",".join(store.tiers), "region": store.region}

    def ask() -> Sequence[MetricSample]:
        told = valkey.figures(store.port)
        return (
            MetricSample("redis_up", 1, labels),
            MetricSample("redis_instance_info", 1, {**labels, "role": told.role}),
            MetricSample("redis_connected_slaves", told.replicas, labels),
            MetricSample("redis_memory_used_bytes", told.used_bytes, labels),
            MetricSample("redis_memory_max_bytes", told.limit_bytes, labels),
            MetricSample("redis_evicted_keys", told.evicted, labels, counts=True),
        )

    return ask, (MetricSample("redis_up", 0, labels),)


def _of_edge(edge: Edge, authority: str) -> tuple[Callable[[], Sequence[MetricSample]], Sequence[MetricSample]]:
    labels = {"instance": edge.frontend, "region": edge.region, "job": "certificates"}

    def ask() -> Sequence[MetricSample]:
        shown = handshake.shown(edge.url, authority)
        return (
            MetricSample("probe_success", 1, labels),
            MetricSample("probe_ssl_earliest_cert_expiry", handshake.ends_s(shown), labels),
            MetricSample("probe_ssl_trusted", float(not shown.refused), labels),
        )

    return ask, (MetricSample("probe_success", 0, labels),)


def _of_payments(url: str) -> tuple[Callable[[], Sequence[MetricSample]], Sequence[MetricSample]]:
    labels = {"instance": "payments", "job": "payments"}

    def ask() -> Sequence[MetricSample]:
        # Any answer shows that it is there.
        return (MetricSample("probe_success", float(ports.fresh_status(url) > 0), labels),)

    return ask, (MetricSample("probe_success", 0, labels),)


def _of_machine(root: str) -> tuple[Callable[[], Sequence[MetricSample]], Sequence[MetricSample]]:
    labels = {"instance": MACHINE}

    def ask() -> Sequence[MetricSample]:
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(root)
        place = {**labels, "mountpoint": "environment"}
        return (
            MetricSample("node_memory_MemAvailable_bytes", memory.available, labels),
            MetricSample("node_memory_MemTotal_bytes", memory.total, labels),
            MetricSample("node_filesystem_avail_bytes", disk.free, place),
            MetricSample("node_filesystem_size_bytes", disk.total, place),
        )

    return ask, ()


def askers(told: ExporterSettings) -> tuple[MetricAsker, ...]:
    """One for each part; each begins at once."""
    databases = [MemberMetrics(member, told.database, told.user) for member in told.members]
    # A session is used by its own thread alone.
    asked: list[tuple[Callable[[], Sequence[MetricSample]], Sequence[MetricSample]]] = [
        (lambda each=each: tuple(each.ask()), (MetricSample("pg_up", 0, each.labels),))  # type: ignore[misc]  # a default binds the loop's value
        for each in databases
    ]
    asked += [_of_store(store) for store in told.stores]
    asked += [_of_edge(edge, told.authority) for edge in told.edges]
    asked += [_of_payments(told.payments_url)] if told.payments_url else []
    asked.append(_of_machine(told.root))
    return tuple(MetricAsker(ask, down, told.every_s) for ask, down in asked)


class PartMetrics(Collector):
    """Everything that was last said, as Prometheus' client takes it."""

    def __init__(self, asked: Iterable[MetricAsker]) -> None:
        self._asked = tuple(asked)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """See :class:`prometheus_client.registry.Collector`."""
        now_s = time.monotonic()
        return families(sample for asker in self._asked for sample in asker.samples(now_s))


def families(samples: Iterable[MetricSample]) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    """Samples by their metrics. Pure."""
    by_name: dict[tuple[str, tuple[str, ...]], GaugeMetricFamily | CounterMetricFamily] = {}
    for sample in samples:
        key = (sample.name, tuple(sorted(sample.labels)))
        if key not in by_name:
            kind = CounterMetricFamily if sample.counts else GaugeMetricFamily
            by_name[key] = kind(sample.name, "As the exporter of this name tells it", labels=key[1])
        by_name[key].add_metric([sample.labels[name] for name in key[1]], sample.value)
    yield from by_name.values()


def serve(told: ExporterSettings) -> HTTPServer:
    """A server at its port that answers ``/metrics``. Raises :class:`OSError` when the port is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PartMetrics(askers(told)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class looks for this name
            body = generate_latest(registry)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A line for each scrape would fill the log."""

    return HTTPServer((told.host, told.port), Handler)


def main(place: Path) -> None:
    """Serve until ended. Raises :class:`OSError`, :class:`ValueError`."""
    serve(SETTINGS.validate_json(place.read_bytes())).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
