"""A range of franchises moves to another shard, on real servers, while customers book; killed at each step, and sabotaged."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.deployment import Deployment, routing_of
from closeshave.drills import moving
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.range_databases import owner
from closeshave.drills.shard import migrate_range
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.environments.evidence import final_state
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import Proof
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.files.shipped import locate
from tests.drills.killing import Killed, killed_after

pytestmark = [pytest.mark.servers, pytest.mark.timeout(230)]
KIND = KINDS["shard.migrate-range"]
STEPS = [step.name for step in KIND.steps]
OLD, NEW = 1, 5
SIZE = 40
LIMIT_S = 60.0
RANGES = itertools.count(1, SIZE)
"""The first franchise of each range: what was moved once stays where it is."""
CUSTOMERS = 4


@dataclass
class Shop:
    """Customers who book all the time at franchises of a range, through the edges of all regions, and what they were told."""

    deployment: Deployment
    first: int
    booked: dict[int, int] = field(default_factory=dict)
    """Booking → franchise."""
    refused: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def book(self, customer: int) -> None:
        """One booking after the other; a slot that is taken is an answer as good as any."""
        edges = self.deployment.edges
        with httpx.Client(base_url=edges[customer % len(edges)].url, cookies={"csrf_token": "x"}, headers={"X-CSRF-Token": "x"}) as client:
            for number in itertools.count(customer, CUSTOMERS):
                if self.over.is_set():
                    return
                self._book(client, self.first + number % SIZE, number // SIZE)
                time.sleep(0.01)

    def _book(self, client: httpx.Client, franchise: int, number: int) -> None:
        slot = {"date": str(date.today() + timedelta(days=2 + number // 16 % 25)), "time": f"{9 + number % 16 // 2}:{number % 2 * 3}0"}  # noqa: DTZ011
        guest = {"first_name": "Ann", "last_name": "Other", "email": f"{franchise}.{number}@example.com"}
        began = time.monotonic()
        answer = client.post(
            "/api/v2/appointments/guest",
            json={**slot, "time": slot["time"].rjust(5, "0"), "service": "Shave", "guest_info": guest},
            headers={"X-Franchise-Id": str(franchise)},
        )
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if answer.status_code == 200:
            self.booked[int(answer.json()["id"])] = franchise
        elif answer.status_code != 409:
            self.refused.append(f"{answer.status_code} {answer.text}")


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The embedded environment with its spare shard and without backups; every test must leave both shards whole."""
    # Without workers, as a run of a plan that does not need them.
    definition = read_embedded(locate("environments", "embedded")).without_background()
    shards = tuple(replace(shard, backup="") for shard in definition.shards)
    deployment = embedded.up(replace(definition, links=(), shards=shards, rate_limit_scale=10_000.0), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture
def shop(platform: Deployment) -> Iterator[Shop]:
    """Customers at a range that no test has moved."""
    found = Shop(platform, next(RANGES))
    threads = [threading.Thread(target=found.book, args=(customer,)) for customer in range(CUSTOMERS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    yield found
    found.over.set()
    for thread in threads:
        thread.join()


def moved(shop: Shop, run: Path, kind: DrillKind = KIND, **parameters: float) -> dict[str, Any]:
    """Carry the drill out now; its ending."""
    run.mkdir(exist_ok=True)

    def read(server: Any, path: Path) -> int:
        return final_state.export_of(shop.deployment, server, run, time.time() - 3600, path)

    aim = kind.way_back.aim(shop.deployment, {"shard": OLD}, {"first": shop.first, "franchises": SIZE, **parameters})
    work = DrillWork("drill", aim, run / "drills" / "drill", after(LIMIT_S), lambda: False, read, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    assert Ledger(run).open() == ()
    return next(line for line in events(run) if line["type"] == "drill-end")


def events(run: Path) -> list[dict[str, Any]]:
    """The timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def done(run: Path) -> dict[str, dict[str, Any]]:
    """What each step found."""
    return {line["step"]: line["facts"] for line in events(run) if line["type"] == "drill-step"}


def bookings(platform: Deployment, shard: int, first: int) -> list[int]:
    """The bookings of a range that a shard holds."""
    with postgres.session(platform, patroni.leader(platform, shard)) as connection:
        query = "SELECT id FROM bookings WHERE franchise_id BETWEEN %s AND %s"
        return [int(row[0]) for row in connection.execute(query, (first, first + SIZE - 1)).fetchall()]


def is_moved(shop: Shop) -> bool:
    """Whether the routing says so."""
    return routing_of(shop.deployment).target_of(shop.first) == NEW


def settled(shop: Shop, *, on: int) -> None:
    """Customers go on booking for a moment; then every booking that they were told of is on one shard, once, and nothing of the range on the other."""
    before = len(shop.booked)
    time.sleep(1)
    shop.over.set()
    time.sleep(0.5)
    assert len(shop.booked) > before + 5
    there = bookings(shop.deployment, on, shop.first)
    assert len(there) == len(set(there))
    assert set(shop.booked) <= set(there)
    assert bookings(shop.deployment, OLD + NEW - on, shop.first) == []


def test_a_range_moves_while_customers_book(shop: Shop, tmp_path: Path) -> None:
    """No booking is refused, lost, doubled or left behind; a write waits for less than two seconds; every proof holds."""
    ended = moved(shop, tmp_path / "run")
    assert (ended["how"], ended["why"]) == ("carried-out", "")
    proven = [line for line in events(tmp_path / "run") if line["type"] == "drill-proof"]
    assert [line for line in proven if not line["holds"]] == []
    assert len(proven) == 13
    steps = done(tmp_path / "run")
    assert steps[migrate_range.CHOOSE]["franchises"] == SIZE
    assert steps[migrate_range.SWITCH]["unheard"] == ""
    assert 0 < steps[migrate_range.SWITCH]["refused_s"] < 2
    settled(shop, on=NEW)
    assert shop.refused == []
    assert shop.longest_s < 2
    (routed,) = [line for line in events(tmp_path / "run") if line["type"] == "routing"]
    assert routed["moves"][-1] == {"first": shop.first, "last": shop.first + SIZE - 1, "source": OLD, "target": NEW}


def test_a_range_that_has_moved_does_not_move_again(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill cannot begin."""
    assert moved(shop, tmp_path / "run")["how"] == "carried-out"
    monkeypatch.setattr("closeshave.drills.lifecycle.FIT_WITHIN_S", 0.5)
    ended = moved(shop, tmp_path / "again")
    assert ended["how"] == "disturbed"
    assert f"were moved to shard {NEW} already" in ended["why"]


@pytest.mark.parametrize("step", STEPS)
def test_a_move_that_is_killed_is_put_back_or_finished(shop: Shop, tmp_path: Path, step: str) -> None:
    """By whoever finds its ledger: before the switch the range is where it was, after it on the new shard, and customers book there."""
    run = tmp_path / "run"
    with pytest.raises(Killed):
        moved(shop, run, killed_after(KIND, step))
    assert [each.undo.kind for each in Ledger(run).open()] == [KIND.name]
    assert heal_open(run, shop.deployment, print, kinds=WAYS_BACK) == []
    assert Ledger(run).open() == ()
    after_switch = STEPS.index(step) >= STEPS.index(migrate_range.SWITCH)
    assert is_moved(shop) == after_switch
    settled(shop, on=NEW if after_switch else OLD)


HANGING = """
import sys
from pathlib import Path
from closeshave.deployment import load
from tests.drills import test_moving_on_servers as moves
moves.hang(load(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]))
"""


def hang(platform: Deployment, run: Path, first: int) -> None:
    """The drill, whose process waits for a statement that keeps customers from writing."""

    def hanging(work: DrillWork) -> Facts:
        with owner(work.aim.deployment, OLD) as old, old.transaction():
            old.execute("LOCK TABLE bookings IN SHARE ROW EXCLUSIVE MODE")
            print("there", flush=True)  # noqa: T201 - for the process that kills this one
            old.execute("SELECT pg_sleep(15)")
        return {}

    at = STEPS.index(migrate_range.FENCE)
    moved(Shop(platform, first), run, replace(KIND, steps=(*KIND.steps[:at], DrillStep(migrate_range.FENCE, hanging))))


def test_what_a_killed_process_has_still_running_is_ended(shop: Shop, tmp_path: Path) -> None:
    """A real ``kill -9``: the server goes on with the statement of a client that is gone, and with its locks."""
    argv = [sys.executable, "-c", HANGING, shop.deployment.root, str(tmp_path / "run"), str(shop.first)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert any(line == "there\n" for line in process.stdout)
        process.kill()
    began = time.monotonic()
    assert heal_open(tmp_path / "run", shop.deployment, print, kinds=WAYS_BACK) == []
    settled(shop, on=OLD)
    assert time.monotonic() - began < 12
    assert not is_moved(shop)


def test_a_move_that_is_killed_within_the_switch_is_finished(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The routing says the new shard, which does not take writes yet: there is no way back, because some customers were sent there."""

    def killed(*_: object) -> None:
        raise Killed

    run = tmp_path / "run"
    with monkeypatch.context() as within:
        within.setattr("closeshave.drills.shard.migrate_range.record", killed)
        with pytest.raises(Killed):
            moved(shop, run)
    assert is_moved(shop)
    assert heal_open(run, shop.deployment, print, kinds=WAYS_BACK) == []
    settled(shop, on=NEW)


def test_a_move_that_takes_too_long_behind_the_fence_is_given_up(shop: Shop, tmp_path: Path) -> None:
    """The new shard applies nothing any more: the range stays, and customers book again."""

    def stall(work: DrillWork) -> Facts:
        with owner(work.aim.deployment, NEW) as new:
            new.execute("ALTER SUBSCRIPTION moving DISABLE")
        return {}

    at = STEPS.index(migrate_range.FENCE)
    kind = replace(KIND, steps=(*KIND.steps[:at], DrillStep("stall", stall), *KIND.steps[at:]))
    ended = moved(shop, tmp_path / "run", kind, fence=1.0)
    assert ended["how"] == "overdue"
    assert "wait for the last write: writes were refused for 1 s" in ended["why"]
    assert not is_moved(shop)
    settled(shop, on=OLD)


def before(name: str, act: Callable[[Deployment, int], None]) -> DrillKind:
    """The drill with an act of sabotage before one of its steps; its argument is the first franchise."""

    def sabotaged(work: DrillWork) -> Facts:
        act(work.aim.deployment, int(work.aim.parameters["first"]))
        return {}

    at = STEPS.index(name)
    return replace(KIND, steps=(*KIND.steps[:at], DrillStep("sabotage", sabotaged), *KIND.steps[at:]))


def lose_the_last(deployment: Deployment, first: int) -> None:
    """The newest booking of the range never came to the new shard."""
    with owner(deployment, NEW) as new:
        new.execute(
            "DELETE FROM bookings WHERE id = (SELECT max(id) FROM bookings WHERE franchise_id BETWEEN %s AND %s)", (first, first + SIZE - 1)
        )


def double_a_row(deployment: Deployment, first: int) -> None:
    """A booking is there once more, under another ID."""
    with owner(deployment, NEW) as new, new.transaction():
        new.execute("SET LOCAL session_replication_role = replica")
        new.execute(
            "INSERT INTO bookings (franchise_id, barber_id, guest_name, guest_email, service_id, service_name, starts_at, minutes, status, price_cents)"
            " SELECT franchise_id, barber_id, guest_name, guest_email, service_id, service_name, starts_at, minutes, 'cancelled', price_cents"
            " FROM bookings WHERE franchise_id BETWEEN %s AND %s LIMIT 1",
            (first, first + SIZE - 1),
        )


@pytest.mark.parametrize(
    ("sabotage", "why"),
    [
        (lose_the_last, rf"compare both shards: bookings \d+ is on shard {OLD} and not on shard {NEW}"),
        (double_a_row, rf"compare both shards: bookings {NEW}\d+ is on shard {NEW} and not on shard {OLD}"),
    ],
)
def test_a_move_that_is_not_exact_fails_and_the_range_stays(
    shop: Shop, tmp_path: Path, sabotage: Callable[[Deployment, int], None], why: str
) -> None:
    """The comparison names the row."""
    ended = moved(shop, tmp_path / "run", before(migrate_range.COMPARE, sabotage))
    assert ended["how"] == "failed"
    assert re.search(why, ended["why"]), ended["why"]
    assert not is_moved(shop)
    settled(shop, on=OLD)


def test_old_rows_that_are_left_fail_the_proof(shop: Shop, tmp_path: Path) -> None:
    """The old shard ignores their removal; the proof counts what it holds. Once it obeys again, they are removed."""

    def keep(deployment: Deployment, _first: int) -> None:
        with owner(deployment, OLD) as old:
            old.execute(b"CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
            old.execute(b"CREATE TRIGGER kept BEFORE DELETE ON opening_hours FOR EACH ROW EXECUTE FUNCTION kept()")
            old.execute(b"ALTER TABLE opening_hours ENABLE ALWAYS TRIGGER kept")

    def proven(work: DrillWork) -> tuple[Proof, ...]:
        try:
            return KIND.prove(work)
        finally:
            with owner(work.aim.deployment, OLD) as old:
                old.execute(b"DROP TRIGGER IF EXISTS kept ON opening_hours")
                old.execute(b"DROP FUNCTION IF EXISTS kept()")

    ended = moved(shop, tmp_path / "run", replace(before(migrate_range.REMOVE, keep), prove=proven, proven_within_s=0.0))
    assert ended["how"] == "carried-out"
    broken = [f"{line['what']}: {line['saw']}" for line in events(tmp_path / "run") if line["type"] == "drill-proof" and not line["holds"]]
    assert len(broken) == 1
    assert f"{SIZE} rows of opening_hours are still there, the first of franchise {shop.first}" in broken[0]
    settled(shop, on=NEW)


def test_every_table_with_a_franchise_moves(platform: Deployment) -> None:
    """By the catalogue of a real database: one that is added to the schema must be added to the move."""
    with postgres.session(platform, patroni.leader(platform, NEW)) as connection:
        found = connection.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'franchise_id'").fetchall()
    # A view; and jobs, of which there are none without workers: with workers the drill does not begin.
    others = {"appointments", "jobs"}
    assert {str(row[0]) for row in found} - others == {table.name for table in moving.TABLES if table.franchise == "franchise_id"}
