"""Everything that the users of one worker process share: the loop, names, TLS sessions, connections, records, Locust's statistics."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

from closeshave.history import Source
from closeshave.loadgen.client import Client, Timeouts
from closeshave.loadgen.dns import DEFAULT_INTERVAL_S, Resolver
from closeshave.loadgen.errors import TransportError
from closeshave.loadgen.loop import Loop
from closeshave.loadgen.pool import Connector, Pool
from closeshave.loadgen.proxy import RequestProxy
from closeshave.loadgen.records import FLUSH_INTERVAL_S, Observer, Records, Rows, flush_interval_s, rows_of
from closeshave.loadgen.tls import TlsSessions, TlsSettings
from closeshave.loadgen.wire import Origin, split

_LOG = logging.getLogger(__name__)
_SLICE_ROWS = 1000
"""How many rows are summed at a time, which takes a fraction of a millisecond."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a worker's engine."""

    records: Path | None = None
    """Directory of the records; ``None``: only statistics."""
    source: Source = Source.CUSTOMERS
    worker: str = "worker-0"
    number: int = 0
    """The worker's number in the run, from 0."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    proxy: RequestProxy | None = None
    dns_interval_s: float = DEFAULT_INTERVAL_S
    pool_limit: int | None = None
    """The most connections of a shared pool."""


class Engine:
    """One worker's engine. Create it after the fork, and after gevent's monkey patching if there is any."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        """``observer`` gets every row soon after it was written, for Locust's statistics.

        Raises :class:`FileExistsError` when the worker's records exist already."""
        self.settings = settings
        self.loop = Loop()
        self.records = Records(settings.records, settings.source, settings.worker, settings.number)
        self._observer = observer
        self._unobserved: deque[Rows] = deque()
        self._connector = Connector(self.loop, Resolver(settings.dns_interval_s), TlsSessions(settings.tls), settings.proxy)
        self._shared: dict[Origin, Pool] = {}
        self._closing = Event()
        # A thread of its own: a disk that is busy must not stop the sending, nor wait for look-ups of names.
        self._writer = ThreadPool(1)
        self._order = BoundedSemaphore()
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
        """A client that shares the worker's connections, or with ``own_connections`` has its own, like a browser."""
        pools = _OwnPools(self).pool if own_connections else self.pool
        return Client(
            base_url,
            pools,
            self.records,
            headers=headers,
            timeouts=timeouts,
            redirects=redirects,
            retries=retries,
            traces=traces,
            proxy=self.settings.proxy,
        )

    def pool(self, origin: Origin) -> Pool:
        """The shared pool for an origin."""
        pool = self._shared.get(origin)
        if pool is None:
            pool = self._shared[origin] = Pool(self._connector, origin, self.settings.pool_limit)
        return pool

    def own_pool(self, origin: Origin) -> Pool:
        """A pool for one customer alone."""
        return Pool(self._connector, origin)

    def warm(self, base_url: str, connections: int) -> None:
        """Open so many shared connections before they are needed; if that fails, the load's own requests will report it."""
        pool = self.pool(split(base_url)[0])
        gevent.joinall([gevent.spawn(_open_one, pool) for _ in range(min(connections, self.settings.pool_limit or connections))])

    @property
    def connections_opened(self) -> int:
        """How many connections have been established so far."""
        return self._connector.opened

    def flush(self) -> None:
        """Write what was recorded so far. Only the calling greenlet waits for the disk. Raises as :meth:`.records.Records.write` does."""
        with self._order:
            batch = self.records.take()
            rows = rows_of(batch)
            self._unobserved += [rows[start : start + _SLICE_ROWS] for start in range(0, len(rows), _SLICE_ROWS)]
            self._writer.apply(self.records.write, (batch,))

    def close(self, *, overdue: int = 0, finished: bool = True) -> None:
        """Write the last records and close everything, also when writing fails. ``overdue`` counts arrivals that were due but not begun.

        ``finished``: the worker has done all its work.
        """
        # Ended, not killed: a batch that is being written is written to its end before the last one.
        self._closing.set()
        self._flusher.join()
        self._writer.kill()
        try:
            self._unobserved.append(self.records.close(overdue=overdue, finished=finished))
        finally:
            while self._unobserved:
                self._observe()
            for pool in self._shared.values():
                pool.close()
            self.loop.close()

    def _keep_flushing(self) -> None:
        wait_s, last_s = FLUSH_INTERVAL_S, time.monotonic()
        while not self._closing.wait(wait_s):
            before, now_s = self.records.recorded, time.monotonic()
            try:
                self.flush()
            except OSError as error:
                # A disk that is full now may have room again; at the latest the last flush says what is lost.
                _LOG.warning("records cannot be written: %s", error)
            while self._unobserved:
                self._observe()
                # All at once would make every arrival of these milliseconds late.
                gevent.sleep(0)
            wait_s, last_s = flush_interval_s(self.records.recorded - before, now_s - last_s), now_s

    def _observe(self) -> None:
        rows = self._unobserved.popleft()
        if self._observer is not None and len(rows):
            self._observer(rows, self.records.texts)


def _open_one(pool: Pool) -> None:
    taken = None
    with contextlib.suppress(TransportError):
        taken = pool.take(time.monotonic_ns() + Timeouts().connect_ns)
    # Let every other greenlet take its own before this one is given back, or they would all get the same.
    gevent.sleep(0)
    if taken is not None:
        pool.give(taken, True)


class _OwnPools:
    """One customer's pools, by origin."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pools: dict[Origin, Pool] = {}

    def pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = self._engine.own_pool(origin)
        return pool
