"""A generator in its subprocess sends what was planned, records all of it, and ends at its end, when it is stopped, or when it is killed."""

from __future__ import annotations

import ast
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from closeshave import history, traffic
from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.history import Sent
from closeshave.plan import Canaries, Traffic
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import MODELS, Generator, GeneratorFailed
from closeshave.traffic.load import Load
from closeshave.traffic.priority import Priority
from closeshave.traffic.runfiles import SenderKind
from closeshave.traffic.visits import plan_visits
from tests.traffic import loads
from tests.traffic.permission import real_time_permitted
from tests.traffic.tinyplatform import TinyPlatform

BRISK = Traffic(think_time_scale=0.02)
SOON_NS = 100_000_000
LOCUSTFILES = Path(traffic.__file__).parent / "locustfiles"


@pytest.fixture
def platform() -> Iterator[TinyPlatform]:
    """A booking server that counts for itself."""
    with TinyPlatform().serving() as serving:
        yield serving


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with all customers logged in."""
    loads.log_everybody_in(tmp_path)
    return tmp_path


def everywhere(url: str) -> dict[str, str]:
    """All regions enter here."""
    return dict.fromkeys(loads.FOUR.regions, url)


def operations(run: Path) -> pd.DataFrame:
    """What was recorded."""
    return pd.read_parquet(run / history.OPERATIONS_FILE)


def ready(kind: SenderKind, load: Load) -> Generator:
    """A generator that could start at once."""
    generator = Generator.start(kind, load)
    generator.wait_ready(60)
    return generator


def test_all_that_was_intended_is_sent_and_recorded(platform: TinyPlatform, run: Path) -> None:
    """Intended, sent, recorded, on the wire and counted by the server: all numbers are equal. Every answer is good, and no booking overlaps."""
    generator = ready("customers", loads.load(run, (2.0, 40), edges=everywhere(platform.url), traffic=BRISK))
    start_ns = now_ns() + SOON_NS
    generator.go(start_ns)
    assert generator.finish(30) == 0
    assert now_ns() >= start_ns + 2_000_000_000, "a generator that ends before its load looks like a dead one"
    collected = collect(run)
    count = sum(platform.requests.values())
    assert collected.sent == (Sent("customers", "customers-1", count, count, count, finished=True, requests=count),)
    rows = operations(run)
    assert rows["good"].all()
    assert (rows["started_ns"] >= rows["intended_ns"]).all()
    booked = rows[rows["kind"] == "book"]
    # The impatient send the form again, by the same key: another answer, the same booking.
    assert len(booked[(booked["outcome"] == "ok") & (booked["attempt"] == 1)]) == len(platform.bookings)


@pytest.mark.thorough
def test_two_workers_share_the_arrivals_without_overlap(platform: TinyPlatform, run: Path) -> None:
    """Every planned arrival belongs to one worker, once, at its own time; nothing is lost on the way to the history; no process is left."""
    load = loads.load(run, (2.0, 40), edges=everywhere(platform.url), traffic=replace(BRISK, processes=2))
    generator = ready("customers", load)
    assert (generator.priority is Priority.REAL_TIME) == real_time_permitted(), "one that waits its turn is late"
    start_ns = now_ns() + SOON_NS
    generator.go(start_ns)
    assert generator.finish(30) == 0
    collected = collect(run)
    assert [sent.worker for sent in collected.sent] == ["customers-1", "customers-2"]
    assert all(sent.finished and sent.intended == sent.sent == sent.recorded == sent.requests > 0 for sent in collected.sent)
    assert sum(sent.sent for sent in collected.sent) == sum(platform.requests.values())
    begun_ns = Counter(operations(run)["intended_ns"] - start_ns)
    assert all(begun_ns[at_ns] == 1 for at_ns in plan_visits(load, lambda _region, _elapsed_s: 1.0).at_ns.tolist())
    assert not any(worker.alive for worker in generator.workers)


@pytest.mark.servers
def test_of_two_rivals_one_wins(platform: TinyPlatform, run: Path) -> None:
    """Of two customers who request the same slot at the same instant, the other is refused."""
    traffic = Traffic(think_time_scale=0.02, contests_per_s=10.0)
    generator = ready("customers", loads.load(run, (2.0, 1), edges=everywhere(platform.url), traffic=traffic))
    generator.go(now_ns() + SOON_NS)
    generator.finish(30)
    collect(run)
    rows = operations(run)
    races = rows[(rows["journey"] == "rivals") & (rows["kind"] == "book")].groupby(["franchise", "intended_ns"])
    pairs = [race for _, race in races if len(race) == 2]
    assert len(pairs) >= 5
    assert all(sorted(race["status"]) == [200, 409] and race["good"].all() for race in pairs)


@pytest.mark.servers
def test_canaries_write_and_read(platform: TinyPlatform, run: Path) -> None:
    """Each at its rate, at franchises that no customer visits, and without disturbing each other."""
    load = loads.load(run, (2.0, 1), edges=everywhere(platform.url), canaries=Canaries(home_per_s=5, away_per_s=1))
    generator = ready("canary", load)
    before = sum(platform.requests.values())
    generator.go(now_ns() + SOON_NS)
    generator.finish(30)
    sent = collect(run).sent[0]
    assert sent.intended == sent.sent == sent.recorded == sent.requests == sum(platform.requests.values()) - before
    rows = operations(run)
    assert rows["good"].all()
    assert set(rows["source"]) == {"canary"}
    writes = rows[rows["kind"] == "canary_write"]
    assert len(writes) == len(rows[rows["kind"] == "canary_read"]) == pytest.approx(2 * 4 * (5 + 3) / 2, abs=8)
    assert all(franchise % 25_000 > 24_980 or franchise % 25_000 == 0 for franchise in rows["franchise"])


@pytest.mark.servers
def test_a_canary_that_hangs_delays_no_other(platform: TinyPlatform, run: Path) -> None:
    """With every write hanging past its timeout, probes are still sent on time, and none is dropped."""
    load = loads.load(run, (1.0, 1), edges=everywhere(platform.url), canaries=Canaries(home_per_s=5, away_per_s=1))
    generator = ready("canary", load)
    platform.delay_s = 2.3
    generator.go(now_ns() + SOON_NS)
    generator.finish(30)
    collect(run)
    rows = operations(run)
    assert set(rows["kind"]) == {"canary_write"}
    assert set(rows["error"]) == {"timeout"}
    assert set(rows["outcome"]) == {"info"}
    assert len(rows) == pytest.approx(4 * (5 + 3) / 2, abs=8)
    assert ((rows["started_ns"] - rows["intended_ns"]) / 1e9).max() < 1.0


@pytest.mark.servers
def test_a_dead_edge_is_recorded_and_affects_no_other_region(platform: TinyPlatform, run: Path) -> None:
    """No server listens in one region: its customers' connections are refused, which certainly had no effect."""
    edges = everywhere(platform.url) | {"us-west-2": "http://127.0.0.1:1"}
    generator = ready("customers", loads.load(run, (2.0, 20), edges=edges, traffic=BRISK))
    generator.go(now_ns() + SOON_NS)
    generator.finish(30)
    sent = collect(run).sent[0]
    rows = operations(run)
    dead = rows[rows["region"] == "us-west-2"]
    assert set(dead["error"]) == {"refused"}
    assert set(dead["outcome"]) == {"fail"}
    assert rows[rows["region"] != "us-west-2"]["good"].all()
    assert sent.requests == sent.sent - len(dead) == sum(platform.requests.values())


@pytest.mark.servers
def test_it_stops_by_itself_at_the_limit_of_requests(platform: TinyPlatform, run: Path) -> None:
    """Exactly there."""
    generator = ready("customers", loads.load(run, (60.0, 50), edges=everywhere(platform.url), traffic=BRISK, requests=100))
    generator.go(now_ns() + SOON_NS)
    assert generator.finish(30) == 0
    assert collect(run).sent[0].sent == sum(platform.requests.values()) == 100


@pytest.mark.thorough
@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.servers)])
def test_when_stopped_it_records_requests_in_progress(platform: TinyPlatform, run: Path, processes: int) -> None:
    """An unfinished request ends as *stopped*: it may have happened. Every sent request is recorded, and no process is left."""
    traffic = replace(BRISK, processes=processes)
    generator = ready("customers", loads.load(run, (60.0, 50), edges=everywhere(platform.url), traffic=traffic))
    generator.go(now_ns() + SOON_NS)
    assert poll_until(lambda: sum(platform.requests.values()) > 50, 20)
    platform.delay_s = 30
    asked = sum(platform.requests.values())
    assert poll_until(lambda: sum(platform.requests.values()) > asked + 5, 20)
    generator.stop()
    platform.delay_s = 0
    assert not any(worker.alive for worker in generator.workers)
    collected = collect(run)
    assert all(sent.sent == sent.recorded and not sent.finished for sent in collected.sent)
    assert not collected.blind
    stopped = operations(run).query("error == 'stopped'")
    assert len(stopped) > 0
    assert set(stopped[stopped["kind"] == "slots"]["outcome"]) == {"fail"}


@pytest.mark.thorough
def test_a_killed_generator_loses_only_its_last_second(platform: TinyPlatform, run: Path) -> None:
    """What it had flushed is collected; that it did not finish is reported."""
    generator = ready("customers", loads.load(run, (60.0, 50), edges=everywhere(platform.url), traffic=BRISK))
    generator.go(now_ns() + SOON_NS)
    assert poll_until(lambda: sum(platform.requests.values()) > 400, 30)
    at_kill_ns = now_ns()
    os.kill(generator.process.pid, signal.SIGKILL)
    assert generator.finish(5) == -signal.SIGKILL
    sent = collect(run).sent[0]
    rows = operations(run)
    assert not sent.finished
    assert sent.recorded == len(rows) > 100
    assert at_kill_ns - rows["ended_ns"].max() < 1_000_000_000


@pytest.mark.servers
def test_a_killed_worker_costs_its_own_last_second_and_is_named(platform: TinyPlatform, run: Path) -> None:
    """The load continues with the other worker, to its end; the rest of the dead one's share is blind."""
    traffic = replace(BRISK, processes=2)
    generator = ready("customers", loads.load(run, (12.0, 40), edges=everywhere(platform.url), traffic=traffic))
    start_ns = now_ns() + SOON_NS
    generator.go(start_ns)
    assert poll_until(lambda: sum(platform.requests.values()) > 400, 30)
    os.kill(generator.workers[1].pid, signal.SIGKILL)
    killed_ns = now_ns()
    generator.finish(60)
    assert now_ns() > start_ns + 12_000_000_000
    collected = collect(run)
    whole = {sent.worker: sent.finished for sent in collected.sent}
    (blind,) = collected.blind
    assert whole == {"customers-1": blind.worker != "customers-1", "customers-2": blind.worker != "customers-2"}
    rows = operations(run)
    assert blind.from_ns < killed_ns < blind.to_ns == rows["ended_ns"].max()
    numbers = rows["id"] // 2**40
    assert killed_ns - rows["ended_ns"][numbers == int(blind.worker[-1])].max() < 1_000_000_000


@pytest.mark.servers
def test_workers_without_their_master_end_by_themselves(platform: TinyPlatform, run: Path) -> None:
    """No process is left to stop them: they write their records and end."""
    traffic = replace(BRISK, processes=2)
    generator = ready("customers", loads.load(run, (60.0, 40), edges=everywhere(platform.url), traffic=traffic))
    generator.go(now_ns() + SOON_NS)
    assert poll_until(lambda: sum(platform.requests.values()) > 100, 30)
    generator.process.kill()
    assert poll_until(lambda: not any(worker.alive for worker in generator.workers), 10)
    assert generator.stop() == -signal.SIGKILL
    collected = collect(run)
    assert not collected.blind
    assert sum(sent.recorded for sent in collected.sent) == sum(sent.sent for sent in collected.sent)


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.servers)])
def test_a_generator_that_cannot_start_says_why(run: Path, processes: int) -> None:
    """Before the load, with the end of its log."""
    generator = Generator.start("customers", loads.load(run, (1.0, 1), traffic=Traffic(profile="xmas", processes=processes)))
    with pytest.raises(GeneratorFailed, match="xmas"):
        generator.wait_ready(60)


@pytest.mark.thorough
def test_canaries_without_enough_slots_say_what_would_be_right(platform: TinyPlatform, run: Path) -> None:
    """In one sentence that names the plan's key, without a log's end: nothing is wrong with the harness."""
    load = loads.load(run, (600.0, 1), edges=everywhere(platform.url), canaries=Canaries(home_per_s=400.0))
    generator = Generator.start("canary", replace(load, rate_scale=0.5))
    with pytest.raises(GeneratorFailed) as caught:
        generator.wait_ready(60)
    said = str(caught.value)
    assert said.startswith("canaries.home_per_s of the plan: the canaries book ")
    assert "write canaries: {home_per_s: " in said
    assert "\n" not in said
    assert "Traceback" not in generator.log.read_text()


@pytest.mark.servers
def test_a_scenario_with_an_error_leaves_the_load_unfinished(platform: TinyPlatform, run: Path) -> None:
    """Requests that were not sent because of a mistake in a journey must not look like a calm customer."""
    scenario = run / "broken.py"
    shipped = (loads.SCENARIOS / "booking.py").read_text()
    scenario.write_text(shipped.replace("self.steps.slots(self.steps.some_day())", "self.steps.no_such_step()"))
    traffic = Traffic(scenario=str(scenario), think_time_scale=0.02)
    generator = ready("customers", loads.load(run, (1.0, 10), edges=everywhere(platform.url), traffic=traffic))
    generator.go(now_ns() + SOON_NS)
    generator.finish(30)
    assert not collect(run).sent[0].finished
    assert "no_such_step" in generator.log.read_text()


@pytest.mark.parametrize(("kind", "model"), MODELS.items())
def test_the_class_that_locust_is_told_to_run_is_in_its_file(kind: str, model: str) -> None:
    """Read, not imported: to import the file patches this process."""
    text = (LOCUSTFILES / f"{kind}.py").read_text(encoding="utf-8")
    assert model in {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
