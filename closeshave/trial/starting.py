"""Before the load: the janitor first, then the environment, then what is known of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from closeshave.deployment import load as load_deployment
from closeshave.environments import fingerprint, registry
from closeshave.faults import janitor, ledger
from closeshave.files import write_atomically
from closeshave.trial.state import SafetyStop, Trial


def bring_up(trial: Trial) -> None:
    """Have an environment that serves. Raises :class:`SafetyStop`, :class:`EnvironmentFailed`, :class:`JanitorFailed`."""
    if trial.attach is not None:
        trial.root = trial.attach
        trial.deployment = load_deployment(trial.attach)
        if open_faults := ledger.unhealed(trial.attach / ledger.FILE):
            raise SafetyStop(f"the environment still has unhealed faults: {', '.join(open_faults)}")
        trial.guard = janitor.start(trial.run, trial.attach, None)
    else:
        trial.root = registry.new_root(trial.prepared.definition.name)
        trial.guard = janitor.start(trial.run, trial.root, _destroy_command(trial.root, trial.run))
        trial.deployment = trial.driver.up(trial.prepared.definition, trial.root, trial.say)
        registry.own(trial.root, trial.run)
    write_atomically(trial.run / "deployment.json", (Path(trial.deployment.root) / "deployment.json").read_bytes())
    for part, reason in trial.deployment.missing.items():
        trial.mark("part-missing", f"{part}: {reason}")
    description = fingerprint.describe(trial.deployment, trial.prepared.plan.seed)
    write_atomically(trial.run / "environment.json", json.dumps(description, indent=1, default=str))


def _destroy_command(root: Path, run: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(run / "logs"))
