"""A region under an autoscaler: the process is started and ended, and what it did is read from its log. Everything is put back from any process."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

from closeshave.clients import balancer
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.drills.deploy.releases import balanced
from closeshave.drills.kind import DrillDisturbed, DrillWork
from closeshave.environments.rollout.instances import RolloutFailed
from closeshave.environments.scaling import autoscaler, changing
from closeshave.environments.scaling.autoscaler import SETTINGS, AutoscalerSettings, ScaledLine
from closeshave.environments.scaling.measuring import balancer_of, instances_of
from closeshave.environments.scaling.rules import InstanceLimits, ScalingRules
from closeshave.faults import proofs, repair
from closeshave.faults.kind import Aim, Proof, Say, Value
from closeshave.faults.waiting import until
from closeshave.files import write_atomically

ENDS_WITHIN_S = 3.0
LOG = "autoscaler.jsonl"
"""What the autoscaler measured and did, in the drill's directory of the run."""
MEGABYTE = 1e6


def region_of(aim: Aim) -> str:
    """The region of a drill."""
    return str(aim.scope["region"])


def rules_of(parameters: Mapping[str, Value]) -> ScalingRules:
    """The rules of B11 with their times scaled."""
    return ScalingRules().scaled(float(parameters["time_scale"]))


def limits_of(parameters: Mapping[str, Value]) -> InstanceLimits:
    """How many instances there may be. Raises :class:`ValueError`."""
    return InstanceLimits(int(parameters["least"]), int(parameters["most"]))


def run_autoscaler(work: DrillWork) -> None:
    """Start the region's autoscaler. Raises :class:`OSError`."""
    deployment, region, parameters = work.aim.deployment, region_of(work.aim), work.aim.parameters
    process = autoscaler.process_of(deployment, region)
    told = AutoscalerSettings(
        root=deployment.root,
        region=region,
        limits=limits_of(parameters),
        rules=rules_of(parameters),
        memory_bytes=float(parameters["memory"]) * MEGABYTE,
        log=str(work.keeps / LOG),
    )
    write_atomically(Path(process.argv[-1]), SETTINGS.dump_json(told, indent=1))
    processes.start(Path(deployment.root), deployment.id, process)


def changes(work: DrillWork) -> tuple[ScaledLine, ...]:
    """What the autoscaler has changed so far. Raises :class:`DrillDisturbed` when it has ended: then nothing will be changed any more."""
    deployment = work.aim.deployment
    if processes.find(Path(deployment.root), autoscaler.process_of(deployment, region_of(work.aim))) is None:
        raise DrillDisturbed(f"the autoscaler of {region_of(work.aim)} has ended; see logs/{autoscaler.ROLE}-{region_of(work.aim)}.log")
    return autoscaler.changes(work.keeps / LOG)


def running(deployment: Deployment, region: str) -> tuple[str, ...]:
    """The instances that run, by the table of processes."""
    root = Path(deployment.root)
    return tuple(app.name for app in instances_of(deployment, region) if processes.find(root, app) is not None)


def serving(deployment: Deployment, region: str) -> tuple[str, ...]:
    """The instances that get requests, by their balancer. Raises :class:`closeshave.clients.balancer.Unavailable`."""
    at = balancer_of(deployment, region)
    return tuple(app.name for app in instances_of(deployment, region) if balancer.view(at, app.name).serves)


def end_all_but(work: DrillWork, count: int) -> int:
    """End the region's instances from the last one on until so many are left; returns how many requests were cut. Raises :class:`DrillDisturbed`."""
    deployment, region = work.aim.deployment, region_of(work.aim)
    at, cut = changing.site(deployment), 0
    there = instances_of(deployment, region)
    try:
        for place in range(len(there) - 1, count - 1, -1):
            cut += changing.fewer(at, there[place], last=place == 0)
    except (RolloutFailed, balancer.Unavailable) as error:
        raise DrillDisturbed(f"the region cannot begin with {count}: {error}") from error
    return cut


def unfit(aim: Aim) -> str:
    """Unfit unless every instance of the region serves, no autoscaler runs, and there are as many instances as may be wanted."""
    deployment, region = aim.deployment, region_of(aim)
    there = instances_of(deployment, region)
    try:
        limits = limits_of(aim.parameters)
        if limits.most > len(there) or limits.least >= limits.most:
            return f"{region} has {len(there)} instances: least must be below most, and most at most that"
        if missing := sorted({app.name for app in there} - set(serving(deployment, region))):
            return f"{', '.join(missing)} gets no requests"
    except (ValueError, LookupError, balancer.Unavailable) as error:
        return str(error)
    return "" if _left(deployment, region).holds else _left(deployment, region).saw


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the autoscaler, start every instance of the region that does not run, and send it requests."""
    deployment, region = aim.deployment, region_of(aim)
    root, there, done = Path(deployment.root), instances_of(deployment, region), []
    scaler = autoscaler.process_of(deployment, region)
    family = processes.family(root, scaler)
    if family:
        # Only itself: the instances that it started are no children that end with it, but they are descendants.
        processes.send(family[:1], signal.SIGCONT)
        processes.send(family[:1], signal.SIGKILL)
        processes.gone(family[:1], ENDS_WITHIN_S)
        done.append(f"ended {scaler.name}")
    at = balancer_of(deployment, region)

    def back() -> bool:
        # Each time: one that was just told to end may still have run when it was looked for.
        done.extend(repair.revive(deployment, [app.name for app in there], deadline_ns, say))
        try:
            for app in there:
                if not balancer.view(at, app.name).serves:
                    balancer.put_back(at, app.name)
            changing.lead_in(deployment, region)
            return len(serving(deployment, region)) == len(there) and not changing.reached(deployment, region)
        except balancer.Unavailable:
            return False

    until(back, deadline_ns, 0.5)
    return tuple(done)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """No autoscaler runs, and all instances of the region run, are ready, and are reached by customers."""
    deployment, region = aim.deployment, region_of(aim)
    names = [app.name for app in instances_of(deployment, region)]
    checks = [proofs.running(deployment, names), proofs.applications(deployment), proofs.edges(deployment)]
    return (_left(deployment, region), *proofs.together(checks), balanced(Path(deployment.root)))


def _left(deployment: Deployment, region: str) -> Proof:
    process: Process = autoscaler.process_of(deployment, region)
    identity = processes.find(Path(deployment.root), process)
    return Proof(f"no autoscaler of {region} runs", identity is None, f"it runs as pid {identity.pid}" if identity else "none does")
