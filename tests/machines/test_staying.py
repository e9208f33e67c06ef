"""A load machine that stays takes part in one run after the other, in each once, and ends when it is asked to."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Thread

import pytest

from closeshave.control.processes import poll_until
from closeshave.machines.joinfile import JoinFile
from closeshave.machines.staying import StayingMachine
from closeshave.machines.worker import LoadWorker
from tests.machines.joining import Waiting, waiting


class Staying:
    """One, in a thread of this process."""

    def __init__(self, join: Path) -> None:
        self.said: list[str] = []
        self.run: Waiting | None = None
        self.machine = StayingMachine(join, self._part_in, self.said.append, sleep=lambda _s: None)
        self.codes: list[int] = []
        self.thread = Thread(target=lambda: self.codes.append(self.machine.work()), daemon=True)
        self.thread.start()

    def _part_in(self, join: JoinFile) -> LoadWorker:
        assert self.run is not None
        return self.run.worker("pod-0", self.said, join=join)

    def joined(self) -> bool:
        """Whether it joins the present run within a while."""
        return poll_until(lambda: self.run is not None and self.run.machines.joined == 1, 20)

    def heard(self, text: str) -> bool:
        """Whether that comes within a while."""
        return poll_until(lambda: any(text in each for each in list(self.said)), 20)


def test_it_takes_part_in_one_run_after_the_other(tmp_path: Path) -> None:
    """A join file of a run that is over is no reason to take part again."""
    join, staying = tmp_path / "join.json", Staying(tmp_path / "join.json")
    assert staying.heard(f"waiting for the join file of a run: {join}")
    for name in ("20261121-one", "20261121-two"):
        with waiting(tmp_path / name, 1, run=name) as run:
            staying.run = run
            run.join.save(join)
            assert staying.joined()
        assert staying.heard("the run has ended without this machine: the test is over")
        assert poll_until(lambda: staying.machine._worker is None, 20)
        staying.said.remove("the run has ended without this machine: the test is over")
    assert [each for each in staying.said if "joined the run" in each] == [
        f"joined the run {name} at {address} as pod-0"
        for name, address in zip(
            ("20261121-one", "20261121-two"),
            (each.split(" at ")[1].split(" as ")[0] for each in staying.said if " at " in each),
            strict=True,
        )
    ]
    staying.machine.asked_to_stop(signal.SIGTERM, None)
    staying.thread.join(20)
    assert staying.codes == [4]


def test_a_file_that_is_none_yet_is_said_once_and_waited_for(tmp_path: Path) -> None:
    """It may be half written."""
    join = tmp_path / "join.json"
    join.write_text("{")
    join.chmod(0o600)
    staying = Staying(join)
    assert staying.heard("it is no join file of this version")
    with waiting(tmp_path / "run", 1) as run:
        staying.run = run
        run.join.save(join)
        assert poll_until(lambda: run.machines.joined == 1, 20)
        staying.machine.asked_to_stop(signal.SIGTERM, None)
        staying.thread.join(20)
    assert staying.codes == [130]
    assert sum("it is no join file" in each for each in staying.said) == 1


@pytest.mark.parametrize("when", ["before"])
def test_it_ends_when_nothing_is_there(when: str, tmp_path: Path) -> None:
    """Asked to stop while it waits."""
    staying = Staying(tmp_path / when)
    assert staying.heard("waiting for the join file")
    staying.machine.asked_to_stop(signal.SIGTERM, None)
    staying.thread.join(20)
    assert staying.codes == [0]
