"""Faults of the service, of its dependencies and of data on the embedded environment: each takes effect, is undone, and leaves nothing."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control.processes import marked
from closeshave.deployment import OWN_REQUESTS, Deployment
from closeshave.environments.evidence import edge_counts
from closeshave.faults import child, extra_processes
from closeshave.faults.catalogue import KINDS
from closeshave.faults.heal import heal_open
from closeshave.faults.waiting import after, until
from closeshave.files import read_lines
from closeshave.plan import Expected, Fault
from tests.faults.timelines import WHOLE_LIFE, edges, events

pytestmark = [pytest.mark.servers, pytest.mark.timeout(200)]
REGION = "us-east-1"
FRANCHISE = 1
"""A shop of that region."""
PAIR = {"X-CSRF-Token": "pair", "Cookie": "csrf_token=pair"}
ADDRESSES = itertools.count(1)
DAYS = itertools.cycle(range(2, 28))


SENT: Counter[str] = Counter()
"""Requests that these tests sent, by the door's address."""


def _note(request: httpx.Request) -> None:
    SENT[f"http://{request.url.netloc.decode()}"] += 1


class Customer(httpx.Client):
    """A customer at one edge of the platform, with a source address of its own."""

    def __init__(self, url: str) -> None:
        number = next(ADDRESSES)
        headers = {**PAIR, "X-Franchise-Id": str(FRANCHISE), "X-Forwarded-For": f"10.9.{number // 250}.{number % 250}"}
        super().__init__(base_url=url, headers=headers, timeout=20, trust_env=False, event_hooks={"request": [_note]})

    def reads(self, times: int) -> list[int]:
        """The statuses of a number of reads of the shop's page; 0 for a connection that broke."""
        return [self._read() for _ in range(times)]

    def _read(self) -> int:
        with contextlib.suppress(httpx.TransportError):
            return self.get("/api/v2/locations/").status_code
        return 0

    def login(self, platform: Deployment) -> str:
        """The bearer's header of a customer of the region; later requests use it."""
        account = next(account for account in platform.accounts if account.region == REGION)
        answer = self.post("/api/v2/auth/login", json={"email": account.email, "password": account.password})
        assert answer.status_code == 200, answer.text
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self.headers["Authorization"]

    def wish(self, day: int) -> dict[str, str]:
        """What to book: the first free time of that many days ahead."""
        date = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=day)).date().isoformat()
        answer = self.get("/api/v2/appointments/slots", params={"appointment_date": date})
        return {"date": date, "time": answer.json()["slots"][0]["time"], "service": "Shave"}

    def book(self, wish: Mapping[str, str], key: str) -> httpx.Response:
        """The booking of a wish, or whatever was booked with the key before."""
        return self.post("/api/v2/appointments/", json=wish, headers={"Idempotency-Key": key})

    def intend(self, booking: int) -> httpx.Response:
        """An intent to pay for a booking."""
        return self.post("/api/v2/payments/create-intent", json={"booking_id": booking})

    def confirm(self, booking: int, intent: str) -> httpx.Response:
        """The payment of an intent."""
        return self.post("/api/v2/payments/confirm", json={"booking_id": booking, "payment_intent_id": intent})


def edge(platform: Deployment) -> Customer:
    """A customer at the region's edge."""
    return Customer(platform.edge(REGION).url)


def instance(platform: Deployment, number: int) -> Customer:
    """A customer at one application process, without load balancing."""
    return Customer(f"http://127.0.0.1:{platform.process(f'app-{REGION}-{number}').ports[0]}")


def logs_of(run: Path) -> str:
    """What the experiment wrote."""
    return (run / "logs" / "fault-f.log").read_text()


def life(
    platform: Deployment,
    run: Path,
    kind: str,
    scope: Mapping[str, str | int],
    parameters: Mapping[str, bool | float],
    while_it_holds: Callable[[Deployment], None],
    traffic: Callable[[], object] = lambda: None,
) -> None:
    """One fault from its injection to the proof that it is healed, with its effect on customers in between."""
    fault = Fault("f", kind, "storm", 0, 600, Expected.RECOVERS, scope, parameters)
    experiment = child.start(platform, run, fault, now_ns())

    def decided() -> bool:
        traffic()
        return "observed" in edges(run) or experiment.poll() is not None

    with contextlib.ExitStack() as stack:
        stack.callback(child.stop, experiment)
        assert until(decided, after(60)), logs_of(run)
        assert "observed" in edges(run), logs_of(run)
        while_it_holds(platform)
        assert edges(run) == WHOLE_LIFE[:3]
        assert child.stop(experiment) == 0, logs_of(run)
    assert edges(run) == WHOLE_LIFE, logs_of(run)
    told = events(run)
    took = {edge: (told[edge]["at_ns"] - told["injected"]["at_ns"]) / 1e9 for edge in ("observed", "healed", "verified-healed")}
    healed_s = took["verified-healed"] - took["healed"]
    logging.getLogger(__name__).info("%s: observed %.2f s after injection, healed and proven in %.2f s", kind, took["observed"], healed_s)
    left_nothing(platform, kind, scope, parameters)


def left_nothing(platform: Deployment, kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, bool | float]) -> None:
    """What the fault can prove still holds, no process runs that is not declared so, and customers are served."""
    aim = KINDS[kind].aim(platform, scope, parameters)
    prove, look_again = KINDS[kind].prove, [process.name for process in platform.processes]
    assert prove is not None
    assert [str(proof) for proof in prove(aim) if not proof.holds] == []
    assert extra_processes.running(platform, look_again) == {}
    helpers = [identity for identity in marked(platform.id) if "closeshave.faults.helpers" in " ".join(_command(identity.pid))]
    assert helpers == []
    assert set(edge(platform).reads(20)) == {200}


def _command(pid: int) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def others_serve(platform: Deployment) -> None:
    """Customers at the edge are served by the other process, at the latest when the balancer has noticed."""
    assert until(lambda: set(edge(platform).reads(20)) == {200}, after(15))


def slow_but_right(platform: Deployment) -> None:
    """The squeezed process answers."""
    assert set(instance(platform, 0).reads(10)) == {200}


def some_fail(platform: Deployment) -> None:
    """Through the edge some reads fail and most do not; the process stays in rotation."""
    statuses = edge(platform).reads(80)
    assert set(statuses) == {200, 500}
    assert statuses.count(500) < 60


def strangers_tokens_expire(platform: Deployment) -> None:
    """A token of a moment ago is good at its own process and expired at the one that is ahead of time."""
    bearer = {"Authorization": instance(platform, 1).login(platform)}
    assert instance(platform, 1).get("/api/v2/auth/me", headers=bearer).status_code == 200
    assert instance(platform, 0).get("/api/v2/auth/me", headers=bearer).status_code == 401


def reads_but_no_writes(platform: Deployment) -> None:
    """Shops are shown and bookings are refused, with nothing left in doubt."""
    customer = edge(platform)
    assert set(customer.reads(10)) == {200}
    guest = {"first_name": "A", "last_name": "B", "email": "a@example.com"}
    date = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=9)).date().isoformat()
    body = {"date": date, "time": "10:00", "service": "Shave", "guest_info": guest}
    assert customer.post("/api/v2/appointments/guest", json=body).status_code == 503


@pytest.mark.parametrize(
    ("kind", "parameters", "while_it_holds"),
    [
        ("service.killed", {"instance": 1}, others_serve),
        ("service.hung", {}, others_serve),
        ("service.cpu-squeezed", {"share": 0.2}, slow_but_right),
        ("service.erring", {}, some_fail),
        ("service.clock-skewed", {}, strangers_tokens_expire),
        ("service.bad-version", {}, reads_but_no_writes),
    ],
)
def test_service_fault_takes_effect_and_is_undone(
    kind: str, parameters: Mapping[str, bool | float], while_it_holds: Callable[[Deployment], None], platform: Deployment, run: Path
) -> None:
    """One application process, or a release of a region's, fails as its kind says and is as declared afterwards."""
    life(platform, run, kind, {"region": REGION}, parameters, while_it_holds)


def payer(platform: Deployment) -> tuple[Customer, int]:
    """A customer who has booked, and the booking."""
    customer = edge(platform)
    customer.login(platform)
    booked = customer.book(customer.wish(next(DAYS)), new_key())
    assert booked.status_code == 200, booked.text
    return customer, booked.json()["id"]


def pays(platform: Deployment) -> None:
    """A customer books and pays, and the provider has charged exactly once."""
    customer, booking = payer(platform)
    intent = customer.intend(booking)
    assert intent.status_code == 200, intent.text
    assert customer.confirm(booking, intent.json()["payment_intent_id"]).status_code == 200
    assert len(charges(platform, booking)) == 1


def charges(platform: Deployment, booking: int) -> list[dict[str, object]]:
    """What the provider's ledger has of a booking."""
    return [line for line in read_lines(Path(platform.payments.ledger)) if line["booking"] == booking]


def books_and_cannot_pay(platform: Deployment) -> None:
    """Bookings work; payments are refused, with no unknown outcome."""
    customer, booking = payer(platform)
    assert customer.intend(booking).status_code == 503
    assert charges(platform, booking) == []


def is_charged_unawares(platform: Deployment) -> None:
    """The platform gives up on a charge that was made; its event settles it, and confirming again charges nothing more."""
    customer, booking = payer(platform)
    intent = customer.intend(booking).json()["payment_intent_id"]
    assert customer.confirm(booking, intent).status_code == 503
    assert len(charges(platform, booking)) == 1
    assert until(lambda: customer.confirm(booking, intent).status_code == 200, after(10))
    assert len(charges(platform, booking)) == 1


@pytest.mark.parametrize(
    ("kind", "parameters", "while_it_holds"),
    [
        ("dependency.payments-slow", {"latency_ms": 600}, pays),
        ("dependency.payments-down", {}, books_and_cannot_pay),
        ("dependency.payments-down", {"hang": True}, books_and_cannot_pay),
        ("dependency.payments-erring", {"share": 1.0}, books_and_cannot_pay),
        ("dependency.payments-late", {}, is_charged_unawares),
        ("dependency.webhooks-duplicated", {}, pays),
    ],
)
def test_dependency_fault_takes_effect_and_is_undone(
    kind: str, parameters: Mapping[str, bool | float], while_it_holds: Callable[[Deployment], None], platform: Deployment, run: Path
) -> None:
    """The payment provider fails as its kind says; bookings work, no customer is charged twice, and afterwards customers pay."""
    customer, booking = payer(platform)

    def somebody_pays() -> None:
        # Only a first intent asks the provider, and a link that nobody uses shows nothing.
        if kind == "dependency.payments-slow" and "injected" in edges(run):
            pays(platform)

    life(platform, run, kind, {}, parameters, while_it_holds, traffic=somebody_pays)
    pays(platform)
    assert customer.intend(booking).status_code == 200


def new_key() -> str:
    """As a customer's own."""
    return f"key_{uuid.uuid4()}"


def made_with(platform: Deployment, key: str) -> int:
    """How many bookings the shard's primary has of a key."""
    with postgres.session(platform, patroni.leader(platform, 1)) as connection:
        row = connection.execute("select count(*) from bookings where idempotency_key = %s", (key,)).fetchone()
    assert row is not None
    return int(row[0])


def commits_unawares(platform: Deployment, bearer: str) -> None:
    """Sooner or later a booking is made and its answer is an error; the same key then finds it, and it was made once."""
    for _ in range(600):
        customer, key = edge(platform), new_key()
        customer.headers["Authorization"] = bearer
        wish = customer.wish(next(DAYS))
        if customer.book(wish, key).status_code == 500 and made_with(platform, key):
            break
    else:
        pytest.fail("no answer was ever lost after a commit")
    assert until(lambda: customer.book(wish, key).status_code == 200, after(20))
    assert made_with(platform, key) == 1


def test_lost_acknowledgement_takes_effect_and_is_undone(platform: Deployment, run: Path) -> None:
    """Commits whose answers never arrive are found by their key, and never made twice."""
    bearer = edge(platform).login(platform)
    life(platform, run, "data.acknowledgement-lost", {"shard": 1}, {}, lambda held: commits_unawares(held, bearer))
    pays(platform)


def customers_get_through(platform: Deployment) -> None:
    """During the storm most reads are answered well, although late."""
    assert until(lambda: edge(platform).reads(20).count(200) > 10, after(30))


def test_storm_is_counted_to_the_last_request(platform: Deployment, run: Path) -> None:
    """Customers get through the storm; afterwards the edges' counters are explained exactly: by these tests and the harness."""
    before, sent = edge_counts.read(platform), SENT.copy()
    life(platform, run, "data.retry-storm", {"region": REGION}, {}, customers_get_through)
    after_it = edge_counts.between(before, edge_counts.read(platform))
    assert {count.region: count.requests for count in after_it} == {each.region: SENT[each.url] - sent[each.url] for each in platform.edges}
    own = [line for line in read_lines(Path(platform.root, OWN_REQUESTS)) if line["region"] == REGION]
    assert len(own) > 40


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("service.cpu-squeezed", {"region": REGION}),
        ("service.bad-version", {"region": REGION}),
        ("dependency.payments-late", {}),
        ("data.acknowledgement-lost", {"shard": 1}),
        ("data.retry-storm", {"region": REGION}),
    ],
)
def test_any_process_can_heal_with_the_ledger_alone(kind: str, scope: Mapping[str, str | int], platform: Deployment, run: Path) -> None:
    """Its process killed in the middle, a fault is undone and proven by another, which finds helpers and all."""
    experiment = child.start(platform, run, Fault("f", kind, "storm", 0, 600, Expected.RECOVERS, scope), now_ns())
    try:
        assert until(lambda: "observed" in edges(run), after(60)), logs_of(run)
    finally:
        experiment.kill()
        experiment.wait()
        unproven = heal_open(run, platform, lambda _line: None)
    assert unproven == []
    assert edges(run) == WHOLE_LIFE
    left_nothing(platform, kind, scope, {})
