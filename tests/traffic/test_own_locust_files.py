"""A Locust file of the user's own, in the shapes of Locust's documentation: run in both models, recorded by events, refused where it cannot be used."""

from __future__ import annotations

import importlib
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from closeshave import history
from closeshave.clock import now_ns
from closeshave.plan import Canaries, LocustFile, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic import ownfilecheck, raised
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import Load
from closeshave.traffic.ownfilecheck import FileFound
from closeshave.traffic.runfiles import SenderKind
from tests.traffic import loads
from tests.traffic.shop import Shop, open_shop

ONE = Topology(("here",), (Shard(1, 1, 1, "here", "here"),))
QUICKSTART = """
import time
from locust import HttpUser, task, between

class QuickstartUser(HttpUser):
    wait_time = between(0.01, 0.05)

    @task
    def hello_world(self):
        self.client.get("/hello")
        self.client.get("/world")

    @task(3)
    def view_items(self):
        for item_id in range(3):
            self.client.get(f"/item?id={item_id}", name="/item")
            time.sleep(0.01)

    def on_start(self):
        self.client.post("/login", json={"username": "foo", "password": "bar"})
"""
SEQUENCE = """
from locust import FastHttpUser, SequentialTaskSet, task, constant

class Checkout(SequentialTaskSet):
    @task
    def first(self):
        self.client.get("/first")

    @task
    def second(self):
        with self.client.get("/missing", catch_response=True) as response:
            if response.status_code == 404:
                response.success()

    @task
    def third(self):
        with self.user.rest("POST", "/third", json={"a": 1}) as response:
            if response.js["id"] != 18:
                response.failure("another ID")

class Buyer(FastHttpUser):
    wait_time = constant(0.01)
    tasks = [Checkout]
"""
CUSTOM = """
import time
from locust import User, task, constant

class Client:
    def __init__(self, host, request_event):
        self.host, self.event = host, request_event

    def __getattr__(self, name):
        def call(fails):
            start = time.perf_counter()
            meta = {"request_type": "xmlrpc", "name": name, "start_time": time.time(), "response_length": 0, "response": None, "exception": None}
            time.sleep(0.05)
            if fails:
                meta["exception"] = ConnectionRefusedError(111, "refused")
            meta["response_time"] = (time.perf_counter() - start) * 1000
            self.event.fire(**meta)
        return call

class XmlRpcUser(User):
    wait_time = constant(0.01)

    def __init__(self, environment):
        super().__init__(environment)
        self.client = Client(self.host, environment.events.request)

    @task
    def get_time(self):
        self.client.get_time(False)

    @task
    def get_random_number(self):
        self.client.get_random_number(True)
"""
STAGES = """
from locust import HttpUser, LoadTestShape, constant, task

class WebsiteUser(HttpUser):
    wait_time = constant(0.1)

    @task
    def front(self):
        self.client.get("/")

class StagesShape(LoadTestShape):
    stages = [{"duration": 1, "users": 2, "spawn_rate": 100}, {"duration": 2, "users": 6, "spawn_rate": 100}]

    def tick(self):
        run_time = self.get_run_time()
        for stage in self.stages:
            if run_time < stage["duration"]:
                return (stage["users"], stage["spawn_rate"])
        return None
"""
ODD = """
from locust import HttpUser, task

class Odd(HttpUser):
    @task
    def raises(self):
        with self.client.get("/raises", catch_response=True) as response:
            raise KeyError("in the block")

    @task
    def hangs(self):
        self.client.get("/hang")

    @task
    def moved(self):
        self.client.get("/moved")

    @task
    def fails(self):
        self.client.get("/missing")
"""
BOOKS = """
from datetime import UTC, datetime
from locust import HttpUser, task
from closeshave.traffic import effects

class Books(HttpUser):
    @task
    def book(self):
        answer = self.client.post("/bookings", json={"note": effects.tag()}, name="book")
        effects.report("create", booking=answer.json()["id"], barber=7, starts_at=datetime(2026, 12, 1, 15, tzinfo=UTC), minutes=30)
"""


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop that counts."""
    with open_shop() as serving:
        yield serving


def written(place: Path, text: str, name: str = "locustfile.py") -> str:
    """The path of a file with this text."""
    path = place / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def a_load(run: Path, shop: Shop, text: str, *pairs: tuple[float, float], processes: int = 1, **stated: Any) -> Load:
    """A load by this file."""
    own = LocustFile(file=written(run, text), **stated)
    load = loads.load(run, *pairs, edges={"here": shop.url}, traffic=Traffic(locust=own, processes=processes))
    return replace(load, topology=ONE)


def sent(run: Path, load: Load, kind: SenderKind = "customers") -> pd.DataFrame:
    """Run it to its end; what was recorded, whose counts must agree."""
    generator = Generator.start(kind, load)
    generator.wait_ready(60)
    generator.go(now_ns() + 100_000_000)
    assert generator.finish(load.duration_s + 15) == 0, (run / "logs" / f"traffic-{kind}.log").read_text()
    collected = collect(run)
    assert collected.reconciled, (collected, (run / "logs" / f"traffic-{kind}.log").read_text())
    rows = pd.read_parquet(run / history.OPERATIONS_FILE)
    assert (rows["ended_ns"] >= rows["started_ns"]).all()
    assert (rows["started_ns"] >= rows["intended_ns"]).all()
    return rows


def by_kind(rows: pd.DataFrame) -> dict[str, int]:
    """How many rows of each kind."""
    return {str(kind): int(count) for kind, count in rows["kind"].value_counts().items() if count}


def test_the_quickstart_in_the_open_model(tmp_path: Path, shop: Shop) -> None:
    """Each arrival is a new user: it logs in, does its tasks by their weights, and leaves. What is recorded is what the server saw."""
    rows = sent(tmp_path, a_load(tmp_path, shop, QUICKSTART, (2.0, 20), tasks_per_visit=3))
    kinds = by_kind(rows)
    assert kinds["GET /item"] == sum(count for path, count in shop.requests.items() if path.startswith("GET /item"))
    assert kinds["POST /login"] == shop.requests["POST /login"] > 20
    assert len(rows) == sum(shop.requests.values())
    # The last visits end with the load.
    assert 0.8 * 3 * kinds["POST /login"] < kinds["GET /item"] / 3 + kinds["GET /hello"] <= 3 * kinds["POST /login"]
    assert 1.5 < kinds["GET /item"] / 3 / kinds["GET /hello"] < 6
    assert rows["good"].all()
    assert set(rows["journey"]) == {"quickstartuser"}
    assert set(rows["shard"]) == {1}
    first = rows[rows["kind"] == "POST /login"]
    assert (first["started_ns"] - first["intended_ns"]).max() < 1e9
    assert (first["started_ns"] > first["intended_ns"]).any(), "the first request counts from the arrival"


@pytest.mark.thorough
def test_a_sequence_is_one_visit_and_the_file_judges_its_answers(tmp_path: Path, shop: Shop) -> None:
    """By default a visit has as many tasks as the longest sequence; what the file calls a success or a failure is one."""
    rows = sent(tmp_path, a_load(tmp_path, shop, SEQUENCE, (1.5, 10)))
    kinds = by_kind(rows)
    assert set(kinds) == {"GET /first", "GET /missing", "POST /third"}
    assert 0 <= kinds["GET /first"] - kinds["POST /third"] <= 2, "the last visits end with the load"
    assert rows[rows["kind"] == "GET /missing"]["good"].all()
    wrong = rows[rows["kind"] == "POST /third"]
    assert not wrong["good"].any()
    assert set(wrong["error"]) == {"wrong_body"}
    assert set(wrong["outcome"]) == {"info"}


@pytest.mark.thorough
def test_a_custom_client(tmp_path: Path, shop: Shop) -> None:
    """Its own events say what it sent, and why it failed."""
    rows = sent(tmp_path, a_load(tmp_path, shop, CUSTOM, (1.5, 10), tasks_per_visit=4))
    assert set(by_kind(rows)) == {"xmlrpc get_time", "xmlrpc get_random_number"}
    assert rows[rows["kind"] == "xmlrpc get_time"]["good"].all()
    assert set(rows[rows["kind"] == "xmlrpc get_random_number"]["error"]) == {"refused"}
    took_s = (rows["ended_ns"] - rows["started_ns"]) / 1e9
    assert took_s.between(0.04, 0.5).all()


@pytest.mark.thorough
def test_a_load_shape_decides_alone_in_the_closed_model(tmp_path: Path, shop: Shop) -> None:
    """Two users in the first second, six in the next, and none after its end; each does one task after the other."""
    rows = sent(tmp_path, a_load(tmp_path, shop, STAGES, (3.5, 1), model="closed"))
    after_s = (rows["started_ns"] - rows["started_ns"].min()) / 1e9
    early, later, late = ((after_s >= low) & (after_s < high) for low, high in ((0.1, 0.9), (1.6, 2.0), (2.7, 9)))
    per_s = early.sum() / 0.8, later.sum() / 0.4
    assert 2 * 4 < per_s[0] < 2 * 11
    assert 2 < per_s[1] / per_s[0] < 4
    assert late.sum() == 0
    assert (rows["intended_ns"] == rows["started_ns"]).all()


@pytest.mark.thorough
def test_the_closed_model_has_users_in_proportion_to_the_rate(tmp_path: Path, shop: Shop) -> None:
    """Eight where the rate is highest, two where it is a quarter of that; by two processes together."""
    text = STAGES.partition("class StagesShape")[0]
    rows = sent(tmp_path, a_load(tmp_path, shop, text, (1.5, 1), (1.5, 4), model="closed", users=8, processes=2))
    after_s = (rows["started_ns"] - rows["started_ns"].min()) / 1e9
    slow, fast = ((after_s >= low) & (after_s < low + 0.9) for low in (0.3, 1.9))
    assert 2.5 < fast.sum() / slow.sum() < 6
    assert len(rows) == sum(shop.requests.values())


@pytest.mark.thorough
def test_what_no_event_tells_of_is_recorded_too(tmp_path: Path, shop: Shop) -> None:
    """A request whose with block raised, and one that is in flight at the end: a platform that hangs must not look well."""
    rows = sent(tmp_path, a_load(tmp_path, shop, ODD, (2.0, 20)))
    told = {str(kind): mine for kind, mine in rows.groupby("kind", observed=True)}
    assert set(told["GET /raises"]["error"]) == {"untold"}
    assert set(told["GET /hang"]["error"]) == {"stopped"}
    assert not told["GET /hang"]["good"].any()
    assert told["GET /moved"]["good"].all()
    assert set(told["GET /missing"]["error"]) == {"status_404"}
    assert re.search(r"^\d+ tasks of the Locust file raised an error, .*: \d+ times KeyError: 'in the block'$", raised.told(tmp_path))
    assert {kind: len(mine) for kind, mine in told.items()} == {
        f"GET {path}": shop.requests[f"GET {path}"] for path in ("/raises", "/hang", "/moved", "/missing")
    }


@pytest.mark.thorough
def test_effects_belong_to_the_request_before(tmp_path: Path, shop: Shop) -> None:
    """By its ID, with the slot and the booking."""
    rows = sent(tmp_path, a_load(tmp_path, shop, BOOKS, (1.0, 10), effects=True))
    found = pd.read_parquet(tmp_path / history.EFFECTS_FILE)
    assert list(found["operation"]) == list(rows["id"])
    assert set(found["action"]) == {"create"}
    assert set(found["booking"]) == {17}
    assert set(found["starts_at"]) == {1796137200}
    assert set(found["shard"]) == {1}


@pytest.mark.thorough
def test_canaries_run_one_task_at_a_steady_rate(tmp_path: Path, shop: Shop) -> None:
    """From before the start each has its user, and a probe is one row: good, or failed with its reason."""
    load = replace(a_load(tmp_path, shop, QUICKSTART, (2.0, 1), canary="QuickstartUser.hello_world"), canaries=Canaries(home_per_s=10))
    rows = sent(tmp_path, load, "canary")
    assert by_kind(rows) == {"canary_task": 20}
    assert rows["good"].all()
    assert set(rows["source"]) == {"canary"}
    assert set(rows["intended_ns"].sort_values().diff().dropna().round(-6)) == {100_000_000}
    assert shop.requests["GET /hello"] == shop.requests["GET /world"] == 20


@pytest.mark.parametrize(("path", "error"), [("/missing", "status_404"), ("/hang", "total_timeout")])
@pytest.mark.thorough
def test_a_canary_that_fails_says_why(tmp_path: Path, shop: Shop, path: str, error: str) -> None:
    """Also one that is not answered in time; the others keep their schedule."""
    text = QUICKSTART.replace("/hello", path)
    load = replace(a_load(tmp_path, shop, text, (3.5, 1), canary="QuickstartUser.hello_world"), canaries=Canaries(home_per_s=4))
    rows = sent(tmp_path, load, "canary")
    early = rows[rows["intended_ns"] < rows["intended_ns"].min() + 1_200_000_000]
    assert set(early["error"]) == {error}
    assert not rows["good"].any()
    assert ((early["ended_ns"] - early["intended_ns"]) / 1e9).max() < 2.6


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FileFound]:
    """What the process of its own does with a file and what a plan states of it, done here: Locust is asked not to patch this interpreter."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    # What an import of a file leaves behind.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "locustfile", None)
    ownfile = importlib.import_module("closeshave.traffic.ownfile")
    return lambda file, **stated: ownfile._looked(LocustFile(file=file, **stated))


@pytest.mark.parametrize(
    ("text", "stated", "line", "says"),
    [
        (
            "import no_such_module_5513\n",
            {},
            1,
            "cannot be loaded by Locust: ModuleNotFoundError: No module named 'no_such_module_5513'",
        ),
        ("from locust import HttpUser\n\nraise RuntimeError('planned')\n", {}, 3, "RuntimeError: planned"),
        ("import sys\nsys.exit(3)\n", {}, 2, "SystemExit: 3"),
        ("x = 1\n", {}, 0, "has no user class"),
        ("from locust import HttpUser\nclass A(HttpUser):\n    pass\n", {}, 0, "A has no tasks"),
        (QUICKSTART, {"canary": "QuickstartUser.hello"}, 0, "has no task 'QuickstartUser.hello' for the canary"),
        (SEQUENCE, {"canary": "Buyer.first"}, 0, "available: Buyer.Checkout.first, Buyer.Checkout.second, Buyer.Checkout.third"),
        (STAGES, {}, 0, "StagesShape says how many users there are, which only the closed model has"),
        (STAGES, {"model": "closed", "users": 3}, 0, "leave out traffic.locust.users"),
        (QUICKSTART, {"model": "closed"}, 0, "has no LoadTestShape: write traffic.locust.users"),
        (
            "from locust import task\nfrom closeshave.traffic.journeys import BookingUser\nclass B(BookingUser):\n    @task\n    def t(self): pass\n",
            {},
            0,
            "B is a BookingUser of this harness",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, looked: Callable[..., FileFound], text: str, stated: dict[str, Any], line: int, says: str
) -> None:
    """Before anything starts, with its line where it raised."""
    found = looked(written(tmp_path, text), **stated)
    assert says in found.problem
    assert "\n" not in found.problem
    assert found.line == line


@pytest.mark.parametrize("text", [QUICKSTART, SEQUENCE, CUSTOM, ODD, BOOKS])
def test_a_good_file_is_accepted(tmp_path: Path, looked: Callable[..., FileFound], text: str) -> None:
    """With the least that a plan states of it."""
    assert looked(written(tmp_path, text)) == FileFound()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("print('hello')\nraise RuntimeError('planned')\n", 2, "RuntimeError: planned"),
        ("import os\nos._exit(0)\n", 0, "ends the interpreter when it is imported"),
    ],
)
def test_what_the_process_of_its_own_found_is_told(tmp_path: Path, text: str, line: int, says: str) -> None:
    """Whatever the file prints, and also if it ends that process."""
    (problem,) = ownfilecheck.check(LocustFile(file=written(tmp_path, text)))
    assert says in problem.message
    assert "\n" not in problem.message
    assert problem.line == line


def test_a_good_file_is_accepted_in_silence(tmp_path: Path) -> None:
    """By the process of its own, whatever the file prints."""
    assert ownfilecheck.check(LocustFile(file=written(tmp_path, f"print('hello')\n{QUICKSTART}"))) == []
