"""Alerts in a trial: who receives them, which rules there are, and what becomes of them at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closeshave import history
from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.environments.alerting import engine
from closeshave.environments.alerting.receiver import AlertReceiver
from closeshave.environments.remote.alerts import STEP_S
from closeshave.files import read_lines
from closeshave.history import AlertNote, AlertsTold, Signal, alert_of
from closeshave.history.alerts import scope_of
from closeshave.judge.measures.alerts import incidents
from closeshave.trial.state import Trial
from closeshave.vocabulary import ALERTS_FILE, MarkKind, SignalKind

AGAIN_S = 0.5


def listen(trial: Trial) -> None:
    """Receive alerts from now on, if the plan asks for them and the environment tells. Raises :class:`OSError`."""
    monitoring = trial.serving.monitoring
    if trial.prepared.plan.alerts is None or monitoring is None:
        return
    trial.receiver = AlertReceiver.start(Path(trial.serving.root), trial.run, monitoring, trial.serving.secrets.all)
    # An alert that began before cannot begin again by this run's doing.
    for note in engine.firing(monitoring, now_ns()):
        history.note_alert(trial.run, note)
    rules = engine.rules(monitoring)
    history.save_alert_rules(trial.run, rules)
    trial.manifest = replace(trial.manifest, alerts=AlertsTold("heard", trial.receiver.from_ns))
    trial.say(f"{len(rules)} rules may raise alerts")


def look(trial: Trial) -> None:
    """Start the receiver again if it has ended."""
    if trial.receiver is not None and (said := trial.receiver.look()):
        trial.mark(MarkKind.NOTE, said)
        trial.say(said, "alerts", "yellow")


def finish(trial: Trial, *, early: bool) -> None:
    """Listen until every alert is over, at most for the time that the plan allows; then stop, and tell judges until when."""
    if trial.deployment is None or (asked := trial.prepared.plan.alerts) is None:
        return
    if trial.receiver is not None:
        if not early:
            healed_ns = max(_healed_ns(trial), default=now_ns())
            left_s = asked.silent_within - (now_ns() - healed_ns) / 1e9
            poll_until(lambda: not _going(trial), max(0.0, left_s), interval_s=AGAIN_S)
        told = AlertsTold("heard", trial.receiver.from_ns, trial.receiver.stop())
        trial.receiver = None
    elif trial.driver.ask_alerts is not None and trial.manifest.phases:
        from_ns, until_ns = trial.manifest.phases[0].started_ns, now_ns()
        notes, rules = trial.driver.ask_alerts(trial.serving, trial.manifest.anchor, from_ns, until_ns)
        (trial.run / ALERTS_FILE).touch()
        for note in notes:
            history.note_alert(trial.run, note)
        history.save_alert_rules(trial.run, rules)
        told = AlertsTold("asked", from_ns, until_ns, STEP_S)
    else:
        return
    trial.manifest = replace(trial.manifest, alerts=told)
    history.save_manifest(trial.run, trial.manifest)
    if told.how == "heard":
        for signal in signals(_notes(trial)):
            history.record(trial.run, signal)


def signals(notes: tuple[AlertNote, ...]) -> list[Signal]:
    """The beginning of each alert as a signal of the platform: the first of a fault's scope may be when the platform noticed it. Pure."""
    return [
        Signal(one.raised_ns, SignalKind.ALERT, scope, ALERTS_FILE, one.name) for one in incidents(notes) if (scope := scope_of(one.labels))
    ]


def _notes(trial: Trial) -> tuple[AlertNote, ...]:
    return tuple(alert_of(line) for line in read_lines(trial.run / ALERTS_FILE))


def _going(trial: Trial) -> bool:
    return any(one.ended_ns is None for one in incidents(_notes(trial)))


def _healed_ns(trial: Trial) -> list[int]:
    """When each fault was proven healed."""
    return [
        int(line["at_ns"])
        for line in read_lines(trial.run / history.TIMELINE)
        if line.get("type") == "fault" and line.get("edge") == history.FaultEdge.VERIFIED_HEALED
    ]
