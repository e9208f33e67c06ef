"""The final state of a remote platform: from its databases or its API, of this run alone, or not at all and with the reason."""

from datetime import UTC, datetime, timedelta

import httpx
import pyarrow.parquet as pq
import pytest

from closeshave.clock import Anchor
from closeshave.deployment import Deployment, Edge, Payments
from closeshave.environments.remote import metrics, read_back
from closeshave.environments.remote.api import Api
from closeshave.environments.remote.remote import missing
from closeshave.history import BOOKINGS_FILE
from tests.remote.definitions import remote
from tests.standin.servers import postgres

TABLE = """
CREATE TABLE appointments (id int, barber_id int, client_id int, start_time timestamp, duration_minutes int, status text, notes text,
                           created_at timestamp, price numeric)
"""


@pytest.fixture
def run(tmp_path):
    """A run directory."""
    directory = tmp_path / "20261121-070000-smoke-abcd"
    (directory / "final_state").mkdir(parents=True)
    return directory


@pytest.mark.servers
def test_bookings_are_read_from_a_real_database(tmp_path, run, monkeypatch):
    """Those with the run's tag, times as UTC, prices as cents, on the shard whose database holds them."""
    definition = remote(tmp_path, read_back={"sql": {1: "SHARD_1"}})
    with postgres() as server:
        monkeypatch.setenv("SHARD_1", f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres")
        with server.connect() as connection:
            connection.execute(TABLE)
            for number, notes in ((1, f"closeshave:{run.name}"), (2, "closeshave:another"), (3, None)):
                values = (number, 7, 9, "2026-12-01 15:00", 30, "scheduled", notes, "2026-11-21 07:00", "30.50")
                connection.execute("INSERT INTO appointments VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", values)
        assert read_back.export(definition, deployed(definition, tmp_path), run) == (1, {})
    (row,) = pq.read_table(run / BOOKINGS_FILE).to_pylist()
    assert (row["booking"], row["barber"], row["client"], row["found_on"], row["price_cents"]) == (1, 7, "9", 1, 3050)
    assert row["starts_at"] == int(datetime(2026, 12, 1, 15, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("settings", "variables", "reason"),
    [
        ({"sql": {1: "SHARD_1"}}, {}, "SHARD_1"),
        ({"sql": {1: "SHARD_1"}}, {"SHARD_1": "host=127.0.0.1 port=1 password=hush-4711"}, "shard 1"),
        ({"api": "none"}, {}, "neither databases nor the API"),
        ({"api": "admin", "admin": "ADMIN"}, {}, "ADMIN"),
    ],
)
def test_what_cannot_be_read_is_reported_without_a_secret(tmp_path, run, monkeypatch, settings, variables, reason):
    """And nothing is written, so the invariants of integrity are inconclusive."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    definition = remote(tmp_path, read_back=settings)
    with pytest.raises(read_back.Unreadable, match=reason) as raised:
        read_back.export(definition, deployed(definition, tmp_path), run)
    assert "hush" not in str(raised.value)
    assert not (run / BOOKINGS_FILE).exists()


def test_an_administrator_sees_all_bookings(tmp_path, run, monkeypatch, fresh):
    """One list instead of one for each customer."""
    definition = remote(tmp_path, url=fresh.url, read_back={"api": "admin", "admin": "ADMIN"}, capabilities={"franchises": False})
    monkeypatch.setenv("ADMIN", "admin@plain.test:Plain-1234")
    deployment = deployed(definition, tmp_path)
    for number in (1, 2):
        book(deployment, f"customer{number}@plain.test", f"closeshave:{run.name}", barber=number)
    book(deployment, "customer3@plain.test", "a customer of theirs", barber=3)
    assert read_back.export(definition, deployment, run) == (2, {})
    assert {row["barber"] for row in pq.read_table(run / BOOKINGS_FILE).to_pylist()} == {1, 2}


def test_alerts_are_read_with_the_instant_at_which_they_began():
    """One signal for each series, at its first sample, in the scope that its labels name."""
    anchor = Anchor(monotonic_ns=5_000_000_000, wall_ns=1_000_000_000_000, uncertainty_ns=0)
    series = [
        {"metric": {"alertname": "ShardDown", "shard": "2"}, "values": [[1001.5, "1"], [1006.5, "1"]]},
        {"metric": {"alertname": "RegionDown", "region": "us-west-2"}, "values": [[1002, "1"]]},
        {"metric": {"alertname": "Silent"}, "values": []},
    ]
    told = list(metrics.read({"data": {"result": series}}, anchor))
    assert [(signal.at_ns, signal.kind, signal.scope, signal.detail) for signal in told] == [
        (6_500_000_000, "alert", "shard:2", "ShardDown"),
        (7_000_000_000, "alert", "region:us-west-2", "RegionDown"),
    ]


def test_a_missing_capability_is_named_with_its_consequence(tmp_path):
    """So that a verdict can give it as its reason."""
    able = {"franchises": False, "keyed_bookings": False, "steps_off": ["pay_intent"]}
    assert set(missing(remote(tmp_path, capabilities=able))) == {
        "franchises",
        "keyed bookings",
        "pay_intent",
        "split_brain",
        "alerts",
    }


def deployed(definition, root):
    """The platform as a visit describes it; only its edges matter here."""
    edges = tuple(Edge(region, url, "", "") for region, url in definition.regions.items())
    return Deployment(
        "x", definition.name, "remote", str(root), definition.topology, (), (), (), (), (), edges, Payments("", "", ""), (), "", "",
        capabilities=definition.capabilities,
    )  # fmt: skip


def book(deployment, email, notes, barber, at="11:00"):
    """A booking of a customer's, next week."""
    url = deployment.edges[0].url
    caller = Api(url, deployment.capabilities).log_in(email, "Plain-1234")
    day = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    headers = {"Authorization": f"Bearer {caller.token}", "X-CSRF-Token": caller.csrf, "Cookie": f"csrf_token={caller.csrf}"}
    wish = {"date": day, "time": at, "service": "Haircut", "barber_id": barber, "notes": notes}
    httpx.post(f"{url}/api/v2/appointments/", json=wish, headers=headers, trust_env=False, verify=False).raise_for_status()
