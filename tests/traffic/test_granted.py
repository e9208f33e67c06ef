"""Where lost shares are dealt again, a sender begins only what it was granted, and takes over what it is told to; everything once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.files import write_atomically
from closeshave.loadgen.convert import WorkerRecords
from closeshave.plan import Traffic
from closeshave.traffic import arrivalstold, redealing, runfiles
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import Load
from closeshave.traffic.recorder import arrivals_of
from closeshave.traffic.redealing import Redeal
from closeshave.traffic.visits import plan_visits
from tests.traffic import loads
from tests.traffic.tinyplatform import TinyPlatform

pytestmark = pytest.mark.servers
S = 1_000_000_000


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Six seconds of load, of which this machine has the even arrivals."""
    loads.log_everybody_in(tmp_path)
    (tmp_path / "generators").mkdir()
    with TinyPlatform().serving() as platform:
        whole = loads.load(
            tmp_path, (6.0, 30), edges=dict.fromkeys(loads.FOUR.regions, platform.url), traffic=Traffic(think_time_scale=0.02, redeal=True)
        )
        yield replace(whole, first=0, among=2, leased=True)


def grant(run: Path, until_ns: int) -> None:
    """As a load machine does."""
    write_atomically(runfiles.lease_file(run), str(until_ns))


def sent(run: Path) -> set[int]:
    """The numbers of the arrivals in its records."""
    return set(arrivals_of(WorkerRecords.open(run / runfiles.RECORDS / "customers-1.rows").rows).tolist())


def test_only_what_is_granted_is_begun_and_what_is_taken_over_is_sent_once(load: Load) -> None:
    """However late it is: what is due after the bound waits until the bound is further on."""
    run, planned = Path(load.run), plan_visits(load, lambda _region, _elapsed_s: 1.0).at_ns
    grant(run, 2 * S)
    generator = Generator.start("customers", load)
    try:
        generator.wait_ready(60)
        start_ns = now_ns() + S // 10
        generator.go(start_ns)
        while now_ns() < start_ns + 7 * S // 2:
            os.utime(runfiles.lease_file(run))
            time.sleep(0.2)
        own = set(range(0, len(planned), 2))
        assert sent(run) == {number for number in own if planned[number] < 2 * S}
        step = Redeal(4 * S, (1,), (0,))
        redealing.save(runfiles.redeals_file(run), (step,))
        grant(run, 60 * S)
        while generator.poll() is None:
            os.utime(runfiles.lease_file(run))
            time.sleep(0.2)
    finally:
        generator.stop()
    told = arrivalstold.read(run / runfiles.RECORDS, "customers-1")
    taken = {number for number in range(1, len(planned), 2) if planned[number] >= step.from_ns}
    assert taken
    assert sent(run) == own | taken
    assert told is not None
    assert (told.dealt, told.begun, told.late, told.redeals) == (len(own | taken), len(own | taken), 0, 1)
    assert WorkerRecords.open(run / runfiles.RECORDS / "customers-1.rows").said["finished"] is True


def test_a_sender_whose_lease_is_over_has_not_finished(load: Load) -> None:
    """Nobody renews it: it ends by itself, and says until when it sent."""
    run = Path(load.run)
    grant(run, 60 * S)
    generator = Generator.start("customers", replace(load, phases=loads.phases((20.0, 30))))
    try:
        generator.wait_ready(60)
        os.utime(runfiles.lease_file(run))
        start_ns = now_ns() + S // 10
        generator.go(start_ns)
        assert generator.finish(15) == 0
    finally:
        generator.stop()
    told = arrivalstold.read(run / runfiles.RECORDS, "customers-1")
    assert told is not None
    assert told.closed_ns - start_ns < 12 * S
    assert WorkerRecords.open(run / runfiles.RECORDS / "customers-1.rows").said["finished"] is False
