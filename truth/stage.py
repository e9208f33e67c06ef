"""The one environment of a matrix, and trials on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from closeshave import deployment
from closeshave.conclusion import Conclusion, conclude
from closeshave.deployment import Deployment
from closeshave.environments import drivers
from closeshave.environments.definition import read_definition
from closeshave.faults import ledger
from closeshave.faults.heal import heal_environment
from closeshave.files.shipped import locate
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare

HERE = Path(__file__).parent
TARGET = HERE / "target.yaml"
INTERRUPTED, FAILED = 130, 4


class Stopped(Exception):
    """The operator stopped it."""


@dataclass(slots=True)
class Stage:
    """A running environment, and where the runs on it go."""

    runs: Path
    console: Console
    environment: str = "embedded"
    """The name of its file."""
    root: Path = field(init=False)
    _spoilt: bool = False

    @property
    def deployed(self) -> Deployment:
        """What runs there."""
        return deployment.load(self.root)

    def up(self) -> None:
        """Start the environment. Raises :class:`EnvironmentFailed`."""
        definition = read_definition(locate("environments", self.environment))
        driver = drivers.of(definition.kind)
        self.root = driver.place(definition)
        driver.up(definition, self.root, Display(self.console).say, True)

    def down(self) -> None:
        """Take it away."""
        drivers.at(self.root).down(self.root, None)

    def spoil(self) -> None:
        """Note that the environment's state is unknown."""
        self._spoilt = True

    def mend(self) -> None:
        """Make sure that the next case finds a whole environment: heal what the last one left open, or start again."""
        if ledger.unhealed(self.root / ledger.FILE):
            self._spoilt = bool(heal_environment(self.root, Display(self.console).say)) or self._spoilt
        if self._spoilt:
            self.down()
            self.up()
            self._spoilt = False

    def carry_out(self, plan: str, before: Callable[[Deployment], None] | None = None) -> Conclusion:
        """One trial of the plan of this name, judged. ``before`` acts when the environment serves, before any load. Raises :class:`Stopped`."""
        prepared = prepare(str(HERE / "plans" / f"{plan}.yaml"), target=str(TARGET), environment=self.environment)
        run = running.run(prepared, self.runs, Display(self.console), attach=self.root, after_up=before)
        conclusion = conclude(run)
        if conclusion.exit_code == INTERRUPTED:
            raise Stopped
        self._spoilt = conclusion.exit_code == FAILED
        return conclusion


@contextlib.contextmanager
def stage(runs: Path, console: Console, environment_name: str) -> Iterator[Stage]:
    """Start the environment; gone afterwards."""
    environment = Stage(runs, console, environment_name)
    try:
        environment.up()
        yield environment
    finally:
        environment.down()
