"""The environment of a matrix, and a series of trials of its plans on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from closeshave.conclusion import Conclusion
from closeshave.deployment import Deployment
from closeshave.trial import series
from closeshave.trial.preparation import prepare
from closeshave.trial.series import Series, SeriesStopped

__all__ = ["HERE", "TARGET", "SeriesStopped", "Stage", "stage"]

HERE = Path(__file__).parent
TARGET = HERE / "target.yaml"


class Stage(Series):
    """A series of trials of the plans below ``truth/plans``."""

    def carry_out(self, plan: str, before: Callable[[Deployment], None] | None = None) -> Conclusion:
        """One trial of the plan with this name, judged. ``before`` is called when the environment serves, before any load.

        Raises :class:`SeriesStopped`.
        """
        prepared = prepare(str(HERE / "plans" / f"{plan}.yaml"), target=str(TARGET), environment=self.environment)
        return self.trial(prepared, before)


def stage(runs: Path, console: Console, environment_name: str) -> AbstractContextManager[Stage]:
    """Start the environment, and remove it afterwards."""
    return series.on(Stage(runs, console, environment_name))
