"""Runs the load and the faults: starts both when they are due, and notices every helper that dies."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from closeshave import history
from closeshave.clock import now_ns
from closeshave.faults import ledger
from closeshave.faults.forkserver import ForkServer, NoServer
from closeshave.history import Mark
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import Load, plan_load
from closeshave.traffic.runfiles import SenderKind
from closeshave.trial import alerting, manned, ratecap, schedule
from closeshave.trial.begun import DRILLING, FAULTS
from closeshave.trial.exercise import Exercise
from closeshave.trial.following import Following
from closeshave.trial.monitoring import Monitor
from closeshave.trial.probing import probing
from closeshave.trial.rounds import ProbeRounds
from closeshave.trial.scheduled import PlanSchedule
from closeshave.trial.state import SENDERS, SafetyStop, Trial
from closeshave.vocabulary import MarkKind

TICK_S = 0.1
LEAD_NS, LEAD_OVER_A_NETWORK_NS = 500_000_000, 2_000_000_000
"""From the signal to the first arrival."""
HEAL_WAIT_S = 120.0
"""Seconds after the load's end in which an experiment may still heal, before the trial heals the fault itself."""


def launch(trial: Trial) -> None:
    """Start the senders' processes while customers still log in: they import what they need, and wait for their load. Raises :class:`OSError`.

    Not before a calibration, which would measure their start, and not where other machines send.
    """
    if trial.prepared.calibrates or trial.machines is not None:
        return
    for sender in _senders(trial):
        trial.launched[sender] = Generator.launch(sender, _load(trial))


def _start_senders(trial: Trial, load: Load) -> None:
    """What waits for its load gets it; what was not launched before is started."""
    load.save()
    trial.generators = []
    for sender in _senders(trial):
        if sender == "customers" and trial.machines is not None:
            trial.generators.append(manned.start(trial, load))
        else:
            trial.generators.append(trial.launched.pop(sender) if sender in trial.launched else Generator.launch(sender, load))


def _load(trial: Trial) -> Load:
    return replace(plan_load(trial.prepared.plan, trial.serving, trial.run, trial.manifest.id), rate_scale=trial.prepared.rate_scale)


def _senders(trial: Trial) -> list[SenderKind]:
    return [sender for sender in SENDERS if sender == "customers" or trial.prepared.plan.probed]


def load_and_break(trial: Trial) -> None:
    """Everything between the first and the last request, and the healing of the last fault. Raises :class:`SafetyStop`."""
    if trial.prepared.breaks:
        module = DRILLING if trial.prepared.plan.drills else FAULTS
        trial.forks = ForkServer.start(trial.run, trial.serving.secrets.not_for_faults, module)
    load = _load(trial)
    if trial.prepared.rate_by == "calibration":
        load = replace(load, days="first")
    _start_senders(trial, load)
    for generator in trial.generators:
        generator.wait_ready(60)
        trial.mark(MarkKind.SENDER_PRIORITY, f"{generator.kind}: {generator.priority}")
    if trial.forks is not None:
        _await_forks(trial, trial.forks)
    trial.sample()
    trial.loaded = True
    if trial.driver.count_edges is not None:
        trial.edges_before = trial.driver.count_edges(trial.serving)
    trial.follow()
    start_ns = now_ns() + (LEAD_NS if trial.machines is None else LEAD_OVER_A_NETWORK_NS)
    for generator in trial.generators:
        generator.go(start_ns)
    times = schedule.phases(trial.prepared.plan, start_ns)
    trial.manifest = replace(trial.manifest, phases=times)
    history.save_manifest(trial.run, trial.manifest)
    for phase in times:
        history.record(trial.run, Mark(phase.started_ns, MarkKind.PHASE_STARTED, phase.name))
    trial.say(f"load starts: {', '.join(f'{p.name} {p.duration:g} s' for p in trial.prepared.plan.phases)}")
    monitor = Monitor(trial, start_ns)
    following = Following(trial, times, monitor)
    rounds = ProbeRounds(trial, times[0].started_ns)
    with probing(trial.prepared.plan.probes, trial.serving, partial(trial.mark, MarkKind.PROBED)):
        begins = PlanSchedule(trial, times) if trial.prepared.gameday is None else Exercise(trial, trial.prepared.gameday, times, monitor)
        early = "the trial ended early"
        try:
            _watch(trial, begins, monitor, following, rounds)
            early = ""
        finally:
            begins.finish(early)
    _ended_at(trial, begins.ends_ns)
    rounds.finish()
    _let_faults_finish(trial, following)
    if begins.stopped:
        raise SafetyStop(begins.stopped)


def _watch(trial: Trial, begins: PlanSchedule | Exercise, monitor: Monitor, following: Following, rounds: ProbeRounds) -> None:
    """Until the load's end: begin faults and drills as the schedule or people say, notice every helper that dies, and stop when the plan's abort rules
    require it."""
    allowed_per_s = trial.driver.rate_cap(trial.prepared.definition)
    cap = None if allowed_per_s is None else ratecap.RateCap(allowed_per_s)
    while (now := now_ns()) < begins.ends_ns:
        _check_helpers(trial)
        if cap is not None and (reason := cap.exceeded(ratecap.requests(trial.run), now / 1e9)):
            raise SafetyStop(reason)
        monitor.look()
        alerting.look(trial)
        rounds.look()
        begins.look(now)
        following.happenings()
        following.state(now)
        time.sleep(TICK_S)


def _ended_at(trial: Trial, ends_ns: int) -> None:
    """People ended the load before the plan did: the last phase was as long as it was, and the senders end by themselves. Raises :class:`OSError`."""
    *before, last = trial.manifest.phases
    if ends_ns >= last.ended_ns:
        return
    for generator in trial.generators:
        generator.end()
    last = replace(last, ended_ns=ends_ns)
    lengths_s = (*trial.manifest.lengths_s[:-1], (last.ended_ns - last.started_ns) / 1e9)
    trial.manifest = replace(trial.manifest, phases=(*before, last), lengths_s=lengths_s)
    history.save_manifest(trial.run, trial.manifest)


def _await_forks(trial: Trial, forks: ForkServer) -> None:
    try:
        forks.wait_ready()
    except NoServer as error:
        # A server that becomes ready later would start an order at an unplanned time.
        forks.kill()
        trial.say(f"{error}; each fault starts an interpreter of its own during the load", "faults", "yellow")


def _check_helpers(trial: Trial) -> None:
    for generator in trial.generators:
        code = generator.poll()
        if code is not None:
            trial.mark(MarkKind.GENERATOR_DIED, f"{generator.kind} ended with code {code} before the load did")
            raise SafetyStop(f"the load generator for {generator.kind} ended with code {code} before the load did")
    for fault, child in trial.children.items():
        # A negative code is a signal's: it neither healed nor said why. One that could not prove its heal ends with a code of its own.
        if (child.poll() or 0) < 0 and ledger.Ledger(trial.run).find(fault) is not None:
            raise SafetyStop(f"the experiment of {fault} was killed while its fault was in effect: no process holds or heals the fault")
    if trial.guard is None or not trial.guard.alive:
        raise SafetyStop("the janitor has died: if the harness died too, nothing would heal this environment")


def _let_faults_finish(trial: Trial, following: Following) -> None:
    """After the load, wait for running experiments to heal and to prove it."""
    trial.begin("ending the load")
    for generator in trial.generators:
        generator.finish(15)
    if running := [name for name, child in trial.children.items() if child.poll() is None]:
        trial.begin(f"waiting until healed: {', '.join(running)}")
        trial.say(trial.doing)
    deadline = time.monotonic() + HEAL_WAIT_S
    while time.monotonic() < deadline and any(child.poll() is None for child in trial.children.values()):
        following.happenings()
        time.sleep(TICK_S)
    following.happenings()
    for name in [name for name, child in trial.children.items() if child.poll() is None]:
        found = ledger.Ledger(trial.run).find(name)
        edge = found.edge if found is not None else "closed in the ledger"
        said = f"its experiment still runs {HEAL_WAIT_S:g} s after the load; the fault was last seen as {edge}"
        trial.mark(MarkKind.NOTE, f"{name}: {said}")
        trial.say(said, name, "yellow")
