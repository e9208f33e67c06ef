"""The autoscaler's own process: ``python -m closeshave.environments.scaling.autoscaler SETTINGS``.

It reads its settings once, measures its region at each interval, decides, and starts or ends instances. Each sample and each change is a line of its log,
in the environment's ``data`` directory. It runs until it is ended; instances that it started go on.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.clients.balancer import Unavailable
from closeshave.control import processes
from closeshave.deployment import Deployment, Process, load
from closeshave.environments.rollout.instances import RolloutFailed
from closeshave.environments.scaling import changing
from closeshave.environments.scaling.decision import NOTHING, ScalingDecision, decide
from closeshave.environments.scaling.measuring import LoadMeter, instances_of
from closeshave.environments.scaling.rules import InstanceLimits, LoadSample, ScalingRules
from closeshave.files import append_line, read_lines

ROLE = "autoscaler"


@dataclass(frozen=True, slots=True)
class AutoscalerSettings:
    """All that the process is told."""

    root: str
    """The environment's."""
    region: str
    limits: InstanceLimits
    rules: ScalingRules
    memory_bytes: float
    """What an instance is given."""
    log: str
    """The file of its log."""


SETTINGS = TypeAdapter(AutoscalerSettings)


@dataclass(frozen=True, slots=True)
class ScaledLine:
    """A change that the autoscaler made, or could not make; a line of its log."""

    decided_s: float
    """On the monotonic clock, in seconds."""
    done_s: float
    change: int
    """+1 or -1."""
    instance: str
    why: str
    cut: int = 0
    """Requests that had not ended when an instance was ended."""
    failed: str = ""
    """Why it could not be done; empty if it was."""


CHANGE = TypeAdapter(ScaledLine)


def process_of(deployment: Deployment, region: str) -> Process:
    """The autoscaler of a region, as a process of its environment."""
    place = Path(deployment.root, "config", f"{ROLE}-{region}.json")
    package = str(Path(__file__).parents[3])
    argv = (sys.executable, "-m", "closeshave.environments.scaling.autoscaler", str(place))
    return Process(f"{ROLE}-{region}", ROLE, None, argv, {"PYTHONPATH": package})


def changes(log: Path) -> tuple[ScaledLine, ...]:
    """Every change so far, the oldest first; none if there is no log yet."""
    return tuple(CHANGE.validate_python(line["changed"]) for line in read_lines(log) if "changed" in line) if log.exists() else ()


def main(place: Path) -> None:
    """Scale until ended. Raises :class:`OSError`, :class:`ValueError`."""
    told = SETTINGS.validate_json(place.read_bytes())
    deployment = load(Path(told.root))
    known = NOTHING
    with LoadMeter(deployment, told.region, told.memory_bytes) as meter:
        next_s = time.monotonic() + told.rules.sample_s
        while True:
            time.sleep(max(0.0, next_s - time.monotonic()))
            # A sample that was late is not made up for: two at once would say nothing.
            next_s = max(next_s, time.monotonic()) + told.rules.sample_s
            try:
                sample = meter.sample()
            except Unavailable as error:
                append_line(Path(told.log), {"unmeasured": str(error)})
                continue
            known, decision = decide(known, sample, told.rules, told.limits)
            append_line(Path(told.log), {"sample": asdict(sample)})
            for _ in range(abs(decision.change)):
                append_line(Path(told.log), {"changed": asdict(_change(deployment, told, sample, decision))})


def _change(deployment: Deployment, told: AutoscalerSettings, sample: LoadSample, decision: ScalingDecision) -> ScaledLine:
    """Start the first instance that does not run, or end the last one that does."""
    root, at = Path(deployment.root), changing.site(deployment)
    there = instances_of(deployment, told.region)
    running = [app for app in there if processes.find(root, app) is not None]
    cut, failed, direction = 0, "", 1 if decision.change > 0 else -1
    chosen = next((app for app in there if app not in running), None) if direction > 0 else running[-1] if running else None
    if chosen is None:
        failed = "there is no further instance" if direction > 0 else "none runs"
    else:
        try:
            if direction > 0:
                changing.more(at, chosen)
            else:
                cut = changing.fewer(at, chosen, last=len(running) == 1)
        except (RolloutFailed, Unavailable, OSError) as error:
            failed = str(error)
    return ScaledLine(sample.at_s, time.monotonic(), direction, chosen.name if chosen else "", decision.why, cut, failed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
