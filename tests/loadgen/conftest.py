"""An engine in this process: gevent's hub runs here, but nothing is monkey-patched, so that other tests keep their threads and sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from closeshave.loadgen.client import Client, Timeouts
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import DTYPE, HEADER
from tests.loadgen.misbehaving import MisbehavingServer

PATIENT = Timeouts(connect_ns=20_000_000_000, first_byte_ns=20_000_000_000, total_ns=20_000_000_000)
HASTY = Timeouts(connect_ns=20_000_000_000, first_byte_ns=200_000_000, total_ns=300_000_000)


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    """A server that misbehaves on demand."""
    server = MisbehavingServer()
    yield server
    server.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine that keeps records."""
    engine = Engine(Settings(records=tmp_path / "records"))
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine, server: MisbehavingServer) -> Client:
    """A client that waits as long as it takes on a busy machine."""
    return engine.client(server.url, timeouts=PATIENT)


@pytest.fixture
def hasty(engine: Engine, server: MisbehavingServer) -> Client:
    """A client that soon loses patience, for servers that never answer."""
    return engine.client(server.url, timeouts=HASTY)


@pytest.fixture
def rows(engine: Engine) -> Callable[[], Rows]:
    """Reads back what has been written so far."""

    def read() -> Rows:
        engine.flush()
        assert engine.settings.records is not None
        data = (engine.settings.records / "worker-0.rows").read_bytes()
        return np.frombuffer(data, DTYPE, offset=HEADER.size)

    return read
