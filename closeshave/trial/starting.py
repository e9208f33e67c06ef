"""Before the load: the janitor first, then the environment, then what is known of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from closeshave.deployment import load as load_deployment
from closeshave.environments import fingerprint, registry
from closeshave.faults import catalogue, janitor, ledger
from closeshave.files import write_atomically
from closeshave.trial.state import SafetyStop, Trial


def bring_up(trial: Trial) -> None:
    """Have an environment that serves. Raises :class:`SafetyStop`, :class:`EnvironmentFailed`, :class:`JanitorFailed`."""
    if trial.attach is not None:
        trial.root = trial.attach
        _refuse_what_is_broken(trial.attach)
        trial.deployment = load_deployment(trial.attach)
        trial.guard = janitor.start(trial.run, trial.attach, None)
    else:
        trial.root = trial.driver.place(trial.prepared.definition)
        _refuse_what_is_broken(trial.root)
        destroy = _destroy_command(trial.root, trial.run) if trial.owned else None
        trial.guard = janitor.start(trial.run, trial.root, destroy, trial.prepared.definition.secrets.not_for_faults)
        definition = trial.driver.narrow(trial.prepared.definition, catalogue.links_of(trial.prepared.plan.faults))
        trial.deployment = trial.driver.up(definition, trial.root, trial.say)
        if trial.owned:
            registry.own(trial.root, trial.run)
    # Without the accounts: a run directory is passed around.
    trial.deployment.save(trial.run, accounts=False)
    for part, reason in trial.deployment.missing.items():
        trial.mark("part-missing", f"{part}: {reason}")
    description = fingerprint.describe(trial.deployment, trial.prepared.plan.seed)
    write_atomically(trial.run / "environment.json", json.dumps(description, indent=1, default=str))


def _refuse_what_is_broken(root: Path) -> None:
    if open_faults := ledger.unhealed(root / ledger.FILE):
        raise SafetyStop(f"the environment still has unhealed faults: {', '.join(open_faults)}; closeshave heal {root} finishes them")


def _destroy_command(root: Path, run: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(run / "logs"))
