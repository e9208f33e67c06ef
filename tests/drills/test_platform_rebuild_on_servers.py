"""Everything of the embedded environment is lost and built anew: nothing that was committed is missing, and a rebuilding that was killed is resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.drills import backups
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.platform import rebuild, record, stages
from closeshave.environments import drivers, embedded
from closeshave.environments.definition import read_embedded
from closeshave.environments.evidence import edge_counts
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.files.shipped import locate

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
KIND = KINDS["platform.rebuild"]
LIMIT_S = 240.0
ROWS = 40
BOOK = """
    INSERT INTO bookings (franchise_id, barber_id, guest_name, guest_email, guest_phone, service_id, service_name, starts_at, minutes, price_cents,
                          idempotency_key)
    SELECT %(franchise)s, %(barber)s, 'g', 'g@example.com', '1', 1, 'cut',
           timestamptz '2031-01-01' + %(run)s * interval '30 days' + number * interval '1 hour', 30, 3000, %(key)s || number
    FROM generate_series(1, %(rows)s) AS number RETURNING id
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The embedded environment with its backup servers."""
    # As a run with this drill starts it: without links, the spare shard and background work.
    definition = drivers.EMBEDDED.narrow(read_embedded(locate("environments", "embedded")), (), {"backups"})
    deployment = embedded.up(definition, say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


def booked(platform: Deployment, run: int) -> dict[int, set[int]]:
    """Committed bookings of every shard."""
    found = {}
    for shard in platform.topology.shards:
        told = {"franchise": shard.first, "barber": shard.first * 10 + 1, "run": run, "key": f"rebuilt-{run}-{shard.id}-", "rows": ROWS}
        with postgres.session(platform, patroni.leader(platform, shard.id)) as connection:
            found[shard.id] = {int(row[0]) for row in connection.execute(BOOK, told).fetchall()}
    return found


def missing(platform: Deployment, wanted: dict[int, set[int]]) -> dict[int, set[int]]:
    """Which of them are not there."""
    found = {}
    for shard, ids in wanted.items():
        with postgres.session(platform, patroni.leader(platform, shard)) as connection:
            there = {int(row[0]) for row in connection.execute("SELECT id FROM bookings").fetchall()}
        if ids - there:
            found[shard] = ids - there
    return found


def work_of(platform: Deployment, run: Path) -> DrillWork:
    """The drill, ready to be carried out."""
    aim = KIND.way_back.aim(platform, {}, {})
    return DrillWork("platform", aim, run / "drills" / "platform", after(LIMIT_S), lambda: False, lambda _member, _path: 0, print)


def events(run: Path) -> list[dict[str, Any]]:
    """The timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def whole(platform: Deployment) -> None:
    """Nothing of a rebuilding is left, and everything runs."""
    root = Path(platform.root)
    assert record.read(root) is None
    assert not list((root / "data").glob("restored-*"))
    assert all(processes.find(root, process) for process in platform.processes)


def test_everything_is_built_anew_and_nothing_committed_is_lost(platform: Deployment, tmp_path: Path) -> None:
    """From the backups and the definition: rows, roles, the application's key; timed by its steps, and backed up again.

    What it asks edges is not counted as a customer's.
    """
    run, root = tmp_path / "run", Path(platform.root)
    run.mkdir()
    key = (root / "config" / "private-key.pem").read_bytes()
    picture = root / "data" / "application" / "picture"
    picture.write_text("of a customer")
    wanted, lost_s, before = booked(platform, 1), time.time(), edge_counts.read(platform)
    assert carry_out(Ledger(run), KIND, work_of(platform, run), now_ns(), LIMIT_S) == []
    (end,) = [line for line in events(run) if line["type"] == "drill-end"]
    assert (end["how"], end["why"]) == ("carried-out", "")
    assert [line["what"] for line in events(run) if line["type"] == "drill-proof" and not line["holds"]] == []
    told = {line["step"]: line["facts"] for line in events(run) if line["type"] == "drill-step"}
    assert [*told] == [step.name for step in KIND.steps]
    assert told[rebuild.LOSE]["parts_emptied"] > 10
    assert told[rebuild.START]["shards writable s"] > 0
    assert missing(platform, wanted) == {}
    assert (root / "config" / "private-key.pem").read_bytes() == key
    assert picture.read_text() == "of a customer"
    assert {count.requests for count in edge_counts.between(before, edge_counts.read(platform))} == {0}
    assert all(base.ended_ns > lost_s * 1e9 for server in platform.backups for base in backups.bases(server))
    whole(platform)


HARNESS = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from closeshave.clock import now_ns
    from closeshave.deployment import load
    from closeshave.drills.lifecycle import carry_out
    from closeshave.faults.ledger import Ledger
    from tests.drills.test_platform_rebuild_on_servers import KIND, LIMIT_S, work_of

    run, platform = Path(sys.argv[1]), load(Path(sys.argv[2]))
    carry_out(Ledger(run), KIND, work_of(platform, run), now_ns(), LIMIT_S)
    """
)


@pytest.mark.parametrize("step", [rebuild.CUT, rebuild.LOSE, rebuild.RESTORE, rebuild.START])
def test_a_rebuilding_whose_harness_was_killed_is_unfinished_and_resumed(platform: Deployment, tmp_path: Path, step: str) -> None:
    """At each step: until somebody resumes it, the environment says that it is unfinished; afterwards nothing that was committed is missing."""
    run, root, here = tmp_path / "run", Path(platform.root), Path(__file__).parents[2]
    run.mkdir()
    wanted = booked(platform, 2 + [each.name for each in KIND.steps].index(step))

    def within() -> bool:
        """Whether the step is under way."""
        left = record.read(root)
        match step:
            case rebuild.CUT:
                return any(processes.find(root, process) is None for process in platform.processes if process.role == "app")
            case rebuild.LOSE:
                return left is not None
            case rebuild.RESTORE:
                return left is not None and len(left.restored) == 1
            case _:
                return stages.program_runs(platform) and processes.find(root, platform.process(platform.members[0].process)) is not None

    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen([sys.executable, "-c", HARNESS, str(run), str(root)], env=environ, cwd=here) as harness:
        assert poll_until(lambda: within() or harness.poll() is not None, 120, 0.02)
        assert harness.poll() is None
        harness.kill()
    if step == rebuild.START:
        # The program goes on without whoever started it; here it is lost too.
        stages.end_program(platform)
    assert (record.read(root) is not None) == (step != rebuild.CUT)
    assert KIND.unfit(KIND.way_back.aim(platform, {}, {})) != ""
    assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
    assert Ledger(run).open() == ()
    assert missing(platform, wanted) == {}
    whole(platform)
