"""All that the users of one worker process share: the loop, names, TLS sessions, connections, records, Locust's statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gevent

from closeshave.history import Source
from closeshave.traffic.engine.client import Client, Timeouts
from closeshave.traffic.engine.dns import DEFAULT_INTERVAL_S, Resolver
from closeshave.traffic.engine.loop import Loop
from closeshave.traffic.engine.pool import Connector, Pool
from closeshave.traffic.engine.records import FLUSH_INTERVAL_S, Observer, Records
from closeshave.traffic.engine.tls import TlsSessions, TlsSettings
from closeshave.traffic.engine.wire import Origin


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker's engine is told."""

    records: Path | None = None
    """Directory of the records; ``None`` keeps only statistics."""
    source: Source = Source.CUSTOMERS
    worker: str = "worker-0"
    number: int = 0
    """The worker's number among all of the run, from 0."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    dns_interval_s: float = DEFAULT_INTERVAL_S
    pool_limit: int | None = None
    """Most connections of a shared pool."""


class Engine:
    """One worker's engine. Make it after fork, in the greenlet world (after gevent's monkey patching, if there is any)."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        """``observer`` sees every row at the flush: Locust's statistics. Raises :class:`FileExistsError` when the worker's records exist already."""
        self.settings = settings
        self.loop = Loop()
        self.records = Records(settings.records, settings.source, settings.worker, settings.number)
        self.records.observer = observer
        self._connector = Connector(self.loop, Resolver(settings.dns_interval_s), TlsSessions(settings.tls))
        self._shared: dict[Origin, Pool] = {}
        self._flusher = gevent.spawn(self._keep_flushing)

    def client(
        self,
        base_url: str,
        *,
        own_connections: bool = False,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        redirects: int = 10,
        retries: int = 1,
        traces: bool = False,
    ) -> Client:
        """A client whose connections are the worker's, or with ``own_connections`` its own, as a browser's are."""
        pools = _OwnPools(self._connector).pool if own_connections else self.pool
        return Client(
            base_url, pools, self.records, headers=headers, timeouts=timeouts, redirects=redirects, retries=retries, traces=traces
        )

    def pool(self, origin: Origin) -> Pool:
        """The shared pool for an origin."""
        pool = self._shared.get(origin)
        if pool is None:
            pool = self._shared[origin] = Pool(self._connector, origin, self.settings.pool_limit)
        return pool

    @property
    def connections_opened(self) -> int:
        """How many connections have been established so far."""
        return self._connector.opened

    def close(self, *, overdue: int = 0) -> None:
        """Write the last records and give everything up. ``overdue`` counts arrivals that were due but never begun."""
        self._flusher.kill()
        self.records.close(overdue=overdue)
        for pool in self._shared.values():
            pool.close()
        self.loop.close()

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_INTERVAL_S)
            self.records.flush()


class _OwnPools:
    """One customer's pools, by origin."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._pools: dict[Origin, Pool] = {}

    def pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(self._connector, origin)
        return pool
