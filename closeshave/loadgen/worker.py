"""Finds the engine of this Locust process (created with its first user), and this process's share of the load.

With ``--processes N`` Locust forks workers that connect to a master in the parent. Each arrival belongs to one worker, and all workers count from the
same instant, which the master sends once all are ready; they are on the same machine and so have the same monotonic clock.
"""

from __future__ import annotations

import logging
import os
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from gevent.event import AsyncResult
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from closeshave.loadgen import compiled
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.stats import EngineStats
from closeshave.loadgen.tls import TlsSettings
from closeshave.vocabulary import WORKERS_VARIABLE

_LOG = logging.getLogger(__name__)
_READY_MESSAGE, _START_MESSAGE, _DONE_MESSAGE = "closeshave-ready", "closeshave-start", "closeshave-done"
_LEAD_S = 0.5
"""Seconds from the start message to the first arrival, so that every worker receives it before."""
_REPEAT_S = 1.0
_PATIENCE_S = 60.0
"""How many seconds the first ready worker waits for the last."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """The index of this worker, and the number of workers."""

    index: int
    count: int


_engines: WeakKeyDictionary[Environment, Engine] = WeakKeyDictionary()
_running: WeakKeyDictionary[Environment, list[gevent.Greenlet[..., Any]]] = WeakKeyDictionary()
_starts: WeakKeyDictionary[Environment, AsyncResult[int]] = WeakKeyDictionary()


def engine_of(environment: Environment) -> Engine:
    """This process's engine. Raises :class:`FileExistsError` when its records exist already."""
    engine = _engines.get(environment)
    if engine is None:
        options = environment.parsed_options
        place = place_of(environment)
        settings = Settings(
            records=Path(records) if (records := _option(options, "records")) else None,
            worker=f"worker-{place.index}",
            number=place.index,
            tls=TlsSettings(ca_file=_option(options, "ca_file")),
            pool_limit=_option(options, "pool_limit"),
        )
        engine = _engines[environment] = Engine(settings, EngineStats(environment.stats).observe)
    return engine


def run_until_stopped(environment: Environment, greenlet: gevent.Greenlet[..., Any]) -> None:
    """Kill ``greenlet`` when the test stops, before the engine closes."""
    _running.setdefault(environment, []).append(greenlet)


def tell_done(environment: Environment) -> None:
    """Note that all arrivals of this process are done: the test ends now, or once every other worker is done too."""
    runner = environment.runner
    while isinstance(runner, WorkerRunner):
        # Again and again: until the master has noticed that a worker was killed, it waits for that one too.
        runner.send_message(_DONE_MESSAGE, {})
        gevent.sleep(_REPEAT_S)
    if runner is not None:
        # In a greenlet that the stop does not kill.
        gevent.spawn(runner.quit)


def place_of(environment: Environment) -> WorkerPlace:
    """This process among the workers. Raises :class:`RuntimeError` for a worker that does not know how many there are."""
    if not isinstance(environment.runner, WorkerRunner):
        return WorkerPlace(0, 1)
    count = _option(environment.parsed_options, "processes") or int(os.environ.get(WORKERS_VARIABLE, "0"))
    index = environment.runner.worker_index
    if not 0 <= index < count:
        raise RuntimeError(f"worker {index} of {count}: start workers with --processes, or set {WORKERS_VARIABLE} to their number")
    return WorkerPlace(index, count)


def start_ns_of(environment: Environment) -> int:
    """The instant from which this test's arrivals count. Call it when ready: the master sends the instant once all workers are.

    Raises :class:`gevent.Timeout` when the others do not get ready.
    """
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.send_message(_READY_MESSAGE, {})
        return int(_starts[environment].get(timeout=_PATIENCE_S))
    start = _starts.setdefault(environment, AsyncResult())
    if not start.ready():
        start.set(_soon_ns())
    return int(start.get())


def _option(options: Namespace | None, name: str) -> Any:
    return getattr(options, name, None)


def _soon_ns() -> int:
    return time.monotonic_ns() + int(_LEAD_S * 1e9)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust's events carry no types
def _add_options(parser: LocustArgumentParser, **_: Any) -> None:
    group = parser.add_argument_group("closeshave engine")
    group.add_argument("--records", metavar="DIR", env_var="CLOSESHAVE_RECORDS", help="directory for the records of every request")
    group.add_argument("--ca-file", metavar="PEM", env_var="CLOSESHAVE_CA_FILE", help="authorities to trust instead of the system's")
    group.add_argument("--pool-limit", metavar="N", type=int, env_var="CLOSESHAVE_POOL_LIMIT", help="most shared connections of a worker")


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust's events carry no types
def _listen(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if not isinstance(runner, WorkerRunner) and (reason := compiled.why_plain()):
        # Once, whatever the number of workers.
        _LOG.info("the load engine runs as plain Python: %s", reason)
    if isinstance(runner, WorkerRunner):
        _starts[environment] = AsyncResult()

        def started(environment: Environment, msg: Any, **_: Any) -> None:
            _starts[environment].set(msg.data["start_ns"])

        runner.register_message(_START_MESSAGE, started)
    elif isinstance(runner, MasterRunner):
        expected = _option(environment.parsed_options, "expect_workers") or 1
        _when_all(runner, _READY_MESSAGE, expected, lambda: runner.send_message(_START_MESSAGE, {"start_ns": _soon_ns()}))
        _when_all(runner, _DONE_MESSAGE, 1, runner.quit)


def _when_all(runner: MasterRunner, message: str, least: int, act: Callable[[], object]) -> None:
    """Call ``act`` once every running worker, and at least so many, have sent ``message``.

    In a separate greenlet, because a quit must not end the one that receives messages.
    """
    heard: set[str] = set()

    def hear(msg: Any, **_: Any) -> None:
        heard.add(msg.node_id)
        if len(heard) >= max(runner.worker_count, least):
            heard.clear()
            gevent.spawn(act)

    runner.register_message(message, hear)


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # Locust's events carry no types
def _close(environment: Environment, **_: Any) -> None:
    _starts.pop(environment, None)
    if isinstance(environment.runner, WorkerRunner):
        _starts[environment] = AsyncResult()
    gevent.killall(_running.pop(environment, []))
    engine = _engines.pop(environment, None)
    if engine is not None:
        engine.close()
