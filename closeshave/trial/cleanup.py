"""After a trial, whatever happened: stop the load, heal faults, save the evidence, remove an owned environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from closeshave import history, private
from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import routing_of
from closeshave.drills.catalogue import WAYS_BACK
from closeshave.environments.evidence import edge_counts, resources
from closeshave.faults import child as experiment
from closeshave.faults import heal, ledger
from closeshave.faults.janitor import Janitor
from closeshave.files import unexpected
from closeshave.traffic import collect, learning, raised
from closeshave.traffic.followers import collect as collect_followed
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial import alerting, manned
from closeshave.trial.state import Trial
from closeshave.vocabulary import TASKS, MarkKind

DOWN_AGAIN_S = 60.0
"""How long a failed removal is repeated: long enough for a container engine to restart."""
QUIESCE_S = 30.0
QUIESCE_EARLY_S = 2.0
"""How long to wait until nothing is in flight any more; an operator who stops a trial waits less."""


def clean_up(trial: Trial, *, early: bool) -> None:
    """Do every step, even if an earlier one failed; ``early`` for a trial that did not reach its end."""
    plan = _steps(trial, early=early)
    with ExitStack() as steps:
        # Run in reverse of this order; ExitStack goes on to the next when one raises.
        if trial.guard is not None:
            steps.callback(_release, trial, trial.guard)
        for number, step in reversed([*enumerate(plan, start=1)]):
            steps.callback(_carry_out, trial, step, tuple(later.doing for later in plan[number:]))


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of the clean-up."""

    name: str
    doing: str
    """For an operator who waits."""
    act: Callable[[Trial], None]


def _steps(trial: Trial, *, early: bool) -> tuple[_Step, ...]:
    """What is done, in this order."""
    quiesce_s = QUIESCE_EARLY_S if early else QUIESCE_S
    records = _Step("records", "keeping the records", partial(_collect_records, early=early))
    # What a hook broke need not be a part of the environment, so its removal does not undo it.
    hooks = trial.deployment is not None and trial.deployment.hooks
    # A game day that is interrupted heals its faults and proves it, as the button "stop and heal" does.
    people = not trial.lost and trial.prepared.gameday is not None
    abandoned = early and trial.owned and not hooks and not people
    faults = (
        _Step("faults", "ending the faults", _abandon_faults) if abandoned else _Step("faults", "healing the faults", _heal_what_is_open)
    )
    asked = (
        _Step("quiesce", f"waiting until nothing is in flight, {quiesce_s:g} s at most", partial(_quiesce, timeout_s=quiesce_s)),
        _Step("edge counters", "reading the counters of the edges", _save_edges),
        _Step("final state", "reading the final state", _export),
    )
    last = (
        _Step("environment", "removing the environment", _take_down)
        if trial.owned
        else _Step("environment", "leaving the environment as it was", _leave)
    )
    return (
        _Step("generators", "stopping the load", _stop_generators),
        faults,
        _Step("fork server", "ending the helpers of the faults", _end_forks),
        # Early where the environment stays, because the records tell what was booked where, which a remote platform may not.
        *(() if trial.owned else (records,)),
        *(() if trial.lost else asked[:1]),
        # Before the edges' counters are read: each handshake is a request.
        _Step("followers", "ending those who follow their bookings", partial(_end_followers, early=early or trial.lost)),
        # Before the environment ends, and while the faults that were just healed may still be told of.
        _Step("alerts", "waiting until no alert is firing", partial(alerting.finish, early=early or trial.lost)),
        *(() if trial.lost else asked[1:]),
        _Step("signals", "reading the platform's own signals", _collect_signals),
        *((records,) if trial.owned else ()),
        *(() if trial.machines is None else (_Step("load machines", "taking leave of the load machines", manned.leave),)),
        _Step("credentials", "forgetting passwords and tokens", _forget_credentials),
        last,
    )


def _carry_out(trial: Trial, step: _Step, left: tuple[str, ...]) -> None:
    trial.to_do = left
    trial.begin(step.doing)
    _step(trial, step.name, step.act)


def _step(trial: Trial, name: str, act: Callable[[Trial], None]) -> None:
    try:
        act(trial)
    except Exception as error:  # noqa: BLE001 - the next step must still run; the failure is kept as evidence and shown
        trial.say(str(error), name, "red")
        # The message is shown; the traceback is stored with the logs of the run.
        unexpected.keep(error, trial.run, f"clean-up: {name}")
        trial.mark(MarkKind.HARNESS_ERROR, f"{name}: {type(error).__name__}: {error}")


def _stop_generators(trial: Trial) -> None:
    for generator in (*trial.generators, *trial.launched.values()):
        generator.stop()
    if trial.sampler is not None:
        trial.sampler.stop()


def _end_forks(trial: Trial) -> None:
    if trial.forks is not None:
        trial.forks.close()


def _heal_what_is_open(trial: Trial) -> None:
    for child in trial.children.values():
        if child.poll() is None:
            experiment.stop(child)
    if trial.deployment is not None:
        for unproven in heal.heal_open(trial.run, trial.deployment, trial.say, kinds=WAYS_BACK):
            trial.mark(MarkKind.HEAL_UNPROVEN, unproven)


def _abandon_faults(trial: Trial) -> None:
    """End the experiments without healing: the owned environment is removed, which undoes every fault, so that no wait for replicas is needed."""
    for child in trial.children.values():
        if child.poll() is None:
            child.kill()
            child.wait()


def _quiesce(trial: Trial, timeout_s: float) -> None:
    if trial.loaded:
        trial.driver.quiesce(trial.serving, timeout_s)


def _end_followers(trial: Trial, *, early: bool) -> None:
    """Give the last updates the time that they may take, and keep what was seen, at once: an owned environment is removed."""
    followers = trial.followers
    if followers is None:
        return
    if (within_s := trial.manifest.followed_within_s) is not None and not early:
        time.sleep(within_s)
    followers.stop()
    collect_followed(followers.root, trial.run)


def _save_edges(trial: Trial) -> None:
    if trial.edges_before is not None and trial.driver.count_edges is not None:
        history.save_edges(trial.run, edge_counts.between(trial.edges_before, trial.driver.count_edges(trial.serving)))


def _export(trial: Trial) -> None:
    if trial.loaded and trial.prepared.plan.tells_effects:
        trial.say("reading the final state")

        def lacks(part: str, why: str) -> None:
            trial.mark(MarkKind.PART_MISSING, f"{part}: {why}")

        routing = routing_of(trial.serving)
        if routing.moves:
            history.record(trial.run, history.Routed(now_ns(), routing.version, routing.moves))
        trial.driver.export(trial.serving, trial.run, trial.manifest.anchor.wall_ns / 1e9, trial.say, lacks)


def _collect_signals(trial: Trial) -> None:
    if trial.deployment is None or not trial.manifest.phases:
        return
    for signal in trial.driver.signals(trial.serving, trial.manifest.anchor, trial.manifest.phases[0].started_ns, now_ns()):
        history.record(trial.run, signal)


def _collect_records(trial: Trial, *, early: bool) -> None:
    if trial.generators:
        found = manned.gather(trial, early=early)
        for blind in collect.collect(trial.run, found.blind, found.why, found.until_ns).blind:
            trial.say("it is unknown what its customers did after that", f"{blind.worker} {blind.why}", "yellow")
        for what, why in learning.notes(trial.run / RECORDS).items():
            trial.mark(MarkKind.PART_MISSING, f"{what}: {why}")
            trial.say(why, what, "yellow")
        if why := raised.told(trial.run):
            trial.mark(MarkKind.PART_MISSING, f"{TASKS}: {why}")
            trial.say(why, TASKS, "yellow")
    if trial.sampler is not None:
        resources.collect(trial.run)


def _forget_credentials(trial: Trial) -> None:
    """Remove tokens and passwords. A separate step, so that it does not depend on another one."""
    private.forget(trial.run)


def _leave(trial: Trial) -> None:
    """Remove an owned environment; release any other."""
    if trial.attach is not None or trial.root is None:
        return
    if trial.deployment is None or not trial.prepared.plan.tells_effects:
        if trial.loaded:
            trial.mark(MarkKind.NOTE, "what the Locust file made on the platform is left there: the file does not say what it made")
        trial.driver.down(trial.root, None)
        return
    for what in trial.driver.clean_up(trial.serving, trial.run, trial.say):
        trial.mark(MarkKind.LEFT_BEHIND, what)
        trial.say(what, "left behind", "yellow")


def _is_down(trial: Trial) -> bool:
    """Remove it, and record what is left. After an error something is left too, so that the janitor is not dismissed."""
    assert trial.root is not None  # otherwise there would be nothing to take down
    try:
        trial.left = trial.driver.down(trial.root, trial.run / "logs")
    except OSError as error:
        trial.left = (str(error),)
    return not trial.left


def _release(trial: Trial, guard: Janitor) -> None:
    """Dismiss the janitor, unless something is left that it may still remove."""
    if trial.left:
        guard.leave_to()
    else:
        guard.dismiss()


def _take_down(trial: Trial) -> None:
    if trial.root is None:
        return
    trial.say("removing the environment")
    if not _is_down(trial):
        trial.say(", ".join(trial.left), f"not everything could be removed; trying again for {DOWN_AGAIN_S:g} s", "yellow")
        poll_until(lambda: _is_down(trial), DOWN_AGAIN_S, interval_s=1.0)
    if trial.left:
        trial.mark(MarkKind.LEFT_BEHIND, ", ".join(trial.left))
        raise OSError(
            f"could not be removed: {', '.join(trial.left)}; the janitor keeps trying; or run 'closeshave env down --root {trial.root}'"
        )
    ledger.close_by_destruction(trial.run)
