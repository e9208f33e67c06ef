"""Load machines send their shares by real Locust processes, and what they recorded comes back whole; what stands in the way is said."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closeshave import __version__, history
from closeshave.clock import Anchor, now_ns
from closeshave.control.processes import poll_until
from closeshave.history import MachinePart
from closeshave.loadgen.convert import Converted, WorkerRecords
from closeshave.machines.accounting import account
from closeshave.machines.channel import SILENCE_S
from closeshave.machines.credentials import RunCredentials
from closeshave.machines.joinfile import JoinFile
from closeshave.machines.master import LoadMachines
from closeshave.machines.refusals import ExpectedMachines
from closeshave.machines.sending import STOP_S, MachinesGenerator, await_joined
from closeshave.plan import Traffic
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import GeneratorFailed
from closeshave.traffic.load import Load
from closeshave.traffic.recorder import arrivals_of
from closeshave.traffic.runfiles import RECORDS
from closeshave.traffic.visits import plan_visits
from tests.traffic import loads
from tests.traffic.tinyplatform import TinyPlatform

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
RUN, PLAN = "20261121-test", "a" * 64


@dataclass(slots=True)
class Sharing:
    """A run with load machines on this machine."""

    place: Path
    load: Load
    machines: LoadMachines
    address: str
    workers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)

    @property
    def run(self) -> Path:
        """Its directory."""
        return Path(self.load.run)

    def tell(self) -> None:
        """Keep what has happened."""
        self.news += [f"{each.machine} {each.said}" for each in self.machines.news()]

    def join(self, *names: str, processes: int = 1, directory: Path | None = None, **environ: str) -> None:
        """Start load machines, and wait for them."""
        for name in names:
            where = ["--directory", str(directory or self.place / "load"), "--processes", str(processes)]
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "closeshave", "worker", "--master", self.address, "--join", str(self.place / "join.json"), "--name", name, *where],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environ}, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

        def alive() -> None:
            self.tell()
            for name in names:
                assert self.workers[name].poll() is None, f"{name} ended: {self.ended(name)}; {self.news}"

        # A busy machine may need a minute until two interpreters have imported all that they need.
        await_joined(self.machines, len(self.workers), 150, alive)

    def going(self) -> MachinesGenerator:
        """The load, a moment before its start."""
        generator = MachinesGenerator.start(self.machines, self.load, ROOT, self.tell)
        generator.wait_ready(120)
        generator.go(now_ns() + 500_000_000)
        return generator

    def ended(self, name: str) -> tuple[int, str]:
        """The exit code of a load machine, and what it said."""
        said = self.workers[name].communicate(timeout=40)[1]
        return self.workers[name].returncode, said


@pytest.fixture
def platform() -> Iterator[TinyPlatform]:
    """A booking server that counts for itself."""
    with TinyPlatform().serving() as serving:
        yield serving


@pytest.fixture
def sharing(tmp_path: Path, platform: TinyPlatform) -> Iterator[Sharing]:
    """Three seconds of load for two machines."""
    run, own = tmp_path / "run", tmp_path / "own"
    run.mkdir()
    own.mkdir()
    loads.log_everybody_in(run)
    edges = dict.fromkeys(loads.FOUR.regions, platform.url)
    load = loads.load(run, (3.0, 40), edges=edges, traffic=Traffic(think_time_scale=0.02))
    credentials = RunCredentials.make(own, RUN)
    machines = LoadMachines(ExpectedMachines(credentials.token, __version__, RUN, PLAN, load.seed, 2), credentials, run)
    address = machines.listen("127.0.0.1", 0)
    JoinFile(1, RUN, __version__, PLAN, load.seed, credentials.authority, credentials.machines.decode(), credentials.token).save(
        tmp_path / "join.json"
    )
    found = Sharing(tmp_path, load, machines, address)
    yield found
    machines.close("the test is over")
    for worker in found.workers.values():
        if worker.poll() is None:
            worker.kill()
        worker.communicate()


def test_two_machines_send_one_load(sharing: Sharing, platform: TinyPlatform) -> None:
    """Every planned arrival once, at its own time; all numbers equal, and those that the server counted."""
    sharing.join("east")
    sharing.join("west", processes=2)
    generator = sharing.going()
    assert generator.finish(30) == 0
    generator.gather(10)
    assert generator.start_ns is not None
    found = account(generator, sharing.run, generator.start_ns + 3_000_000_000)
    converted = collect(sharing.run, found.blind, found.why)
    assert converted.blind == ()
    assert [sent.worker for sent in converted.sent] == ["customers-1", "customers-2", "customers-3"]
    assert all(sent.finished and sent.intended == sent.sent == sent.recorded == sent.requests > 0 for sent in converted.sent)
    assert sum(sent.sent for sent in converted.sent) == sum(platform.requests.values())
    planned = plan_visits(sharing.load, lambda _region, _elapsed_s: 1.0).at_ns
    assert sum(part.intended for part in found.parts) == len(planned)
    assert [(part.sent, part.late, part.blind, part.troubles) for part in found.parts] == [
        (part.intended, 0, 0, ()) for part in found.parts
    ]
    # On one machine both clocks are the same, so what is left of an instant is the error of the measured offset.
    rows = pd.read_parquet(sharing.run / history.OPERATIONS_FILE)
    worst_ns = max(part.uncertainty_ns for part in found.parts)
    begun = Counter(((rows["intended_ns"] - generator.start_ns) / 1e6).round().tolist())
    assert abs(rows["intended_ns"].min() - generator.start_ns - planned[0]) <= worst_ns
    assert sum(begun.values()) == len(rows)
    sharing.machines.close()
    assert [sharing.ended(name)[0] for name in ("east", "west")] == [0, 0]


def test_a_clock_that_is_150_ms_off_is_measured(sharing: Sharing) -> None:
    """By libfaketime, whose monotonic clock is the wall clock, 150 ms ahead: an offset of decades, within its uncertainty."""
    spec = find_spec("libfaketime")
    library = (
        next(Path(spec.submodule_search_locations[0]).rglob("libfaketime.so.*"), None) if spec and spec.submodule_search_locations else None
    )
    if library is None:
        pytest.skip("libfaketime is not installed")
    sharing.join("east", LD_PRELOAD=str(library), FAKETIME="+0.15")
    seat = sharing.machines.seats["east"]
    assert poll_until(lambda: len(seat.trips) >= 3, 20)
    anchor = Anchor.take()
    found, truth_ns = seat.curve().at(anchor.monotonic_ns), anchor.wall_ns + 150_000_000 - anchor.monotonic_ns
    # Its start rounds the offset to a microsecond.
    assert abs(found.offset_ns - truth_ns) <= found.uncertainty_ns + anchor.uncertainty_ns + 10_000
    assert found.uncertainty_ns < 50_000_000


def test_a_disk_without_room_on_a_machine_is_said(sharing: Sharing) -> None:
    """A directory that takes nothing: before the load, in one sentence."""
    sharing.join("east")
    sharing.join("west", directory=Path("/proc/nothing"))
    generator = MachinesGenerator.start(sharing.machines, sharing.load, ROOT, sharing.tell)
    with pytest.raises(GeneratorFailed, match="load machine west cannot send its share: "):
        generator.wait_ready(60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system that is soon full")
def test_a_disk_that_is_full_during_the_load_is_said(sharing: Sharing, tmp_path: Path) -> None:
    """What could not be written is blind, and all is accounted for."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=True)
    try:
        sharing.join("east")
        sharing.join("west", directory=small)
        generator = sharing.going()
        (small / "other").write_bytes(b"x" * (shutil.disk_usage(small).free - 16_384))
        generator.finish(30)
        generator.gather(10)
        found = account(generator, sharing.run, (generator.start_ns or 0) + 3_000_000_000)
        converted = collect(sharing.run, found.blind, found.why)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    east, west = found.parts
    assert east.intended == east.sent > 0 == east.blind
    assert west.intended == west.sent + west.late + west.blind
    assert west.ended == f"its disk is full: {small / f'{RUN}-west'}"
    assert [blind.worker for blind in converted.blind] == ["customers-2"]


def test_another_file_on_a_machine_is_said(sharing: Sharing, tmp_path: Path) -> None:
    """The scenario of the run is not that of its machines."""
    sharing.join("east", "west")
    other = tmp_path / "booking.py"
    other.write_text("")
    seats = sharing.machines.deal()
    generator = MachinesGenerator.start(
        sharing.machines, replace(sharing.load, traffic=replace(sharing.load.traffic, scenario=str(other))), ROOT, sharing.tell
    )
    other.write_text("# changed\n")
    with pytest.raises(GeneratorFailed, match="cannot send its share: "):
        generator.wait_ready(60)
    assert seats


def test_a_machine_that_is_stopped_hands_its_records_over(sharing: Sharing) -> None:
    """By its own operator: it ends its load in order; from then on its share is blind, and all is accounted for."""
    sharing.join("east", "west")
    generator = sharing.going()
    assert poll_until(lambda: now_ns() > (generator.start_ns or 0) + 1_000_000_000, 10)
    sharing.workers["west"].send_signal(signal.SIGTERM)
    generator.finish(30)
    generator.gather(10)
    found = account(generator, sharing.run, (generator.start_ns or 0) + 3_000_000_000)
    converted = collect(sharing.run, found.blind, found.why)
    east, west = found.parts
    assert east.intended == east.sent > 0 == east.blind
    assert west.intended == west.sent + west.late + west.blind
    assert west.blind > 0 < west.sent
    assert [(blind.worker, blind.why) for blind in converted.blind] == [
        ("customers-2", "of load machine west ended early (stopped on this machine by SIGTERM)")
    ]
    assert west.troubles == ()


@pytest.fixture
def redealing(sharing: Sharing) -> Sharing:
    """Half a minute of load, whose lost shares are dealt again."""
    traffic = replace(sharing.load.traffic, redeal=True)
    sharing.load = replace(sharing.load, traffic=traffic, phases=loads.phases((REDEAL_S, 20)))
    return sharing


REDEAL_S = 30.0


def whole(
    sharing: Sharing, generator: MachinesGenerator, platform: TinyPlatform
) -> tuple[list[MachinePart], Converted, dict[str, set[int]]]:
    """After the load: each machine's part, what was converted, and the arrivals in each process's records, none of them in two."""
    while generator.poll() is None:
        time.sleep(0.1)
    generator.gather(20)
    sharing.tell()
    ended_ns = (generator.start_ns or 0) + round(REDEAL_S * 1e9)
    found = account(generator, sharing.run, ended_ns)
    converted = collect(sharing.run, found.blind, found.why, found.until_ns)
    sent = {
        path.stem: set(arrivals_of(WorkerRecords.open(path).rows).tolist()) - {-1}
        for path in (sharing.run / RECORDS).glob("customers-*.rows")
    }
    planned = plan_visits(sharing.load, lambda _region, _elapsed_s: 1.0).at_ns
    assert sum(map(len, sent.values())) == len(set().union(*sent.values()))
    assert sum(part.intended for part in found.parts) == len(planned)
    assert all(part.intended == part.sent + part.late + part.blind for part in found.parts)
    # In the killed one's last moment requests may have been sent that nobody recorded.
    assert sum(platform.requests.values()) >= converted.operations
    return list(found.parts), converted, sent


@pytest.mark.thorough
def test_the_share_of_a_killed_machine_is_dealt_again(redealing: Sharing, platform: TinyPlatform) -> None:
    """From the stated instant on everything is sent by the one that is left; before it, what is missing is blind by name."""
    redealing.join("east", "west")
    generator = redealing.going()
    start_ns = generator.start_ns or 0
    assert poll_until(lambda: now_ns() > start_ns + 2_000_000_000, 10)
    redealing.workers["west"].kill()
    (east, west), converted, sent = whole(redealing, generator, platform)
    assert west.redealt_ns is not None
    from_s = (west.redealt_ns - start_ns) / 1e9
    assert from_s == pytest.approx(2 + SILENCE_S + STOP_S, abs=1.5)
    assert any(
        f"west has lost its share: what is due from {from_s:.1f} s after the load's start is sent by east" in said
        for said in redealing.news
    )
    planned_s = plan_visits(redealing.load, lambda _region, _elapsed_s: 1.0).at_ns / 1e9
    later = set(np.flatnonzero(planned_s >= from_s).tolist())
    assert later <= sent["customers-1"]
    assert not later & sent["customers-2"]
    assert (east.sent, east.late, east.blind, east.troubles) == (east.intended, 0, 0, ())
    assert east.taken == len([number for number in later if number % 2]) > 0
    assert west.blind > 0 < west.sent
    (blind,) = converted.blind
    assert (blind.worker, blind.to_ns) == ("customers-2", west.redealt_ns)
    assert blind.why == f"of load machine west was lost, and its share was dealt again from {from_s:.1f} s on"


@pytest.mark.thorough
def test_a_machine_that_stood_still_sends_nothing_that_is_others_by_now(redealing: Sharing, platform: TinyPlatform) -> None:
    """All of its processes are stopped, as when its host is paused, and go on after its share was dealt again: what was never granted is not begun."""
    redealing.join("east", "west")
    generator = redealing.going()
    start_ns = generator.start_ns or 0
    assert poll_until(lambda: now_ns() > start_ns + 2_000_000_000, 10)
    frozen = [
        redealing.workers["west"].pid,
        *(int(path.read_text()) for path in (redealing.place / "load").glob("*west/generators/*.ready")),
    ]
    assert len(frozen) == 2
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert poll_until(lambda: generator.poll() is not None or now_ns() > start_ns + 24_000_000_000, 40)
        assert generator.redeals
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    (east, west), converted, sent = whole(redealing, generator, platform)
    assert west.redealt_ns is not None
    planned = plan_visits(redealing.load, lambda _region, _elapsed_s: 1.0).at_ns
    theirs = planned[sorted(sent["customers-2"])]
    assert theirs.max() < west.redealt_ns - start_ns
    assert west.intended == int((planned[1::2] < west.redealt_ns - start_ns).sum())
    # It knows itself what it did not come to; nothing contradicts that.
    assert west.troubles == ((f"customers-2 of load machine west did not come to {west.late:,} arrivals",) if west.late else ())
    assert (east.sent, east.late, east.taken > 0) == (east.intended, 0, True)
    assert sum(platform.requests.values()) == converted.operations
    redealing.machines.close()
    assert redealing.ended("west")[0] == 0


def test_a_share_that_its_operator_stopped_is_dealt_again(redealing: Sharing, platform: TinyPlatform) -> None:
    """It has ended in order, so others take over two seconds later."""
    redealing.load = replace(redealing.load, phases=loads.phases((REDEAL_S / 3, 20)))
    redealing.join("east", "west")
    generator = redealing.going()
    start_ns = generator.start_ns or 0
    assert poll_until(lambda: now_ns() > start_ns + 2_000_000_000, 10)
    redealing.workers["west"].send_signal(signal.SIGTERM)
    (east, west), converted, _ = whole(redealing, generator, platform)
    assert west.redealt_ns is not None
    assert east.taken > 0
    assert (east.sent, east.late, east.blind) == (east.intended, 0, 0)
    assert west.blind > 0 < west.sent
    (blind,) = converted.blind
    assert blind.to_ns == west.redealt_ns
    assert sum(platform.requests.values()) == converted.operations
    redealing.machines.close()
    assert redealing.ended("west")[0] == 0
