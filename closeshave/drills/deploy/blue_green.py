"""One half of every region's instances gets the new release out of traffic, all customers are switched to it at once, and back if it is worse.

The two colours are the halves of the instances: the machine has no room for all of them twice. So each colour serves alone for a while, before and after
the switch, and these two times are compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.deployment import Deployment, Process, load
from closeshave.drills.deploy import staged
from closeshave.drills.deploy.canary import BEGIN, begin, finish, proven
from closeshave.drills.deploy.comparison import NOTHING, Block, BlockCounts
from closeshave.drills.deploy.releases import DEPLOYED, as_drill, deploy_kind
from closeshave.drills.deploy.watching import PARAMETERS, WATCH, ReleaseWatch, releases_of, watch_of
from closeshave.drills.kind import DrillDisturbed, DrillStep, DrillWork, Facts
from closeshave.environments.rollout import rolling
from closeshave.environments.rollout.instances import RolloutSite, switch
from closeshave.files import write_atomically

GREEN, BEFORE, SWITCH, REST = "deploy beside", "watch the old half alone", "switch", "replace the old half"
REFERENCE = "before-the-switch.json"
"""In the drill's directory: the requests of the old half, second by second."""
_SECONDS = TypeAdapter(list[dict[str, dict[str, BlockCounts]]])


def beside(work: DrillWork) -> Facts:
    """Replace half of the instances, and keep them out of traffic: ready, asked for their version, and without requests."""
    return staged.advance(work, staged.part_of(load(Path(work.aim.deployment.root)), 0.5), None, 0.0, back=False)


def before(work: DrillWork) -> Facts:
    """Count the requests of the old half while it serves alone, for as long as the new one is watched afterwards."""
    watch, seconds = _watch(work), list[Mapping[str, Block]]()
    wanted = int(float(work.aim.parameters[WATCH.name]))
    with watch:
        watch.counting.regions.update(at.region for at in work.aim.deployment.balancers)
        until_s = time.monotonic() + wanted + 2
        while len(seconds) < wanted + 1:
            if work.stop():
                raise DrillDisturbed("the drill was stopped")
            if time.monotonic() > until_s + wanted:
                raise DrillDisturbed(f"customers sent requests in only {len(seconds)} of {wanted} seconds")
            watch.counting.take(watch.taken())
            seconds += [counted for _, counted in watch.counting.over(time.monotonic())]
            time.sleep(0.1)
    # The first second was under way.
    write_atomically(work.keeps / REFERENCE, _SECONDS.dump_json(_plain(seconds[1:])))
    return {"seconds": len(seconds) - 1}


def switched(work: DrillWork) -> Facts:
    """Let the new half have all requests, the old one none, and watch; switch back if the release is worse."""
    root = Path(work.aim.deployment.root)
    deployment, watch = load(root), _watch(work)
    reference = _SECONDS.validate_json((work.keeps / REFERENCE).read_bytes())
    new = staged.part_of(deployment, 0.5)
    with watch, as_drill(work):
        now_s = time.monotonic()
        switch(RolloutSite(deployment, lambda _process: None), _those(deployment, new, there=True), _those(deployment, new, there=False))
        for name in new:
            watch.counting.join(deployment.process(name).region or "", name, now_s)
        watch.compared = Pairs(reference, int(now_s) + 1)
        took_s = time.monotonic() - now_s
        watch.until_enough()
        watch.keep("after-the-switch")
        if watch.worse:
            staged.stop(work, watch, 1.0)
        return {"switched_s": round(took_s, 3), **watch.facts(1.0), **watch.noticed()}


def _plain(seconds: list[Mapping[str, Block]]) -> list[dict[str, dict[str, BlockCounts]]]:
    return [{measure: dict(block) for measure, block in second.items()} for second in seconds]


class Pairs:
    """Sets each second after the switch against one from before it."""

    def __init__(self, reference: list[dict[str, dict[str, BlockCounts]]], begin_s: int) -> None:
        """``begin_s``: the first second in which only the new half served."""
        self._reference = reference
        self._begin_s = begin_s

    def __call__(self, second: int, counted: Mapping[str, Block]) -> Mapping[str, Block]:
        """The new release's requests of a second with the old one's of its counterpart; each is used once."""
        place = second - self._begin_s
        if not 0 <= place < len(self._reference):
            return {}
        then = self._reference[place]
        return {measure: _paired(block, then.get(measure, {})) for measure, block in counted.items()}


def _paired(block: Block, then: Mapping[str, BlockCounts]) -> Block:
    both = sorted({*block, *then})
    now = {endpoint: block.get(endpoint, NOTHING) for endpoint in both}
    old = {endpoint: then.get(endpoint, NOTHING) for endpoint in both}
    return {endpoint: BlockCounts(now[endpoint].new, now[endpoint].new_bad, old[endpoint].old, old[endpoint].old_bad) for endpoint in both}


def _watch(work: DrillWork) -> ReleaseWatch:
    root = Path(work.aim.deployment.root)
    with as_drill(work):
        left = rolling.under_way(root)
    return watch_of(work, releases_of(load(root), str(work.aim.parameters[DEPLOYED.name]), left.version))


def _those(deployment: Deployment, new: tuple[str, ...], *, there: bool) -> list[Process]:
    return [process for process in deployment.processes if process.role == "app" and (process.name in new) is there]


KIND = deploy_kind(
    "deploy.blue-green",
    "Deploys a release to half of each region's instances out of traffic, switches all requests to them at once, and replaces the other half. It switches "
    "back as soon as more requests are bad (errors, or slower than the target's bounds) than in the time before the switch.",
    "Requests through every region's edge, as customers send them: all answers name the new version, or after a stop the one from before. Every instance "
    "has a new process.",
    (DrillStep(BEGIN, begin), DrillStep(GREEN, beside), DrillStep(BEFORE, before), DrillStep(SWITCH, switched), DrillStep(REST, finish)),
    proven,
    unfit=staged.unfit,
    prove_stopped=staged.proven_back,
    parameters=PARAMETERS,
)
