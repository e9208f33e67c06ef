"""What the levels of a search stand on: an environment of ours that stays up, or a remote platform that only lends itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console

from closeshave.capacity.pools import FILE, PoolWatch
from closeshave.capacity.quotas import RegionQuotas
from closeshave.conclusion import Conclusion, conclude
from closeshave.deployment import Deployment
from closeshave.environments.driver import Permission
from closeshave.faults import janitor
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import Prepared
from closeshave.trial.series import Series, SeriesStopped
from closeshave.vocabulary import Exit


class Ground(Protocol):
    """Where the levels of a search run."""

    runs: Path
    """The directory of their runs."""

    @property
    def quota_cores(self) -> float | None:
        """Cores that each region may use; ``None`` where regions share the machine."""
        ...

    def serving(self, directory: Path) -> AbstractContextManager[None]:
        """Start it, and remove it afterwards, also when this process is killed."""
        ...

    def trial(self, prepared: Prepared) -> Conclusion:
        """One level, judged. Raises :class:`SeriesStopped`, :class:`closeshave.environments.errors.EnvironmentFailed`."""
        ...


@dataclass(slots=True)
class OwnGround:
    """An environment of ours: started once, healed between levels."""

    _runs: Path
    series: Series
    quota_cores: float | None = None
    _quotas: RegionQuotas | None = field(default=None)
    _pools: PoolWatch | None = field(default=None)

    @property
    def runs(self) -> Path:
        """The directory of the levels' runs."""
        return self._runs

    @runs.setter
    def runs(self, path: Path) -> None:
        self._runs = self.series.runs = path

    @contextmanager
    def serving(self, directory: Path) -> Iterator[None]:
        """As a trial owns its environment: a janitor removes it when the harness no longer gives a sign of life.

        Raises :class:`closeshave.environments.errors.EnvironmentFailed`, :class:`closeshave.capacity.quotas.NoQuota`.
        """
        watched = directory / "environment"
        (watched / "logs").mkdir(parents=True, exist_ok=True)
        with janitor.Heartbeat(watched):
            root = self.series.choose()
            command = (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(watched / "logs"))
            guard = janitor.start(watched, root, command)
            try:
                self.series.up()
                if self.quota_cores is not None:
                    self._quotas = RegionQuotas(self.series.deployed.id, self.quota_cores)
                self._pools = PoolWatch(directory / FILE)
                yield
            finally:
                try:
                    self.series.down()
                finally:
                    if self._quotas is not None:
                        self._quotas.remove()
                    guard.dismiss()

    def trial(self, prepared: Prepared) -> Conclusion:
        """Faults that the last level left open are healed first; each process is in the quota of its region before the load."""
        self.series.mend()
        try:
            return self.series.trial(prepared, self._before)
        finally:
            if self._pools is not None:
                self._pools.end()

    def _before(self, deployment: Deployment) -> None:
        if self._quotas is not None:
            self._quotas.hold(deployment)
        if self._pools is not None:
            self._pools.begin(deployment)


@dataclass(slots=True)
class LentGround:
    """A remote platform: each level is admitted and released by itself, within the caps of its owner."""

    runs: Path
    console: Console
    permission: Permission

    @property
    def quota_cores(self) -> float | None:
        """Nothing of it can be limited from here."""
        return None

    @contextmanager
    def serving(self, directory: Path) -> Iterator[None]:  # noqa: ARG002 - as the other grounds
        """It serves already."""
        yield

    def trial(self, prepared: Prepared) -> Conclusion:
        """One level."""
        said = conclude(running.run(prepared, self.runs, Display(self.console), permission=self.permission))
        if said.exit_code == Exit.INTERRUPTED:
            raise SeriesStopped
        return said
