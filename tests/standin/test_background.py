"""Jobs of bookings on real servers: each is done once, by whichever worker lives, and whatever is lost on the way comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from closeshave.control.processes import poll_until
from closeshave.standin.background.ledger import JobLedger, Unreachable
from closeshave.standin.background.queue import queue
from closeshave.standin.background.relay import Relay
from closeshave.standin.background.settings import WorkerSettings, of_process
from closeshave.standin.seed import build
from closeshave.standin.settings import TOPOLOGY, SeedSizes
from closeshave.topology import Shard, Topology
from tests.standin.servers import Postgres, Valkey, postgres, valkey

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
REPOSITORY = Path(__file__).parents[2]
HERE = Topology(("east",), (Shard(1, 1, 50, "east", "east"),), ())
DONE_WITHIN_S = 40
BOOKED = """
INSERT INTO bookings (franchise_id, barber_id, guest_email, service_id, service_name, starts_at, minutes, price_cents)
VALUES (1, 11, 'guest@example.com', 1, 'Cut', now() + make_interval(days => %s), 30, 4000) RETURNING id
"""
JOB = "INSERT INTO jobs (booking_id, franchise_id, kind, due_at) VALUES (%s, 1, %s, clock_timestamp()) RETURNING id"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A shard with its tables."""
    with postgres() as started:
        with started.connect() as connection:
            connection.execute("CREATE ROLE bookings LOGIN")
            connection.execute("CREATE DATABASE standin")
        with started.connect("standin") as connection:
            build(connection, HERE.shards[0], HERE, SeedSizes(1, 1))
        yield started


@pytest.fixture
def broker() -> Iterator[Valkey]:
    """An empty broker."""
    with valkey() as started:
        yield started


@pytest.fixture
def shard(server: Postgres) -> Iterator[psycopg.Connection]:
    """The shard without any booking."""
    with server.connect("standin") as connection:
        connection.execute("TRUNCATE job_effects, jobs, payments, bookings")
        yield connection


def job(shard: psycopg.Connection, kind: str = "receipt", days: int = 1) -> int:
    """A booking so many days ahead, and a job of it that is due."""
    [booking] = shard.execute(BOOKED, [days]).fetchone() or [0]
    [made] = shard.execute(JOB, [booking, kind]).fetchone() or [0]
    return int(made)


def effects(shard: psycopg.Connection) -> list[tuple[int, str, str]]:
    """Job, result and worker of each effect."""
    return shard.execute("SELECT job_id, result, worker FROM job_effects ORDER BY job_id").fetchall()


def url(server: Postgres) -> str:
    """The shard, as a worker is told of it."""
    return f"postgresql://bookings@127.0.0.1:{server.port}/standin"


def settings(server: Postgres, broker: Valkey) -> WorkerSettings:
    """Those of a relay in the test's own process."""
    return WorkerSettings("relay", f"redis://127.0.0.1:{broker.port}/0", {1: url(server)}, (1,))


@contextlib.contextmanager
def worker(server: Postgres, broker: Valkey, name: str, work_s: float = 0.001) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as an environment starts it; killed when the block ends."""
    told = {
        "INSTANCE": name,
        "REGION": "east",
        "TOPOLOGY": TOPOLOGY.dump_json(HERE).decode(),
        "DATABASE_URLS": f'{{"1": "{url(server)}"}}',
        "BROKER_URLS": f'{{"east": "redis://127.0.0.1:{broker.port}/0"}}',
        "JOB_WORK_S": str(work_s),
        "PYTHONPATH": str(REPOSITORY),
    }
    process = subprocess.Popen([sys.executable, "-m", "closeshave.standin.background"], env={**os.environ, **told})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def waits(broker: Valkey, name: str) -> Callable[[], bool]:
    """Whether the broker sees a worker wait for jobs under its own name."""

    def seen() -> bool:
        with broker.client() as client:
            return any(each["name"] == name and each["cmd"] == "brpop" for each in client.client_list())

    return seen


def test_a_workers_settings_name_the_shards_of_its_own_broker() -> None:
    """A shard whose home has another broker is another relay's, but its jobs may be asked of any worker."""
    two = Topology(("east", "eu"), (Shard(1, 1, 50, "east", "east"), Shard(3, 51, 100, "eu", "eu")), ("eu",))
    told = {
        "INSTANCE": "w", "REGION": "eu", "TOPOLOGY": TOPOLOGY.dump_json(two).decode(),
        "DATABASE_URLS": '{"1": "postgresql://a/b", "3": "postgresql://c/d"}',
        "BROKER_URLS": '{"east": "redis://127.0.0.1:1/0", "eu": "redis://127.0.0.1:2/0"}',
    }  # fmt: skip
    found = of_process(told)
    assert (found.broker, found.relays, set(found.databases)) == ("redis://127.0.0.1:2/0", (3,), {1, 3})


def test_every_due_job_is_done_once_by_several_workers(server: Postgres, broker: Valkey, shard: psycopg.Connection) -> None:
    """Each worker has a relay; together they publish each job."""
    with worker(server, broker, "one"), worker(server, broker, "two"):
        jobs = [job(shard, days=day) for day in range(1, 60)]
        assert poll_until(lambda: len(effects(shard)) >= len(jobs), DONE_WITHIN_S)
    assert [each[0] for each in effects(shard)] == sorted(jobs)


def test_a_job_in_the_hands_of_a_killed_worker_is_done_by_another(server: Postgres, broker: Valkey, shard: psycopg.Connection) -> None:
    """It was delivered, and never acknowledged. The dead worker's transaction leaves nothing."""
    with worker(server, broker, "dies", work_s=600) as first:
        wanted = job(shard)
        began = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND usename = 'bookings'"
        assert poll_until(lambda: shard.execute(began).fetchone() == (1,), DONE_WITHIN_S)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert effects(shard) == []
        with worker(server, broker, "lives"):
            assert poll_until(lambda: bool(effects(shard)), DONE_WITHIN_S)
    assert effects(shard) == [(wanted, "sent", "lives")]


def test_jobs_wait_in_the_database_while_the_broker_is_away(server: Postgres, broker: Valkey, shard: psycopg.Connection) -> None:
    """They are not marked as published, and are done when it is back."""
    with worker(server, broker, "one"):
        assert poll_until(waits(broker, "one"), DONE_WITHIN_S)
        broker.stop()
        wanted = job(shard)
        relay = Relay(queue(settings(server, broker)), settings(server, broker))
        with pytest.raises(Exception, match=r"refused|closed|Connection"):
            relay.once()
        assert shard.execute("SELECT count(*) FROM jobs WHERE published_at IS NULL").fetchone() == (1,)
        broker.start()
        assert poll_until(lambda: bool(effects(shard)), DONE_WITHIN_S)
    assert effects(shard) == [(wanted, "sent", "one")]


def test_jobs_wait_in_the_queue_while_their_shard_is_away(server: Postgres, broker: Valkey, shard: psycopg.Connection) -> None:
    """The worker gives them back, and does not acknowledge them."""
    wanted = job(shard)
    relay = Relay(queue(settings(server, broker)), settings(server, broker))
    assert relay.once() == 1
    server.stop()
    with worker(server, broker, "one"):
        assert poll_until(waits(broker, "one"), DONE_WITHIN_S)
        server.start()
        with server.connect("standin") as again:
            assert poll_until(lambda: bool(effects(again)), DONE_WITHIN_S)
            assert effects(again) == [(wanted, "sent", "one")]


def test_a_job_that_is_delivered_twice_has_one_effect(server: Postgres, shard: psycopg.Connection) -> None:
    """Also when both workers have it at the same time; every delivery is counted."""
    wanted = job(shard)
    in_time = threading.Barrier(2)
    did = []

    def deliver(name: str) -> None:
        ledger = JobLedger({1: url(server)})
        in_time.wait(10)
        did.append(ledger.carry_out(1, wanted, name, lambda: time.sleep(0.2)))
        ledger.close()

    threads = [threading.Thread(target=deliver, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(did) == [False, True]
    assert len(effects(shard)) == 1
    assert shard.execute("SELECT deliveries FROM jobs").fetchone() == (2,)


def test_a_job_whose_work_fails_leaves_no_trace(server: Postgres, shard: psycopg.Connection) -> None:
    """Its next delivery does it."""
    wanted, ledger = job(shard), JobLedger({1: url(server)})

    def fail() -> None:
        raise RuntimeError("the provider of mail is down")

    with pytest.raises(RuntimeError, match="mail"):
        ledger.carry_out(1, wanted, "one", fail)
    assert (effects(shard), shard.execute("SELECT deliveries FROM jobs").fetchone()) == ([], (0,))
    assert ledger.carry_out(1, wanted, "two", lambda: None)
    assert effects(shard) == [(wanted, "sent", "two")]
    ledger.close()


@pytest.mark.parametrize(("kind", "result"), [("receipt", "sent"), ("reminder", "skipped")])
def test_nobody_is_reminded_of_a_cancelled_booking(kind: str, result: str, server: Postgres, shard: psycopg.Connection) -> None:
    """The job counts as done, and says what it did."""
    wanted, ledger = job(shard, kind), JobLedger({1: url(server)})
    shard.execute("UPDATE bookings SET status = 'cancelled'")
    assert ledger.carry_out(1, wanted, "one", lambda: None)
    assert effects(shard) == [(wanted, result, "one")]
    ledger.close()


def test_a_job_that_was_lost_with_its_booking_is_nothing_to_do(server: Postgres, shard: psycopg.Connection) -> None:
    """The broker may still know it."""
    ledger = JobLedger({1: url(server)})
    assert not ledger.carry_out(1, 12345, "one", lambda: pytest.fail("there is no work"))
    assert effects(shard) == []
    ledger.close()


def test_a_shard_that_did_not_answer_rests(server: Postgres) -> None:
    """Jobs of other shards must not wait for its timeout again and again."""
    now = [0.0]
    ledger = JobLedger({1: "postgresql://bookings@127.0.0.1:9/standin"}, lambda: now[0])
    for expected in ("shard 1: ", "just now"):
        with pytest.raises(Unreachable, match=expected):
            ledger.carry_out(1, 1, "one", lambda: None)
    now[0] = 1.0
    with pytest.raises(Unreachable, match="shard 1: "):
        ledger.carry_out(1, 1, "one", lambda: None)
    ledger.close()
