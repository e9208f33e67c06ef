"""The one embedded environment of a matrix, and trials on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from closeshave import deployment, trial
from closeshave.conclusion import Conclusion, conclude
from closeshave.deployment import Deployment
from closeshave.display import Display
from closeshave.environments import drivers
from closeshave.environments.definition import read_definition
from closeshave.plan import locate
from closeshave.preparation import prepare

HERE = Path(__file__).parent
TARGET = HERE / "target.yaml"
INTERRUPTED = 130


class Stopped(Exception):
    """The operator wants no more."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running environment, and where the runs on it go."""

    root: Path
    runs: Path
    console: Console

    @property
    def deployed(self) -> Deployment:
        """What runs there."""
        return deployment.load(self.root)

    def carry_out(self, plan: str, before: Callable[[Deployment], None] | None = None) -> Conclusion:
        """One trial of the plan of this name, judged. ``before`` acts when the environment serves, before any load. Raises :class:`Stopped`."""
        prepared = prepare(str(HERE / "plans" / f"{plan}.yaml"), target=str(TARGET))
        run = trial.run(prepared, self.runs, Display(self.console), attach=self.root, after_up=before)
        conclusion = conclude(run)
        if conclusion.exit_code == INTERRUPTED:
            raise Stopped
        return conclusion


@contextlib.contextmanager
def stage(runs: Path, console: Console) -> Iterator[Stage]:
    """Start the environment; gone afterwards."""
    definition = read_definition(locate("environments", "embedded"))
    driver = drivers.of(definition.kind)
    root = driver.place(definition)
    try:
        driver.up(definition, root, Display(console).say)
        yield Stage(root, runs, console)
    finally:
        driver.down(root, None)
