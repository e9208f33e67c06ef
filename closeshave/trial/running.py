"""Carries out a trial, from a prepared plan to a run directory that can be judged.

The order matters. The janitor runs before the first process of the environment; a fault is started only when no other one is open; whatever happens,
the load is stopped, faults are healed, evidence is saved and an owned environment is removed before anything is judged. Nothing in this package
judges a history.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from closeshave import __version__, extensions, history
from closeshave.clock import Anchor
from closeshave.conclusion import note_ending
from closeshave.control import processes
from closeshave.deployment import FILE as DEPLOYMENT
from closeshave.deployment import LINK_KINDS, Deployment, load
from closeshave.environments import drivers, registry
from closeshave.environments.driver import Permission
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence import grade
from closeshave.faults import catalogue, janitor
from closeshave.files import rundir, unexpected
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.history import Added, Manifest
from closeshave.machines.master import MachinesFailed
from closeshave.telemetry.exporter import Exporter
from closeshave.traffic.generator import GeneratorFailed
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.traffic.logins import LoginFailed
from closeshave.trial import alerting, bytecode, ended, gamedays, manned, nemesis, stopping
from closeshave.trial.calibrating import TooLittle, calibrate
from closeshave.trial.cleanup import clean_up
from closeshave.trial.display import Display
from closeshave.trial.interrupts import Interrupted, Interrupts, interrupts, nothing
from closeshave.trial.loading import launch, load_and_break
from closeshave.trial.manned import MachinesWanted
from closeshave.trial.preparation import Prepared, check_disk
from closeshave.trial.starting import bring_up, log_in, options, used_by
from closeshave.trial.state import CALIBRATING, LOGGING_IN, EnvironmentLost, SafetyStop, Trial
from closeshave.vocabulary import ALERTS, BACKGROUND, LIVE, RUN_VARIABLE, Ending, EvidenceGrade, MarkKind

NOTHING_GIVEN = Permission()


def run(
    prepared: Prepared,
    runs: Path,
    display: Display,
    *,
    attach: Path | None = None,
    permission: Permission = NOTHING_GIVEN,
    after_up: Callable[[Deployment], None] | None = None,
    on_directory: Callable[[Path], None] | None = None,
    on_end: Callable[[], None] = nothing,
    exporter: Exporter | None = None,
    logins: KeptLogins | None = None,
    machines: MachinesWanted | None = None,
) -> Path:
    """Carry out a trial and return its run directory, ready to be judged; how it ended, if early, is in the directory too.

    ``attach`` names the root of a running environment to use instead of an own one. ``after_up`` is called once the environment serves and
    before any load: tests plant defects there; ``on_directory`` as soon as the run has a directory, ``on_end`` once the trial is over, before its
    clean-up. ``exporter`` tells other programs of the running trial. ``logins`` are the customers of an earlier trial on this environment, and
    afterwards those of this one; ``machines`` the load machines that send the customers' requests, if others than this one do. Raises
    :class:`InvalidFile` when the environment must not be loaded, :class:`OSError` when the run directory cannot be written; then nothing was started.
    """
    if attach is None:
        _be_admitted(prepared, permission)
    else:
        _find_it(prepared, attach)
    check_disk(runs)
    started = datetime.now(UTC)
    directory = rundir.create(runs, prepared.plan.name, started, secrets.token_hex(2))
    rundir.keep(directory, prepared.inputs, options(prepared))
    if prepared.drawn:
        nemesis.save(directory, prepared.drawn)
    if prepared.gameday is not None:
        gamedays.prepare_directory(directory)
    # Said first: whatever becomes of this run, its evidence is there.
    display.say(str(directory), "run directory")
    if prepared.inputs.taken:
        display.say(", ".join(map(str, prepared.inputs.taken)), "options")
    driver = drivers.of(prepared.definition.kind)
    manifest = Manifest(
        id=directory.name,
        plan=prepared.plan.name,
        environment=prepared.definition.name,
        target=prepared.target.name,
        seed=prepared.plan.seed,
        # The weakest, until the running platform has been asked.
        evidence=EvidenceGrade.REHEARSED,
        version=__version__,
        started_at=started.isoformat(timespec="seconds"),
        anchor=Anchor.take(),
        topology=prepared.definition.topology,
        rate_scale=prepared.rate_scale,
        lengths_s=tuple(phase.duration for phase in prepared.plan.phases),
        rate=None if prepared.calibrates else prepared.rate,
        payments_ledger=driver.ledger(prepared.definition) and prepared.plan.tells_effects,
        # The clients of a user's own file may send other requests than Locust's events tell of: redirects, retries, other protocols.
        edge_counters=driver.count_edges is not None and prepared.plan.traffic.locust is None,
        looked_inside=driver.looks_inside(prepared.definition) and prepared.plan.tells_effects,
        final_state=prepared.plan.tells_effects,
        tls="tls" in (driver.offers(prepared.definition) or ()),
        kinds=tuple(sorted(catalogue.KINDS)),
        added=tuple(Added(each.group, each.name, each.package, each.version) for each in extensions.loaded()),
        sources=rundir.sources(prepared.inputs, Path.cwd()),
        game_day="" if prepared.gameday is None else "rehearsed" if prepared.gameday.rehearsal else "held",
    )
    trial = Trial(prepared, directory, manifest, display, attach, logins)
    history.save_manifest(directory, manifest)
    if exporter is not None:
        exporter.begin(directory, lambda: trial.manifest, lambda: trial.prepared.plan)
        if exporter.address:
            display.say(exporter.address, "metrics")
    os.environ[RUN_VARIABLE] = manifest.id
    if on_directory is not None:
        on_directory(directory)
    with display.live():
        trial.begin("preparing")
        bytecode.make(display.say)
        with janitor.Heartbeat(directory), interrupts(display.say, trial.outlook, on_end) as stop:
            _carry_out(trial, stop, after_up, machines)
    return directory


def _be_admitted(prepared: Prepared, permission: Permission) -> None:
    refused = drivers.of(prepared.definition.kind).admit(prepared.definition, prepared.plan, permission)
    if refused:
        raise InvalidFile(*(Problem(str(prepared.inputs.environment), 0, "", reason) for reason in refused))


def _find_it(prepared: Prepared, root: Path) -> None:
    """The environment to attach to must be there, run, and have what the plan's faults need. Raises :class:`InvalidFile`."""
    try:
        there = load(root)
    except (OSError, ValueError) as error:
        why = f"it has no {DEPLOYMENT}" if isinstance(error, FileNotFoundError) else str(error)
        running = ", ".join(map(str, registry.running())) or "none"
        raise InvalidFile(Problem("--attach", 0, "", f"no environment can be used at {root}: {why}; running: {running}")) from None
    straight = [kind for kind in LINK_KINDS if kind not in there.straight]
    # An environment that was started for another plan may lack the Toxiproxy that a fault needs.
    where = f"{root}: it was started for a plan that breaks none of them; 'closeshave env up' starts an environment with all of them"
    if lacking := catalogue.lacking(prepared.plan.faults, straight, where):
        raise InvalidFile(*(Problem(str(prepared.inputs.plan), 0, "faults", reason) for reason in lacking))
    if BACKGROUND in used_by(prepared.plan) and not any(process.role == "worker" for process in there.processes):
        reason = (
            f"faults or drills of the plan need workers, and {root} was started for a plan that needs none; 'closeshave env up' starts them"
        )
        raise InvalidFile(Problem(str(prepared.inputs.plan), 0, "", reason))
    if ALERTS in used_by(prepared.plan) and there.processes and there.monitoring is None:
        reason = (
            f"the plan asks for alerts, and {root} was started for a plan that asks for none; 'closeshave env up' starts its monitoring"
        )
        raise InvalidFile(Problem(str(prepared.inputs.plan), 0, "alerts", reason))
    if LIVE in used_by(prepared.plan) and there.application.live is None:
        reason = f"a fault of the plan needs live updates, and {root} was started for a plan that needs none; 'closeshave env up' has them"
        raise InvalidFile(Problem(str(prepared.inputs.plan), 0, "", reason))
    if there.processes and not any(processes.find(root, process) for process in there.processes):
        raise InvalidFile(
            Problem("--attach", 0, "", f"nothing of the environment at {root} runs; 'closeshave env down --root {root}' removes it")
        )


def _followed_within_s(trial: Trial) -> float | None:
    """How long an update may take, if customers follow their bookings in this run."""
    live = trial.serving.application.live
    return live.within_s if live is not None and trial.serving.accounts and trial.prepared.plan.tells_effects else None


def _carry_out(trial: Trial, stop: Interrupts, after_up: Callable[[Deployment], None] | None, machines: MachinesWanted | None) -> None:
    ending: tuple[Ending | None, str] | None = None
    try:
        manned.join(trial, machines)
        trial.begin("starting the environment")
        bring_up(trial)
        jobs = trial.driver.tells_jobs(trial.serving) and trial.prepared.plan.tells_effects
        trial.manifest = replace(trial.manifest, evidence=grade.of(trial.serving), jobs=jobs, followed_within_s=_followed_within_s(trial))
        alerting.listen(trial)
        history.save_manifest(trial.run, trial.manifest)
        if after_up is not None:
            after_up(trial.serving)
        trial.begin(LOGGING_IN)
        launch(trial)
        log_in(trial)
        if trial.prepared.calibrates:
            trial.begin(CALIBRATING)
            calibrate(trial)
        trial.begin("starting the load")
        load_and_break(trial)
    except TooLittle as reason:
        # Neither an error nor a stop: the run is judged inconclusive, with the reason why no load was sent.
        ending = (None, str(reason))
    except Interrupted as reason:
        ending = _stopped(trial, str(reason))
    except SafetyStop as reason:
        ending = (Ending.SAFETY, str(reason))
    except EnvironmentLost as error:
        trial.lost = True
        ending = (Ending.ENVIRONMENT, str(error))
    except (EnvironmentFailed, GeneratorFailed, LoginFailed, MachinesFailed, janitor.JanitorFailed, OSError) as error:
        ending = _failed(trial, error)
    except Exception as error:  # noqa: BLE001 - a bug of ours must end as "the harness failed", never as a fail of the platform or a whole run
        ending = (
            Ending.ENVIRONMENT,
            f"the harness failed: {unexpected.told(error)}; its traceback is in {unexpected.keep(error, trial.run, 'the trial')}",
        )
    finally:
        stop.shield()
        trial.begin("stopping")
        if ending is None and stop.received is not None:
            ending = _stopped(trial, f"stopped by {stop.received}")
        _end(trial, ending)


def _end(trial: Trial, ending: tuple[Ending | None, str] | None) -> None:
    """Show and record how it ended, and clean up: if one step raises (the disk may be full), the others are still done."""
    early = ending is not None
    with ExitStack() as steps:
        # Run in reverse of this order; ExitStack goes on to the next when one raises.
        steps.callback(_save_manifest, trial, ending)
        steps.callback(clean_up, trial, early=early)
        if ending is not None:
            steps.callback(note_ending, trial.run, ending[0])
            steps.callback(trial.mark, MarkKind.ABORT, ending[1])
            trial.say(ending[1], "stopping early", "bold red")


def _save_manifest(trial: Trial, ending: tuple[Ending | None, str] | None) -> None:
    ended_at = datetime.now(UTC).isoformat(timespec="seconds")
    trial.manifest = replace(trial.manifest, ended_at=ended_at, interrupted=ending[1] if ending else None)
    history.save_manifest(trial.run, trial.manifest)


def _failed(trial: Trial, error: Exception) -> tuple[Ending | None, str]:
    if isinstance(error, OSError):
        # A full disk is named by the message; who looked for a file that is missing, only the traceback tells.
        unexpected.keep(error, trial.run, "the trial")
    # Before the load, an instance that ends shows only by what could not be done.
    gone = ended.ended(trial.deployment) if trial.deployment is not None and not trial.loaded else []
    names = ", ".join(process.name for process in gone)
    return (
        Ending.ENVIRONMENT,
        f"{error}; {names} of the application has ended by itself; {ended.last_words(trial.serving, gone)}" if gone else str(error),
    )


def _stopped(trial: Trial, reason: str) -> tuple[Ending | None, str]:
    """A signal is Ctrl-C, unless ``closeshave stop`` sent it."""
    return (Ending.SAFETY, "stopped by the operator (closeshave stop)") if stopping.asked(trial.run) else (Ending.INTERRUPTED, reason)
