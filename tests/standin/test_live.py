"""Live updates on real servers: who is connected hears of every change, and who was away is told of what they missed."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simple_websocket import Client, ConnectionClosed

from closeshave.control.processes import poll_until
from closeshave.standin.live.hearing import heard
from closeshave.standin.live.hub import WAITING_MAX, Hub, Update
from tests.standin.running import Customer, Running, running

SOON_S = 20
EMAIL = "customer.1@us-east-1.example"


def test_a_follower_hears_each_version_once_and_none_that_is_older() -> None:
    """What is told again, or late, does no harm."""
    hub = Hub()
    with hub.following(7) as one, hub.following(7) as two, hub.following(8) as other:
        hub.tell([Update(7, 1, 1, "scheduled"), Update(7, 1, 2, "scheduled"), Update(7, 1, 1, "scheduled"), Update(9, 5, 1, "scheduled")])
        assert [one.waiting.get_nowait().version for _ in range(one.waiting.qsize())] == [1, 2]
        assert (two.waiting.qsize(), other.waiting.qsize()) == (2, 0)
        assert sorted(hub.clients) == [7, 8]
    assert hub.clients == []


def test_a_follower_who_does_not_read_is_given_up() -> None:
    """And told everything at the next connection; nothing is dropped in silence."""
    hub = Hub()
    with hub.following(7) as follower:
        hub.tell(Update(7, number, 1, "scheduled") for number in range(WAITING_MAX))
        assert not follower.lost
        hub.tell([Update(7, WAITING_MAX, 1, "scheduled")])
        assert follower.lost
        assert WAITING_MAX not in follower.told


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"client": 1}', '{"client": "x", "booking": 1, "version": 1, "status": "s"}', "null"])
def test_what_is_no_update_is_refused(payload: str) -> None:
    """A channel is open to whoever may connect."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        heard(payload)


class Following:
    """A customer's connection, and what came by it."""

    def __init__(self, url: str, customer: Customer) -> None:
        headers = {"Authorization": customer.headers["Authorization"]}
        self.socket = Client.connect(f"{url.replace('http', 'ws')}/api/v2/updates", headers=headers)
        self.got: list[dict[str, Any]] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                told = json.loads(self.socket.receive())
                if "booking" in told:
                    self.got.append(told)

    def saw(self, booking: int, version: int) -> bool:
        """Whether this version came."""
        return any((each["booking"], each["version"]) == (booking, version) for each in self.got)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The platform, with live updates."""
    with running(tmp_path_factory.mktemp("live"), live=True) as started:
        yield started


@contextlib.contextmanager
def following(platform: Running, region: str, customer: Customer) -> Iterator[Following]:
    """A connection to the process of a region."""
    found = Following(f"http://127.0.0.1:{platform.settings[region].port}", customer)
    try:
        yield found
    finally:
        with contextlib.suppress(ConnectionClosed):
            found.socket.close()
        found.thread.join(5)


_TIMES = iter(range(200))


def book(customer: Customer, franchise: int = 1) -> int:
    """A booking at a time of its own."""
    number = next(_TIMES)
    day = datetime.now(UTC).date() + timedelta(days=3 + number // 10)
    body = {"date": day.isoformat(), "time": f"{10 + number % 10 // 2}:{30 * (number % 2):02}", "service": "Haircut"}
    answer = customer.at(franchise).post("/api/v2/appointments/", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


@pytest.mark.servers
def test_a_change_in_one_region_is_told_in_another(live: Running) -> None:
    """Also of a booking on another region's shard, and of each further version."""
    customer = live.client("us-east-1").login(EMAIL)
    with following(live, "eu-west-1", customer) as connection:
        here, there = book(customer, 1), book(customer, 60)
        assert poll_until(lambda: connection.saw(here, 1) and connection.saw(there, 1), SOON_S)
        assert customer.at(60).put(f"/api/v2/appointments/{there}/cancel").status_code == 200
        assert poll_until(lambda: connection.saw(there, 2), SOON_S)


@pytest.mark.servers
def test_who_was_away_is_told_of_what_they_missed(live: Running) -> None:
    """With the first messages of the next connection."""
    customer = live.client("us-east-1").login(EMAIL)
    with following(live, "us-east-1", customer):
        pass
    missed = book(customer)
    with following(live, "us-east-1", customer) as again:
        assert poll_until(lambda: again.saw(missed, 1), SOON_S)


@pytest.mark.servers
def test_nobody_hears_of_others(live: Running) -> None:
    """Not even at the same shop."""
    one, two = live.client("us-east-1").login(EMAIL), live.client("us-east-1").login(EMAIL.replace(".1@", ".2@"))
    with following(live, "us-east-1", one) as first, following(live, "us-east-1", two) as second:
        booking = book(two)
        assert poll_until(lambda: second.saw(booking, 1), SOON_S)
        assert not any(each["booking"] == booking for each in first.got)


@pytest.mark.servers
def test_changes_while_a_shard_was_not_heard_are_told_when_it_is_back(live: Running) -> None:
    """The connection that listened broke, and the customer's did not."""
    customer = live.client("us-east-1").login(EMAIL)
    with following(live, "us-east-1", customer) as connection:
        first = book(customer)
        assert poll_until(lambda: connection.saw(first, 1), SOON_S)
        with live.servers[1].connect("standin") as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%% live'")
            # By a session that tells nobody.
            admin.execute("UPDATE bookings SET version = version + 1 WHERE id = %s", [first])
        assert poll_until(lambda: connection.saw(first, 2), SOON_S)


@pytest.mark.servers
@pytest.mark.parametrize("token", ["", "Bearer nonsense", "Basic x"])
def test_nobody_follows_without_a_valid_token(live: Running, token: str) -> None:
    """The handshake is refused."""
    from simple_websocket import ConnectionError as Refused  # noqa: PLC0415 - the name of a builtin

    with pytest.raises((Refused, ConnectionClosed)):
        Client.connect(f"ws://127.0.0.1:{live.settings['us-east-1'].port}/api/v2/updates", headers={"Authorization": token})
