"""A run that waits for load machines, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from closeshave.machines.credentials import RunCredentials
from closeshave.machines.joinfile import JoinFile
from closeshave.machines.master import LoadMachines
from closeshave.machines.refusals import ExpectedMachines
from closeshave.machines.worker import LoadWorker, LoadWorkerSettings

VERSION, RUN, PLAN, SEED = "1.2.3", "20261121-test", "a" * 64, 7


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run's side, and what a machine needs to join."""

    machines: LoadMachines
    address: tuple[str, int]
    join: JoinFile
    place: Path

    def worker(self, name: str = "east", said: list[str] | None = None, **changed: Any) -> LoadWorker:
        """A load machine that could take part."""
        settings = LoadWorkerSettings(
            *self.address, self.join, VERSION, name, 1, PLAN, SEED, Path.cwd(), self.place / "load", patience_s=1.0
        )  # fmt: skip
        return LoadWorker(replace(settings, **changed), (said if said is not None else []).append)

    def told(self) -> list[str]:
        """What has happened, as sentences without addresses."""
        return [each.said for each in self.machines.news()]


@contextmanager
def waiting(place: Path, count: int = 2, host: str = "127.0.0.1", run: str = RUN) -> Iterator[Waiting]:
    """Listens until the end of the block."""
    own = place / "own"
    own.mkdir(parents=True)
    credentials = RunCredentials.make(own, run)
    join = JoinFile(1, run, VERSION, PLAN, SEED, credentials.authority, credentials.machines.decode(), credentials.token)
    machines = LoadMachines(ExpectedMachines(credentials.token, VERSION, run, PLAN, SEED, count), credentials, place)
    where, _, port = machines.listen(host, 0).rpartition(":")
    try:
        yield Waiting(machines, (where.strip("[]"), int(port)), join, place)
    finally:
        machines.close("the test is over", 5.0)
