"""Regions and their instances serve."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.api.spoken import ApiRequest
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

REGION = "x-region"


def _ask_regions(scene: ProbeScene) -> None:
    for region in scene.regions:
        request = scene.request("services", scene.nobody(region), scene.basis.topology.shards[0].first)
        scene.saw(region, f"GET {request.path} at {region}", scene.send(region, request))


def _judge_regions(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    said = basis.promised("regions")
    wanted = said.regions if said is not None and said.regions is not None else tuple(basis.edges)

    def wrong(one: Observation) -> str:
        if status(one) == 429:
            return busy(one)
        if status(one) != 200:
            return f"answers {status(one)}"
        told = one.saw.get(REGION)
        if told is None:
            return Unclear("its answers do not tell their region") if basis.capabilities.franchises else ""
        # A place without servers, such as a city, is served by a region.
        return "" if told == basis.topology.served_by(one.subject) else f"{told} answers for it"

    return settled(seen, wanted, wrong, f"{len(wanted)} regions serve by themselves: {', '.join(wanted)}", silence_breaks=True)


def _ask_instances(scene: ProbeScene) -> None:
    readiness = scene.deployment.application.readiness
    for name, _, url in scene.instances():
        answer = scene.send_to(url, ApiRequest("GET", readiness.path, {}))
        scene.saw(name, f"GET {readiness.path} at {name}", answer, ready=readiness.met(answer.status, answer.text))


def _judge_instances(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        return "" if one.saw.get("ready") is True else f"is not ready: it answers {status(one)}"

    return settled(seen, basis.instances, wrong, f"all {len(basis.instances)} instances are ready", silence_breaks=True)


FAMILY = ProbeFamily(
    "regions",
    "Every region serves its customers itself.",
    (
        PromiseProbe(
            "regions.serving",
            ("E03", "B17", "B18"),
            "The endpoint of every promised region answers, and the answer comes from that region.",
            _ask_regions,
            _judge_regions,
            needs=("services",),
        ),
        PromiseProbe(
            "regions.instances-ready",
            ("B17", "B18"),
            "Every instance of the application that the environment declares is asked by itself, and is ready.",
            _ask_instances,
            _judge_instances,
            inside=True,
        ),
    ),
)
