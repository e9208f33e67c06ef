"""The example of an application is correct with two instances, when its database or its cache is lost, and when it is told to end."""

import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from closeshave.control.processes import poll_until
from tests.application.running import DIRECTORY, Customer, day, status
from tests.standin.servers import free_port


@pytest.fixture(scope="module")
def customers(both):
    """One customer at each instance."""
    return tuple(Customer(url, f"customer{number}@barbers.test") for number, url in enumerate(both, start=1))


def key():
    """A new idempotency key."""
    return f"book_{uuid.uuid4()}"


@pytest.mark.thorough
def test_preparing_twice_makes_nothing_twice(shop):
    """Two at once too."""
    before = shop.rows("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM barbers), (SELECT count(*) FROM services)")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: shop.prepare(), range(2)))
    after = shop.rows("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM barbers), (SELECT count(*) FROM services)")
    assert before == after == [(41, 6, 3)]


def test_of_customers_who_want_a_time_at_once_one_gets_it(shop, customers):
    """At both instances; the others are told that it is taken."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: customers[number % 2].book("11:00", barber_id=2), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert {a.json()["error"]["message"] for a in answers if a.status_code == 400} == {f"Barber is not available at 11:00 on {day(7)}"}
    assert shop.rows("SELECT count(*) FROM bookings WHERE barber_id = 2 AND status = 'scheduled'") == [(1,)]


def test_overlapping_times_of_different_lengths_exclude_each_other(customers):
    """45 minutes from 14:00 hold 14:30 too; a shave that ends at 14:00 does not matter."""
    first, second = customers
    assert first.book("14:00", barber_id=3, service="Haircut & Shave").status_code == 200
    assert second.book("14:30", barber_id=3).status_code == 400
    assert second.book("13:30", barber_id=3).status_code == 200


def test_without_a_wish_every_barber_is_booked_once(customers):
    """Six barbers, so six bookings of one time, and then no more."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: customers[number % 2].book("12:00", 9), range(8)))
    booked = [answer.json()["barber_id"] for answer in answers if answer.status_code == 200]
    assert sorted(booked) == [1, 2, 3, 4, 5, 6]
    assert {answer.json()["error"]["message"] for answer in answers if answer.status_code == 400} == {"This time slot is already booked"}


@pytest.mark.parametrize("wish", [{"barber_id": 4}, {}], ids=["one barber", "any barber"])
def test_the_same_key_is_the_same_booking(both, shop, wish):
    """Also at another instance, and at the same moment."""
    customers, same = [Customer(url) for url in both], key()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: customers[number % 2].book("09:00", 11, same, **wish), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert shop.rows(f"SELECT count(*) FROM bookings WHERE key = '{same}'") == [(1,)]


def test_a_booked_time_is_at_once_in_no_list(customers):
    """Nor in that of the instance that did not book it, whose list was in the cache; cancelled, it is offered again."""
    first, second = customers
    assert "15:00" in [slot["time"] for slot in second.free(13).json()["slots"]]
    assert second.free(13).headers["x-cache"] == "hit"
    booking = first.book("15:00", 13, barber_id=1).json()["id"]
    assert "15:00" not in [slot["time"] for slot in second.free(13).json()["slots"]]
    first.put(f"/api/v2/appointments/{booking}/cancel").raise_for_status()
    assert "15:00" in [slot["time"] for slot in second.free(13).json()["slots"]]


def test_a_moved_booking_is_free_where_it_was(customers):
    """Its version grows; to a taken time it cannot be moved."""
    first, second = customers
    booking = first.book("09:00", 15, barber_id=5).json()
    assert second.book("10:00", 15, barber_id=5).status_code == 200
    assert first.post(f"/api/v2/appointments/{booking['id']}/reschedule", json={"date": day(15), "time": "10:00"}).status_code == 400
    moved = first.post(f"/api/v2/appointments/{booking['id']}/reschedule", json={"date": day(15), "time": "11:00"}).json()
    assert (moved["version"], moved["start_time"] > booking["start_time"]) == (2, True)
    assert second.book("09:00", 15, barber_id=5).status_code == 200


def test_a_booking_is_shown_to_its_customer_only(customers):
    """And to the owner of the shop."""
    first, second = customers
    booking = first.book("16:00", 16, barber_id=6, notes="mine").json()["id"]
    assert first.get(f"/api/v2/appointments/{booking}").json()["notes"] == "mine"
    assert second.get(f"/api/v2/appointments/{booking}").status_code == 404
    assert Customer(str(first.base_url), "owner@barbers.test").get(f"/api/v2/appointments/{booking}").status_code == 200
    assert httpx.get(first.base_url.join(f"/api/v2/appointments/{booking}"), trust_env=False, verify=False).status_code == 401


def test_a_payment_is_captured_once(shop, customers):
    """However often it is confirmed, at whichever instance."""
    first, _ = customers
    booking = first.book("09:30", 17, barber_id=1).json()["id"]
    intent = first.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()
    confirmed = {"booking_id": booking, "payment_intent_id": intent["payment_intent_id"]}
    with ThreadPoolExecutor(4) as pool:
        assert {a.status_code for a in pool.map(lambda _: first.post("/api/v2/payments/confirm", json=confirmed), range(4))} == {200}
    assert [(capture["booking"], capture["amount"]) for capture in shop.captures() if capture["booking"] == booking] == [(booking, 3000)]
    listed = first.get("/api/v2/payments/history").json()
    assert [(row["appointment_id"], row["amount"], row["status"]) for row in listed["payments"]] == [(booking, 30.0, "completed")]


def test_a_worker_finishes_an_interrupted_payment_and_reminds(shop, customers):
    """A payment that was charged but never noted, as if the instance had ended in between; and tomorrow's customers. SIGTERM ends it with 0."""
    first, _ = customers
    booking = first.book("10:30", 18, barber_id=1).json()["id"]
    intent = first.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()["payment_intent_id"]
    asked = {"booking": booking, "franchise": 1, "amount": 3000, "key": f"capture_{intent}"}
    httpx.post(f"http://127.0.0.1:{shop.payments_port}/captures", json=asked, trust_env=False, verify=False).raise_for_status()
    with shop.database.connect(shop.name) as connection:
        connection.execute("UPDATE payments SET status = 'charging', made = made - interval '1 minute' WHERE intent = %s", [intent])
        soon = "UPDATE bookings SET starts = now() + interval '5 hours', ends = now() + interval '6 hours' WHERE id = %s"
        connection.execute(soon, [booking])
    worker = shop.begin("worker", "work")
    assert poll_until(lambda: shop.rows(f"SELECT status FROM payments WHERE intent = '{intent}'") == [("paid",)], 20), shop.said("worker")
    assert shop.rows(f"SELECT reminded IS NOT NULL FROM bookings WHERE id = {booking}") == [(True,)]
    # Said after it is stored.
    assert poll_until(lambda: "settled" in shop.said("worker"), 20), shop.said("worker")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


def test_a_lost_database_is_reported_and_used_again_when_it_is_back(shop, both):
    """Without starting the application again: lists in the cache are still answered, the rest is 503 with the reason."""
    customer = Customer(both[0], "customer3@barbers.test")
    customer.free(19).raise_for_status()
    shop.database.stop()
    try:
        listed, refused = customer.free(19), customer.book("10:00", 19, barber_id=1)
        assert (listed.status_code, listed.headers["x-cache"]) == (200, "hit")
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "database")
        assert (status(f"{both[0]}/health/ready"), status(f"{both[0]}/health/database")) == (200, 503)
    finally:
        shop.database.start()
    assert customer.book("10:00", 19, barber_id=1).status_code == 200
    assert "primary is lost" in shop.said("barbers-0")
    assert "primary answers again" in shop.said("barbers-0")


def test_connections_that_the_database_ended_are_not_given_to_customers(shop, both):
    """As a failover leaves them: every one in the pool is dead, and the next request is answered well."""
    customer = Customer(both[0], "customer4@barbers.test")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: customer.get("/api/v2/appointments/"), range(16)))
    shop.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
    assert [customer.get("/api/v2/appointments/").status_code for _ in range(8)] == [200] * 8


def test_connections_to_a_server_that_takes_no_more_writes_are_replaced(shop, both):
    """As when a primary has become a standby and still answers: the request that notices it fails, later ones do not."""
    customer, alter = Customer(both[0], "customer9@barbers.test"), f"ALTER DATABASE {shop.name} SET default_transaction_read_only"
    with shop.database.connect() as connection:
        connection.execute(f"{alter} = on")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: customer.get("/api/v2/appointments/"), range(16)))
        connection.execute(f"{alter} = off")
    answers = [customer.book(f"{hour}:00", 27, barber_id=1).status_code for hour in range(10, 17)]
    assert answers == [503] + [200] * 6


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_its_cache_the_application_is_right(shop, both, how):
    """Lists come from the database, soon without waiting for the cache; and from the cache again when it is back, none of them old."""
    first, second = (Customer(url, f"customer{number}@barbers.test") for number, url in enumerate(both, start=5))
    ahead = {"killed": 21, "frozen": 23}[how]
    first.free(ahead).raise_for_status()
    if how == "killed":
        shop.cache.stop()
        assert first.book("09:00", ahead, barber_id=1).status_code == 200
        lists = [second.free(ahead) for _ in range(5)]
        shop.cache.start()
    else:
        with shop.cache.frozen():
            # What is sent to the frozen cache is done later; after that it is left alone for a moment, and the second change is not even sent.
            assert first.book("09:00", ahead + 5, barber_id=1).status_code == 200
            assert first.book("09:00", ahead, barber_id=1).status_code == 200
            lists = [second.free(ahead) for _ in range(5)]
    assert {listed.headers["x-cache"] for listed in lists} == {"bypass"}
    assert all("09:00" not in [slot["time"] for slot in listed.json()["slots"]] for listed in lists)
    assert lists[-1].elapsed.total_seconds() < 0.2
    assert poll_until(lambda: first.free(ahead + 1).headers["x-cache"] == second.free(ahead + 1).headers["x-cache"] == "hit", 10)
    # What was in the cache before is no longer valid there.
    assert "09:00" not in [slot["time"] for slot in second.free(ahead).json()["slots"]]
    assert "the cache is lost" in shop.said("barbers-1")


@pytest.mark.thorough
def test_told_to_end_it_finishes_what_it_has_begun(shop):
    """The request that is being answered gets its answer, a new one no connection, and the process ends with 0."""
    url = shop.serve("ending", DELAY_MS="700")
    customer = Customer(url, "customer7@barbers.test")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(customer.book, "10:00", 25, barber_id=1)
        time.sleep(0.3)
        shop.processes["ending"].send_signal(signal.SIGTERM)
        assert pending.result().status_code == 200
    assert shop.processes["ending"].wait(10) == 0
    assert status(f"{url}/health") == 0
    assert "ending ends" in shop.said("ending")


def test_it_is_not_ready_before_its_tables_are_there(shop):
    """And becomes ready when they are, without a new start."""
    empty, port = shop.new_database("empty"), free_port()
    empty.begin("early", PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    assert poll_until(lambda: status(f"{url}/health/live") == 200, 60), empty.said("early")
    assert status(f"{url}/health/ready") == 503
    empty.prepare()
    assert status(f"{url}/health/ready") == 200


def test_every_answer_states_its_release(both, shop):
    """And ``/health`` too, with the instance that answered and the address that the balancer states."""
    told = httpx.get(f"{both[1]}/health", headers={"X-Forwarded-For": "10.1.2.3"}, trust_env=False, verify=False)
    expected = {"status": "healthy", "service": "plain-barbers", "version": "1.0.0", "instance": "barbers-1", "client_ip": "10.1.2.3"}
    assert told.json() == {**expected, "environment": "development"}
    assert httpx.get(f"{both[0]}/api/v2/public/services/", trust_env=False, verify=False).headers["x-app-version"] == "1.0.0"


@pytest.mark.thorough
def test_a_planted_double_booking_is_accepted(shop):
    """By the same customers whom a correct one refuses."""
    defective = shop.new_database("twice")
    defective.prepare(PLANTED="double-booking")
    customer = Customer(defective.serve("double", PLANTED="double-booking"))
    assert [customer.book("10:00", barber_id=1).status_code for _ in range(3)] == [200] * 3
    assert "planted: double-booking" in defective.said("double")


@pytest.mark.thorough
def test_a_planted_lost_booking_is_acknowledged_and_not_there(shop):
    """Every fifth."""
    customer = Customer(shop.serve("losing", PLANTED="lost-booking"), "customer8@barbers.test")
    made = [customer.book("09:00", 1 + number, barber_id=2).json()["id"] for number in range(10)]
    found = [customer.get(f"/api/v2/appointments/{booking}").status_code for booking in made]
    assert found == [200, 200, 200, 200, 404] * 2
    assert shop.said("losing").count("is lost") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"PORT": "http"}, "PORT must be a number, not 'http'"),
        ({"PLANTED": "everything"}, "PLANTED must be one of double-booking, lost-booking"),
    ],
)
def test_wrong_settings_are_named(shop, changes, words):
    """Before anything starts."""
    command, told = [sys.executable, "-m", "barbers", "serve"], shop.environ(**changes)
    done = subprocess.run(command, cwd=DIRECTORY, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_it_knows_nothing_of_closeshave():
    """Nobody's own application does."""
    sources = [*DIRECTORY.glob("barbers/*.py"), DIRECTORY / "barbers/schema.sql", DIRECTORY / "requirements.txt", DIRECTORY / "Dockerfile"]
    assert len(sources) > 10
    named = [path.name for path in sources if "closeshave" in path.read_text().lower().replace("knows nothing of closeshave", "")]
    assert named == []
