"""Evidence read from the real embedded environment: what its parts report, count and store while they serve and after they were killed."""

import json
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest

from closeshave.clients import postgres
from closeshave.clock import Anchor, now_ns
from closeshave.control import processes
from closeshave.environments import embedded, fingerprint
from closeshave.environments.definition import read_embedded
from closeshave.environments.evidence import edge_counts, final_state, resources, signals
from closeshave.environments.evidence.reading import FinalStateUnreadable
from closeshave.files.shipped import locate
from closeshave.history import BOOKINGS_FILE, CACHE_ENTRIES_FILE, CAPTURES_FILE, PLACEMENTS_FILE, EdgeCount

pytestmark = pytest.mark.servers

FAILOVER_S_MAX = 60


@pytest.fixture(scope="module")
def anchor():
    """The instant on both clocks, from before the environment."""
    return Anchor.take()


@pytest.fixture(scope="module")
def deployment(anchor):
    """The embedded environment, and nothing of it afterwards."""
    found = embedded.up(read_embedded(locate("environments", "embedded")), say=print)
    yield found
    assert embedded.down(Path(found.root)) == ()


class Customer:
    """A customer of a region with a token, who books and pays."""

    def __init__(self, deployment, region, address):
        account = next(account for account in deployment.accounts if account.region == region)
        self.shard = next(shard for shard in deployment.topology.shards if shard.home == region)
        headers = {"X-Franchise-Id": str(self.shard.first), "X-Forwarded-For": address}
        self.http = httpx.Client(base_url=deployment.edge(region).url, headers=headers, timeout=20)
        entered = self.post("/api/v2/auth/login", {"email": account.email, "password": account.password})
        self.http.headers.update({"Authorization": f"Bearer {entered['access_token']}", "X-CSRF-Token": entered["csrf_token"]})

    def post(self, path, body):
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def book(self, at):
        day = datetime.now(UTC).date() + timedelta(days=7)
        return self.post("/api/v2/appointments/", {"date": day.isoformat(), "time": at, "service": "Haircut"})["id"]

    def pay(self, booking):
        intent = self.post("/api/v2/payments/create-intent", {"booking_id": booking})["payment_intent_id"]
        self.post("/api/v2/payments/confirm", {"booking_id": booking, "payment_intent_id": intent})


def nothing_lacks(part, why):
    """Every part can be read."""
    pytest.fail(f"{part}: {why}")


def test_the_edges_count_what_their_customers_sent(deployment):
    """One endpoint's requests are not another's."""
    before = edge_counts.read(deployment)
    for number, edge in enumerate(deployment.edges, start=1):
        for _ in range(number):
            httpx.get(f"{edge.url}/health", timeout=10)
    counted = edge_counts.between(before, edge_counts.read(deployment))
    assert counted == tuple(EdgeCount(edge.region, number) for number, edge in enumerate(deployment.edges, start=1))


def test_the_final_state_holds_the_runs_bookings_and_captures(deployment, tmp_path):
    """From every shard, by the primaries and the provider themselves; older bookings are left out."""
    customers = [Customer(deployment, region, f"10.0.0.{number}") for number, region in enumerate(deployment.topology.regions)]
    customers[0].book("09:00")
    since = time.time()
    booked = {customer.book("10:00"): customer for customer in customers}
    [paid, *_] = booked
    customers[0].pay(paid)
    final_state.quiesce(deployment, 20)
    final_state.export(deployment, tmp_path, since, print, nothing_lacks)
    bookings = {row["booking"]: row for row in pq.read_table(tmp_path / BOOKINGS_FILE).to_pylist()}
    assert bookings.keys() == booked.keys()
    for booking, row in bookings.items():
        shard = booked[booking].shard
        assert (row["found_on"], row["franchise"], row["status"], row["minutes"]) == (shard.id, shard.first, "scheduled", 30)
        assert since <= row["created_at"] <= time.time() < row["starts_at"]
    [capture] = pq.read_table(tmp_path / CAPTURES_FILE).to_pylist()
    assert (capture["booking"], capture["amount"]) == (paid, bookings[paid]["price_cents"])


def test_the_final_state_holds_what_caches_and_members_hold(deployment, tmp_path):
    """Each node of each tier names its entries, primaries and replicas; Europe's stay with Europe's nodes, and its shops with its members."""
    for number, region in enumerate(deployment.topology.regions):
        assert Customer(deployment, region, f"10.1.0.{number}").http.get("/api/v2/locations/").status_code == 200
    europe = next(shard for shard in deployment.topology.shards if shard.home in deployment.topology.resident)
    assert processes.poll_until(lambda: len(_entries(deployment, tmp_path)) == 8, 10)  # four shops, each on a primary and on its replica
    entries = _entries(deployment, tmp_path)
    assert all(json.loads(row["cached"]) == json.loads(row["stored"]) for row in entries if row["stored"])
    assert sum(row["stored"] is not None for row in entries) == 4
    assert {row["region"] for row in entries if row["franchise"] in europe} == {europe.home}
    held = {row["member"]: row["franchises"] for row in pq.read_table(tmp_path / PLACEMENTS_FILE).to_pylist()}
    own = {member.name for member in deployment.members if member.shard == europe.id}
    assert held == {member.name: 25_000 if member.name in own else 0 for member in deployment.members}


def _entries(deployment, directory):
    """Those of each shard's first shop."""
    final_state.export(deployment, directory, time.time(), print, nothing_lacks)
    shops = {shard.first for shard in deployment.topology.shards}
    return [row for row in pq.read_table(directory / CACHE_ENTRIES_FILE).to_pylist() if row["franchise"] in shops]


def test_a_shard_that_cannot_be_read_is_named_and_the_others_are_read(deployment, tmp_path):
    """Its role may not log in on one shard: the rows of the others are there, and the trial notes which are missing and why."""
    lacking: list[str] = []
    member = final_state.primaries(deployment)[2]
    name = f'ALTER ROLE "{deployment.user}" '
    with psycopg.connect(host="127.0.0.1", port=member.port, dbname=deployment.database, user="postgres", autocommit=True) as connection:
        connection.execute(name + "NOLOGIN")
        try:
            # What members hold of bound regions each must say for itself. That fails, after bookings were written and the gap was noted.
            with pytest.raises(FinalStateUnreadable, match="shard 2"):
                final_state.export(deployment, tmp_path, 0, print, lambda part, why: lacking.append(f"{part}: {why}"))
        finally:
            connection.execute(name + "LOGIN")
    found = set(pq.read_table(tmp_path / BOOKINGS_FILE).column("found_on").to_pylist())
    assert found == {shard.id for shard in deployment.topology.shards} - {2}
    [missing] = lacking
    assert missing.startswith("final state of shard 2: ")


def test_an_open_transaction_is_in_flight(deployment):
    """A final state that is read too early would miss what is about to be committed."""
    member = final_state.primaries(deployment)[2]
    with psycopg.connect(host="127.0.0.1", port=member.port, dbname=deployment.database, user=deployment.user) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(FinalStateUnreadable, match="shard 2 has 1 open transaction"):
            final_state.quiesce(deployment, 2)
    final_state.quiesce(deployment, 20)


def test_the_parts_signal_what_happened_to_them(deployment, anchor):
    """A postmaster and a cache are killed, and a region's applications: each has a signal with its scope, and the others have none."""
    root = Path(deployment.root)
    old = final_state.primaries(deployment)[1]
    postmaster = processes.daemon(Path(deployment.root), deployment.process(old.process))
    [cache, _] = [store for store in deployment.stores if store.group == "cache"]
    apps = [process for process in deployment.processes if process.role == "app" and process.region == "ap-southeast-1"]
    assert postmaster is not None
    victims = [postmaster, *(processes.find(root, one) for one in (deployment.process(cache.process), *apps))]
    killed_ns = now_ns()
    assert len(processes.send([one for one in victims if one], signal.SIGKILL)) == len(victims)

    def told():
        return signals.read(root / "logs", deployment, anchor, killed_ns, now_ns())

    def complete():
        kinds = {(one.scope, one.kind) for one in told()}
        return {("shard:1", "promoted"), ("store:cache", "promoted"), ("region:ap-southeast-1", "alert")} <= kinds

    assert processes.poll_until(complete, FAILOVER_S_MAX, 0.2), told()
    firsts = {(one.scope, one.kind): one.at_ns for one in reversed(told())}
    assert firsts["shard:1", "suspected"] <= firsts["shard:1", "demoted"] <= firsts["shard:1", "promoted"]
    assert firsts["store:cache", "suspected"] <= firsts["store:cache", "promoted"]
    assert {one.scope for one in told() if one.kind == "promoted"} == {"shard:1", "store:cache"}
    assert processes.poll_until(lambda: _primary(deployment, 1) not in (None, old.name), FAILOVER_S_MAX, 0.2)
    for process in (deployment.process(cache.process), *apps):
        processes.start(root, deployment.id, process)
    # The next tests read every member.
    assert processes.poll_until(lambda: all(_answers(deployment, member) for member in deployment.members), FAILOVER_S_MAX, 0.2)


def _answers(deployment, member):
    try:
        return postgres.standing(deployment, member) is not None
    except postgres.Unavailable:
        return False


def _primary(deployment, shard):
    try:
        return final_state.primaries(deployment)[shard].name
    except FinalStateUnreadable:
        return None


def test_the_resources_of_every_role_are_recorded(deployment, tmp_path):
    """PostgreSQL's backends count as its shard's, though they descend from no recorded process."""
    sampler = resources.Sampler.start(Path(deployment.root), tmp_path)
    spool = tmp_path / resources.SPOOL
    written = processes.poll_until(lambda: spool.exists() and len(spool.read_text().splitlines()) >= 2, 60)
    assert sampler.stop() == 0
    assert written
    resources.collect(tmp_path)
    rows = pq.read_table(tmp_path / resources.FILE).to_pylist()
    groups = {(process.role, process.region) for process in deployment.processes}
    assert groups | {("host", None), ("harness", None)} == {(row["role"], row["region"]) for row in rows}
    # A pair of members in each region but for the standby that residency moved: Patroni, postmaster, writer and the like for each.
    assert min(row["processes"] for row in rows if row["role"] == "patroni") >= 6
    assert all(row["memory_bytes"] > 0 for row in rows)


def test_the_fingerprint_names_the_environment(deployment):
    """Its parts' versions and its topology are stored with every run."""
    told = json.loads(json.dumps(fingerprint.describe(deployment, 1)))
    assert told["environment"]["versions"]["patroni"]
    assert told["environment"]["topology"]["regions"] == list(deployment.topology.regions)


def test_a_shard_without_a_primary_is_named_and_the_others_are_read(deployment, tmp_path):
    """The last test here: it stops a shard. Captures and the other shards' bookings are stored; where Europe's rows lie is not, because every member
    would have to say it.
    """
    lacking: list[str] = []
    root = Path(deployment.root)
    for member in deployment.members:
        if member.shard == 3:
            processes.send(reversed(processes.family(root, deployment.process(member.process))), signal.SIGKILL)
    with pytest.raises(FinalStateUnreadable, match=r"shard 3: \S+ cannot be read"):
        final_state.export(deployment, tmp_path, 0, print, lambda part, why: lacking.append(f"{part}: {why}"))
    with pytest.raises(FinalStateUnreadable, match="not quiet after 1 s: shard 3 has no primary"):
        final_state.quiesce(deployment, 1)
    assert (tmp_path / CAPTURES_FILE).exists()
    found = set(pq.read_table(tmp_path / BOOKINGS_FILE).column("found_on").to_pylist())
    assert found == {shard.id for shard in deployment.topology.shards} - {3}
    assert lacking == ["final state of shard 3: has no primary"]
    assert not (tmp_path / PLACEMENTS_FILE).exists()
