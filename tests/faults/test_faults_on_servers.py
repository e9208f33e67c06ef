"""Every kind on the embedded environment: it takes effect, the platform reacts as expected, it is undone, nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from closeshave import deployment as deployments
from closeshave.clients import patroni, sentinel
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment, Member
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults import child, lifecycle, proofs
from closeshave.faults.catalogue import KINDS
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from closeshave.plan import Expected, Fault
from tests.faults.harness import harness, janitor_log, janitor_of
from tests.faults.timelines import WHOLE_LIFE, edges, events, marks

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]
FAILS_OVER_WITHIN_S = 60


def fault(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, bool | float] | None = None, hold_s: float = 600) -> Fault:
    """A fault of a plan, held until it is stopped unless a test says otherwise."""
    return Fault("f", kind, "storm", 0, hold_s, Expected.RECOVERS, scope, parameters or {})


def logs_of(run: Path) -> str:
    """What the experiment wrote."""
    return (run / "logs" / "fault-f.log").read_text()


def leads(platform: Deployment, shard: int, not_: str) -> bool:
    """Whether a member other than ``not_`` leads the shard."""
    try:
        return patroni.leader(platform, shard).process != not_
    except patroni.NoLeader:
        return False


def assert_whole(platform: Deployment) -> None:
    """Every part of every region is as declared: the strictest proof that there is. A busy machine may need a moment for it."""
    kind = KINDS["region.lost"]
    assert kind.prove is not None
    for region in platform.topology.regions:
        unproven = ["never asked"]

        def whole(region: str = region) -> bool:
            nonlocal unproven
            assert kind.prove is not None
            unproven = [str(proof) for proof in kind.prove(kind.aim(platform, {"region": region}, {})) if not proof.holds]
            return not unproven

        assert until(whole, after(20)), unproven


@pytest.mark.parametrize(
    ("shard", "parameters"),
    [(1, {}), (2, {"node": True}), (3, {}), (4, {"replication_held_back": 0.5})],
    ids=["killed", "node", "zone", "held"],
)
def test_shard_fails_over_by_itself_and_returns(
    shard: int, parameters: Mapping[str, bool | float], platform: Deployment, run: Path
) -> None:
    """The live primary dies, Patroni promotes the standby while the fault still holds, healing brings the declared one back."""
    primary = patroni.leader(platform, shard).process
    experiment = child.start(platform, run, fault("shard.primary-killed", {"shard": shard}, parameters), now_ns())
    assert until(lambda: "observed" in edges(run), after(60)), logs_of(run)
    assert events(run)["injected"]["evidence"]["members"] == [primary]
    assert ("postgres", primary) in {(each["program"], each["name"]) for each in events(run)["injected"]["evidence"]["touched"]}
    assert until(lambda: leads(platform, shard, not_=primary), after(FAILS_OVER_WITHIN_S))
    assert "healed" not in edges(run)
    assert child.stop(experiment) == 0, logs_of(run)
    assert edges(run) == WHOLE_LIFE
    assert patroni.leader(platform, shard).process == primary
    assert_whole(platform)


@pytest.mark.parametrize("tier", ["cache", "sessions", "ratelimit"])
def test_tier_fails_over_by_itself_and_returns(tier: str, platform: Deployment, run: Path) -> None:
    """Every group's live primary dies, Sentinel promotes the replicas, healing brings the declared ones back."""
    before = {group: sentinel.primary(platform, group).process for group in sentinel.groups_of(platform, tier)}
    experiment = child.start(platform, run, fault("cache.primary-killed", {"tier": tier}), now_ns())
    assert until(lambda: "observed" in edges(run), after(60)), logs_of(run)
    assert events(run)["injected"]["evidence"]["members"] == list(before.values())

    def promoted() -> bool:
        return all(sentinel.primary(platform, group).process != old for group, old in before.items())

    assert until(promoted, after(FAILS_OVER_WITHIN_S))
    assert child.stop(experiment) == 0, logs_of(run)
    assert edges(run) == WHOLE_LIFE
    assert {group: sentinel.primary(platform, group).process for group in before} == before
    assert_whole(platform)


def test_whole_tier_stays_lost_until_healed(platform: Deployment, run: Path) -> None:
    """Nothing of the tier runs while the fault holds; the applications stay ready; healing starts all of it again."""
    experiment = child.start(platform, run, fault("cache.tier-lost", {"tier": "cache"}, hold_s=5), now_ns())
    assert until(lambda: "observed" in edges(run), after(60)), logs_of(run)
    stores = [platform.process(store.process) for store in platform.stores if store.tier == "cache"]
    assert all(processes.find(Path(platform.root), store) is None for store in stores)
    assert proofs.applications(platform)().holds
    assert experiment.wait(120) == 0, logs_of(run)
    assert edges(run) == WHOLE_LIFE
    assert_whole(platform)


def test_region_is_lost_and_restored(platform: Deployment, run: Path) -> None:
    """Every process of the region dies at once and is listed; its shard fails over elsewhere; healing brings all of it back."""
    region = "us-west-2"
    owned = [process.name for process in platform.owned_by(region)]
    experiment = child.start(platform, run, fault("region.lost", {"region": region}), now_ns())
    assert until(lambda: "observed" in edges(run), after(60)), logs_of(run)
    assert all(processes.family(Path(platform.root), process) == [] for process in platform.owned_by(region))
    evidence = events(run)["injected"]["evidence"]
    assert sorted(evidence["targets"]) == sorted(owned)
    assert {touched["name"] for touched in evidence["touched"]} == set(owned)
    assert evidence["members"] == ["shard2-us-west-2"]
    assert until(lambda: leads(platform, 2, not_="shard2-us-west-2"), after(FAILS_OVER_WITHIN_S))
    assert child.stop(experiment) == 0, logs_of(run)
    assert edges(run) == WHOLE_LIFE
    assert_whole(platform)


@pytest.mark.parametrize(("held_back_s", "loses"), [(0.0, False), (1.0, True)])
def test_writes_are_lost_only_when_replication_is_held_back(held_back_s: float, loses: bool, platform: Deployment, run: Path) -> None:
    """Held back, the acknowledged writes since then are missing on the promoted primary, and no earlier ones; otherwise none is missing."""
    shard = 4
    primary = patroni.leader(platform, shard)
    kind = KINDS["shard.primary-killed"]
    aim = kind.aim(platform, {"shard": shard}, {"replication_held_back": held_back_s})
    with sql(platform, primary) as connection:
        connection.execute("create table held_back (id bigint)")
    acknowledged: list[int] = []
    writer = threading.Thread(target=write_until_it_fails, args=(platform, primary, acknowledged))
    writer.start()
    lifecycle.inject(Ledger(run), "f", kind, aim, after(3), 600, lambda: False)
    writer.join()
    assert until(lambda: leads(platform, shard, not_=primary.process), after(FAILS_OVER_WITHIN_S))
    with sql(platform, patroni.leader(platform, shard)) as connection:
        kept = [row[0] for row in connection.execute("select id from held_back order by id")]
    lost = acknowledged[len(kept) :]
    assert acknowledged[: len(kept)] == kept[: len(acknowledged)]
    assert bool(lost) is loses
    assert heal_open(run, platform, print) == []
    with sql(platform, patroni.leader(platform, shard)) as connection:
        connection.execute("drop table held_back")
    assert_whole(platform)


def sql(platform: Deployment, member: Member) -> psycopg.Connection:
    """A superuser's connection to one server."""
    return psycopg.connect(host="127.0.0.1", port=member.port, dbname=platform.database, user="postgres", autocommit=True)


def write_until_it_fails(platform: Deployment, primary: Member, acknowledged: list[int]) -> None:
    """Insert 1, 2, 3 …, noting each once it is acknowledged, until the server is gone."""
    try:
        with sql(platform, primary) as connection:
            for number in range(1, 100_000):
                connection.execute("insert into held_back values (%s)", (number,))
                acknowledged.append(number)
                time.sleep(0.002)
    except psycopg.Error:
        return


def test_experiment_runs_by_hand_on_servers(platform: Deployment, tmp_path: Path) -> None:
    """``chaos run`` with nothing but the environment's root breaks and heals a shard."""
    checkout = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": str(checkout), "CLOSESHAVE_DEPLOYMENT": platform.root, "CLOSESHAVE_HOLD_S": "8"}
    argv = [str(Path(sys.executable).with_name("chaos")), "--no-version-check", "run", str(checkout / "chaos/shard/primary-killed.yaml")]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert edges(Path(platform.root)) == WHOLE_LIFE
    assert_whole(platform)


def test_killed_harness_leaves_an_attached_environment_whole(platform: Deployment, run: Path) -> None:
    """kill -9 in the middle of a region's loss: the janitor restores the region, and proves it."""
    with harness(run, Path(platform.root)) as process:
        assert until(lambda: "observed" in edges(run), after(60))
        guard = janitor_of(run)
        process.kill()
        process.wait()
        assert processes.poll_until(lambda: not guard.alive, 120), janitor_log(run)
    assert edges(run) == WHOLE_LIFE, janitor_log(run)
    assert [detail for kind, detail in marks(run) if kind == "heal-unproven"] == []
    assert_whole(platform)


def test_killed_harness_leaves_nothing_of_its_own_environment(run: Path) -> None:
    """kill -9 of a harness that owns its environment: no process and no directory is left."""
    mine = embedded.up(read_embedded(locate("environments", "embedded")), say=print)
    try:
        with harness(run, Path(mine.root), sys.executable, "-m", "closeshave", "env", "down", "--root", mine.root) as process:
            assert until(lambda: "observed" in edges(run), after(60))
            guard = janitor_of(run)
            process.kill()
            process.wait()
            assert processes.poll_until(lambda: not guard.alive, 60), janitor_log(run)
        assert processes.marked(mine.id) == []
        assert not Path(mine.root, deployments.FILE).exists()
        assert Ledger(run).open() == ()
    finally:
        embedded.down(Path(mine.root))
