"""A load machine that stays: it takes part in one run after the other, as a pod of a StatefulSet does. Each run has a join file of its own.

What a run has got is removed here; what it has not stays.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.machines import joinfile
from closeshave.machines.joinfile import JoinFile, JoinRefused
from closeshave.machines.worker import LoadWorker, WorkerRefused

LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class StayingMachine:
    """Waits for the join file of a run in which it has not taken part yet, takes part, and waits for the next one."""

    join: Path
    """Where the join file of the present run is; nothing, or an older one, while there is no run."""
    part_in: Callable[[JoinFile], LoadWorker]
    """This machine's part in a run. Raises :class:`WorkerRefused` and :class:`JoinRefused`."""
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    served: set[str] = field(default_factory=set)
    """The runs in which it has taken part, or could not."""
    _worker: LoadWorker | None = None
    _stop: bool = False
    _told: str = ""

    def work(self) -> int:
        """Until it is asked to stop. Returns the exit code: 0, or what became of the run that it was asked to leave."""
        self.say(f"waiting for the join file of a run: {self.join}")
        code = 0
        while not self._stop:
            join = self._next()
            if join is None:
                self.sleep(LOOK_EVERY_S)
                continue
            self.served.add(join.run)
            code = self._take_part(join)
        return code

    def asked_to_stop(self, number: int, frame: object) -> None:
        """A signal handler: leave the present run in order, if there is one, and end."""
        self._stop = True
        if self._worker is not None:
            self._worker.asked_to_stop(number, frame)

    def listen(self) -> None:
        """Let signals end it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.asked_to_stop)

    def _next(self) -> JoinFile | None:
        try:
            found = joinfile.read(self.join)
        except FileNotFoundError:
            return None
        except (JoinRefused, OSError) as error:
            # Perhaps it is being written. What is wrong for longer is said once.
            if str(error) != self._told:
                self._told = str(error)
                self.say(f"{self.join} cannot be used: {error}")
            return None
        return None if found.run in self.served else found

    def _take_part(self, join: JoinFile) -> int:
        try:
            self._worker = self.part_in(join)
            code = self._worker.work()
        except (WorkerRefused, JoinRefused) as error:
            self.say(f"did not take part in the run {join.run}: {error}")
            return 0
        finally:
            worker, self._worker = self._worker, None
        if code == 0 and worker is not None:
            shutil.rmtree(worker.share.place, ignore_errors=True)
        return code
