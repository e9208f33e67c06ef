"""Workers and their broker on the embedded environment, with customers who book: whatever is lost, every job is done, once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest

from closeshave import private
from closeshave.clients import patroni
from closeshave.clock import now_ns
from closeshave.deployment import FOLLOWED, Deployment
from closeshave.drills.catalogue import KINDS as DRILLS
from closeshave.drills.kind import DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.environments import kept
from closeshave.environments.application import JobsOf
from closeshave.environments.evidence import jobs
from closeshave.faults import child
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.faults.worker import crew
from closeshave.files import read_lines
from closeshave.plan import Expected, Fault
from closeshave.traffic import accounts, logins
from closeshave.traffic.followers import OF_A_REGION, Followers, chosen
from closeshave.traffic.load import ACCOUNTS_FILE
from tests.faults.timelines import WHOLE_LIFE, edges

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
REGION = "us-east-1"
ADDRESSES = count(1)


class Guests:
    """People without an account who book all the time in every region, each at another time of a shop of the region."""

    def __init__(self, platform: Deployment) -> None:
        self.platform = platform
        self.booked: dict[int, int] = {}
        """Booking → shard."""
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._come, args=(shard.id,), daemon=True) for shard in platform.topology.shards]

    def _come(self, id: int) -> None:
        shard = self.platform.topology.shard(id)
        for number in count():
            if self.over.is_set():
                return
            turn = next(ADDRESSES)
            day = datetime.now(UTC).date() + timedelta(days=3 + number // 14 % 20)
            at = f"{10 + number % 14 // 2}:{30 * (number % 2):02}"
            headers = {
                "X-Franchise-Id": str(shard.first + turn % 300),
                "X-Forwarded-For": f"10.9.{turn // 250}.{turn % 250}",
                "X-CSRF-Token": "pair",
                "Cookie": "csrf_token=pair",
            }
            guest = {"first_name": "G", "last_name": "Uest", "email": f"g{turn}@example.com", "phone": "+15550100"}
            body = {"date": day.isoformat(), "time": at, "service": "Haircut", "guest_info": guest}
            answer = httpx.post(
                f"{self.platform.edge(shard.home).url}/api/v2/appointments/guest", json=body, headers=headers, timeout=5, trust_env=False
            )
            if answer.status_code in {200, 201}:
                self.booked[answer.json()["id"]] = id
            self.over.wait(0.2)


@contextmanager
def guests(platform: Deployment) -> Iterator[Guests]:
    """They book until the block ends."""
    them = Guests(platform)
    for thread in them.threads:
        thread.start()
    try:
        yield them
    finally:
        them.over.set()
        for thread in them.threads:
            thread.join(10)


def asked(platform: Deployment) -> JobsOf:
    """The question of the environment file."""
    found = kept.load(Path(platform.root)).application.read_back.jobs
    assert found is not None
    return found


def done_once(platform: Deployment, them: Guests, since_s: float) -> None:
    """Every booking that was confirmed has one effect of each kind, on its shard."""
    assert len(them.booked) > 20
    leads = {shard.id: patroni.leader(platform, shard.id) for shard in platform.topology.shards}
    rows = jobs.read(platform, asked(platform), leads, since_s, print).to_pylist()
    found = sorted((row["booking"], row["kind"]) for row in rows if row["done_at"] is not None and row["booking"] in them.booked)
    assert found == sorted((booking, kind) for booking in them.booked for kind in ("receipt", "reminder"))
    assert all(row["found_on"] == them.booked[row["booking"]] for row in rows if row["booking"] in them.booked)
    late = [row for row in rows if row["done_at"] is not None and row["done_at"] > row["late_at"]]
    assert late == []


@pytest.fixture(autouse=True)
def whole(platform: Deployment) -> None:
    """Before each test every worker takes jobs."""
    workers = tuple(process for process in platform.processes if process.role == "worker")
    assert len(workers) == len(platform.topology.regions)
    unseen = ["never asked"]

    def seen() -> bool:
        unseen[0] = crew.unseen(platform, workers)
        return not unseen[0]

    assert until(seen, after(60)), unseen


def live(platform: Deployment, run: Path, kind: str, scope: Mapping[str, str | int], meanwhile: Callable[[], None]) -> None:
    """One fault from its injection to the proof that it is healed."""
    experiment = child.start(platform, run, Fault("f", kind, "storm", 0, 600, Expected.TOLERATES, scope), now_ns())
    try:
        assert until(lambda: "observed" in edges(run) or experiment.poll() is not None, after(60)), log_of(run)
        meanwhile()
    finally:
        code = child.stop(experiment)
    assert (code, edges(run)) == (0, WHOLE_LIFE), log_of(run)


def log_of(run: Path) -> str:
    """What the experiment wrote."""
    return (run / "logs" / "fault-f.log").read_text()


def test_bookings_have_their_receipts_and_reminders(platform: Deployment) -> None:
    """In calm, soon."""
    since_s = time.time()
    with guests(platform) as them:
        assert until(lambda: len(them.booked) > 40, after(30))
    done_once(platform, them, since_s)


@pytest.mark.parametrize(
    ("kind", "scope"),
    [("worker.killed", {"region": REGION}), ("worker.killed", {"region": "eu-west-1"}), ("broker.lost", {"tier": "broker"})],
)
def test_no_job_is_lost_with_a_worker_or_the_broker(platform: Deployment, run: Path, kind: str, scope: dict[str, str | int]) -> None:
    """Customers book all the while; eu-west-1 has one worker only, so that its jobs wait until it is there again."""
    since_s = time.time()
    with guests(platform) as them:
        live(platform, run, kind, scope, lambda: time.sleep(6))
        assert until(lambda: len(them.booked) > 40, after(30))
    done_once(platform, them, since_s)


def test_workers_are_drained_without_losing_a_job(platform: Deployment, run: Path) -> None:
    """They end by themselves, and new ones take their place."""
    kind, since_s = DRILLS["worker.drain"], time.time()
    aim = kind.way_back.aim(platform, {"region": REGION}, {})
    work = DrillWork("drill", aim, run / "drills" / "drill", after(40), lambda: False, lambda _member, _path: 0, print)
    with guests(platform) as them:
        assert carry_out(Ledger(run), kind, work, now_ns(), 40) == []
        assert until(lambda: len(them.booked) > 40, after(30))
    told = [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]
    assert [line["how"] for line in told if line["type"] == "drill-end"] == ["carried-out"]
    assert all(line["holds"] for line in told if line["type"] == "drill-proof")
    done_once(platform, them, since_s)


@pytest.fixture
def followed(platform: Deployment, run: Path) -> Iterator[Path]:
    """Customers of every region follow their bookings; the file of what they see."""
    assert logins.log_in(platform, run, print)
    them = Followers.start(Path(platform.root), run)
    try:
        yield Path(platform.root, FOLLOWED)
    finally:
        them.stop()
        private.forget(run)


def test_a_follower_is_told_of_what_happened_while_the_connection_was_cut(platform: Deployment, run: Path, followed: Path) -> None:
    """The customers of one region are cut again and again, and book all the while."""
    everybody = chosen(accounts.load(private.place(run) / ACCOUNTS_FILE), (REGION,))
    of_region = {str(each.client): each for each in everybody}

    def state() -> dict[str, str]:
        return {line["client"]: line["what"] for line in read_lines(followed) if line["what"] in {"opened", "closed"}}

    assert until(lambda: len(state()) == OF_A_REGION * len(platform.topology.regions) and set(state().values()) == {"opened"}, after(60))
    booked: dict[int, str] = {}

    def book() -> None:
        for number, (client, each) in enumerate(of_region.items()):
            headers = {
                "X-Franchise-Id": str(100 + number),
                "X-Forwarded-For": f"10.8.0.{number}",
                "X-CSRF-Token": "pair",
                "Cookie": "csrf_token=pair",
                "Authorization": f"Bearer {each.token}",
            }
            day = datetime.now(UTC).date() + timedelta(days=5)
            body = {"date": day.isoformat(), "time": "11:00", "service": "Haircut"}
            url = f"{platform.edge(REGION).url}/api/v2/appointments/"
            answer = httpx.post(url, json=body, headers=headers, timeout=5, trust_env=False, verify=False)
            assert answer.status_code == 200, answer.text
            booked[answer.json()["id"]] = client
            time.sleep(0.4)

    live(platform, run, "websocket.cut", {"region": REGION}, book)
    assert booked

    def missing() -> set[tuple[int, str]]:
        told = {(line["booking"], line["client"]) for line in read_lines(followed) if line["what"] == "update"}
        return set(booked.items()) - told

    assert until(lambda: not missing(), after(30)), missing()
    closed = [line for line in read_lines(followed) if line["what"] == "closed"]
    assert {line["region"] for line in closed} == {REGION}
    assert len(closed) >= OF_A_REGION
