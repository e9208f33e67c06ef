"""Before the load: start the janitor, then the environment, then record the machine and the log-ins."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from closeshave.deployment import load as load_deployment
from closeshave.drills import catalogue as drills
from closeshave.environments import fingerprint, registry
from closeshave.environments.remote.definition import Accounts, ReadBack, Remote
from closeshave.environments.rollout import rolling
from closeshave.environments.rollout.record import RolloutBusy
from closeshave.faults import catalogue, janitor, ledger
from closeshave.files import write_atomically
from closeshave.loadgen import compiled
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.traffic import logins
from closeshave.trial.guarding import WATCHING
from closeshave.trial.preparation import Prepared
from closeshave.trial.state import SafetyStop, Trial
from closeshave.vocabulary import ALERTS, DESCRIPTION, MarkKind


def bring_up(trial: Trial) -> None:
    """Start or attach an environment that serves. Raises :class:`SafetyStop`, :class:`EnvironmentFailed`, :class:`JanitorFailed`."""
    if trial.attach is not None:
        trial.root = trial.attach
        _refuse_what_is_broken(trial.attach)
        trial.guard = janitor.start(trial.run, trial.attach, None, module=WATCHING)
        _finish_rollout(trial, trial.attach)
        trial.deployment = load_deployment(trial.attach)
    else:
        trial.root = trial.driver.place(trial.prepared.definition)
        _refuse_what_is_broken(trial.root)
        destroy = _destroy_command(trial.root, trial.run) if trial.owned else None
        trial.guard = janitor.start(trial.run, trial.root, destroy, trial.prepared.definition.secrets.not_for_faults, WATCHING)
        faults = trial.prepared.plan.faults
        definition = trial.driver.narrow(trial.prepared.definition, catalogue.links_of(faults), used_by(trial.prepared.plan))
        if isinstance(definition, Remote) and not trial.prepared.plan.tells_effects:
            # Nobody of the harness logs in, and nothing of it is read back.
            definition = replace(definition, accounts=Accounts(register=0), read_back=ReadBack(api="none"))
        trial.deployment = trial.driver.up(definition, trial.root, trial.say, catalogue.kill_etcd(faults))
        if trial.owned:
            registry.own(trial.root, trial.run)
    # Without the accounts: a run directory is passed around.
    trial.deployment.save(trial.run, accounts=False)
    for part, reason in trial.deployment.missing.items():
        trial.mark(MarkKind.PART_MISSING, f"{part}: {reason}")
    describe(trial)


def used_by(plan: Plan) -> frozenset[str]:
    """What the faults and drills of a plan need of their environment, and an environment has only if something needs it."""
    return drills.uses(plan.drills) | catalogue.uses(plan.faults) | ({ALERTS} if plan.alerts is not None else set())


def describe(trial: Trial) -> None:
    """Record the machine and the rate of the run, because only figures of the same conditions may be compared. Raises :class:`OSError`."""
    plain = compiled.why_plain()
    description = {
        **fingerprint.describe(trial.deployment, trial.prepared.plan.seed, trial.manifest.rate),
        # An environment that was attached may have been started on another day.
        "startup_s": fingerprint.startup_s(trial.deployment) if trial.owned and trial.deployment is not None else None,
        "load_engine": "compiled" if plain is None else f"plain Python: {plain}",
    }
    write_atomically(trial.run / DESCRIPTION, json.dumps(description, indent=1, default=str))


def log_in(trial: Trial) -> None:
    """Log in every customer; nobody for a user's own Locust file that books nothing.

    Raises :class:`closeshave.traffic.logins.LoginFailed`, :class:`OSError`.
    """
    if not trial.prepared.plan.tells_effects:
        return
    count = logins.log_in(trial.serving, trial.run, trial.say, trial.driver.rate_cap(trial.prepared.definition), trial.logins)
    trial.say(counted(count, "customer is logged in", "customers are logged in"))


def options(prepared: Prepared) -> tuple[str, ...]:
    """The options with which the command repeats this trial, including its rate if that is not the plan's."""
    told: tuple[str, ...] = ("--seed", str(prepared.plan.seed), "--processes", str(prepared.plan.traffic.processes))
    if prepared.rate_by != "plan":
        told += ("--rate-scale", f"{prepared.rate_scale:g}")
    if prepared.load_machines:
        told += ("--expect-workers", str(prepared.load_machines))
    if isinstance(prepared.definition, Remote) and (accounts := prepared.definition.accounts.file):
        # There is no file of accounts next to the copy of the environment file, on purpose.
        told += ("--accounts", accounts)
    return told


def _refuse_what_is_broken(root: Path) -> None:
    if open_faults := ledger.unhealed(root / ledger.FILE):
        raise SafetyStop(f"the environment still has unhealed faults: {', '.join(open_faults)}; heal them with 'closeshave heal {root}'")


def _finish_rollout(trial: Trial, root: Path) -> None:
    """Restore the release from before, where a harness was killed between two releases. Raises :class:`SafetyStop`, :class:`EnvironmentFailed`."""
    try:
        if restored := rolling.go_back(root, trial.say):
            trial.mark(MarkKind.NOTE, restored)
    except RolloutBusy as error:
        raise SafetyStop(str(error)) from None


def _destroy_command(root: Path, run: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(run / "logs"))
