"""The one composition root: a plan becomes a run directory with a history.

Order matters more than anything here. The janitor lives before the first process of the environment does; a fault is started only when
nothing else is broken; whatever happens, load stops, faults are healed, evidence is saved and an owned environment is gone before a verdict
is spoken. Nothing in this file decides what a history means.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from closeshave import __version__, history, rundir, schedule
from closeshave.clock import Anchor, now_ns
from closeshave.conclusion import note_ending
from closeshave.deployment import Deployment
from closeshave.deployment import load as load_deployment
from closeshave.display import Bar, Display
from closeshave.environments import edge_counts, embedded, final_state, fingerprint, registry, resources, signals
from closeshave.environments.errors import EnvironmentFailed
from closeshave.faults import child as experiment
from closeshave.faults import heal, janitor, ledger
from closeshave.files import write_atomically
from closeshave.history import Manifest, Mark
from closeshave.interrupts import Interrupted, Interrupts, interrupts
from closeshave.preparation import Prepared, check_disk
from closeshave.traffic import collect, logins
from closeshave.traffic.generator import Generator, GeneratorFailed
from closeshave.traffic.load import ACCOUNTS_FILE, plan_load

RUN_ID = "CLOSESHAVE_RUN_ID"
"""Every process that the harness itself starts carries the run's ID in this variable, so that the janitor finds it."""

SENDERS: tuple[Literal["customers"], Literal["canary"]] = ("customers", "canary")
TICK_S = 0.1
HEAL_WAIT_S = 120.0
"""How long after the load's end a fault may still be healing before the trial takes over from its child."""
QUIESCE_S = 10.0
QUIESCE_EARLY_S = 2.0
"""How long to wait until nothing is in flight any more; an operator who stops a trial waits less."""


class SafetyStop(Exception):
    """The trial stopped itself: going on could leave something broken or prove nothing."""


@dataclass(slots=True)
class Trial:
    """One run in progress: what the steps below share. Everything lasting is in files; this only holds handles."""

    prepared: Prepared
    run: Path
    manifest: Manifest
    display: Display
    attach: Path | None
    deployment: Deployment | None = None
    guard: janitor.Janitor | None = None
    generators: list[Generator] = field(default_factory=list)
    sampler: resources.Sampler | None = None
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    root: Path | None = None
    edges_before: tuple[history.EdgeCount, ...] | None = None

    @property
    def owned(self) -> bool:
        """Whether the environment was started by this trial and goes with it."""
        return self.attach is None

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        self.display.say(text)

    def mark(self, kind: str, detail: str = "") -> None:
        """Put a mark on the timeline, now."""
        history.record(self.run, Mark(now_ns(), kind, detail))


def run(
    prepared: Prepared, runs: Path, display: Display, *, attach: Path | None = None, after_up: Callable[[Deployment], None] | None = None
) -> Path:
    """Carry out a trial and return its run directory, ready to be judged; how it ended, if early, is in the directory too.

    ``attach`` names the root of a running environment to use instead of an own one. ``after_up`` is called once the environment serves and
    before any load: tests plant defects there. Raises :class:`OSError` when the run directory cannot be written.
    """
    check_disk(runs)
    started = datetime.now(UTC)
    directory = rundir.create(runs, prepared.plan.name, started, secrets.token_hex(2))
    rundir.keep(directory, prepared.inputs, ("--seed", str(prepared.plan.seed)))
    manifest = Manifest(
        id=directory.name,
        plan=prepared.plan.name,
        environment=prepared.definition.name,
        target=prepared.target.name,
        seed=prepared.plan.seed,
        evidence=prepared.definition.evidence,
        version=__version__,
        started_at=started.isoformat(timespec="seconds"),
        anchor=Anchor.take(),
        topology=prepared.definition.topology,
    )
    trial = Trial(prepared, directory, manifest, display, attach)
    history.save_manifest(directory, manifest)
    os.environ[RUN_ID] = manifest.id
    with janitor.Heartbeat(directory), interrupts(display.say) as stop:
        _carry_out(trial, stop, after_up)
    return directory


def _carry_out(trial: Trial, stop: Interrupts, after_up: Callable[[Deployment], None] | None) -> None:
    ending = None
    try:
        _bring_up(trial)
        assert trial.deployment is not None
        if after_up is not None:
            after_up(trial.deployment)
        _load_and_break(trial)
    except Interrupted as reason:
        ending = ("interrupted", str(reason))
    except SafetyStop as reason:
        ending = ("safety", str(reason))
    except (EnvironmentFailed, GeneratorFailed, logins.LoginFailed, janitor.JanitorFailed, OSError) as error:
        ending = ("environment", str(error))
    except Exception as error:  # noqa: BLE001 - a bug of ours must end as "the harness failed", never as a fail of the platform or a whole run
        ending = ("environment", f"the harness failed: {type(error).__name__}: {error}")
    finally:
        stop.shield()
        if ending is None and stop.received is not None:
            ending = ("interrupted", f"stopped by {stop.received}")
        if ending is not None:
            trial.say(f"[bold red]stopping early[/]: {ending[1]}")
            trial.mark("abort", ending[1])
            note_ending(trial.run, ending[0])
        _put_in_order(trial, early=ending is not None)
        trial.manifest = replace(
            trial.manifest, ended_at=datetime.now(UTC).isoformat(timespec="seconds"), interrupted=ending[1] if ending else None
        )
        history.save_manifest(trial.run, trial.manifest)


# -- before the load -------------------------------------------------------------------------------------------------------------------------


def _bring_up(trial: Trial) -> None:
    if trial.attach is not None:
        trial.root = trial.attach
        trial.deployment = load_deployment(trial.attach)
        if open_faults := ledger.unhealed(trial.attach / ledger.FILE):
            raise SafetyStop(f"the environment still has unhealed faults: {', '.join(open_faults)}")
        trial.guard = janitor.start(trial.run, trial.attach, None)
    else:
        trial.root = registry.new_root(trial.prepared.definition.name)
        trial.guard = janitor.start(trial.run, trial.root, _destroy_command(trial.root, trial.run))
        trial.deployment = embedded.up(trial.prepared.definition, root=trial.root, say=trial.say)
        registry.own(trial.root, trial.run)
    write_atomically(trial.run / "deployment.json", (Path(trial.deployment.root) / "deployment.json").read_bytes())
    for part, reason in trial.deployment.missing.items():
        trial.mark("part-missing", f"{part}: {reason}")
    description = fingerprint.describe(trial.deployment, trial.prepared.plan.seed)
    write_atomically(trial.run / "environment.json", json.dumps(description, indent=1, default=str))


def _destroy_command(root: Path, run: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(run / "logs"))


# -- the load and the faults -----------------------------------------------------------------------------------------------------------------


def _load_and_break(trial: Trial) -> None:
    assert trial.deployment is not None
    load = plan_load(trial.prepared.plan, trial.deployment, trial.run, trial.manifest.id)
    count = logins.log_in(trial.deployment, trial.run, trial.say)
    trial.say(f"{count} customers are logged in")
    trial.generators = [Generator.start(sender, load) for sender in SENDERS]
    for generator in trial.generators:
        generator.wait_ready(60)
    trial.sampler = resources.Sampler.start(Path(trial.deployment.root), trial.run)
    trial.edges_before = edge_counts.read(trial.deployment)
    start_ns = now_ns() + 500_000_000
    for generator in trial.generators:
        generator.go(start_ns)
    times = schedule.phases(trial.prepared.plan, start_ns)
    trial.manifest = replace(trial.manifest, phases=times)
    history.save_manifest(trial.run, trial.manifest)
    for phase in times:
        history.record(trial.run, Mark(phase.started_ns, "phase-started", phase.name))
    trial.say(f"load starts: {', '.join(f'{p.name} {p.duration:g} s' for p in trial.prepared.plan.phases)}")
    with trial.display.bar((times[-1].ended_ns - start_ns) / 1e9) as bar:
        _watch(trial, times, bar)
    _let_faults_finish(trial)


def _watch(trial: Trial, times: tuple[history.PhaseTime, ...], bar: Bar) -> None:
    """Until the load's end: start each fault when it is due, and notice every helper that dies."""
    start_ns, end_ns = times[0].started_ns, times[-1].ended_ns
    waiting = list(schedule.due(trial.prepared.plan, start_ns))
    begun: list[schedule.Due] = []
    while (now := now_ns()) < end_ns:
        _check_helpers(trial)
        running = [item for item in begun if _unhealed(trial, item.fault.id)]
        for item in list(waiting):
            go, at_ns = schedule.decide(item, running, end_ns, now)
            if go is schedule.Go.WAIT:
                continue
            waiting.remove(item)
            if go is schedule.Go.SKIP:
                trial.mark("fault-skipped", item.fault.id)
                trial.say(f"[yellow]{item.fault.id} is skipped[/]: what was broken before is not healed yet")
                continue
            trial.children[item.fault.id] = experiment.start(_deployment(trial), trial.run, item.fault, at_ns)
            begun.append(item)
            running.append(item)
            trial.say(f"{item.fault.id}: {item.fault.kind} {_scope(item.fault.scope)} in {(at_ns - now_ns()) / 1e9:.1f} s")
        phase = schedule.current(times, now)
        broken = ", ".join(item.fault.id for item in running if now >= item.at_ns)
        bar.show((now - start_ns) / 1e9, f"{phase.name if phase else 'starting'}{f': {broken}' if broken else ''}")
        time.sleep(TICK_S)


def _unhealed(trial: Trial, fault: str) -> bool:
    """Still under way, or its child died before the heal was proven: nothing else may be broken then."""
    return trial.children[fault].poll() is None or ledger.Ledger(trial.run).find(fault) is not None


def _check_helpers(trial: Trial) -> None:
    for generator in trial.generators:
        code = generator.poll()
        if code is not None:
            trial.mark("generator-died", f"{generator.kind} ended with code {code} before the load did")
            raise SafetyStop(f"the load generator for {generator.kind} ended with code {code} before its time")
    if trial.guard is None or not trial.guard.alive:
        raise SafetyStop("the janitor is gone: nothing would heal this environment if the harness died too")


def _let_faults_finish(trial: Trial) -> None:
    """The load is over: give running experiments their time to heal and to prove it."""
    for generator in trial.generators:
        generator.finish(15)
    if running := [name for name, child in trial.children.items() if child.poll() is None]:
        trial.say(f"waiting until healed: {', '.join(running)}")
    deadline = time.monotonic() + HEAL_WAIT_S
    while time.monotonic() < deadline and any(child.poll() is None for child in trial.children.values()):
        time.sleep(TICK_S)


# -- afterwards, whatever happened -------------------------------------------------------------------------------------------------------------


def _put_in_order(trial: Trial, *, early: bool) -> None:
    """Stop load, heal, save the evidence, take an owned environment down: each step also when the one before it failed."""
    with ExitStack() as steps:
        # Run in reverse of this order; ExitStack goes on to the next when one raises.
        if trial.guard is not None:
            steps.callback(trial.guard.dismiss)
        steps.callback(_step, trial, "environment", _take_down)
        steps.callback(_step, trial, "records", _collect_records)
        steps.callback(_step, trial, "signals", _collect_signals)
        steps.callback(_step, trial, "final state", _export)
        steps.callback(_step, trial, "edge counters", _save_edges)
        steps.callback(_step, trial, "quiesce", partial(_quiesce, timeout_s=QUIESCE_EARLY_S if early else QUIESCE_S))
        steps.callback(_step, trial, "faults", _abandon_faults if early and trial.owned else _heal_what_is_open)
        steps.callback(_step, trial, "generators", _stop_generators)


def _step(trial: Trial, name: str, act: Callable[[Trial], None]) -> None:
    try:
        act(trial)
    except Exception as error:  # noqa: BLE001 - the next step must still run; the failure is kept as evidence and shown
        trial.mark("harness-error", f"{name}: {type(error).__name__}: {error}")
        trial.say(f"[red]{name}[/]: {error}")


def _stop_generators(trial: Trial) -> None:
    for generator in trial.generators:
        generator.stop()
    if trial.sampler is not None:
        trial.sampler.stop()


def _heal_what_is_open(trial: Trial) -> None:
    for child in trial.children.values():
        if child.poll() is None:
            experiment.stop(child)
    if trial.deployment is not None:
        for unproven in heal.heal_open(trial.run, trial.deployment, trial.say):
            trial.mark("heal-unproven", unproven)


def _abandon_faults(trial: Trial) -> None:
    """An owned environment is about to be destroyed, which undoes every fault at once: nobody waits for a rejoin."""
    for child in trial.children.values():
        if child.poll() is None:
            child.kill()
            child.wait()


def _quiesce(trial: Trial, timeout_s: float) -> None:
    if _loaded(trial):
        final_state.quiesce(_deployment(trial), timeout_s)


def _save_edges(trial: Trial) -> None:
    if trial.edges_before is not None:
        history.save_edges(trial.run, edge_counts.between(trial.edges_before, edge_counts.read(_deployment(trial))))


def _export(trial: Trial) -> None:
    if _loaded(trial):
        trial.say("reading the final state from the promoted primaries")
        final_state.export(_deployment(trial), trial.run, trial.manifest.anchor.wall_ns / 1e9, trial.say)


def _loaded(trial: Trial) -> bool:
    """Whether anything was sent that could have left a trace."""
    return trial.deployment is not None and trial.edges_before is not None


def _collect_signals(trial: Trial) -> None:
    if trial.deployment is None or not trial.manifest.phases:
        return
    logs = Path(trial.deployment.root) / "logs"
    for signal in signals.read(logs, trial.deployment, trial.manifest.anchor, trial.manifest.phases[0].started_ns, now_ns()):
        history.record(trial.run, signal)


def _collect_records(trial: Trial) -> None:
    if trial.generators:
        collect.collect(trial.run)
    if trial.sampler is not None:
        resources.collect(trial.run)
    # Tokens and passwords have served; a run directory is passed around.
    (trial.run / ACCOUNTS_FILE).unlink(missing_ok=True)


def _take_down(trial: Trial) -> None:
    if not trial.owned or trial.root is None:
        return
    trial.say("taking the environment down")
    left = embedded.down(trial.root, logs_to=trial.run / "logs")
    if left:
        trial.mark("left-behind", ", ".join(left))
        raise OSError(f"could not be removed: {', '.join(left)}")
    ledger.close_by_destruction(trial.run)


def _deployment(trial: Trial) -> Deployment:
    assert trial.deployment is not None
    return trial.deployment


def _scope(scope: object) -> str:
    assert isinstance(scope, dict)
    return ", ".join(f"{key} {value}" for key, value in scope.items())
