"""The one composition root: a plan becomes a run directory with a history. See :mod:`closeshave.trial.carrying`."""

from closeshave.trial.carrying import run

__all__ = ["run"]
