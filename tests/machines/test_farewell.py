"""A machine learns that the run is over, also when it is slow or was lost a moment ago; nobody waits long for one that is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from closeshave.control.processes import poll_until
from closeshave.machines.channel import SILENCE_S
from closeshave.machines.worker import WorkerRefused
from tests.machines.joining import Waiting, waiting


class Gone(Exception):
    """The machine has been switched off."""


class Machine:
    """A load machine in a thread. It can stand still between any two things that it does, as one does whose processors others take, or be switched off."""

    def __init__(self, run: Waiting) -> None:
        self.said: list[str] = []
        self.codes: list[int] = []
        self.gone = False
        self.goes_on = Event()
        self.goes_on.set()
        self._worker = run.worker(said=self.said, patience_s=60.0)
        self._tick = self._worker._tick
        self._worker._tick = self._come_by  # type: ignore[method-assign] # once in every round of its loop
        self.thread = Thread(target=self._work, daemon=True)
        self.thread.start()
        assert poll_until(lambda: run.machines.joined == 1, 20)
        self.seat = run.machines.seats["east"]

    def _work(self) -> None:
        with suppress(Gone):
            self.codes.append(self._worker.work())

    def _come_by(self) -> None:
        self.goes_on.wait(60)
        if self.gone:
            raise Gone
        self._tick()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Waiting]:
    """A run that waits for two machines, and has one."""
    with waiting(tmp_path / "run") as found:
        yield found


def closing(run: Waiting, *within_s: float) -> Callable[[], float]:
    """Takes leave in a thread; what is returned waits for its end, and says how many seconds it took."""
    took: list[float] = []

    def close() -> None:
        began_s = time.monotonic()
        run.machines.close("", *within_s)
        took.append(time.monotonic() - began_s)

    thread = Thread(target=close, daemon=True)
    thread.start()

    def ended() -> float:
        thread.join(40)
        return took[0]

    return ended


@pytest.mark.parametrize(
    "stood_s",
    [
        # The run's questions of this second come before the farewell: it answers them first.
        pytest.param(1.0, id="slow"),
        pytest.param(SILENCE_S + 1.0, id="lost", marks=pytest.mark.thorough),
    ],
)
def test_a_machine_that_stood_still_at_the_end_hears_the_farewell(run: Waiting, stood_s: float) -> None:
    """It neither takes the run for lost, nor is it refused as a stranger when it comes back."""
    machine = Machine(run)
    machine.seat.gathered = True
    machine.goes_on.clear()
    time.sleep(stood_s)
    ended = closing(run)
    time.sleep(0.7)
    machine.goes_on.set()
    machine.thread.join(20)
    assert machine.codes == [0], machine.said
    assert "the run has all records of this machine" in machine.said[-1]
    ended()
    assert machine.seat.left


@pytest.mark.parametrize("gathered", [True, False])
def test_a_machine_that_is_gone_is_not_waited_for_long(run: Waiting, gathered: bool) -> None:
    """One whose records are here could come back within the time that is given; one whose records are lacking was waited for before."""
    machine = Machine(run)
    machine.seat.gathered, machine.gone = gathered, True
    machine.thread.join(20)
    assert poll_until(lambda: not machine.seat.connected, 20)
    took_s = closing(run, 2.0)()
    assert (took_s > 1.0) is gathered
    assert took_s < 5.0


def test_nobody_else_joins_a_run_that_is_over(run: Waiting) -> None:
    """While it waits for the machines that it has."""
    machine = Machine(run)
    machine.goes_on.clear()
    time.sleep(0.3)
    ended = closing(run)
    with pytest.raises(WorkerRefused, match=r"^the run is over$"):
        run.worker("west").work()
    machine.goes_on.set()
    machine.thread.join(20)
    assert machine.codes == [4]
    ended()
